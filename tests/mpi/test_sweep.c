/* A study over ranks: the same tables, to the bit, for any number of ranks, after a stop and after a kill.
 *
 * Ranks: 1, 2 and 4 workers' worth (mpirun -n 1, 2, 4), oversubscribed on the test machine. */
#include "../cli/shell.h"

#include <stdlib.h>

#define MPIRUN "mpirun --oversubscribe --bind-to none "

/* More work, so that a run can be caught half-way: `%s` lists how many filters are removed at random. */
#define MORE                                                                                                 \
    "--set ablate.chance.layers=[conv2_1,conv4_1] --set ablate.chance.filters='{random: {count: %s, seeds: " \
    "0..9999}}' --set study=more "
static const char *const counts[] = {"[8]", "[7, 8]", "[5, 6, 7, 8]", "[3, 4, 5, 6, 7, 8, 9, 10]"};

/* Waits, with the database's name in $db, until a hundred results are stored, a minute at most. */
#define UNTIL_SOME_ARE_DONE                                                                                        \
    "for i in $(seq 3000); do [ \"$(sqlite3 -readonly $db \"SELECT count(*) > 100 FROM evaluation WHERE status = " \
    "'done'\" 2>/dev/null)\" = 1 ] && break; sleep 0.02; done; "

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

/* Runs the study on three ranks and interrupts it as soon as some results are stored (`interrupt` is a shell command,
 * $pid is mpirun). A run that ends before that is tried again with more work. Returns the exit code, and the index of
 * the counts that were used; alone.txt then has what the study gives without interruption. */
static int run_interrupted(const char *db, const char *interrupt, int *size)
{
    int code = 0;
    for (*size = 0; code == 0; ++*size) {
        assert_in_range(*size, 0, (int)(sizeof counts / sizeof *counts) - 1);
        shell("rm -f %s*", db);
        code = shell("db=%s; " MPIRUN "-n 3 $LESION run study.yaml " MORE "--db $db & pid=$!; " UNTIL_SOME_ARE_DONE
                     "%s; wait $pid",
                     db, counts[*size], interrupt);
    }
    --*size;
    assert_string_equal(ask(db, "PRAGMA integrity_check"), "ok");
    assert_string_equal(ask(db, "SELECT sum(status = 'done') > 0 FROM job_result"), "1");
    return code;
}

/* The run that was interrupted is continued by `ranks` ranks, and gives what it would have given alone. */
static void assert_continues(const char *db, int ranks, int size)
{
    static int dumped = -1;
    if (dumped != size) {
        assert_int_equal(shell("rm -f whole.db*; $LESION run study.yaml " MORE "--quiet --db whole.db", counts[size]),
                         0);
        dump("whole.db", "alone.txt");
        dumped = size;
    }
    assert_int_equal(shell(MPIRUN "-n %d $LESION run study.yaml " MORE "--quiet --db %s", ranks, counts[size], db), 0);
    assert_same_as_alone(db);
}

static void a_stopped_run_continues_with_other_ranks(void **state)
{
    (void)state;
    int size, code = run_interrupted("more.db", "kill -USR1 $pid", &size);
    if (code != 75)
        fail_msg("exit code %d:\n%s", code, shell_output);
    assert_string_equal(ask("more.db", "SELECT how FROM run"), "stopped");
    assert_string_equal(ask("more.db", "SELECT sum(status <> 'done') > 0 FROM job_result"), "1");
    assert_continues("more.db", 2, size);
}

static void a_terminated_run_stores_what_it_has(void **state)
{
    (void)state;
    int size;
    run_interrupted("term.db", "kill -TERM $pid", &size);
    assert_continues("term.db", 3, size);
}

/* A worker is killed: mpirun ends the others; what was committed stays, and the same command finishes. */
static void a_killed_worker_costs_only_units_in_flight(void **state)
{
    (void)state;
    int size;
    run_interrupted("killed.db", "kill -9 " LAST_RANK, &size);
    assert_continues("killed.db", 3, size);
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
