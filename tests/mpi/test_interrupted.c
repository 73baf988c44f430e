/* A study over ranks that is stopped, or of which ranks are killed or sleep: the same tables, to the bit, by the same
 * run where it survives, else by another.
 *
 * Ranks: 2 to 4, oversubscribed on the test machine. What is done to whom is decided by the workers themselves, when
 * they begin a unit: those that nothing is done to wait, so that the run cannot be over before. */
#include "../cli/interrupted.h"

#include <stdlib.h>
#include <string.h>

/* That of the MPI that the program is built with, and with what lets ranks live on without a dead one. */
#define MPIRUN "$MPIRUN "
#define RECOVERING "LESION_SILENCE_S=1 $MPIRUN_RECOVERING "

static bool is_open_mpi(void)
{
    return strstr(getenv("MPIRUN"), "mpirun") != NULL;
}

static void a_stopped_run_continues_with_other_ranks(void **state)
{
    (void)state;
    char said[4096];
    int code = interrupt_run(MPIRUN "-n 3", "", "more.db",
                             "[ $rank = 1 ] && kill -USR1 $launcher\n"
                             "wait_for got 0",
                             said, sizeof said);
    if (code != 75 && !(code == 0 && !is_open_mpi())) /* MPICH's mpiexec may end with 0 after it passed a signal on */
        fail_msg("exit code %d:\n%s", code, said);
    assert_string_equal(ask("more.db", "SELECT how FROM run"), "stopped");
    assert_string_equal(ask("more.db", "SELECT sum(status <> 'done') > 0 FROM job_result"), "1");
    assert_continues(MPIRUN "-n 2", "--quiet", "more.db");
}

static void a_terminated_run_stores_what_it_has(void **state)
{
    (void)state;
    char said[4096];
    interrupt_run(MPIRUN "-n 3", "", "term.db",
                  "[ $rank = 1 ] && kill -TERM $launcher\n"
                  "wait_for got 0",
                  said, sizeof said);
    assert_continues(MPIRUN "-n 3", "--quiet", "term.db");
}

/* A worker is killed: mpirun ends the others; what was committed stays, and the same command finishes. */
static void a_killed_worker_costs_only_units_in_flight(void **state)
{
    (void)state;
    char said[4096];
    interrupt_run(MPIRUN "-n 3", "", "killed.db",
                  "wait_for stored killed.db\n"
                  "[ $rank = 2 ] && kill -9 $PPID\n"
                  "wait_for false", /* until mpirun ends this rank too */
                  said, sizeof said);
    assert_continues(MPIRUN "-n 3", "--quiet", "killed.db");
}

/* Where mpirun lets the others live, they take over a dead one's units. */
static void survivors_finish_the_study(void **state)
{
    (void)state;
    if (!is_open_mpi()) {
        print_message("MPICH's mpiexec sends USR1 to the others when a rank dies: they stop, as after any USR1\n");
        skip();
    }
    assert_survives(RECOVERING "-n 4", "alive.db",
                    "[ $rank = 3 ] && kill -9 $PPID\n"
                    "wait_for said rank 3 has not been heard of",
                    "rank 3 has not been heard of");
}

/* A rank that only slept is welcome again; meanwhile others went on with its units. */
static void a_rank_that_slept_comes_back(void **state)
{
    (void)state;
    assert_survives(RECOVERING "-n 3", "slept.db",
                    "if [ $rank = 2 ]; then\n"
                    "    kill -STOP $PPID\n"
                    "    wait_for [ -e mark.on ]\n"
                    "    kill -CONT $PPID\n"
                    "elif [ ! -e mark.waited ]; then\n"
                    "    wait_for said rank 2 has not been heard of\n"
                    "    touch mark.waited\n"
                    "    exit 1\n"
                    "else\n"
                    "    touch mark.on\n"
                    "    wait_for said rank 2 is there again\n"
                    "fi",
                    "rank 2 is there again");
}

/* Workers whose coordinator is dead leave by themselves, and what it stored is continued. What is left of the run is
 * found by a mark, so that another test's is left alone; mpirun may wait for rank 0 for ever. */
static void workers_do_not_outlive_rank_0(void **state)
{
    (void)state;
    char said[4096];
    interrupt_run(
        RECOVERING "-n 3", "--quiet", "orphans.db",
        "wait_for stored orphans.db\n"
        "[ $rank = 1 ] || exit 0\n"
        "ranks_left() { [ -n \"$(grep -lzx \"MARK=$MARK\" /proc/[0-9]*/environ 2>/dev/null | while read -r file; "
        "do grep -lx lesion ${file%environ}comm; done 2>/dev/null)\" ]; }\n"
        "kill -9 $(sqlite3 -readonly orphans.db 'SELECT pid FROM run')\n"
        "(tries=0; while ranks_left; do sleep 0.1; tries=$((tries + 1)); [ $tries -lt 600 ] || touch "
        "mark.stayed; [ ! -e mark.stayed ] || break; done; kill -9 $launcher) > /dev/null 2>&1 &",
        said, sizeof said);
    assert_int_equal(shell("test -e mark.stayed"), 1);
    assert_continues(MPIRUN "-n 2", "--quiet", "orphans.db");
}

/* With an argument, only the tests of that name. */
int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_run_continues_with_other_ranks),
        cmocka_unit_test(a_terminated_run_stores_what_it_has),
        cmocka_unit_test(a_killed_worker_costs_only_units_in_flight),
        cmocka_unit_test(survivors_finish_the_study),
        cmocka_unit_test(a_rank_that_slept_comes_back),
        cmocka_unit_test(workers_do_not_outlive_rank_0),
    };
    if (count > 1)
        cmocka_set_test_filter(arguments[1]);
    return cmocka_run_group_tests(tests, shell_begin, shell_end);
}
