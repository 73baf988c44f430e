/* Units that are given a second time towards the end. */
#include "game.h"

/* One worker is given all there is, at time 0, at speed 1; then the other joins. */
static void begin(game *g, int32_t held, int32_t evaluations)
{
    lsn_error err;
    game_init(g, evaluations, 1, 2, held);
    g->work.speed = 1;
    g->work.unit_cost = 1;
    g->sched = lsn_sched_create(&g->work, &err);
    lsn_sched_time(g->sched, 0);
    lsn_sched_joined(g->sched, 0);
    game_act(g);
    lsn_sched_joined(g->sched, 1);
}

static void a_reserve_is_taken_by_who_is_idle(void **state)
{
    (void)state;
    game g;
    begin(&g, 2, 2);
    assert_int_equal(g.n_held, 2);
    const int32_t reserve = g.held[1].id;
    game_act(&g);
    assert_int_equal(g.n_held, 3);
    assert_int_equal(g.held[2].worker, 1);
    assert_int_equal(g.held[2].id, reserve);
    assert_int_equal(g.cancels, 1);
    assert_int_equal(g.cancelled_worker, 0);
    assert_int_equal(g.cancelled_id, reserve);
    game_dropped(&g, 1);
    assert_true(game_done(&g, 1, 2));
    assert_true(game_done(&g, 0, 2));
    assert_true(g.finished);
    game_finish(&g);
}

static void without_a_clock_nothing_is_given_twice(void **state)
{
    (void)state;
    game g;
    game_init(&g, 1, 1, 2, 1);
    g.work.speed = 1;
    game_start(&g);
    assert_int_equal(game_act(&g), 1);
    game_finish(&g);
}

static void what_is_late_is_given_again(void **state)
{
    (void)state;
    game g;
    begin(&g, 1, 1);
    assert_int_equal(g.held[0].count, 1);
    assert_int_equal(game_act(&g), 0); /* it ends at 2 s: nobody would be sooner */
    game_time(&g, 2.9);
    assert_int_equal(g.n_held, 1);
    game_time(&g, 3.1); /* half as long again */
    assert_int_equal(g.n_held, 2);
    assert_int_equal(g.held[1].worker, 1);
    assert_int_equal(g.held[1].id, g.held[0].id);
    game_time(&g, 100);
    assert_int_equal(g.n_held, 2); /* two are enough */
    assert_true(game_done(&g, 1, 2));
    assert_true(g.finished);
    assert_false(game_done(&g, 0, 100));
    game_finish(&g);
}

/* A worker of a tenth of the speed has just begun; one of full speed ends its own. */
static void a_faster_worker_takes_over(void **state)
{
    (void)state;
    game g;
    game_init(&g, 64, 1, 2, 1);
    game_start(&g);
    game_time(&g, 0);
    double ends_s[2] = {0, 0};
    static const double speed[2] = {0.1, 1};
    for (int32_t w = 0; w < 2; w++)
        ends_s[w] = g.held[game_first(&g, w)].cost / speed[w];
    int32_t twice = 0;
    while (!g.finished) {
        int32_t w = game_first(&g, 1) >= 0 && (game_first(&g, 0) < 0 || ends_s[1] <= ends_s[0]) ? 1 : 0;
        const int32_t index = game_first(&g, w);
        const double took_s = g.held[index].cost / speed[w];
        lsn_sched_time(g.sched, ends_s[w]);
        g.now_s = ends_s[w];
        game_done(&g, index, took_s);
        for (int32_t v = 0; v < 2; v++)
            if (game_first(&g, v) >= 0 && (v == w || ends_s[v] < g.now_s))
                ends_s[v] = g.now_s + g.held[game_first(&g, v)].cost / speed[v];
        if (g.n_held == 2)
            twice += g.held[0].id == g.held[1].id;
    }
    assert_true(game_complete(&g));
    assert_true(g.now_s < 1.5 * 64 / 1.1 + 10);
    assert_in_range(twice, 0, 3);
    game_finish(&g);
}

static void a_drain_gives_nothing_twice(void **state)
{
    (void)state;
    game g;
    begin(&g, 1, 1);
    game_act(&g);
    lsn_sched_drain(g.sched);
    game_time(&g, 1000);
    assert_int_equal(g.n_held, 1);
    game_finish(&g);
}

/* The second holder dies, or the first. */
static void one_of_two_holders_may_die(void **state)
{
    (void)state;
    for (int32_t dies = 0; dies < 2; dies++) {
        game g;
        begin(&g, 1, 1);
        game_time(&g, 4);
        assert_int_equal(g.n_held, 2);
        lsn_sched_lost(g.sched, dies);
        game_forget(&g, dies);
        game_act(&g);
        assert_false(g.finished);
        assert_true(game_done(&g, 0, 3));
        assert_true(g.finished);
        assert_int_equal(g.ending, LSN_COMPLETE);
        game_finish(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reserve_is_taken_by_who_is_idle), cmocka_unit_test(without_a_clock_nothing_is_given_twice),
        cmocka_unit_test(what_is_late_is_given_again),       cmocka_unit_test(a_faster_worker_takes_over),
        cmocka_unit_test(a_drain_gives_nothing_twice),       cmocka_unit_test(one_of_two_holders_may_die),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
