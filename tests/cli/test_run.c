/* lesion run in one process: results, continuing, stopping, refusing. */
#include "interrupted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_study_runs_to_its_end(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION run study.yaml"), 0);
    assert_said("complete");
    assert_said("What was found");
    assert_said("  - The intact network is right on ");
    assert_said("  - Guessing would be right on 25 %"); /* the weights are random */
    assert_said("results/tiny.db");
    /* 56 filters x 2 modes, 6 layers x 2 fractions, 3 layers x 5 seeds, the baseline */
    assert_string_equal(ask("results/tiny.db", "SELECT count(*), sum(status = 'done') FROM job_result"), "140|140");
    assert_string_equal(ask("results/tiny.db", "SELECT images, d_top1, lost, gained FROM job_result WHERE experiment "
                                               "= 'baseline'"),
                        "40|0.0|0|0");
    assert_string_equal(ask("results/tiny.db", "SELECT how FROM run"), "complete");
    assert_string_equal(ask("results/tiny.db", "PRAGMA integrity_check"), "ok");
    assert_string_equal(ask("results/tiny.db", "PRAGMA foreign_key_check"), "");
}

static void a_complete_study_computes_nothing_again(void **state)
{
    (void)state;
    dump_tables("results/tiny.db", "before.txt");
    assert_int_equal(shell("$LESION run study.yaml"), 0);
    dump_tables("results/tiny.db", "after.txt");
    assert_int_equal(shell("cmp before.txt after.txt"), 0);
    assert_string_equal(ask("results/tiny.db", "SELECT count(*) FROM run"), "1");
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    dump_tables("results/tiny.db", "one.txt");
    assert_int_equal(shell("$LESION run study.yaml --quiet --threads 3 --db threads.db"), 0);
    dump_tables("threads.db", "three.txt");
    assert_int_equal(shell("cmp one.txt three.txt"), 0);
}

static void another_kind_of_kernels_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *kernels, *said;
    } cases[] = {{"openblas", "kernels of the kind 'openblas', not 'own'"},
                 {"blas", "by Lesion 0.1.0 with --method blas, which this version does not have"},
                 {"reference", "begin anew (--fresh)"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(shell("cp results/tiny.db other.db && sqlite3 other.db \"UPDATE run SET method = '%s'\" && "
                               "$LESION run study.yaml --db other.db --set ablate.chance.filters.random.seeds=0..6",
                               cases[i].kernels),
                         3);
        assert_said(cases[i].said);
        assert_string_equal(ask("other.db", "SELECT count(*) FROM run"), "1");
    }
    assert_int_equal(shell("sqlite3 other.db \"UPDATE run SET method = 'winograd'\" && $LESION run study.yaml --quiet "
                           "--db other.db --set ablate.chance.filters.random.seeds=0..6"),
                     0); /* as 0.1.0 called what is own */
    assert_string_equal(ask("other.db", "SELECT group_concat(method) FROM run"), "winograd,own");
}

static void signals_stop_with_75(void **state)
{
    (void)state;
    static const char *const signals[] = {"USR1", "TERM", "INT"};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        char script[32], said[4096];
        snprintf(script, sizeof script, "kill -%s $PPID", signals[i]);
        int code = interrupt_run("", "", "long.db", script, said, sizeof said);
        if (code != 75)
            fail_msg("%s: exit code %d:\n%s", signals[i], code, said);
        assert_non_null(strstr(said, "Run the same command again to continue"));
        assert_string_equal(ask("long.db", "SELECT how FROM run"), "stopped");
        assert_string_equal(ask("long.db", "SELECT sum(status <> 'done') > 0 FROM job_result"), "1");
    }
    assert_continues("", "", "long.db");
}

static void a_deadline_stops_with_75(void **state)
{
    (void)state;
    char said[4096];
    assert_int_equal(outlast_deadline("", "--deadline ${seconds}s", "deadline.db", said, sizeof said), 75);
    assert_continues("", "", "deadline.db");
}

static void the_end_of_a_slurm_job_is_a_deadline(void **state)
{
    (void)state;
    char said[4096];
    assert_int_equal(
        outlast_deadline("SLURM_JOB_END_TIME=$(($(date +%s) + seconds))", "", "slurm.db", said, sizeof said), 75);
    assert_non_null(strstr(said, "SLURM ends this job in "));
    assert_continues("", "", "slurm.db");
    assert_int_equal(shell("rm -f end.db*; SLURM_JOB_END_TIME=1000000000 $LESION run study.yaml --db end.db"), 75);
    assert_said("SLURM's time for this job is over (SLURM_JOB_END_TIME=1000000000)");
    assert_string_equal(ask("end.db", "SELECT (SELECT how FROM run), (SELECT sum(status = 'done') FROM job_result)"),
                        "stopped|0");
}

static void a_given_deadline_stands_above_slurms(void **state)
{
    (void)state;
    static const char *const deadlines[] = {"none", "1h"};
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        int code = shell("rm -f end.db*; SLURM_JOB_END_TIME=1000000000 $LESION run study.yaml --quiet --db end.db "
                         "--deadline %s",
                         deadlines[i]);
        if (code != 0)
            fail_msg("--deadline %s: exit code %d:\n%s", deadlines[i], code, shell_output);
        assert_not_said("SLURM");
    }
}

/* Empty, no limit, no time. */
static void an_end_that_is_none_is_no_deadline(void **state)
{
    (void)state;
    static const struct {
        const char *end, *study; /* a finished one where the message is enough */
        bool warned;
    } cases[] = {
        {"", "", false},
        {"$(($(date +%s) + 31536000))", "--fresh", false},
        {"99999999999999999", "", false},
        {"soon", "--fresh", true},
        {"-5", "", true},
        {"12:30", "", true},
        {"' 5'", "", true},
        {"1e3", "", true},
        {"99999999999999999999", "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code =
            shell("SLURM_JOB_END_TIME=%s $LESION run study.yaml --quiet --db end.db %s", cases[i].end, cases[i].study);
        if (code != 0)
            fail_msg("SLURM_JOB_END_TIME=%s: exit code %d:\n%s", cases[i].end, code, shell_output);
        if (cases[i].warned)
            assert_said("no time in seconds since 1970: not heeded");
        else
            assert_not_said("SLURM");
    }
}

static void the_end_of_a_slurm_job_is_said_once(void **state)
{
    (void)state;
    assert_int_equal(shell("export ASAN_OPTIONS=detect_leaks=0 SLURM_JOB_END_TIME=$(($(date +%%s) + 7200)); mpirun "
                           "--oversubscribe -n 3 $LESION run "
                           "study.yaml --quiet --db end.db >said.txt 2>&1; code=$?; cat said.txt; exit $code"),
                     0);
    assert_said("nothing is begun that would not end 1 min 00 s before that");
    assert_int_equal(shell("grep -c 'SLURM ends this job in' said.txt"), 0);
    assert_string_equal(shell_output, "1\n");
}

static void a_killed_run_loses_nothing_it_committed(void **state)
{
    (void)state;
    char said[4096];
    /* It commits at least each second. */
    interrupt_run("", "--quiet", "kill.db", "stored kill.db && kill -9 $PPID; sleep 1; exit 1", said, sizeof said);
    assert_continues("", "--quiet", "kill.db");
}

static void another_studys_database_is_refused(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION run study.yaml --set study=other --db results/tiny.db"), 3);
    assert_said("results/tiny.db");
    assert_said("tiny");
    assert_said("other");
    assert_int_equal(shell("$LESION run study.yaml --set data.take.seed=4"), 3);
    assert_said("images");
    assert_string_equal(ask("results/tiny.db", "SELECT count(*) FROM job_result"), "140");
}

static void new_experiments_are_added(void **state)
{
    (void)state;
    assert_int_equal(shell("cp results/tiny.db more.db"), 0);
    assert_int_equal(shell("{ sed '/^metrics/d' study.yaml; printf '  - {name: whole, layers: conv*, filters: all}\\n"
                           "metrics: [per_class]\\n'; } > more.yaml && $LESION run more.yaml --db more.db"),
                     0);
    assert_string_equal(ask("more.db", "SELECT count(*), sum(status = 'done') FROM job_result"), "145|145");
    assert_int_equal(shell("$LESION run study.yaml --db more.db"), 3);
    assert_said("whole");
}

/* A study of all that filters can be chosen by. */
static void all_selectors_run(void **state)
{
    (void)state;
    assert_int_equal(
        shell("{ sed '/^ablate/,$d' study.yaml; cat <<'END'\n"
              "ablate:\n"
              "  - {name: groups, layers: 'conv*', filters: {similar: {groups: 3, linkage: ward, normalise: l2}}}\n"
              "  - {name: tight, layers: 'conv*', filters: {similar: {fraction: [0.25, 0.5]}}, mode: [zero, mean]}\n"
              "  - {name: curve, layers: 'conv*', filters: {cumulative: {order: [l1, {file: s.csv}], steps: 4}}}\n"
              "  - {name: chance, layers: 'conv*', filters: {cumulative: {order: random, steps: 4, seeds: 0..1}},\n"
              "     together: true}\n"
              "  - {name: pairs, layers: 'conv*', filters: {pairs: {highest: l1, count: 1}}, together: true}\n"
              "  - {name: kept, layers: 'conv*', filters: {keep: {highest: l2, fraction: 0.5}}}\n"
              "END\n"
              "} > all.yaml && { echo layer,filter,score; sqlite3 -csv "
              "results/tiny.db 'SELECT l.name, value, -value FROM layer l, generate_series(0, l.filters - 1) WHERE NOT "
              "l.logits'; } > s.csv && $LESION run all.yaml --db all.db"),
        0);
    assert_string_equal(ask("all.db", "SELECT sum(status <> 'done') FROM job_result"), "0");
    assert_string_equal(ask("all.db",
                            "SELECT group_concat(n) FROM (SELECT count(*) / (SELECT count(*) FROM layer WHERE "
                            "kind = 'conv') AS n FROM job JOIN experiment USING (experiment) WHERE name IN "
                            "('groups', 'tight', 'curve', 'kept') GROUP BY name ORDER BY name)"),
                        "8,3,1,4");
    assert_string_equal(ask("all.db", "SELECT count(DISTINCT score) FROM filter_score"), "3");
    assert_string_equal(ask("all.db",
                            "SELECT count(*) FROM job_metric j JOIN evaluation a ON a.evaluation = j.single_a "
                            "JOIN evaluation b ON b.evaluation = j.single_b WHERE a.loss_sum IS NULL OR "
                            "b.loss_sum IS NULL OR j.n_filters <> 2"),
                        "0");
    assert_string_equal(ask("all.db", "PRAGMA foreign_key_check"), "");
    assert_int_equal(shell("$LESION run all.yaml --db all.db"), 0); /* finds everything there */
    assert_string_equal(ask("all.db", "SELECT count(*) FROM run"), "1");
}

static void fresh_keeps_the_old_one(void **state)
{
    (void)state;
    assert_int_equal(shell("cp results/tiny.db fresh.db && $LESION run study.yaml --db fresh.db --fresh"), 0);
    assert_string_equal(ask("fresh.db.old", "SELECT count(*) FROM job_result"), "140");
    assert_string_equal(ask("fresh.db", "SELECT count(*) FROM job_result"), "140");
}

static void bad_databases_are_named(void **state)
{
    (void)state;
    write_file("no.db", "this is no database, but a text of some length that somebody gave the wrong name\n");
    assert_int_equal(shell("$LESION run study.yaml --db no.db"), 3);
    assert_said("no.db");
    assert_int_equal(shell("$LESION run study.yaml --db study.yaml/x.db"), 1);
    assert_said("study.yaml/x.db");
    assert_int_equal(shell("$LESION run study.yaml --db /proc/lesion.db"), 1);
    assert_said("/proc/lesion.db");
}

#define FILLING                                                                                 \
    "$LESION run study.yaml --quiet --set study=full --set ablate.chance.layers=conv2_1 --set " \
    "ablate.chance.filters='{random: {count: 8, seeds: 0..2999}}' --db "

/* A limit on the size of files, a little above what the database has when some jobs are done and all are listed, stands
 * for a disk that fills up in the middle of the run. sh counts in blocks of 512 bytes. */
static void fill_up(const char *journal)
{
    shell("rm -f full.db*");
    assert_int_equal(shell(FILLING "full.db --set ablate.chance.filters.random.seeds=0..99"), 0);
    assert_int_equal(shell(FILLING "full.db --deadline 0.001s"), 75);
    int code = shell("export LESION_JOURNAL=%s; trap '' XFSZ; ulimit -f $(($(stat -c %%s full.db) / 512 + 320)); "
                     "exec " FILLING "full.db",
                     journal);
    if (code != 1)
        fail_msg("%s: exit code %d:\n%s", journal, code, shell_output);
    assert_said("full.db: the limit on the size of files is reached");
    assert_said("what was committed before is safe");
    assert_said("run again to continue");
    assert_string_equal(ask("full.db", "PRAGMA integrity_check"), "ok");
    assert_string_equal(ask("full.db", "SELECT sum(status = 'done') > 0, sum(status <> 'done') > 0 FROM evaluation"),
                        "1|1");
    assert_int_equal(shell("LESION_JOURNAL=%s " FILLING "full.db", journal), 0);
    dump_tables("full.db", "filled.txt");
    assert_int_equal(shell("cmp filled.txt unfilled.txt"), 0);
}

static void a_full_disk_stops_with_1_and_keeps_what_was_stored(void **state)
{
    (void)state;
    assert_int_equal(shell(FILLING "unfilled.db"), 0);
    dump_tables("unfilled.db", "unfilled.txt");
    fill_up("wal");
    fill_up("truncate");
}

static void a_file_without_permission_stops_with_1(void **state)
{
    (void)state;
    assert_int_equal(shell("cp results/tiny.db locked.db && chmod 444 locked.db"), 0);
    if (shell("[ \"$(id -u)\" = 0 ] && ! command -v setpriv") == 0)
        skip();
    int code = shell("chmod 777 . && { if [ \"$(id -u)\" = 0 ]; then as='setpriv --reuid=65534 --regid=65534 "
                     "--clear-groups'; fi; $as $LESION run study.yaml --db locked.db --set "
                     "ablate.chance.filters.random.seeds=0..9; }");
    if (code != 1)
        fail_msg("exit code %d:\n%s", code, shell_output);
    assert_said("locked.db");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_study_runs_to_its_end),
        cmocka_unit_test(a_complete_study_computes_nothing_again),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(another_kind_of_kernels_is_refused),
        cmocka_unit_test(signals_stop_with_75),
        cmocka_unit_test(a_deadline_stops_with_75),
        cmocka_unit_test(the_end_of_a_slurm_job_is_a_deadline),
        cmocka_unit_test(a_given_deadline_stands_above_slurms),
        cmocka_unit_test(an_end_that_is_none_is_no_deadline),
        cmocka_unit_test(the_end_of_a_slurm_job_is_said_once),
        cmocka_unit_test(a_killed_run_loses_nothing_it_committed),
        cmocka_unit_test(another_studys_database_is_refused),
        cmocka_unit_test(new_experiments_are_added),
        cmocka_unit_test(all_selectors_run),
        cmocka_unit_test(fresh_keeps_the_old_one),
        cmocka_unit_test(bad_databases_are_named),
        cmocka_unit_test(a_full_disk_stops_with_1_and_keeps_what_was_stored),
        cmocka_unit_test(a_file_without_permission_stops_with_1),
    };
    return cmocka_run_group_tests(tests, shell_begin, shell_end);
}
