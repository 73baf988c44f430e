/* Rank 0's loop. Invariant: whatever a crew member computed is in the store before its unit counts as done, and is
 * committed within COMMIT_S. */
#include "mpi/mpi_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double COMMIT_S = 1, PROGRESS_S = 0.1, ALIVE_S = 10, UNIT_S = 5;

typedef struct coordinator {
    const lsn_plan *plan;
    lsn_store *store;
    const lsn_crew *crew;
    const lsn_sweep_options *options;
    const lsn_costs *costs;
    lsn_sched *sched;
    double *cost;     /* [n_evaluations] */
    int32_t *jobs_of; /* [n_evaluations]: jobs that share the evaluation */
    double began_s, committed_s, shown_s, alive_s;
    bool uncommitted;
    lsn_sweep_progress progress;
    double cost_whole; /* of all parts, those that the database had when this run began included */
} coordinator;

static bool has_part(void *context, int32_t evaluation, int32_t block)
{
    return lsn_store_has(context, evaluation, block);
}

/* Counts what the study holds and what the database has of it. */
static void take_stock(coordinator *c)
{
    const lsn_plan *plan = c->plan;
    const int32_t blocks = lsn_store_blocks(c->store);
    for (int32_t j = 0; j < plan->n_jobs; j++)
        c->jobs_of[plan->jobs[j].evaluation]++;
    for (int32_t e = 0; e < plan->n_evaluations; e++) {
        c->cost[e] = lsn_costs_of(c->costs, plan->model, &plan->evaluations[e].ablation);
        c->cost_whole += blocks * c->cost[e];
        if (lsn_store_complete(c->store, e))
            c->progress.jobs_done += c->jobs_of[e];
    }
    c->progress.jobs = plan->n_jobs;
    c->progress.workers = c->crew->workers;
}

static bool begin(coordinator *c, lsn_error *err)
{
    const size_t count = (size_t)c->plan->n_evaluations;
    c->cost = lsn_array(count, sizeof *c->cost, err);
    c->jobs_of = c->cost == NULL ? NULL : lsn_array(count, sizeof *c->jobs_of, err);
    if (c->jobs_of == NULL)
        return false;
    take_stock(c);
    lsn_ablation nothing = {.mask = {0}};
    lsn_sched_work work = {
        .n_evaluations = c->plan->n_evaluations,
        .n_blocks = lsn_store_blocks(c->store),
        .n_workers = c->crew->workers,
        .cost = c->cost,
        .unit_cost = lsn_costs_of(c->costs, c->plan->model, &nothing),
        .unit_s = UNIT_S,
        .held = c->crew->held,
        .by_block = c->plan->stop.half_width > 0,
        .has = has_part,
        .context = c->store,
    };
    c->sched = lsn_sched_create(&work, err);
    for (int32_t w = 0; c->sched != NULL && w < work.n_workers; w++)
        lsn_sched_joined(c->sched, w);
    c->began_s = c->committed_s = c->shown_s = c->alive_s = lsn_now_s();
    return c->sched != NULL;
}

static void finish(coordinator *c)
{
    lsn_sched_destroy(c->sched);
    free(c->jobs_of);
    free(c->cost);
}

/* ---- one turn of the loop ------------------------------------------------------------------------------------ */

/* Whether a result holds what the study measures on the unit's block. */
static bool is_whole(const coordinator *c, const lsn_unit *unit, const lsn_extent *got)
{
    const int64_t block = lsn_store_block_images(c->store), left = c->plan->images.count - unit->block * block;
    const lsn_extent wanted = lsn_extent_of(c->plan, (int32_t)(left < block ? left : block));
    return got->classes == wanted.classes && got->images == wanted.images && got->layers == wanted.layers;
}

/* Stores a result, then lets the scheduler know. A result that does not count any more is dropped. */
static bool record(coordinator *c, const lsn_result *result, lsn_error *err)
{
    const lsn_unit *unit = lsn_sched_owed(c->sched, result->worker, result->unit);
    if (unit != NULL && (unit->count != result->count || !is_whole(c, unit, &result->outcome.extent)))
        return true;
    for (int32_t i = 0; unit != NULL && i < unit->count; i++) {
        const int32_t e = unit->evaluations[i];
        const lsn_part part = lsn_outcome_part(&result->outcome, i);
        const bool before = lsn_store_complete(c->store, e); /* ended early, while this part was computed */
        if (!lsn_store_add(c->store, e, unit->block, &part, err))
            return false;
        c->progress.job_images += part.tally->images;
        if (before || !lsn_store_complete(c->store, e))
            continue;
        c->progress.jobs_done += c->jobs_of[e];
        lsn_sched_ended(c->sched, e);
    }
    c->uncommitted = true;
    lsn_sched_done(c->sched, result->worker, result->unit, result->seconds);
    return true;
}

static bool commit(coordinator *c, lsn_error *err)
{
    c->committed_s = lsn_now_s();
    if (!c->uncommitted)
        return true;
    c->uncommitted = false;
    return lsn_store_commit(c->store, err);
}

/* Stops handing out work where a signal or the deadline asks for it. */
static void heed_wishes(coordinator *c)
{
    double left_s = c->options->deadline_s - (lsn_now_s() - c->began_s);
    if (lsn_signals_asked() != LSN_GO_ON ||
        (c->options->deadline_s > 0 && left_s < c->crew->held * lsn_sched_unit_s(c->sched)))
        lsn_sched_drain(c->sched);
}

static bool give_up(coordinator *c, const lsn_action *action, lsn_error *err)
{
    char reason[96];
    snprintf(reason, sizeof reason, "%d workers died, fell silent or refused while they computed it",
             (int)action->faults);
    c->uncommitted = true;
    return lsn_store_fail(c->store, action->evaluation, reason, err);
}

/* Carries out what the scheduler wants; *finished when there is no more to come. */
static bool act(coordinator *c, bool *finished, lsn_error *err)
{
    lsn_action action;
    lsn_error failure = {0};
    while (lsn_sched_next(c->sched, &action, &failure)) {
        if (action.kind == LSN_FINISH) {
            *finished = true;
            return true;
        }
        if (action.kind == LSN_FAIL && !give_up(c, &action, err))
            return false;
        if (action.kind != LSN_ASSIGN)
            continue;
        if (!lsn_store_running(c->store, action.unit->evaluations, action.unit->count, err) ||
            !c->crew->give(c->crew->context, action.unit, err))
            return false;
        c->uncommitted = true;
    }
    if (failure.code != LSN_OK)
        *err = failure;
    return failure.code == LSN_OK;
}

static void show(coordinator *c)
{
    double now = lsn_now_s();
    c->shown_s = now;
    if (c->options->progress == NULL)
        return;
    lsn_sched_progress seen = lsn_sched_see(c->sched);
    c->progress.elapsed_s = now - c->began_s;
    c->progress.share = c->cost_whole > 0 ? 1 - (seen.cost - seen.cost_done) / c->cost_whole : 1;
    c->progress.left_s = seen.cost_done > 0 ? (seen.cost - seen.cost_done) * c->progress.elapsed_s / seen.cost_done
                         : seen.parts > 0   ? -1
                                            : 0;
    c->options->progress(c->options->context, &c->progress);
}

static bool keep_time(coordinator *c, lsn_error *err)
{
    double now = lsn_now_s();
    if (now - c->shown_s >= PROGRESS_S)
        show(c);
    if (now - c->alive_s >= ALIVE_S) {
        c->alive_s = now;
        if (!commit(c, err) || !lsn_store_run_note(c->store, NULL, err))
            return false;
    }
    return now - c->committed_s < COMMIT_S || commit(c, err);
}

/* Until all is done, or all in flight is back after a drain, or a signal says to leave at once. */
static bool turn(coordinator *c, lsn_error *err)
{
    lsn_wait wait = {0};
    bool finished = false;
    while (!finished && lsn_signals_asked() != LSN_LEAVE) {
        lsn_result result;
        bool got = false;
        heed_wishes(c);
        if (!act(c, &finished, err) || !c->crew->take(c->crew->context, &result, &got, err) ||
            (got && !record(c, &result, err)) || !keep_time(c, err))
            return false;
        if (got)
            lsn_wait_reset(&wait);
        else if (!finished)
            lsn_wait_step(&wait);
    }
    return true;
}

/* LSN_OK where all evaluations are complete, LSN_JOBS_FAILED where the others failed, LSN_STOPPED where any is left. */
static lsn_code how_complete(const coordinator *c)
{
    lsn_code code = LSN_OK;
    for (int32_t e = 0; e < c->plan->n_evaluations; e++) {
        if (lsn_store_complete(c->store, e))
            continue;
        if (!lsn_store_failed(c->store, e))
            return LSN_STOPPED;
        code = LSN_JOBS_FAILED;
    }
    return code;
}

lsn_code lsn_coordinate(const lsn_plan *plan, lsn_store *store, const lsn_crew *crew, const lsn_sweep_options *options,
                        const lsn_costs *costs, lsn_error *err)
{
    coordinator c = {.plan = plan, .store = store, .crew = crew, .options = options, .costs = costs};
    bool ok = begin(&c, err) && turn(&c, err);
    /* What is in hand is kept even after a failure, unless it is the store that failed. */
    lsn_error late = {0};
    if (c.sched != NULL) {
        bool stored = commit(&c, &late);
        show(&c);
        if (ok && !stored) {
            *err = late;
            ok = false;
        }
    }
    lsn_code code = ok ? how_complete(&c) : err->code;
    if (ok && !lsn_store_judge(store, err)) {
        ok = false;
        code = err->code;
    }
    lsn_store_run_note(store, !ok ? "failed" : code == LSN_STOPPED ? "stopped" : "complete", &late);
    finish(&c);
    return code;
}
