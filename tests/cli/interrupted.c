/* Runs that are interrupted, continued, and compared with an undisturbed one, which is made once a program. */
#include "interrupted.h"

#include <stdio.h>
#include <string.h>

/* About 700 evaluations, computed in a dozen units. */
#define RUN                                                                                       \
    "$LESION run study.yaml --set study=more --set ablate.chance.layers=[conv2_1,conv4_1] --set " \
    "ablate.chance.filters='{random: {count: 8, seeds: 0..299}}' %s --db %s"

enum { LONGEST_DEADLINE_S = 64 };

void dump_tables(const char *database, const char *file)
{
    assert_int_equal(
        shell(
            "sqlite3 -readonly %s 'SELECT job, experiment, layers, filters, fraction, mode, seed, images, top1, top5, "
            "loss, kl, d_top1, d_loss, lost, gained, p, q, top1_low, top1_high, status FROM job_result; SELECT * FROM "
            "class_result ORDER BY job, class' > %s",
            database, file),
        0);
}

/* Its exit code; what it printed is in shell_output. */
static int run_with(const char *launch, const char *options, const char *db, const char *script, int seconds)
{
    char command[2048];
    snprintf(command, sizeof command,
             "export launcher=$$ seconds=%d MARK=$PWD\nexec env %s " AT_UNIT("3", ". ./script.sh") RUN "\n", seconds,
             launch, options, db);
    write_file("run.sh", command);
    write_file("script.sh", script);
    return shell("rm -f %s* got.* mark.*; sh run.sh > printed.txt 2>&1; code=$?; cat printed.txt; exit $code", db);
}

static bool is_anything_stored(const char *db)
{
    return strcmp(ask(db, "SELECT sum(status = 'done') > 0 FROM job_result"), "1") == 0;
}

static void assert_interrupted(const char *db, const char *script, const char *printed)
{
    if (strcmp(ask(db, "SELECT how FROM run ORDER BY run DESC LIMIT 1"), "complete") == 0)
        fail_msg("the run was completed in spite of '%s'; it printed:\n%s", script, printed);
    if (!is_anything_stored(db))
        fail_msg("nothing was stored before '%s'; the run printed:\n%s", script, printed);
    assert_string_equal(ask(db, "SELECT sum(status = 'failed') FROM job_result"), "0");
    assert_string_equal(ask(db, "PRAGMA integrity_check"), "ok");
}

int interrupt_run(const char *launch, const char *options, const char *db, const char *script, char *printed,
                  size_t size)
{
    const int code = run_with(launch, options, db, script, 0);
    snprintf(printed, size, "%s", shell_output);
    assert_interrupted(db, script, printed);
    return code;
}

int outlast_deadline(const char *launch, const char *options, const char *db, char *printed, size_t size)
{
    static const char script[] = "sleep $seconds";
    int code = 0;
    for (int seconds = 2; seconds == 2 || (seconds <= LONGEST_DEADLINE_S && !is_anything_stored(db)); seconds *= 2) {
        code = run_with(launch, options, db, script, seconds);
        snprintf(printed, size, "%s", shell_output);
    }
    assert_interrupted(db, script, printed);
    return code;
}

/* What an undisturbed run gives. */
static void assert_same_as_undisturbed(const char *db)
{
    static bool made;
    if (!made) {
        assert_int_equal(shell("rm -f undisturbed.db*; " RUN, "--quiet", "undisturbed.db"), 0);
        dump_tables("undisturbed.db", "undisturbed.txt");
        made = true;
    }
    dump_tables(db, "continued.txt");
    assert_int_equal(shell("cmp continued.txt undisturbed.txt"), 0);
}

void assert_continues(const char *launch, const char *options, const char *db)
{
    const int code = shell("%s " RUN, launch, options, db);
    if (code != 0)
        fail_msg("exit code %d when continued; it printed:\n%s", code, shell_output);
    assert_same_as_undisturbed(db);
}

void assert_survives(const char *launch, const char *db, const char *script, const char *expected)
{
    run_with(launch, "", db, script, 0);
    assert_said(expected);
    assert_string_equal(ask(db, "SELECT sum(status <> 'done') FROM job_result"), "0");
    assert_string_equal(ask(db, "SELECT count(*), how FROM run"), "1|complete");
    assert_same_as_undisturbed(db);
}
