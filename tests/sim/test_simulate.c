/* The simulator: what it plays is what was asked for. */
#include "lesion/simulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { EVALUATIONS = 400, BLOCKS = 50 };

static double cost[EVALUATIONS];

static lsn_simulation usual(int32_t workers)
{
    for (int32_t e = 0; e < EVALUATIONS; e++)
        cost[e] = 0.5;
    return (lsn_simulation){.work = {.n_evaluations = EVALUATIONS,
                                     .n_blocks = BLOCKS,
                                     .n_workers = workers,
                                     .cost = cost,
                                     .unit_cost = 0.1,
                                     .unit_s = 5,
                                     .speed = 1,
                                     .held = 2},
                            .faults = {.delay_s = 0.001, .notice_s = 5, .give_up_s = 20},
                            .seed = 1};
}

static lsn_simulated play(const lsn_simulation *simulation)
{
    lsn_simulated seen;
    lsn_error err = {0};
    if (!lsn_simulate(simulation, &seen, &err))
        fail_msg("%s", err.text);
    return seen;
}

static void an_undisturbed_sweep_wastes_little(void **state)
{
    (void)state;
    const lsn_simulation simulation = usual(10);
    const lsn_simulated seen = play(&simulation);
    assert_int_equal(seen.ending, LSN_COMPLETE);
    const double work = EVALUATIONS * BLOCKS * 0.5 + BLOCKS * 0.1;
    assert_true(seen.work_s > 0.9999 * work && seen.work_s < 1.0001 * work);
    assert_true(seen.share > 0.9999 && seen.lost_s < 1e-3);
    assert_true(seen.makespan_s > work / 10 && seen.makespan_s < 1.03 * work / 10);
    assert_true(seen.capacity_s > 9.999 * seen.makespan_s && seen.capacity_s < 10.001 * seen.makespan_s);
    assert_true(seen.computed_s >= seen.work_s && seen.computed_s <= seen.capacity_s);
}

/* Workers of very different speeds end together. */
static void uneven_workers_end_together(void **state)
{
    (void)state;
    lsn_simulation simulation = usual(20);
    simulation.faults.spread = 0.8;
    simulation.work.speed = 0;
    const lsn_simulated seen = play(&simulation);
    assert_true(seen.work_s / seen.capacity_s > 0.93);
}

static void a_seed_is_a_history(void **state)
{
    (void)state;
    lsn_simulation simulation = usual(10);
    simulation.faults.noise = 0.3;
    simulation.faults.deaths = 3;
    const lsn_simulated first = play(&simulation), again = play(&simulation);
    assert_true(first.makespan_s == again.makespan_s && first.computed_s == again.computed_s);
    simulation.seed = 2;
    assert_true(play(&simulation).makespan_s != first.makespan_s);
}

static void faults_cost_what_they_should(void **state)
{
    (void)state;
    lsn_simulation simulation = usual(10);
    const lsn_simulated undisturbed = play(&simulation);
    simulation.faults.deaths = 4;
    lsn_simulated seen = play(&simulation);
    assert_int_equal(seen.ending, LSN_COMPLETE);
    assert_int_equal(seen.dead, 4);
    assert_true(seen.makespan_s > undisturbed.makespan_s);
    assert_true(seen.lost_s > 0 && seen.lost_s < 4 * 2 * seen.longest_s);
    simulation.faults.deaths = 10;
    seen = play(&simulation);
    assert_int_equal(seen.ending, LSN_NO_WORKERS);
    assert_true(seen.share < 1);
    simulation.faults.deaths = 0;
    simulation.faults.restarts = 5;
    seen = play(&simulation);
    assert_int_equal(seen.ending, LSN_COMPLETE);
    /* What was in hand, and what was not committed within a second. */
    assert_true(seen.lost_s > 0 && seen.lost_s < 5 * 10 * 3 * seen.longest_s);
}

static void poison_is_found(void **state)
{
    (void)state;
    lsn_simulation simulation = usual(40);
    simulation.faults.poisons = 1;
    const lsn_simulated seen = play(&simulation);
    assert_int_equal(seen.ending, LSN_COMPLETE);
    assert_int_equal(seen.failed, 1);
    assert_in_range(seen.dead, 4, 16);
}

/* An evaluation that ends the whole run, again and again, is found in a few deaths, whoever else was computed, and is
 * the only one that is given up. */
static void what_kills_the_run_is_found(void **state)
{
    (void)state;
    static const int32_t workers[] = {1, 10, 200};
    for (int by_block = 0; by_block < 2; by_block++)
        for (int i = 0; i < 3; i++)
            for (uint64_t seed = 0; seed < 10; seed++) {
                lsn_simulation simulation = usual(workers[i]);
                simulation.work.by_block = by_block == 1;
                simulation.faults.fatal = 1;
                simulation.seed = seed;
                const lsn_simulated seen = play(&simulation);
                assert_int_equal(seen.ending, LSN_COMPLETE);
                assert_int_equal(seen.failed, 1);
                assert_true(seen.share > 0.99);
                assert_in_range(seen.crashes, 3, 9);
            }
}

/* A run that dies of other things gives nothing up. */
static void accidents_condemn_nobody(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        lsn_simulation simulation = usual(10);
        simulation.faults.restarts = 12;
        simulation.seed = seed;
        const lsn_simulated seen = play(&simulation);
        assert_int_equal(seen.ending, LSN_COMPLETE);
        assert_int_equal(seen.failed, 0);
        assert_in_range(seen.crashes, 1, 12);
    }
}

static void it_stops_in_time(void **state)
{
    (void)state;
    lsn_simulation simulation = usual(10);
    simulation.faults.stop_s = 300;
    const lsn_simulated seen = play(&simulation);
    assert_int_equal(seen.ending, LSN_DRAINED);
    assert_true(seen.makespan_s <= 300 && seen.makespan_s > 280);
    assert_true(seen.share > 0.25 && seen.share < 0.35);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undisturbed_sweep_wastes_little),
        cmocka_unit_test(uneven_workers_end_together),
        cmocka_unit_test(a_seed_is_a_history),
        cmocka_unit_test(faults_cost_what_they_should),
        cmocka_unit_test(poison_is_found),
        cmocka_unit_test(what_kills_the_run_is_found),
        cmocka_unit_test(accidents_condemn_nobody),
        cmocka_unit_test(it_stops_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
