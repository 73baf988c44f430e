/* Groups of evaluations, and the care with which they are given to many workers. */
#include "game.h"

/* Units in flight that hold the evaluation. */
static int32_t exposed(const game *g, int32_t evaluation)
{
    int32_t units = 0;
    for (int32_t i = 0; i < g->n_held; i++)
        units += game_holds(&g->held[i], evaluation);
    return units;
}

static void nothing_untried_goes_to_all(void **state)
{
    (void)state;
    game g;
    game_init(&g, 2000, 400, 64, 1);
    g.work.speed = 1;
    game_start(&g);
    game_act(&g);
    assert_int_equal(g.n_held, 64);
    for (int32_t e = 0; e < 2000; e++)
        assert_true(exposed(&g, e) <= 64 / 8);
    /* Once something came back, the group goes to all; of the next one some units are tried in the meantime. */
    for (int round = 0; round < 640; round++)
        game_done(&g, 0, g.held[0].cost);
    unsigned char tried[2000];
    for (int32_t e = 0; e < 2000; e++) {
        tried[e] = 0;
        for (int32_t b = 0; b < 400; b++)
            tried[e] |= g.stored[e * 400 + b];
    }
    int32_t most = 0;
    for (int round = 0; round < 4000; round++) {
        for (int32_t i = g.n_held - 1; i < g.n_held; i++) {
            const int32_t e = g.held[i].evaluations[0], now = exposed(&g, e);
            most = now > most ? now : most;
            if (!tried[e])
                assert_true(now <= 2);
        }
        for (int32_t i = 0; i < g.held[0].count; i++)
            tried[g.held[0].evaluations[i]] = 1;
        game_done(&g, 0, g.held[0].cost);
    }
    assert_true(most > 32);
    game_finish(&g);
}

/* After a fault a group is given out with care, then freely again. */
static void a_fault_makes_careful_for_a_while(void **state)
{
    (void)state;
    game g;
    game_init(&g, 2000, 4000, 16, 1);
    g.work.speed = 1;
    game_start(&g);
    game_act(&g);
    for (int round = 0; round < 64; round++)
        game_done(&g, 0, g.held[0].cost);
    const int32_t first = g.held[0].evaluations[0];
    assert_true(exposed(&g, first) >= 14);
    lsn_sched_lost(g.sched, 3);
    game_forget(&g, 3);
    game_act(&g);
    game_done(&g, 0, g.held[0].cost);
    assert_true(g.held[g.n_held - 1].evaluations[0] != first || exposed(&g, first) <= 15);
    for (int round = 0; round < 64; round++)
        game_done(&g, 0, g.held[0].cost);
    assert_true(exposed(&g, first) >= 12);
    game_finish(&g);
}

/* Plays with an evaluation that kills whoever computes it; returns how many it killed. */
static int32_t count_deaths(int32_t poison)
{
    game g;
    game_init(&g, 2000, 100, 64, 2);
    g.work.speed = 1;
    game_start(&g);
    game_act(&g);
    int32_t deaths = 0;
    while (!g.finished) {
        assert_true(g.n_held > 0);
        if (!game_holds(&g.held[0], poison)) {
            game_done(&g, 0, g.held[0].cost);
            continue;
        }
        deaths++;
        const int32_t worker = g.held[0].worker;
        lsn_sched_lost(g.sched, worker);
        game_forget(&g, worker);
        game_act(&g);
    }
    assert_int_equal(g.ending, LSN_COMPLETE);
    assert_int_equal(g.n_failed, 1);
    assert_int_equal(g.failed[0], poison);
    assert_true(game_complete(&g));
    game_finish(&g);
    return deaths;
}

static void poison_kills_few(void **state)
{
    (void)state;
    assert_in_range(count_deaths(5), 4, 64 * 2 / 8 + 6); /* of the first units nothing is known */
    assert_in_range(count_deaths(1500), 4, 8);
    assert_in_range(count_deaths(1900), 4, 8);
    assert_in_range(count_deaths(1990), 4, 8); /* where units are cut in pieces */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_untried_goes_to_all),
        cmocka_unit_test(a_fault_makes_careful_for_a_while),
        cmocka_unit_test(poison_kills_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
