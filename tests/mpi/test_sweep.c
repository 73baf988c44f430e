/* A study over ranks: the same tables, to the bit, for any number of ranks, after a stop and after a kill.
 *
 * Ranks: 1, 2 and 4 workers' worth (mpirun -n 1, 2, 4), oversubscribed on the test machine. */
#include "../cli/shell.h"

#include <stdlib.h>

#define MPIRUN "mpirun --oversubscribe --bind-to none "
#define MORE                                                                                                        \
    "--set ablate.chance.layers=conv2_1 --set ablate.chance.filters='{random: {count: 8, seeds: 0..20000}}' --set " \
    "study=more "

/* Waits, with the database's name in $db, until a hundred results are stored, a minute at most. */
#define UNTIL_SOME_ARE_DONE                                                                                       \
    "for i in $(seq 600); do [ \"$(sqlite3 -readonly $db \"SELECT count(*) > 100 FROM evaluation WHERE status = " \
    "'done'\" 2>/dev/null)\" = 1 ] && break; sleep 0.1; done; "

/* The process that the mpirun $pid started last: the last rank. */
#define LAST_RANK \
    "$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v p=$pid '$4 == p && $1 > last { last = $1 } END { print last }')"

static void dump(const char *database, const char *file)
{
    assert_int_equal(
        shell("sqlite3 -readonly %s 'SELECT job, experiment, layers, filters, fraction, mode, seed, images, "
              "top1, top5, loss, kl, d_top1, d_loss, lost, gained, p, q, top1_low, top1_high, status FROM "
              "job_result; SELECT * FROM class_result ORDER BY job, class' > %s",
              database, file),
        0);
}

static void assert_same_as_alone(const char *database)
{
    dump(database, "mine.txt");
    assert_int_equal(shell("cmp mine.txt alone.txt"), 0);
}

static int begin(void **state)
{
    if (shell_begin(state) != 0)
        return -1;
    assert_int_equal(shell("$LESION run study.yaml --quiet --db alone.db"), 0);
    dump("alone.db", "alone.txt");
    return 0;
}

static void any_number_of_ranks_gives_the_same_tables(void **state)
{
    (void)state;
    static const int ranks[] = {1, 2, 4};
    for (int i = 0; i < 3; i++) {
        shell("rm -f ranks.db*");
        int code = shell(MPIRUN "-n %d $LESION run study.yaml --db ranks.db", ranks[i]);
        if (code != 0)
            fail_msg("%d ranks: exit code %d:\n%s", ranks[i], code, shell_output);
        assert_said("complete");
        assert_same_as_alone("ranks.db");
        char expected[16] = {(char)('0' + ranks[i]), '\0'};
        assert_string_equal(ask("ranks.db", "SELECT ranks FROM run"), expected);
    }
}

static void a_stopped_run_continues_with_other_ranks(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION run study.yaml " MORE "--quiet --db whole.db"), 0);
    dump("whole.db", "alone.txt");
    int code = shell("db=more.db; " MPIRUN "-n 3 $LESION run study.yaml " MORE "--db $db & pid=$!; " UNTIL_SOME_ARE_DONE
                     " kill -USR1 $pid; wait "
                     "$pid");
    if (code != 75)
        fail_msg("exit code %d:\n%s", code, shell_output);
    assert_string_equal(ask("more.db", "SELECT how FROM run"), "stopped");
    assert_string_equal(ask("more.db", "SELECT sum(status = 'done') > 0 AND sum(status <> 'done') > 0 FROM job_result"),
                        "1");
    assert_int_equal(shell(MPIRUN "-n 2 $LESION run study.yaml " MORE "--quiet --db more.db"), 0);
    assert_same_as_alone("more.db");
}

static void a_terminated_run_stores_what_it_has(void **state)
{
    (void)state;
    shell("rm -f term.db*");
    shell("db=term.db; " MPIRUN "-n 3 $LESION run study.yaml " MORE "--db $db & pid=$!; " UNTIL_SOME_ARE_DONE
          " kill -TERM $pid; wait $pid");
    assert_string_equal(ask("term.db", "PRAGMA integrity_check"), "ok");
    assert_string_equal(ask("term.db", "SELECT sum(status = 'done') > 0 FROM job_result"), "1");
    assert_int_equal(shell(MPIRUN "-n 3 $LESION run study.yaml " MORE "--quiet --db term.db"), 0);
    assert_same_as_alone("term.db");
}

/* A worker is killed: mpirun ends the others; what was committed stays, and the same command finishes. */
static void a_killed_worker_costs_only_units_in_flight(void **state)
{
    (void)state;
    shell("rm -f killed.db*");
    int code = shell("db=killed.db; " MPIRUN "-n 3 $LESION run study.yaml " MORE
                     "--db $db & pid=$!; " UNTIL_SOME_ARE_DONE " kill -9 " LAST_RANK "; wait $pid");
    assert_int_not_equal(code, 0);
    assert_string_equal(ask("killed.db", "PRAGMA integrity_check"), "ok");
    assert_string_equal(ask("killed.db", "SELECT sum(status = 'done') > 0 FROM job_result"), "1");
    assert_int_equal(shell(MPIRUN "-n 3 $LESION run study.yaml " MORE "--quiet --db killed.db"), 0);
    assert_same_as_alone("killed.db");
}

static void mistakes_are_told_once(void **state)
{
    (void)state;
    int code = shell(MPIRUN "-n 4 $LESION run study.yaml --set ablate.every.layers=conv7");
    assert_int_equal(code, 3);
    assert_int_equal(shell(MPIRUN "-n 4 $LESION run study.yaml --set ablate.every.layers=conv7 2>&1 | grep -c conv7"),
                     0);
    assert_string_equal(shell_output, "1\n");
    assert_int_equal(shell(MPIRUN "-n 3 $LESION run study.yaml --db /proc/x.db"), 1);
    assert_said("/proc/x.db");
}

static void singletons_are_refused(void **state)
{
    (void)state;
    assert_int_equal(shell("SLURM_STEP_NUM_TASKS=4 $LESION run study.yaml --db lone.db"), 1);
    assert_said("believes that it is alone");
    assert_said("--mpi=pmix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_ranks_gives_the_same_tables),
        cmocka_unit_test(a_stopped_run_continues_with_other_ranks),
        cmocka_unit_test(a_terminated_run_stores_what_it_has),
        cmocka_unit_test(a_killed_worker_costs_only_units_in_flight),
        cmocka_unit_test(mistakes_are_told_once),
        cmocka_unit_test(singletons_are_refused),
    };
    return cmocka_run_group_tests(tests, begin, shell_end);
}
