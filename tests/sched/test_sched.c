/* The scheduler as a whole: what it gives out, when it ends, and what it says about it. */
#include "game.h"

/* Random sizes, costs, databases that hold a part already, ends in any order, a drain and a resumption. */
static void each_part_is_computed_exactly_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        lsn_random random;
        lsn_random_init(&random, seed, 0);
        game g;
        game_init(&g, 1 + (int32_t)lsn_random_below(&random, 60), 1 + (int32_t)lsn_random_below(&random, 5),
                  1 + (int32_t)lsn_random_below(&random, 8), 1 + (int32_t)lsn_random_below(&random, 3));
        g.work.by_block = seed % 2 == 1;
        for (int32_t e = 0; e < g.work.n_evaluations; e++)
            g.cost[e] = 0.01 + (double)lsn_random_below(&random, 100);
        const int32_t parts = g.work.n_evaluations * g.work.n_blocks;
        for (int32_t p = 0; p < parts; p++)
            g.stored[p] = lsn_random_below(&random, 4) == 0;
        const int32_t drain_after = 1 + (int32_t)lsn_random_below(&random, 6);
        for (int run = 0; run < 2; run++) {
            game_start(&g);
            game_act(&g);
            for (int32_t done = 0; !g.finished;) {
                assert_true(g.n_held > 0);
                game_done(&g, (int32_t)lsn_random_below(&random, (uint64_t)g.n_held),
                          0.01 * (1 + (double)lsn_random_below(&random, 300)));
                if (run == 0 && ++done == drain_after)
                    lsn_sched_drain(g.sched);
                assert_true(run == 1 || done < drain_after || game_act(&g) == 0);
            }
            assert_int_equal(g.n_held, 0);
            assert_int_equal(lsn_sched_see(g.sched).in_flight, 0);
            g.finished = false;
            lsn_sched_destroy(g.sched);
            g.sched = NULL;
        }
        assert_int_equal(g.ending, LSN_COMPLETE);
        assert_true(game_complete(&g));
        game_finish(&g);
    }
}

static void a_stopped_sweep_leaves_whole_results(void **state)
{
    (void)state;
    game g;
    game_init(&g, 100, 10, 2, 2);
    game_start(&g);
    game_act(&g);
    for (int32_t done = 0; done < 45; done++)
        game_done(&g, 0, g.held[0].cost);
    int32_t whole = 0, begun = 0;
    for (int32_t e = 0; e < 100; e++) {
        int32_t blocks = 0;
        for (int32_t b = 0; b < 10; b++)
            blocks += g.stored[e * 10 + b];
        whole += blocks == 10;
        begun += blocks > 0;
    }
    assert_true(whole > 0);
    assert_true(begun - whole <= begun / 2);
    game_finish(&g);
}

static void nothing_to_do_finishes_at_once(void **state)
{
    (void)state;
    game g;
    game_init(&g, 3, 2, 4, 2);
    memset(g.stored, 1, 6);
    game_start(&g);
    assert_int_equal(game_act(&g), 0);
    assert_true(g.finished);
    assert_int_equal(g.ending, LSN_COMPLETE);
    game_finish(&g);
}

static void nothing_to_do_needs_no_workers(void **state)
{
    (void)state;
    game g;
    game_init(&g, 3, 2, 4, 2);
    memset(g.stored, 1, 6);
    game_create(&g);
    game_act(&g);
    assert_true(g.finished);
    game_finish(&g);
}

/* Of what is complete or not wanted, not every part need be there. */
static void what_is_not_wanted_is_not_computed(void **state)
{
    (void)state;
    game g;
    game_init(&g, 2, 5, 1, 1);
    memset(g.stored + 5, 1, 3);
    g.unwanted = 1;
    game_start(&g);
    assert_int_equal(lsn_sched_see(g.sched).parts, 5);
    game_play(&g, 1);
    assert_true(g.finished);
    assert_int_equal(g.ending, LSN_COMPLETE);
    assert_int_equal(lsn_sched_see(g.sched).parts_done, 5);
    game_finish(&g);
}

static void a_drain_asks_reserves_back_and_awaits_the_rest(void **state)
{
    (void)state;
    game g;
    game_init(&g, 1000, 4, 2, 3);
    game_start(&g);
    assert_int_equal(game_act(&g), 6);
    lsn_sched_drain(g.sched);
    assert_int_equal(game_act(&g), 0);
    assert_int_equal(g.cancels, 4);
    assert_true(lsn_sched_see(g.sched).drained);
    for (int32_t i = g.n_held - 1; i > 0; i--) /* worker 1 had begun its second one */
        if (i != game_first(&g, 0) && i != game_first(&g, 1) && i != 3)
            game_dropped(&g, i);
    assert_int_equal(g.n_held, 3);
    assert_false(g.finished);
    while (g.n_held > 0)
        assert_true(game_done(&g, 0, 1));
    assert_true(g.finished);
    assert_int_equal(g.ending, LSN_DRAINED);
    game_finish(&g);
}

static void a_result_nobody_owes_is_refused(void **state)
{
    (void)state;
    game g;
    game_init(&g, 4, 1, 2, 1);
    game_start(&g);
    game_act(&g);
    const holding held = g.held[0];
    assert_false(lsn_sched_done(g.sched, 1 - held.worker, held.id, 1));
    assert_false(lsn_sched_done(g.sched, held.worker, held.id + 100, 1));
    assert_false(lsn_sched_done(g.sched, held.worker, -1, 1));
    assert_false(lsn_sched_refused(g.sched, held.worker, held.id + 100));
    assert_false(lsn_sched_dropped(g.sched, 1 - held.worker, held.id));
    assert_null(lsn_sched_owed(g.sched, 1 - held.worker, held.id));
    assert_true(game_done(&g, 0, 1));
    assert_false(lsn_sched_done(g.sched, held.worker, held.id, 1));
    assert_int_equal(lsn_sched_see(g.sched).parts_done, held.count);
    game_finish(&g);
}

static void progress_is_seen(void **state)
{
    (void)state;
    game g;
    game_init(&g, 100, 3, 2, 1);
    game_start(&g);
    lsn_sched_progress seen = lsn_sched_see(g.sched);
    assert_int_equal(seen.parts, 300);
    assert_int_equal(seen.workers, 2);
    assert_true(seen.cost > 299.9 && seen.cost < 300.1 && seen.left_s < 0);
    game_act(&g);
    assert_int_equal(lsn_sched_see(g.sched).in_flight, 2);
    const double cost = g.held[0].cost;
    const int32_t count = g.held[0].count;
    game_done(&g, 0, cost / 10);
    seen = lsn_sched_see(g.sched);
    assert_int_equal(seen.parts_done, count);
    assert_true(seen.cost_done > count - 0.01 && seen.cost_done < count + 0.01);
    /* Two workers of speed 10. */
    const double left_s = (300 - count) / 20.0;
    assert_true(seen.left_s > 0.999 * left_s && seen.left_s < 1.001 * left_s);
    game_play(&g, 10);
    seen = lsn_sched_see(g.sched);
    assert_true(seen.left_s == 0);
    assert_int_equal(seen.parts_done, 300);
    game_finish(&g);
}

static void all_lost_ends_it(void **state)
{
    (void)state;
    game g;
    lsn_error err;
    game_init(&g, 50, 2, 3, 2);
    g.sched = lsn_sched_create(&g.work, &err);
    lsn_sched_joined(g.sched, 0);
    lsn_sched_joined(g.sched, 1);
    game_act(&g);
    lsn_sched_lost(g.sched, 0);
    lsn_sched_silent(g.sched, 1);
    game_act(&g);
    assert_false(g.finished);
    lsn_sched_lost(g.sched, 1);
    game_act(&g);
    assert_false(g.finished); /* worker 2 may still come */
    lsn_sched_lost(g.sched, 2);
    game_act(&g);
    assert_true(g.finished);
    assert_int_equal(g.ending, LSN_NO_WORKERS);
    game_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_is_computed_exactly_once),
        cmocka_unit_test(a_stopped_sweep_leaves_whole_results),
        cmocka_unit_test(nothing_to_do_finishes_at_once),
        cmocka_unit_test(nothing_to_do_needs_no_workers),
        cmocka_unit_test(what_is_not_wanted_is_not_computed),
        cmocka_unit_test(a_drain_asks_reserves_back_and_awaits_the_rest),
        cmocka_unit_test(a_result_nobody_owes_is_refused),
        cmocka_unit_test(progress_is_seen),
        cmocka_unit_test(all_lost_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
