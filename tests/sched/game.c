/* The scheduler played against by a test: units are held, answered and checked. */
#include "game.h"

static size_t part(const game *g, int32_t evaluation, int32_t block)
{
    return (size_t)evaluation * (size_t)g->work.n_blocks + (size_t)block;
}

void game_init(game *g, int32_t evaluations, int32_t blocks, int32_t workers, int32_t held)
{
    assert_true(workers <= GAME_WORKERS);
    memset(g, 0, sizeof *g);
    g->work = (lsn_sched_work){.n_evaluations = evaluations,
                               .n_blocks = blocks,
                               .n_workers = workers,
                               .unit_cost = 1,
                               .unit_s = 2,
                               .held = held};
    g->cost = calloc((size_t)evaluations, sizeof *g->cost);
    g->stored = calloc((size_t)evaluations, (size_t)blocks);
    g->stored_of = calloc((size_t)evaluations, sizeof *g->stored_of);
    g->parts = calloc(part(g, evaluations, 0) / 64 + 1, sizeof *g->parts);
    assert_true(g->cost != NULL && g->stored != NULL && g->stored_of != NULL && g->parts != NULL);
    for (int32_t e = 0; e < evaluations; e++)
        g->cost[e] = 1;
    g->work.cost = g->cost;
}

void game_create(game *g)
{
    lsn_error err = {0};
    memset(g->stored_of, 0, (size_t)g->work.n_evaluations * sizeof *g->stored_of);
    for (size_t p = 0; p < part(g, g->work.n_evaluations, 0); p++) {
        g->stored_of[p / (size_t)g->work.n_blocks] += g->stored[p] != 0;
        g->parts[p / 64] |= (uint64_t)(g->stored[p] != 0) << p % 64;
    }
    if (g->unwanted > 0)
        g->stored_of[g->unwanted] = g->work.n_blocks;
    g->work.stored = g->stored_of;
    g->work.parts = g->parts;
    g->sched = lsn_sched_create(&g->work, &err);
    assert_non_null(g->sched);
}

void game_start(game *g)
{
    game_create(g);
    for (int32_t w = 0; w < g->work.n_workers; w++)
        lsn_sched_joined(g->sched, w);
}

void game_finish(game *g)
{
    for (int32_t i = 0; i < g->n_held; i++)
        free(g->held[i].evaluations);
    lsn_sched_destroy(g->sched);
    free(g->cost);
    free(g->stored);
    free(g->stored_of);
    free(g->parts);
}

/* ---- actions ------------------------------------------------------------------------------------------------- */

static void take(game *g, const lsn_action *action)
{
    const lsn_unit *unit = action->unit;
    assert_true(unit->count > 0);
    assert_int_equal(unit->worker, action->worker);
    assert_ptr_equal(lsn_sched_owed(g->sched, action->worker, unit->id), unit);
    assert_true(g->n_held < GAME_HELD);
    assert_true(++g->of_worker[action->worker] <= g->work.held);
    holding *held = &g->held[g->n_held++];
    *held = (holding){unit->id, action->worker, unit->block, unit->count, unit->cost, NULL};
    held->evaluations = malloc((size_t)unit->count * sizeof *held->evaluations);
    assert_non_null(held->evaluations);
    memcpy(held->evaluations, unit->evaluations, (size_t)unit->count * sizeof *held->evaluations);
    double cost = g->work.unit_cost;
    for (int32_t i = 0; i < unit->count; i++) {
        assert_false(g->stored[part(g, unit->evaluations[i], unit->block)]);
        cost += g->cost[unit->evaluations[i]];
    }
    assert_true(cost > 0.999 * unit->cost && cost < 1.001 * unit->cost);
}

int32_t game_act(game *g)
{
    int32_t assigned = 0;
    lsn_action action;
    lsn_error err = {0};
    while (lsn_sched_next(g->sched, &action, &err)) {
        assert_false(g->finished);
        if (action.kind == LSN_ASSIGN) {
            take(g, &action);
            assigned++;
        } else if (action.kind == LSN_CANCEL) {
            g->cancels++;
            g->cancelled_worker = action.worker;
            g->cancelled_id = action.id;
        } else if (action.kind == LSN_FAIL) {
            g->failed[g->n_failed] = action.evaluation;
            g->faults[g->n_failed++] = action.faults;
        } else {
            g->finished = true;
            g->ending = action.ending;
        }
    }
    assert_int_equal(err.code, LSN_OK);
    return assigned;
}

/* ---- events -------------------------------------------------------------------------------------------------- */

int32_t game_first(const game *g, int32_t worker)
{
    for (int32_t i = 0; i < g->n_held; i++)
        if (g->held[i].worker == worker)
            return i;
    return -1;
}

bool game_holds(const holding *held, int32_t evaluation)
{
    for (int32_t i = 0; i < held->count; i++)
        if (held->evaluations[i] == evaluation)
            return true;
    return false;
}

int32_t game_find(const game *g, int32_t evaluation, int32_t block)
{
    for (int32_t i = 0; i < g->n_held; i++)
        if (g->held[i].block == block && game_holds(&g->held[i], evaluation))
            return i;
    return -1;
}

static holding answer(game *g, int32_t index)
{
    assert_true(index >= 0 && index < g->n_held);
    const holding held = g->held[index];
    memmove(&g->held[index], &g->held[index + 1], (size_t)(--g->n_held - index) * sizeof held);
    g->of_worker[held.worker]--;
    return held;
}

bool game_done(game *g, int32_t index, double seconds)
{
    const holding held = answer(g, index);
    const bool counts = lsn_sched_owed(g->sched, held.worker, held.id) != NULL;
    for (int32_t i = 0; counts && i < held.count; i++) {
        assert_false(g->stored[part(g, held.evaluations[i], held.block)]);
        g->stored[part(g, held.evaluations[i], held.block)] = 1;
    }
    assert_int_equal(lsn_sched_done(g->sched, held.worker, held.id, seconds), counts);
    free(held.evaluations);
    game_act(g);
    return counts;
}

void game_dropped(game *g, int32_t index)
{
    const holding held = answer(g, index);
    assert_true(lsn_sched_dropped(g->sched, held.worker, held.id));
    free(held.evaluations);
    game_act(g);
}

void game_refused(game *g, int32_t index)
{
    const holding held = answer(g, index);
    assert_true(lsn_sched_refused(g->sched, held.worker, held.id));
    free(held.evaluations);
    game_act(g);
}

void game_forget(game *g, int32_t worker)
{
    for (int32_t i; (i = game_first(g, worker)) >= 0;)
        free(answer(g, i).evaluations);
}

void game_time(game *g, double now_s)
{
    g->now_s = now_s;
    lsn_sched_time(g->sched, now_s);
    game_act(g);
}

void game_play(game *g, double speed)
{
    game_act(g);
    while (!g->finished) {
        assert_true(g->n_held > 0);
        game_done(g, 0, g->held[0].cost / speed);
    }
}

bool game_complete(const game *g)
{
    for (int32_t e = 0; e < g->work.n_evaluations; e++) {
        bool excused = false;
        for (int32_t i = 0; i < g->n_failed; i++)
            excused |= g->failed[i] == e;
        for (int32_t b = 0; !excused && b < g->work.n_blocks; b++)
            if (!g->stored[part(g, e, b)])
                return false;
    }
    return true;
}
