/* Who is served first, and what is remembered of workers. */
#include "game.h"

static void all_get_one_before_any_gets_two(void **state)
{
    (void)state;
    game g;
    game_init(&g, 1000, 10, 20, 3);
    game_start(&g);
    assert_int_equal(game_act(&g), 60);
    for (int32_t i = 0; i < 60; i++)
        assert_int_equal(g.held[i].worker, i % 20);
    game_finish(&g);
}

static void who_is_not_there_gets_nothing(void **state)
{
    (void)state;
    game g;
    lsn_error err;
    game_init(&g, 100, 2, 3, 2);
    g.sched = lsn_sched_create(&g.work, &err);
    assert_int_equal(game_act(&g), 0);
    lsn_sched_heard(g.sched, 0); /* never joined */
    lsn_sched_silent(g.sched, 1);
    assert_int_equal(game_act(&g), 0);
    lsn_sched_joined(g.sched, 2);
    assert_int_equal(game_act(&g), 2);
    assert_int_equal(g.held[0].worker, 2);
    lsn_sched_joined(g.sched, 2); /* it is there already: nothing changes */
    assert_int_equal(game_act(&g), 0);
    assert_int_equal(lsn_sched_see(g.sched).workers, 1);
    game_play(&g, 1);
    assert_true(game_complete(&g));
    game_finish(&g);
}

static void a_worker_may_come_late(void **state)
{
    (void)state;
    game g;
    lsn_error err;
    game_init(&g, 1000, 4, 2, 1);
    g.sched = lsn_sched_create(&g.work, &err);
    lsn_sched_joined(g.sched, 0);
    game_act(&g);
    for (int round = 0; round < 20; round++)
        game_done(&g, 0, g.held[0].cost);
    lsn_sched_joined(g.sched, 1);
    assert_int_equal(game_act(&g), 1);
    assert_int_equal(g.held[1].worker, 1);
    game_play(&g, 1);
    assert_true(game_complete(&g));
    game_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_get_one_before_any_gets_two),
        cmocka_unit_test(who_is_not_there_gets_nothing),
        cmocka_unit_test(a_worker_may_come_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
