/* How large units are. */
#include "game.h"

static void units_follow_the_speed_seen(void **state)
{
    (void)state;
    game g;
    game_init(&g, 10000, 1, 1, 1);
    g.work.unit_cost = 0.5;
    game_start(&g);
    game_act(&g);
    const int32_t first = g.held[0].count;
    assert_in_range(first, 1, 20); /* nothing is known */
    assert_true(lsn_sched_unit_s(g.sched) == 0);
    game_done(&g, 0, g.held[0].cost / 100); /* 100 a second: two seconds hold 200 */
    assert_in_range(g.held[0].count, 190, 200);
    assert_true(lsn_sched_unit_s(g.sched) > 1.9 && lsn_sched_unit_s(g.sched) < 2.1);
    game_done(&g, 0, g.held[0].cost / 1000);
    assert_in_range(g.held[0].count, 400, 2000);
    game_finish(&g);
}

static void a_speed_known_beforehand_makes_the_first_unit_whole(void **state)
{
    (void)state;
    game g;
    game_init(&g, 10000, 1, 1, 1);
    g.work.unit_cost = 0.5;
    g.work.speed = 100;
    game_start(&g);
    game_act(&g);
    assert_in_range(g.held[0].count, 190, 200);
    game_finish(&g);
}

/* Passes of the intact network in the second unit, where a pass takes `pass_s` and 2 s are wanted. */
static double passes(double pass_s)
{
    game g;
    game_init(&g, 100000, 1, 1, 1);
    g.work.unit_cost = 100 * pass_s;
    g.work.speed = 100;
    game_start(&g);
    game_act(&g);
    const double cost = g.held[0].cost;
    game_finish(&g);
    return cost / (100 * pass_s);
}

static void a_unit_is_many_passes_of_the_network(void **state)
{
    (void)state;
    assert_true(passes(0.01) > 190 && passes(0.01) <= 200.1); /* 2 s */
    assert_true(passes(0.2) > 60 && passes(0.2) <= 64.1);     /* 64 passes, 13 s */
    assert_true(passes(1) > 47 && passes(1) <= 48.1);         /* 24 x 2 s */
    assert_true(passes(4) > 15 && passes(4) <= 16.1);         /* 16 passes */
}

static void units_shrink_towards_the_end(void **state)
{
    (void)state;
    game g;
    game_init(&g, 2000, 1, 4, 1);
    g.work.unit_cost = 0.01;
    game_start(&g);
    game_act(&g);
    int32_t largest = 0, last = 0;
    while (!g.finished) {
        last = g.held[g.n_held - 1].count;
        largest = last > largest ? last : largest;
        game_done(&g, 0, g.held[0].cost / 1000);
    }
    assert_true(largest > 100);
    assert_true(last * 10 < largest);
    game_finish(&g);
}

/* A worker that is five times slower gets units that take it as long as the others' take them. */
static void slow_workers_get_small_units(void **state)
{
    (void)state;
    game g;
    game_init(&g, 4000, 20, 4, 1);
    g.work.unit_cost = 0.5;
    g.work.speed = 100;
    game_start(&g);
    game_act(&g);
    double cost[4] = {0};
    int32_t units[4] = {0};
    for (int round = 0; round < 60; round++) {
        const int32_t w = g.held[0].worker;
        if (round >= 20) {
            cost[w] += g.held[0].cost;
            units[w]++;
        }
        game_done(&g, 0, g.held[0].cost / (w == 0 ? 20 : 100));
    }
    const double slow = cost[0] / units[0], fast = cost[1] / units[1];
    assert_true(fast / slow > 3 && fast / slow < 8);
    game_play(&g, 100);
    assert_true(game_complete(&g));
    game_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_follow_the_speed_seen),
        cmocka_unit_test(a_speed_known_beforehand_makes_the_first_unit_whole),
        cmocka_unit_test(a_unit_is_many_passes_of_the_network),
        cmocka_unit_test(units_shrink_towards_the_end),
        cmocka_unit_test(slow_workers_get_small_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
