/* What units are cut from: the order of evaluations, blocks, and parts that are there already. */
#include "game.h"

static void dearest_evaluations_go_first(void **state)
{
    (void)state;
    game g;
    game_init(&g, 40, 1, 1, 1);
    for (int32_t e = 0; e < 40; e++)
        g.cost[e] = 1 + e;
    game_start(&g);
    game_act(&g);
    assert_int_equal(g.held[0].evaluations[0], 39);
    game_finish(&g);
}

/* What a database holds already leaves holes of all kinds in the units. */
static void what_is_stored_is_left_out(void **state)
{
    (void)state;
    game g;
    game_init(&g, 64, 2, 1, 1);
    g.work.speed = 1000;
    for (int32_t e = 0; e < 64; e++)
        g.stored[2 * e + 1] = e % 3 == 0 || e > 50;
    game_start(&g);
    assert_int_equal(lsn_sched_see(g.sched).parts, 64 + 34);
    game_play(&g, 1000); /* each unit is checked to be of missing parts */
    assert_int_equal(lsn_sched_see(g.sched).parts_done, 64 + 34);
    assert_true(game_complete(&g));
    game_finish(&g);
}

static void a_worker_keeps_its_block(void **state)
{
    (void)state;
    game g;
    game_init(&g, 400, 4, 4, 1);
    g.work.speed = 1; /* 16 passes a unit: several groups */
    game_start(&g);
    game_act(&g);
    int32_t kept = 0, units = 0;
    while (!g.finished) {
        const int32_t worker = g.held[0].worker, block = g.held[0].block;
        game_done(&g, 0, g.held[0].cost);
        const int32_t next = game_first(&g, worker);
        kept += next >= 0 && g.held[next].block == block;
        units += next >= 0;
    }
    assert_true(units > 40);
    assert_true(kept >= units / 5); /* once a group, of four units a group */
    game_finish(&g);
}

/* Where evaluations end early: every evaluation is given a block before any is given the next, those that ended are not
 * given any more, and what they would have cost is no longer counted. */
static void what_ended_is_not_given_again(void **state)
{
    (void)state;
    enum { EVALUATIONS = 200, BLOCKS = 7, ENDS_AFTER = 3 };
    game g;
    game_init(&g, EVALUATIONS, BLOCKS, 2, 1);
    g.work.by_block = true;
    game_start(&g);
    assert_int_equal(lsn_sched_see(g.sched).parts, EVALUATIONS * BLOCKS);
    game_act(&g);
    int32_t block = 0, fullest = 0;
    int64_t given = 0;
    while (!g.finished) {
        const holding *held = &g.held[0];
        given += held->count;
        assert_true(held->block >= block);
        block = held->block;
        if (block == ENDS_AFTER && held->count > fullest)
            fullest = held->count;
        for (int32_t i = 0; i < held->count; i++) {
            const int32_t e = held->evaluations[i];
            if (e % 10 == 0 || held->block < ENDS_AFTER - 1)
                continue;
            for (int32_t b = ENDS_AFTER; b < BLOCKS; b++)
                g.stored[e * BLOCKS + b] |= game_find(&g, e, b) < 0;
            lsn_sched_ended(g.sched, e);
        }
        game_done(&g, 0, 1e-6);
    }
    assert_true(game_complete(&g));
    const lsn_sched_progress seen = lsn_sched_see(g.sched);
    const int64_t least = EVALUATIONS / 10 * BLOCKS + (EVALUATIONS - EVALUATIONS / 10) * ENDS_AFTER;
    assert_in_range(given, least, least + EVALUATIONS); /* some were in flight when they ended */
    assert_int_equal(seen.parts, given);
    assert_int_equal(seen.parts_done, given);
    assert_true(seen.cost > 0.999 * seen.cost_done && seen.cost < 1.001 * seen.cost_done);
    assert_true(fullest > 5); /* those that are left share units */
    game_finish(&g);
}

/* An evaluation that ended while its unit waited to be given again is taken out of it. */
static void what_ended_is_taken_out_of_units_that_wait(void **state)
{
    (void)state;
    game g;
    game_init(&g, 8, 1, 2, 1);
    g.work.speed = 1000;
    g.work.unit_cost = 10;
    game_start(&g);
    game_act(&g);
    assert_int_equal(g.held[0].count, 8);
    const int32_t first = g.held[0].worker, id = g.held[0].id;
    lsn_sched_silent(g.sched, first);
    for (int32_t e = 0; e < 8; e += 2) {
        g.stored[e] = 1;
        lsn_sched_ended(g.sched, e);
    }
    assert_int_equal(game_act(&g), 1);
    assert_int_equal(g.held[1].worker, 1 - first);
    assert_int_equal(g.held[1].count, 4);
    assert_int_equal(lsn_sched_see(g.sched).parts, 4);
    /* It is not the unit any more that the silent one was given. */
    assert_null(lsn_sched_owed(g.sched, first, id));
    assert_false(game_done(&g, 0, 1));
    assert_true(game_done(&g, 0, 1));
    assert_true(g.finished);
    assert_int_equal(g.ending, LSN_COMPLETE);
    game_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dearest_evaluations_go_first),
        cmocka_unit_test(what_is_stored_is_left_out),
        cmocka_unit_test(a_worker_keeps_its_block),
        cmocka_unit_test(what_ended_is_not_given_again),
        cmocka_unit_test(what_ended_is_taken_out_of_units_that_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
