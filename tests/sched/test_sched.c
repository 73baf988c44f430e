/* The scheduler, driven through seeded histories: whatever the order of events, each part is given out exactly once,
 * nothing is given out after a drain, and it always ends. */
#include "lesion/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct history {
    lsn_sched_work work;
    double *cost;
    unsigned char *stored; /* [evaluations][blocks]: what a database would have */
    unsigned char *given;
    int64_t missing;
} history;

static size_t part(const history *h, int32_t evaluation, int32_t block)
{
    return (size_t)evaluation * (size_t)h->work.n_blocks + (size_t)block;
}

static bool is_stored(void *context, int32_t evaluation, int32_t block)
{
    const history *h = context;
    return h->stored[part(h, evaluation, block)];
}

static void history_init(history *h, int32_t evaluations, int32_t blocks, int32_t workers, int32_t held)
{
    *h = (history){.work = {.n_evaluations = evaluations,
                            .n_blocks = blocks,
                            .n_workers = workers,
                            .unit_cost = 1,
                            .unit_s = 2,
                            .held = held,
                            .has = is_stored}};
    h->cost = calloc((size_t)evaluations, sizeof *h->cost);
    h->stored = calloc((size_t)evaluations, (size_t)blocks);
    h->given = calloc((size_t)evaluations, (size_t)blocks);
    assert_true(h->cost != NULL && h->stored != NULL && h->given != NULL);
    for (int32_t e = 0; e < evaluations; e++)
        h->cost[e] = 1;
    h->work.cost = h->cost;
    h->work.context = h;
}

static void history_finish(history *h)
{
    free(h->cost);
    free(h->stored);
    free(h->given);
}

/* The worker's end of an assignment. */
typedef struct holding {
    int32_t unit, worker, block, count;
    int32_t *evaluations;
} holding;

static void take(history *h, const lsn_unit *unit, holding *into)
{
    *into = (holding){unit->id, unit->worker, unit->block, unit->count, malloc((size_t)unit->count * sizeof(int32_t))};
    assert_non_null(into->evaluations);
    assert_true(unit->count > 0);
    memcpy(into->evaluations, unit->evaluations, (size_t)unit->count * sizeof(int32_t));
    for (int32_t i = 0; i < unit->count; i++) {
        size_t p = part(h, unit->evaluations[i], unit->block);
        assert_false(h->given[p]);
        assert_false(h->stored[p]);
        h->given[p] = 1;
    }
}

static void finish_one(history *h, lsn_sched *sched, holding *held, double seconds)
{
    for (int32_t i = 0; i < held->count; i++)
        h->stored[part(h, held->evaluations[i], held->block)] = 1;
    assert_true(lsn_sched_done(sched, held->worker, held->unit, seconds));
    free(held->evaluations);
}

/* Plays until LSN_FINISH: units end in random order; with `drain_after` >= 0 a drain is asked for after so many. */
static int32_t play(history *h, lsn_random *random, int32_t drain_after)
{
    lsn_error err;
    lsn_sched *sched = lsn_sched_create(&h->work, &err);
    assert_non_null(sched);
    for (int32_t w = 0; w < h->work.n_workers; w++)
        lsn_sched_joined(sched, w);
    holding held[64];
    int32_t n_held = 0, done = 0, of_worker[16] = {0};
    for (bool finished = false; !finished;) {
        lsn_action action;
        while (!finished && lsn_sched_next(sched, &action, &err)) {
            if (action.kind == LSN_FINISH) {
                finished = true;
                continue;
            }
            assert_true(drain_after < 0 || done < drain_after);
            take(h, action.unit, &held[n_held++]);
            assert_true(++of_worker[action.unit->worker] <= h->work.held);
        }
        if (finished)
            break;
        assert_true(n_held > 0);
        int32_t pick = (int32_t)lsn_random_below(random, (uint64_t)n_held);
        of_worker[held[pick].worker]--;
        finish_one(h, sched, &held[pick], 0.01 * (1 + (double)lsn_random_below(random, 300)));
        held[pick] = held[--n_held];
        if (++done == drain_after)
            lsn_sched_drain(sched);
    }
    assert_int_equal(n_held, 0);
    lsn_action action;
    assert_false(lsn_sched_next(sched, &action, &err));
    lsn_sched_destroy(sched);
    return done;
}

static bool everything_stored(const history *h)
{
    size_t parts = (size_t)h->work.n_evaluations * (size_t)h->work.n_blocks;
    for (size_t p = 0; p < parts; p++)
        if (!h->stored[p])
            return false;
    return true;
}

/* Random sizes, costs, databases that hold a part already, ends in any order, a drain and a resumption. */
static void each_part_is_computed_exactly_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        lsn_random random;
        lsn_random_init(&random, seed, 0);
        history h;
        history_init(&h, 1 + (int32_t)lsn_random_below(&random, 60), 1 + (int32_t)lsn_random_below(&random, 5),
                     1 + (int32_t)lsn_random_below(&random, 8), 1 + (int32_t)lsn_random_below(&random, 3));
        h.work.by_block = seed % 2 == 1;
        for (int32_t e = 0; e < h.work.n_evaluations; e++)
            h.cost[e] = 0.01 + (double)lsn_random_below(&random, 100);
        size_t parts = (size_t)h.work.n_evaluations * (size_t)h.work.n_blocks;
        for (size_t p = 0; p < parts; p++)
            h.stored[p] = lsn_random_below(&random, 4) == 0;
        play(&h, &random, 1 + (int32_t)lsn_random_below(&random, 6));
        memset(h.given, 0, parts);
        play(&h, &random, -1);
        assert_true(everything_stored(&h));
        history_finish(&h);
    }
}

static void a_stopped_sweep_leaves_whole_results(void **state)
{
    (void)state;
    history h;
    history_init(&h, 100, 10, 2, 2);
    lsn_random random;
    lsn_random_init(&random, 1, 0);
    play(&h, &random, 45);
    int32_t whole = 0, begun = 0;
    for (int32_t e = 0; e < 100; e++) {
        int32_t blocks = 0;
        for (int32_t b = 0; b < 10; b++)
            blocks += h.stored[part(&h, e, b)];
        whole += blocks == 10;
        begun += blocks > 0;
    }
    assert_true(whole > 0);
    assert_true(begun - whole <= begun / 2);
    history_finish(&h);
}

/* Where evaluations end early: every evaluation is given a block before any is given the next, those that ended are not
 * given any more, and what they would have cost is no longer counted. */
static void what_ended_is_not_given_again(void **state)
{
    (void)state;
    enum { EVALUATIONS = 200, BLOCKS = 7, ENDS_AFTER = 3 };
    history h;
    lsn_error err;
    history_init(&h, EVALUATIONS, BLOCKS, 2, 2);
    h.work.by_block = true;
    lsn_sched *sched = lsn_sched_create(&h.work, &err);
    lsn_sched_joined(sched, 0);
    lsn_sched_joined(sched, 1);
    assert_int_equal(lsn_sched_see(sched).parts, EVALUATIONS * BLOCKS);
    int32_t block = 0, fullest = 0;
    int64_t given = 0;
    lsn_action action;
    while (lsn_sched_next(sched, &action, &err) && action.kind == LSN_ASSIGN) {
        holding held;
        take(&h, action.unit, &held);
        given += held.count;
        assert_true(held.block >= block);
        block = held.block;
        if (block == ENDS_AFTER && held.count > fullest)
            fullest = held.count;
        for (int32_t i = 0; i < held.count; i++) {
            int32_t e = held.evaluations[i];
            if (e % 10 == 0 || held.block < ENDS_AFTER - 1)
                continue;
            assert_int_equal(held.block, ENDS_AFTER - 1);
            for (int32_t b = 0; b < BLOCKS; b++)
                h.stored[part(&h, e, b)] = 1;
            lsn_sched_ended(sched, e);
        }
        finish_one(&h, sched, &held, 1e-6);
    }
    assert_int_equal(action.kind, LSN_FINISH);
    assert_true(everything_stored(&h));
    const lsn_sched_progress seen = lsn_sched_see(sched);
    assert_int_equal(given, EVALUATIONS / 10 * BLOCKS + (EVALUATIONS - EVALUATIONS / 10) * ENDS_AFTER);
    assert_int_equal(seen.parts, given);
    assert_int_equal(seen.parts_done, given);
    assert_true(seen.cost > 0.999 * seen.cost_done && seen.cost < 1.001 * seen.cost_done);
    assert_true(fullest > 5); /* those that are left share units */
    lsn_sched_destroy(sched);
    history_finish(&h);
}

static void nothing_to_do_finishes_at_once(void **state)
{
    (void)state;
    history h;
    history_init(&h, 3, 2, 4, 2);
    memset(h.stored, 1, 6);
    lsn_random random;
    lsn_random_init(&random, 1, 0);
    assert_int_equal(play(&h, &random, -1), 0);
    history_finish(&h);
}

static void dearest_evaluations_go_first(void **state)
{
    (void)state;
    history h;
    lsn_error err;
    history_init(&h, 40, 1, 1, 1);
    for (int32_t e = 0; e < 40; e++)
        h.cost[e] = 1 + e;
    lsn_sched *sched = lsn_sched_create(&h.work, &err);
    lsn_sched_joined(sched, 0);
    lsn_action action;
    assert_true(lsn_sched_next(sched, &action, &err));
    assert_int_equal(action.unit->evaluations[0], 39);
    lsn_sched_destroy(sched);
    history_finish(&h);
}

static void units_follow_the_speed_seen(void **state)
{
    (void)state;
    history h;
    lsn_error err;
    history_init(&h, 10000, 1, 1, 1);
    h.work.unit_cost = 0.5;
    lsn_sched *sched = lsn_sched_create(&h.work, &err);
    lsn_sched_joined(sched, 0);
    lsn_action action;
    assert_true(lsn_sched_next(sched, &action, &err));
    /* A second for each evaluation's cost: two seconds hold few; ten times as fast, they hold more. */
    double cost = action.unit->cost;
    lsn_sched_done(sched, 0, action.unit->id, cost / 100);
    assert_true(lsn_sched_next(sched, &action, &err));
    int32_t slow = action.unit->count;
    assert_in_range(slow, 100, 200);
    lsn_sched_done(sched, 0, action.unit->id, 0.01);
    assert_true(lsn_sched_next(sched, &action, &err));
    assert_true(action.unit->count > slow);
    assert_true(lsn_sched_unit_s(sched) > 0);
    lsn_sched_destroy(sched);
    history_finish(&h);
}

static void units_shrink_towards_the_end(void **state)
{
    (void)state;
    history h;
    lsn_error err;
    history_init(&h, 2000, 1, 4, 1);
    h.work.unit_cost = 0.01;
    lsn_sched *sched = lsn_sched_create(&h.work, &err);
    for (int32_t w = 0; w < 4; w++)
        lsn_sched_joined(sched, w);
    int32_t largest = 0, last = 0;
    lsn_action action;
    while (lsn_sched_next(sched, &action, &err) || lsn_sched_see(sched).in_flight > 0) {
        if (action.kind == LSN_FINISH)
            break;
        largest = action.unit->count > largest ? action.unit->count : largest;
        last = action.unit->count;
        lsn_sched_done(sched, action.unit->worker, action.unit->id, action.unit->cost / 1e6);
    }
    assert_true(last * 10 < largest);
    lsn_sched_destroy(sched);
    history_finish(&h);
}

static void a_result_nobody_owes_is_refused(void **state)
{
    (void)state;
    history h;
    lsn_error err;
    history_init(&h, 4, 1, 2, 1);
    lsn_sched *sched = lsn_sched_create(&h.work, &err);
    lsn_sched_joined(sched, 0);
    lsn_action action;
    assert_true(lsn_sched_next(sched, &action, &err));
    int32_t id = action.unit->id;
    assert_false(lsn_sched_done(sched, 1, id, 1));
    assert_false(lsn_sched_done(sched, 0, id + 1, 1));
    assert_true(lsn_sched_done(sched, 0, id, 1));
    assert_false(lsn_sched_done(sched, 0, id, 1));
    assert_int_equal(lsn_sched_see(sched).parts_done, 4);
    lsn_sched_destroy(sched);
    history_finish(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_is_computed_exactly_once), cmocka_unit_test(a_stopped_sweep_leaves_whole_results),
        cmocka_unit_test(nothing_to_do_finishes_at_once),     cmocka_unit_test(dearest_evaluations_go_first),
        cmocka_unit_test(units_follow_the_speed_seen),        cmocka_unit_test(units_shrink_towards_the_end),
        cmocka_unit_test(a_result_nobody_owes_is_refused),    cmocka_unit_test(what_ended_is_not_given_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
