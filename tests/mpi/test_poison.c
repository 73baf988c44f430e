/* An ablation that kills whoever computes it, where a killed rank is the end of all: it is found in a few runs, left
 * out, and everything else is completed. One that nobody has the memory for is found and left out in one run. */
#include "../cli/interrupted.h"

#include <stdlib.h>

enum { MOST_RUNS = 12 };

#define POISONED "POISON=7 LD_PRELOAD=$PRELOAD LESION_UNIT_LOG=units.log "

static int begin(void **state)
{
    if (getenv("PRELOAD") == NULL || shell_begin(state) != 0)
        return -1;
    assert_int_equal(shell("$LESION run study.yaml --quiet --db straight.db"), 0);
    dump_tables("straight.db", "straight.txt");
    return 0;
}

static void assert_found(const char *launch)
{
    int runs = 0, code = 137;
    shell("rm -f poisoned.db*");
    while (code != 4) {
        if (++runs > MOST_RUNS)
            fail_msg("%d runs did not find it; the last one said:\n%s", MOST_RUNS, shell_output);
        code = shell("%s " POISONED "$LESION run study.yaml --quiet --db poisoned.db", launch);
        if (code == 0)
            fail_msg("nothing died:\n%s", shell_output);
    }
    assert_said("some jobs failed");
    print_message("found in %d runs\n", runs);
    assert_true(runs >= 4); /* three deaths at least */
    assert_string_equal(ask("poisoned.db", "SELECT count(*), sum(deaths_alone >= 2) FROM evaluation WHERE status <> "
                                           "'done'"),
                        "1|1");
    assert_string_equal(ask("poisoned.db", "SELECT count(*) FROM failures WHERE reason LIKE '%%runs died%%'"), "1");
    /* It stays left out, until somebody wants to try again. */
    assert_int_equal(shell(POISONED "$LESION run study.yaml --quiet --db poisoned.db"), 4);
    assert_int_equal(shell("$LESION run study.yaml --quiet --db poisoned.db --retry"), 0);
    dump_tables("poisoned.db", "mine.txt");
    assert_int_equal(shell("cmp mine.txt straight.txt"), 0);
}

static void alone(void **state)
{
    (void)state;
    assert_found("");
}

static void with_all_ranks(void **state)
{
    (void)state;
    assert_found("$MPIRUN -n 3 env ");
}

static void what_every_worker_refuses_is_left_out(void **state)
{
    (void)state;
    if (getenv("NO_MEMORY") != NULL) {
        print_message("beside a sanitizer memory is not refused\n");
        skip();
    }
    assert_int_equal(shell("rm -f refused.db*; $MPIRUN -n 3 env POISON_MEMORY=1 " POISONED
                           "$LESION run study.yaml --quiet --db refused.db"),
                     4);
    assert_said("could not compute a unit: out of memory");
    assert_string_equal(ask("refused.db", "SELECT group_concat(evaluation), count(*) FROM evaluation WHERE status <> "
                                          "'done'"),
                        "7|1");
    assert_string_equal(ask("refused.db", "SELECT count(*) FROM failures WHERE reason LIKE '%%out of memory%%'"), "1");
    assert_string_equal(ask("refused.db", "SELECT sum(deaths) FROM evaluation"), "0");
    assert_int_equal(shell("$LESION run study.yaml --quiet --db refused.db --retry"), 0);
    dump_tables("refused.db", "mine.txt");
    assert_int_equal(shell("cmp mine.txt straight.txt"), 0);
}

static void fail_fast_ends_the_run_with_the_first(void **state)
{
    (void)state;
    if (getenv("NO_MEMORY") != NULL) {
        print_message("beside a sanitizer memory is not refused\n");
        skip();
    }
    assert_int_equal(shell("rm -f fast.db*; $MPIRUN -n 3 env POISON_MEMORY=1 " POISONED
                           "$LESION run study.yaml --quiet --db fast.db --fail-fast --set "
                           "ablate.chance.filters.random.seeds=0..20000"),
                     1);
    assert_string_equal(ask("fast.db", "SELECT sum(status = 'failed'), sum(status = 'pending') > 0 FROM evaluation"),
                        "1|1");
    assert_string_equal(ask("fast.db", "SELECT how FROM run"), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone),
        cmocka_unit_test(with_all_ranks),
        cmocka_unit_test(what_every_worker_refuses_is_left_out),
        cmocka_unit_test(fail_fast_ends_the_run_with_the_first),
    };
    return cmocka_run_group_tests(tests, begin, shell_end);
}
