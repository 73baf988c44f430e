/* The life of a unit: cut (next_unit) -> in flight (units list) -> done (released).
 *
 * Invariants: a part is in at most one unit in flight; a worker holds at most `held` units; after a drain nothing is
 * assigned; LSN_FINISH is given once, with nothing in flight. */
#include "lesion/sched.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_UNIT = 8,          /* evaluations in a unit while no speed is known */
    END_SHARE = 3,           /* towards the end a unit is 1/END_SHARE of an equal share of what is left */
    LEAST_PASSES = 16,       /* least cost of a unit, in passes of the intact network ... */
    LEAST_PASSES_AT_END = 2, /* ... and towards the end */
};

struct lsn_sched {
    lsn_sched_work work;
    int32_t *order; /* evaluations with anything to do, dearest first */
    int32_t n_order;
    int32_t *left;                   /* [n_evaluations] parts to do that were not assigned */
    int32_t group, group_end, block; /* the unit that was cut last: order[group .. group_end-1] on `block` */
    lsn_unit **units;                /* in flight */
    size_t n_units, units_room;
    int32_t *held; /* units of each worker; -1: not joined */
    int32_t next_id;
    int64_t parts_done, parts;
    double cost_done, cost, cost_assigned; /* of parts, without unit_cost */
    double unit_cost_done, seconds;        /* of finished units: all their cost, and their time */
    double longest_unit_cost;
    bool drained, finished;
};

typedef struct ranked {
    double cost;
    int32_t evaluation;
} ranked;

static int by_cost(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost > y->cost ? -1 : 1;
    return (x->evaluation > y->evaluation) - (x->evaluation < y->evaluation);
}

static bool has(const lsn_sched *sched, int32_t evaluation, int32_t block)
{
    return sched->work.has != NULL && sched->work.has(sched->work.context, evaluation, block);
}

/* Fills `order` with the evaluations that lack a part, and counts what there is to do. */
static bool list_work(lsn_sched *sched, lsn_error *err)
{
    const lsn_sched_work *work = &sched->work;
    ranked *all = lsn_array((size_t)work->n_evaluations, sizeof *all, err);
    sched->order = lsn_array((size_t)work->n_evaluations, sizeof *sched->order, err);
    sched->left = lsn_array((size_t)work->n_evaluations, sizeof *sched->left, err);
    if (all == NULL || sched->order == NULL || sched->left == NULL) {
        free(all);
        return false;
    }
    for (int32_t e = 0; e < work->n_evaluations; e++) {
        int32_t missing = 0;
        for (int32_t b = 0; b < work->n_blocks; b++)
            missing += !has(sched, e, b);
        if (missing == 0)
            continue;
        assert(work->cost[e] > 0);
        all[sched->n_order++] = (ranked){work->cost[e], e};
        sched->left[e] = missing;
        sched->parts += missing;
        sched->cost += missing * work->cost[e];
    }
    qsort(all, (size_t)sched->n_order, sizeof *all, by_cost);
    for (int32_t i = 0; i < sched->n_order; i++)
        sched->order[i] = all[i].evaluation;
    free(all);
    return true;
}

lsn_sched *lsn_sched_create(const lsn_sched_work *work, lsn_error *err)
{
    assert(work->n_workers > 0 && work->held > 0 && work->n_blocks > 0);
    lsn_sched *sched = lsn_array(1, sizeof *sched, err);
    if (sched == NULL)
        return NULL;
    sched->work = *work;
    sched->held = lsn_array((size_t)work->n_workers, sizeof *sched->held, err);
    if (sched->held == NULL || !list_work(sched, err)) {
        lsn_sched_destroy(sched);
        return NULL;
    }
    for (int32_t w = 0; w < work->n_workers; w++)
        sched->held[w] = -1;
    /* Before the first group. */
    sched->block = work->by_block ? -1 : work->n_blocks - 1;
    sched->group_end = work->by_block ? sched->n_order : 0;
    return sched;
}

void lsn_sched_destroy(lsn_sched *sched)
{
    if (sched == NULL)
        return;
    for (size_t i = 0; i < sched->n_units; i++)
        free(sched->units[i]);
    free(sched->units);
    free(sched->held);
    free(sched->left);
    free(sched->order);
    free(sched);
}

/* ---- cutting units ------------------------------------------------------------------------------------------- */

static double greater(double a, double b)
{
    return a > b ? a : b;
}

/* Cost that a unit may have now; 0 while no speed is known. Never so little that the intact network's pass, which every
 * unit needs, is most of it. */
static double unit_cost_wanted(const lsn_sched *sched)
{
    if (!(sched->seconds > 0))
        return 0;
    double pass = sched->work.unit_cost;
    double speed = sched->unit_cost_done / sched->seconds;
    double share = (sched->cost - sched->cost_assigned) / (END_SHARE * sched->work.n_workers);
    double whole = greater(speed * sched->work.unit_s, LEAST_PASSES * pass);
    return share < whole ? greater(share, LEAST_PASSES_AT_END * pass) : whole;
}

/* Fills a group with the next evaluations: as many as make a unit of the cost wanted, at least one. By block, those
 * that have the part do not count. */
static void begin_group(lsn_sched *sched)
{
    double wanted = unit_cost_wanted(sched), cost = sched->work.unit_cost;
    int32_t end = sched->group_end, count = 0;
    sched->group = end;
    for (; end < sched->n_order; end++) {
        if (sched->work.by_block && has(sched, sched->order[end], sched->block))
            continue;
        cost += sched->work.cost[sched->order[end]];
        if (count > 0 && (wanted > 0 ? cost > wanted : count >= FIRST_UNIT))
            break;
        count++;
    }
    sched->group_end = end;
}

/* Moves on to the next group or block; false where all have been. */
static bool advance(lsn_sched *sched)
{
    const bool last_block = sched->block + 1 >= sched->work.n_blocks, last_group = sched->group_end >= sched->n_order;
    if (last_block && last_group)
        return false;
    if (sched->work.by_block ? last_group : !last_block) {
        sched->block++;
        if (!sched->work.by_block)
            return true;
        sched->group_end = 0;
    } else if (!sched->work.by_block)
        sched->block = 0;
    begin_group(sched);
    return true;
}

static lsn_unit *unit_create(int32_t room, lsn_error *err)
{
    lsn_unit *unit = lsn_array(1, sizeof *unit + (size_t)room * sizeof(int32_t), err);
    if (unit != NULL)
        unit->evaluations = (int32_t *)(unit + 1);
    return unit;
}

/* The unit of the present group on the present block; NULL without an error where nothing of it is left to do. */
static lsn_unit *cut(lsn_sched *sched, lsn_error *err)
{
    lsn_unit *unit = unit_create(sched->group_end - sched->group, err);
    if (unit == NULL)
        return NULL;
    unit->block = sched->block;
    for (int32_t i = sched->group; i < sched->group_end; i++) {
        int32_t e = sched->order[i];
        if (has(sched, e, sched->block))
            continue;
        unit->evaluations[unit->count++] = e;
        unit->cost += sched->work.cost[e];
    }
    if (unit->count > 0)
        return unit;
    free(unit);
    return NULL;
}

/* The next unit that is not in flight. False: there is none; on an error *failed is set. */
static lsn_unit *next_unit(lsn_sched *sched, bool *failed, lsn_error *err)
{
    err->code = LSN_OK;
    while (advance(sched)) {
        lsn_unit *unit = cut(sched, err);
        *failed = unit == NULL && err->code != LSN_OK;
        if (unit != NULL || *failed)
            return unit;
    }
    return NULL;
}

/* ---- events and actions -------------------------------------------------------------------------------------- */

void lsn_sched_joined(lsn_sched *sched, int32_t worker)
{
    assert(worker >= 0 && worker < sched->work.n_workers);
    if (sched->held[worker] < 0)
        sched->held[worker] = 0;
}

void lsn_sched_ended(lsn_sched *sched, int32_t evaluation)
{
    assert(evaluation >= 0 && evaluation < sched->work.n_evaluations);
    sched->parts -= sched->left[evaluation];
    sched->cost -= sched->left[evaluation] * sched->work.cost[evaluation];
    sched->left[evaluation] = 0;
}

void lsn_sched_drain(lsn_sched *sched)
{
    sched->drained = true;
}

bool lsn_sched_done(lsn_sched *sched, int32_t worker, int32_t id, double seconds)
{
    for (size_t i = 0; i < sched->n_units; i++) {
        lsn_unit *unit = sched->units[i];
        if (unit->id != id || unit->worker != worker)
            continue;
        sched->parts_done += unit->count;
        sched->cost_done += unit->cost - sched->work.unit_cost;
        sched->unit_cost_done += unit->cost;
        sched->seconds += seconds;
        sched->held[worker]--;
        sched->units[i] = sched->units[--sched->n_units];
        free(unit);
        return true;
    }
    return false;
}

/* The joined worker that holds the fewest units and has room for one more, or -1. */
static int32_t hungriest(const lsn_sched *sched)
{
    int32_t best = -1;
    for (int32_t w = 0; w < sched->work.n_workers; w++)
        if (sched->held[w] >= 0 && sched->held[w] < sched->work.held &&
            (best < 0 || sched->held[w] < sched->held[best]))
            best = w;
    return best;
}

static bool assign(lsn_sched *sched, int32_t worker, lsn_unit *unit, lsn_error *err)
{
    if (!lsn_grow((void **)&sched->units, sched->n_units, &sched->units_room, sizeof(lsn_unit *), err)) {
        free(unit);
        return false;
    }
    sched->units[sched->n_units++] = unit;
    sched->held[worker]++;
    sched->cost_assigned += unit->cost;
    unit->cost += sched->work.unit_cost;
    if (unit->cost > sched->longest_unit_cost)
        sched->longest_unit_cost = unit->cost;
    for (int32_t i = 0; i < unit->count; i++)
        sched->left[unit->evaluations[i]]--;
    unit->worker = worker;
    unit->id = sched->next_id++;
    return true;
}

bool lsn_sched_next(lsn_sched *sched, lsn_action *action, lsn_error *err)
{
    lsn_error own;
    if (err == NULL)
        err = &own;
    int32_t worker = sched->drained ? -1 : hungriest(sched);
    if (worker >= 0) {
        bool failed = false;
        lsn_unit *unit = next_unit(sched, &failed, err);
        if (failed || (unit != NULL && !assign(sched, worker, unit, err)))
            return false;
        if (unit != NULL) {
            *action = (lsn_action){LSN_ASSIGN, unit};
            return true;
        }
        sched->drained = true;
    }
    if (!sched->drained || sched->n_units > 0 || sched->finished)
        return false;
    sched->finished = true;
    *action = (lsn_action){LSN_FINISH, NULL};
    return true;
}

const lsn_unit *lsn_sched_unit(const lsn_sched *sched, int32_t id)
{
    for (size_t i = 0; i < sched->n_units; i++)
        if (sched->units[i]->id == id)
            return sched->units[i];
    return NULL;
}

lsn_sched_progress lsn_sched_see(const lsn_sched *sched)
{
    return (lsn_sched_progress){
        .parts_done = sched->parts_done,
        .parts = sched->parts,
        .cost_done = sched->cost_done,
        .cost = sched->cost,
        .in_flight = (int32_t)sched->n_units,
        .drained = sched->drained,
    };
}

double lsn_sched_unit_s(const lsn_sched *sched)
{
    return sched->unit_cost_done > 0 ? sched->longest_unit_cost * sched->seconds / sched->unit_cost_done : 0;
}
