/* Workers that die, fall silent or refuse, and evaluations that make them. */
#include "game.h"

/* A worker dies: what it had in hand, and in reserve, goes to others. */
static void what_the_dead_held_is_given_to_others(void **state)
{
    (void)state;
    game g;
    game_init(&g, 60, 4, 3, 2);
    game_start(&g);
    game_act(&g);
    const int32_t in_hand = g.held[game_first(&g, 1)].id;
    lsn_sched_lost(g.sched, 1);
    assert_int_equal(lsn_sched_see(g.sched).workers, 2);
    assert_non_null(lsn_sched_owed(g.sched, 1, in_hand)); /* it may have been on its way */
    game_forget(&g, 1);
    game_play(&g, 1);
    assert_int_equal(g.ending, LSN_COMPLETE);
    assert_true(game_complete(&g));
    assert_int_equal(g.n_failed, 0);
    game_finish(&g);
}

/* The one who was silent sends its result before the one who got the unit after it: the latter's is not needed. */
static void the_first_result_counts(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        game g;
        game_init(&g, 4, 1, 2, 1);
        g.work.unit_cost = 10;
        game_start(&g);
        assert_int_equal(game_act(&g), 1);
        const int32_t silent = g.held[0].worker, other = 1 - silent;
        lsn_sched_silent(g.sched, silent);
        assert_int_equal(game_act(&g), 1);
        assert_int_equal(g.held[1].worker, other);
        assert_int_equal(g.held[1].id, g.held[0].id);
        if (late == 1)
            lsn_sched_heard(g.sched, silent);
        assert_true(game_done(&g, game_first(&g, late == 1 ? other : silent), 1));
        assert_true(g.finished);
        assert_false(game_done(&g, 0, 1));
        assert_int_equal(lsn_sched_see(g.sched).parts_done, 4);
        game_finish(&g);
    }
}

static void who_is_heard_again_keeps_what_nobody_took(void **state)
{
    (void)state;
    game g;
    game_init(&g, 100, 2, 1, 2);
    game_start(&g);
    assert_int_equal(game_act(&g), 2);
    lsn_sched_silent(g.sched, 0);
    assert_int_equal(game_act(&g), 0);
    assert_int_equal(lsn_sched_see(g.sched).in_flight, 0);
    lsn_sched_heard(g.sched, 0);
    assert_int_equal(game_act(&g), 0); /* it holds two */
    assert_int_equal(lsn_sched_see(g.sched).in_flight, 2);
    game_play(&g, 1);
    assert_true(game_complete(&g));
    game_finish(&g);
}

/* What a silent worker held was computed by another: it is told when it is heard again. */
static void who_is_heard_again_learns_what_is_over(void **state)
{
    (void)state;
    game g;
    game_init(&g, 100, 1, 2, 1);
    g.work.unit_cost = 10;
    game_start(&g);
    game_act(&g);
    const int32_t silent = g.held[0].worker, id = g.held[0].id;
    lsn_sched_silent(g.sched, silent);
    game_done(&g, game_first(&g, 1 - silent), 1); /* and it gets the silent one's unit */
    assert_true(game_done(&g, game_first(&g, 1 - silent), 1));
    assert_int_equal(g.cancels, 0);
    lsn_sched_heard(g.sched, silent);
    game_act(&g);
    assert_int_equal(g.cancels, 1);
    assert_int_equal(g.cancelled_worker, silent);
    assert_int_equal(g.cancelled_id, id);
    game_dropped(&g, game_first(&g, silent));
    assert_true(game_first(&g, silent) >= 0); /* and gets another */
    game_play(&g, 1);
    assert_true(game_complete(&g));
    game_finish(&g);
}

static void a_new_process_holds_nothing(void **state)
{
    (void)state;
    game g;
    game_init(&g, 100, 2, 2, 2);
    game_start(&g);
    game_act(&g);
    lsn_sched_lost(g.sched, 0);
    game_act(&g);
    game_forget(&g, 0);
    lsn_sched_joined(g.sched, 0);
    assert_int_equal(game_act(&g), 2);
    game_play(&g, 1);
    assert_true(game_complete(&g));
    game_finish(&g);
}

/* Plays until the end, `poison` killing, or, with `refused`, making refuse, whoever computes it; dead workers come back
 * as new processes. Returns how often that happened. */
static int32_t play_poison(game *g, int32_t poison, bool refused)
{
    int32_t times = 0;
    game_act(g);
    while (!g->finished) {
        assert_true(g->n_held > 0 && times < 1000);
        const int32_t worker = g->held[0].worker, index = game_first(g, worker);
        if (!game_holds(&g->held[index], poison)) {
            game_done(g, index, g->held[index].cost);
            continue;
        }
        times++;
        if (refused) {
            game_refused(g, index);
            continue;
        }
        lsn_sched_lost(g->sched, worker);
        game_forget(g, worker);
        lsn_sched_joined(g->sched, worker);
        game_act(g);
    }
    return times;
}

static void only_the_guilty_evaluation_is_given_up(void **state)
{
    (void)state;
    for (int way = 0; way < 8; way++) {
        game g;
        game_init(&g, 300, way & 1 ? 9 : 1, way & 2 ? 6 : 1, 2);
        g.work.by_block = (way & 4) != 0;
        g.work.speed = 1;
        game_start(&g);
        const int32_t deaths = play_poison(&g, 123, false);
        assert_int_equal(g.ending, LSN_COMPLETE);
        assert_int_equal(g.n_failed, 1);
        assert_int_equal(g.failed[0], 123);
        assert_true(game_complete(&g));
        assert_int_equal(lsn_sched_see(g.sched).failed, 1);
        assert_int_equal(lsn_sched_see(g.sched).parts, lsn_sched_see(g.sched).parts_done);
        /* Two in the whole unit, one in a part, two alone; and those who computed it on other blocks meanwhile. */
        assert_in_range(deaths, 4, g.work.n_workers == 1 ? 6 : 20);
        assert_in_range(g.faults[0], 4, 6);
        game_finish(&g);
    }
}

static void only_the_evaluation_that_cannot_be_computed_is_given_up(void **state)
{
    (void)state;
    for (int way = 0; way < 8; way++) {
        game g;
        game_init(&g, 300, way & 1 ? 9 : 1, way & 2 ? 6 : 1, 2);
        g.work.by_block = (way & 4) != 0;
        game_start(&g);
        play_poison(&g, 200, true);
        assert_int_equal(g.ending, LSN_COMPLETE);
        assert_int_equal(g.n_failed, 1);
        assert_int_equal(g.failed[0], 200);
        assert_true(game_complete(&g));
        game_finish(&g);
    }
}

/* A worker dies again and again: each time it is the first of its units that was in hand. */
static void units_in_reserve_are_innocent(void **state)
{
    (void)state;
    game g;
    game_init(&g, 6, 1, 1, 3);
    g.work.unit_cost = 0;
    for (int32_t e = 0; e < 6; e++)
        g.cost[e] = 10 - e;
    game_start(&g);
    assert_int_equal(game_act(&g), 3);
    int32_t deaths = 0;
    for (; !g.finished && deaths < 100; deaths++) {
        assert_int_equal(g.held[0].count, 1);
        lsn_sched_lost(g.sched, 0);
        game_forget(&g, 0);
        lsn_sched_joined(g.sched, 0);
        game_act(&g);
        assert_true(2 * g.n_failed <= deaths + 1);
    }
    assert_int_equal(deaths, 12); /* two for each evaluation */
    game_finish(&g);
}

/* However often the same worker falls silent over a unit, that is one fault. */
static void a_worker_blames_a_unit_once(void **state)
{
    (void)state;
    game g;
    game_init(&g, 8, 1, 1, 1);
    g.work.unit_cost = 10;
    game_start(&g);
    game_act(&g);
    for (int times = 0; times < 5; times++) {
        lsn_sched_silent(g.sched, 0);
        game_act(&g);
        lsn_sched_heard(g.sched, 0);
        assert_int_equal(game_act(&g), 0);
    }
    assert_non_null(lsn_sched_owed(g.sched, 0, g.held[0].id)); /* it is whole */
    assert_true(game_done(&g, 0, 1));
    assert_true(g.finished);
    game_finish(&g);
}

static void too_many_failures_end_it(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        game g;
        game_init(&g, 40, 2, 2, 1);
        g.work.fail_fast = way == 0;
        g.work.max_failures = way == 1 ? 3 : 0;
        game_start(&g);
        game_act(&g);
        while (!g.finished) /* everything is refused, by both */
            game_refused(&g, 0);
        assert_int_equal(g.ending, LSN_TOO_MANY_FAILED);
        assert_int_equal(g.n_failed, way == 0 ? 1 : 4);
        game_finish(&g);
    }
}

/* Of those that were computed when runs died, who died thrice, twice alone; they count for no limit of failures. */
static void what_runs_died_of_is_given_up_at_once(void **state)
{
    (void)state;
    static const lsn_sched_deaths deaths[] = {{1, 3, 2, 0}, {3, 9, 1, 1}, {4, 2, 2, 0}, {5, 4, 3, 0}, {6, 3, 2, 1}};
    game g;
    game_init(&g, 8, 2, 2, 1);
    g.work.deaths = deaths;
    g.work.n_deaths = sizeof deaths / sizeof *deaths;
    g.work.fail_fast = true;
    g.stored[10] = g.stored[11] = 1; /* 5 is complete */
    game_start(&g);
    game_act(&g);
    assert_int_equal(g.n_failed, 2);
    assert_int_equal(g.failed[0], 1);
    assert_int_equal(g.failed[1], 6);
    assert_int_equal(lsn_sched_see(g.sched).parts, 10);
    game_play(&g, 1);
    assert_true(g.finished);
    assert_int_equal(g.ending, LSN_COMPLETE);
    for (int32_t p = 0; p < 16; p++)
        assert_int_equal(g.stored[p], p / 2 != 1 && p / 2 != 6);
    game_finish(&g);
}

static void what_one_refused_another_gets(void **state)
{
    (void)state;
    game g;
    game_init(&g, 8, 1, 3, 1);
    g.work.unit_cost = 10; /* one unit */
    game_start(&g);
    game_act(&g);
    assert_int_equal(g.n_held, 1);
    const int32_t refuser = g.held[0].worker;
    game_refused(&g, 0);
    assert_int_equal(g.n_held, 1);
    assert_int_not_equal(g.held[0].worker, refuser);
    game_done(&g, 0, 1);
    assert_true(g.finished);
    game_finish(&g);
}

/* Two workers that compute nothing must neither swallow the sweep nor condemn what they refuse. */
static void sick_workers_are_left_alone(void **state)
{
    (void)state;
    game g;
    game_init(&g, 300, 20, 8, 2);
    g.work.speed = 1;
    game_start(&g);
    game_act(&g);
    int32_t refused = 0;
    while (!g.finished) {
        int32_t sick = game_first(&g, 2);
        sick = sick >= 0 ? sick : game_first(&g, 5);
        if (sick >= 0) {
            refused++;
            game_refused(&g, sick);
        } else {
            assert_true(g.n_held > 0);
            game_done(&g, 0, g.held[0].cost);
        }
    }
    assert_in_range(refused, 2, 12);
    assert_int_equal(g.n_failed, 0);
    assert_true(game_complete(&g));
    game_finish(&g);
}

/* ... but may have been sick for a while only. */
static void sick_workers_are_tried_again(void **state)
{
    (void)state;
    game g;
    game_init(&g, 3000, 20, 4, 1);
    g.work.speed = 1;
    game_start(&g);
    game_time(&g, 0);
    int32_t refused = 0;
    while (game_first(&g, 1) >= 0 && ++refused < 100) {
        game_refused(&g, game_first(&g, 1));
        game_done(&g, game_first(&g, 0), 1);
    }
    assert_in_range(refused, 1, 10);
    game_time(&g, 299);
    assert_true(game_first(&g, 1) < 0);
    game_time(&g, 1000);
    assert_true(game_first(&g, 1) >= 0);
    game_done(&g, game_first(&g, 1), 1);
    assert_true(game_first(&g, 1) >= 0);
    game_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_dead_held_is_given_to_others),
        cmocka_unit_test(the_first_result_counts),
        cmocka_unit_test(who_is_heard_again_keeps_what_nobody_took),
        cmocka_unit_test(who_is_heard_again_learns_what_is_over),
        cmocka_unit_test(a_new_process_holds_nothing),
        cmocka_unit_test(only_the_guilty_evaluation_is_given_up),
        cmocka_unit_test(only_the_evaluation_that_cannot_be_computed_is_given_up),
        cmocka_unit_test(units_in_reserve_are_innocent),
        cmocka_unit_test(a_worker_blames_a_unit_once),
        cmocka_unit_test(too_many_failures_end_it),
        cmocka_unit_test(what_runs_died_of_is_given_up_at_once),
        cmocka_unit_test(what_one_refused_another_gets),
        cmocka_unit_test(sick_workers_are_left_alone),
        cmocka_unit_test(sick_workers_are_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
