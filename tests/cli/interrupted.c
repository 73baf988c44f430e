#include "interrupted.h"

#include <stdio.h>
#include <string.h>

/* The numbers of filters removed at random: a job each and seed. */
static const char *const work[] = {"[8]", "[7, 8]", "[5, 6, 7, 8]", "[3, 4, 5, 6, 7, 8, 9, 10]"};
static int level; /* of work, at the latest run */

#define RUN                                                                                       \
    "$LESION run study.yaml --set study=more --set ablate.chance.layers=[conv2_1,conv4_1] --set " \
    "ablate.chance.filters='{random: {count: %s, seeds: 0..9999}}' %s --db %s"

/* With the database's name in $db, waits until a hundred results are stored or the run has ended; a minute at most. */
#define UNTIL_SOME_ARE_DONE                                                                             \
    "for i in $(seq 3000); do kill -0 $pid 2>/dev/null || break; [ \"$(sqlite3 -readonly $db \"SELECT " \
    "count(*) > 100 FROM evaluation WHERE status = 'done'\" 2>/dev/null)\" = 1 ] && break; sleep 0.02; done"

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

int interrupt_run(const char *launch, const char *options, const char *db, const char *interrupt, char *said,
                  size_t size)
{
    int code = 0;
    bool over = true;
    for (level = 0; over; level++) {
        if (level == sizeof work / sizeof *work)
            fail_msg("the run was over before '%s'; it printed:\n%s", interrupt, said);
        shell("rm -f %s*", db);
        code = shell("db=%s; %s " RUN " & pid=$!; " UNTIL_SOME_ARE_DONE "; %s; wait $pid", db, launch, work[level],
                     options, db, interrupt);
        snprintf(said, size, "%s", shell_output);
        /* Not every launcher gives its ranks' code once it has passed a signal on. */
        over = code == 0 && strcmp(ask(db, "SELECT how FROM run ORDER BY run DESC LIMIT 1"), "complete") == 0;
    }
    level--;
    assert_string_equal(ask(db, "PRAGMA integrity_check"), "ok");
    assert_string_equal(ask(db, "SELECT sum(status = 'done') > 0 AND sum(status = 'failed') = 0 FROM job_result"), "1");
    return code;
}

/* What an undisturbed run with as much work gives. */
static void assert_same_as_straight(const char *db)
{
    static int dumped = -1;
    if (dumped != level) {
        assert_int_equal(shell("rm -f straight.db*; " RUN, work[level], "--quiet", "straight.db"), 0);
        dump_tables("straight.db", "straight.txt");
        dumped = level;
    }
    dump_tables(db, "continued.txt");
    assert_int_equal(shell("cmp continued.txt straight.txt"), 0);
}

void assert_continues(const char *launch, const char *options, const char *db)
{
    assert_int_equal(shell("%s " RUN, launch, work[level], options, db), 0);
    assert_same_as_straight(db);
}

void assert_survives(const char *launch, const char *db, const char *interrupt, const char *expected)
{
    bool said = false;
    for (level = 0; !said; level++) {
        if (level == sizeof work / sizeof *work)
            fail_msg("'%s' was not answered by '%s'; the run printed:\n%s", interrupt, expected, shell_output);
        shell("rm -f %s*", db);
        shell("db=%s; %s " RUN " & pid=$!; " UNTIL_SOME_ARE_DONE "; %s; wait $pid", db, launch, work[level], "", db,
              interrupt);
        said = strstr(shell_output, expected) != NULL;
    }
    level--;
    assert_string_equal(ask(db, "SELECT sum(status <> 'done') FROM job_result"), "0");
    assert_string_equal(ask(db, "SELECT count(*), how FROM run"), "1|complete");
    assert_same_as_straight(db);
}
