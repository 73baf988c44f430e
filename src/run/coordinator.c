/* Rank 0's loop. Invariant: whatever a crew member computed is in the store before its unit counts as done, and is
 * committed within COMMIT_S. */
#include "run/roster.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double COMMIT_S = 1, PROGRESS_S = 0.1, ALIVE_S = 10, WATCH_S = 0.1, UNIT_S = 5;
static const double AHEAD = 4; /* commits that a unit must be worth to be committed before it is handed out */
enum { BATCH = 64 };           /* messages that are heeded before anything is handed out */

typedef struct coordinator {
    const lsn_plan *plan;
    lsn_store *store;
    const lsn_crew *crew;
    const lsn_sweep_options *options;
    const lsn_prices *prices;
    lsn_sched *sched;
    lsn_store_stock stock;    /* what the database had when this run began */
    lsn_sched_deaths *deaths; /* [stock.n_deaths] */
    double *cost;             /* [n_evaluations] */
    int32_t *jobs_of;         /* [n_evaluations]: jobs that share the evaluation */
    roster roster;
    lsn_error refusal; /* the last one */
    double began_s, committed_s, shown_s, alive_s, watched_s;
    double commit_s;  /* what a commit takes, on average; < 0: not known */
    int64_t units;    /* that came back */
    lsn_unit *outbox; /* [outbox_room] units that are assigned and not handed out yet */
    size_t n_outbox, outbox_room;
    bool uncommitted, finished;
    lsn_ending ending; /* once finished */
    lsn_sweep_progress progress;
    double computing_s; /* of the results that came back */
    double cost_whole;  /* of all parts, those that the database had when this run began included */
} coordinator;

/* What an ablation costs on a block. */
static double block_cost(const coordinator *c, const lsn_ablation *ablation)
{
    return lsn_store_block_images(c->store) * lsn_costs_of(&c->prices->costs, ablation);
}

/* Counts what the study holds and what the database has of it. */
static void count_jobs(coordinator *c)
{
    const lsn_plan *plan = c->plan;
    const int32_t blocks = c->stock.blocks;
    for (int32_t j = 0; j < plan->n_jobs; j++)
        if (lsn_wants(c->options->wanted, plan->jobs[j].evaluation)) {
            c->jobs_of[plan->jobs[j].evaluation]++;
            c->progress.jobs++;
        }
    for (int32_t e = 0; e < plan->n_evaluations; e++) {
        c->cost[e] = block_cost(c, &plan->evaluations[e].ablation);
        if (!lsn_wants(c->options->wanted, e))
            continue;
        c->cost_whole += blocks * c->cost[e];
        if (c->stock.stored[e] == blocks)
            c->progress.jobs_done += c->jobs_of[e];
    }
    c->progress.workers = c->crew->workers;
}

static bool take_stock(coordinator *c, lsn_error *err)
{
    const size_t count = (size_t)c->plan->n_evaluations;
    if (!lsn_store_take_stock(c->store, &c->stock, err))
        return false;
    c->deaths = lsn_array((size_t)c->stock.n_deaths, sizeof *c->deaths, err);
    c->cost = c->deaths == NULL ? NULL : lsn_array(count, sizeof *c->cost, err);
    c->jobs_of = c->cost == NULL ? NULL : lsn_array(count, sizeof *c->jobs_of, err);
    if (c->jobs_of == NULL)
        return false;
    for (int32_t i = 0; i < c->stock.n_deaths; i++) {
        const lsn_store_deaths *known = &c->stock.deaths[i];
        c->deaths[i] = (lsn_sched_deaths){known->evaluation, known->deaths, known->alone, known->block};
    }
    count_jobs(c);
    return true;
}

static bool begin(coordinator *c, lsn_error *err)
{
    if (!take_stock(c, err))
        return false;
    lsn_ablation nothing = {.mask = {0}};
    lsn_sched_work work = {
        .n_evaluations = c->plan->n_evaluations,
        .n_blocks = c->stock.blocks,
        .n_workers = c->crew->workers,
        .cost = c->cost,
        .unit_cost = block_cost(c, &nothing),
        .unit_s = UNIT_S,
        .speed = c->prices->measured ? 1 : 0,
        .held = c->crew->held,
        .by_block = c->plan->stop.half_width > 0,
        .fail_fast = c->options->fail_fast,
        .max_failures = c->options->max_failures,
        .stored = c->stock.stored,
        .parts = c->stock.parts,
        .deaths = c->deaths,
        .n_deaths = c->stock.n_deaths,
    };
    c->commit_s = -1;
    c->sched = lsn_sched_create(&work, err);
    c->began_s = c->committed_s = c->shown_s = c->alive_s = c->watched_s = lsn_now_s();
    return c->sched != NULL && roster_begin(&c->roster, c->crew, c->sched, err);
}

static void finish(coordinator *c)
{
    roster_finish(&c->roster);
    lsn_sched_destroy(c->sched);
    free(c->outbox);
    free(c->jobs_of);
    free(c->cost);
    free(c->deaths);
    lsn_store_stock_finish(&c->stock);
}

/* ---- one turn of the loop ------------------------------------------------------------------------------------ */

/* Whether a result holds what the study measures on the unit's block. */
static bool is_whole(const coordinator *c, const lsn_unit *unit, const lsn_extent *got)
{
    const int64_t block = lsn_store_block_images(c->store), left = c->plan->images.count - unit->block * block;
    const lsn_extent wanted = lsn_extent_of(c->plan, (int32_t)(left < block ? left : block));
    return got->classes == wanted.classes && got->images == wanted.images && got->layers == wanted.layers;
}

/* An average in which the last ones weigh most. */
static void learn(double *average, double seconds)
{
    *average = *average < 0 ? seconds : 0.8 * *average + 0.2 * seconds;
}

/* The worker does not hold the unit any more. */
static bool answered(coordinator *c, const lsn_news *news, lsn_error *err)
{
    c->uncommitted = true;
    return lsn_store_answered(c->store, news->worker, news->unit, err);
}

/* Stores a result, then lets the scheduler know. A result that does not count any more is dropped. */
static bool record(coordinator *c, const lsn_news *news, lsn_error *err)
{
    const lsn_result *result = &news->result;
    const lsn_unit *unit = lsn_sched_owed(c->sched, news->worker, news->unit);
    if (unit != NULL && (unit->count != result->count || !is_whole(c, unit, &result->outcome.extent))) {
        lsn_sched_refused(c->sched, news->worker, news->unit);
        return answered(c, news, err);
    }
    for (int32_t i = 0; unit != NULL && i < unit->count; i++) {
        const int32_t e = unit->evaluations[i];
        const lsn_part part = lsn_outcome_part(&result->outcome, i);
        lsn_store_change change;
        if (!lsn_store_add(c->store, e, unit->block, &part, &change, err))
            return false;
        c->progress.job_images += part.tally->images;
        if (!change.completed)
            continue;
        c->progress.jobs_done += c->jobs_of[e];
        lsn_sched_ended(c->sched, e);
    }
    c->computing_s += result->seconds;
    c->units++;
    lsn_sched_done(c->sched, news->worker, news->unit, result->seconds);
    return answered(c, news, err);
}

static void see(coordinator *c)
{
    const lsn_sched_progress seen = lsn_sched_see(c->sched);
    c->progress.elapsed_s = lsn_now_s() - c->began_s;
    c->progress.share = c->cost_whole > 0 ? 1 - (seen.cost - seen.cost_done) / c->cost_whole : 1;
    c->progress.left_s = seen.left_s;
    c->progress.workers = seen.workers;
}

/* Stores how far the run is, for `lesion status`. */
static bool note_progress(coordinator *c, lsn_error *err)
{
    see(c);
    const lsn_run_progress far = {.seconds = c->progress.elapsed_s,
                                  .share = c->progress.share,
                                  .jobs_done = c->progress.jobs_done,
                                  .images = c->progress.job_images,
                                  .workers = c->progress.workers,
                                  .computing = c->computing_s,
                                  .left_s = c->progress.left_s};
    c->uncommitted = true;
    return lsn_store_run_progress(c->store, &far, err);
}

static bool commit(coordinator *c, lsn_error *err)
{
    const double began = lsn_now_s();
    c->committed_s = began;
    if (!c->uncommitted)
        return true;
    if (!note_progress(c, err))
        return false;
    c->uncommitted = false;
    const bool ok = lsn_store_commit(c->store, err);
    learn(&c->commit_s, lsn_now_s() - began);
    return ok;
}

/* Stops handing out work where a signal or the deadline asks for it. */
static void heed_wishes(coordinator *c)
{
    double left_s = c->options->deadline_s - lsn_now_s();
    if (lsn_signals_asked() != LSN_GO_ON || (c->options->deadline_s > 0 && left_s < lsn_sched_unit_s(c->sched)))
        lsn_sched_drain(c->sched);
}

static bool give_up(coordinator *c, const lsn_action *action, lsn_error *err)
{
    lsn_text reason = {0};
    if (action->deaths != NULL)
        lsn_text_add(&reason,
                     "%d runs died while it was computed, %d of them while nothing else was; it is left out until a "
                     "run is told to --retry",
                     (int)action->deaths->deaths, (int)action->deaths->alone);
    else
        lsn_text_add(&reason, "%d workers died, fell silent or could not compute it", (int)action->faults);
    if (action->deaths == NULL && c->refusal.code != LSN_OK)
        lsn_text_add(&reason, "; the last that could not: %s", c->refusal.text);
    bool ok = !reason.failed || lsn_fail(err, LSN_FAILED, "out of memory: a failure could not be described");
    ok = ok && lsn_store_fail(c->store, action->evaluation, reason.data, err);
    lsn_text_finish(&reason);
    c->uncommitted = true;
    return ok;
}

/* Notes that a worker shall hold the unit, which is handed out with all others of this turn. */
static bool assign(coordinator *c, const lsn_unit *unit, lsn_error *err)
{
    const lsn_given given = {.worker = unit->worker,
                             .unit = unit->id,
                             .block = unit->block,
                             .count = unit->count,
                             .evaluations = unit->evaluations};
    c->uncommitted = true;
    if (!lsn_store_give(c->store, &given, err) ||
        !lsn_grow((void **)&c->outbox, c->n_outbox, &c->outbox_room, sizeof *c->outbox, err))
        return false;
    c->outbox[c->n_outbox++] = *unit;
    return true;
}

/* Whether units take so long, from one answer of a worker to its next, that a commit before each is worth it. Unknown:
 * yes. */
static bool worth_commits(const coordinator *c)
{
    const double worker_s = (lsn_now_s() - c->began_s) * c->crew->workers;
    return c->units == 0 || c->commit_s < 0 || worker_s >= AHEAD * c->commit_s * (double)c->units;
}

/* Hands out what was assigned. What may die of a unit must not die before the database knows that it was begun, and
 * what a death costs should be no more than what workers hold: so all is committed before. Only where units are too
 * short for that is it not, unless the last run died. */
static bool hand_out(coordinator *c, lsn_error *err)
{
    if (c->n_outbox > 0 && (c->stock.wary || worth_commits(c)) && !commit(c, err))
        return false;
    for (size_t i = 0; i < c->n_outbox; i++)
        if (!c->crew->give(c->crew->context, &c->outbox[i], err))
            return false;
    c->n_outbox = 0;
    return true;
}

static bool carry_out(coordinator *c, const lsn_action *action, lsn_error *err)
{
    switch (action->kind) {
    case LSN_ASSIGN:
        return assign(c, action->unit, err);
    case LSN_CANCEL:
        return c->crew->cancel == NULL || c->crew->cancel(c->crew->context, action->worker, action->id, err);
    case LSN_FAIL:
        return give_up(c, action, err);
    case LSN_FINISH:
        c->ending = action->ending;
        c->finished = true;
        return true;
    }
    return true;
}

/* Carries out what the scheduler wants. */
static bool act(coordinator *c, lsn_error *err)
{
    lsn_action action;
    lsn_error failure = {0};
    while (!c->finished && lsn_sched_next(c->sched, &action, &failure))
        if (!carry_out(c, &action, err))
            return false;
    if (failure.code != LSN_OK)
        *err = failure;
    return failure.code == LSN_OK && hand_out(c, err);
}

/* ---- what comes back ----------------------------------------------------------------------------------------- */

/* A unit that could not be computed is given to others; but a study that cannot be computed by any is over. */
static bool refused(coordinator *c, const lsn_news *news, lsn_error *err)
{
    char name[32];
    c->crew->name(c->crew->context, news->worker, name, sizeof name);
    if (news->failure.code == LSN_INVALID)
        return lsn_fail(err, LSN_INVALID, "%s: %.900s", name, news->failure.text);
    lsn_log("%s could not compute a unit: %s", name, news->failure.text);
    c->refusal = news->failure;
    lsn_sched_refused(c->sched, news->worker, news->unit);
    return answered(c, news, err);
}

static bool heed(coordinator *c, const lsn_news *news, lsn_error *err)
{
    if (news->kind == LSN_NO_NEWS)
        return true;
    roster_hear(&c->roster, news->worker);
    if (news->kind == LSN_RESULT)
        return record(c, news, err);
    if (news->kind == LSN_REFUSED)
        return refused(c, news, err);
    if (news->kind != LSN_DROPPED)
        return true;
    lsn_sched_dropped(c->sched, news->worker, news->unit);
    return answered(c, news, err);
}

static void show(coordinator *c)
{
    double now = lsn_now_s();
    c->shown_s = now;
    if (c->options->progress == NULL)
        return;
    see(c);
    c->options->progress(c->options->context, &c->progress);
}

static bool keep_time(coordinator *c, lsn_error *err)
{
    double now = lsn_now_s();
    if (now - c->shown_s >= PROGRESS_S)
        show(c);
    if (now - c->watched_s >= WATCH_S) {
        c->watched_s = now;
        if (!roster_watch(&c->roster, c->store, &c->uncommitted, err))
            return false;
        if (c->crew->tend != NULL && !c->crew->tend(c->crew->context, err))
            return false;
    }
    if (now - c->alive_s >= ALIVE_S) {
        c->alive_s = now;
        c->uncommitted = true; /* how far it is */
        if (!commit(c, err) || !lsn_store_run_note(c->store, NULL, err))
            return false;
    }
    return now - c->committed_s < COMMIT_S || commit(c, err);
}

/* Heeds what has come. *any: something had. */
static bool heed_all(coordinator *c, bool *any, lsn_error *err)
{
    lsn_news news = {0};
    *any = false;
    for (int n = 0; n < BATCH; n++) {
        if (!c->crew->take(c->crew->context, &news, err) || !heed(c, &news, err))
            return false;
        if (news.kind == LSN_NO_NEWS)
            return true;
        *any = true;
    }
    return true;
}

/* Until all is done, or all in flight is back after a drain, or a signal says to leave at once. */
static bool turn(coordinator *c, lsn_error *err)
{
    lsn_wait wait = {0};
    bool any;
    while (lsn_signals_asked() != LSN_LEAVE) {
        lsn_sched_time(c->sched, lsn_awake_s(&c->roster.clock));
        heed_wishes(c);
        if (!act(c, err))
            return false;
        if (c->finished)
            return true;
        if (!heed_all(c, &any, err) || !keep_time(c, err))
            return false;
        if (any)
            lsn_wait_reset(&wait);
        else
            lsn_wait_step(&wait);
    }
    return true;
}

/* LSN_OK where all evaluations are complete, LSN_JOBS_FAILED where the others failed, LSN_STOPPED where any is left. */
static lsn_code how_complete(const coordinator *c, lsn_error *err)
{
    lsn_code code = LSN_OK;
    if (c->finished && c->ending == LSN_NO_WORKERS)
        lsn_fail(err, LSN_FAILED,
                 "all worker ranks are lost; what is done is in %s. Run the same command again to "
                 "continue",
                 c->options->database);
    else if (c->finished && c->ending == LSN_TOO_MANY_FAILED)
        lsn_fail(err, LSN_FAILED,
                 "ended because jobs failed (%d ablations): 'lesion status %s' names them. Run the same "
                 "command again to go on with the others",
                 (int)lsn_sched_see(c->sched).failed, c->options->database);
    if (err->code != LSN_OK)
        return err->code;
    for (int32_t e = 0; e < c->plan->n_evaluations; e++) {
        if (lsn_store_complete(c->store, e) || !lsn_wants(c->options->wanted, e))
            continue;
        if (!lsn_store_failed(c->store, e))
            return LSN_STOPPED;
        code = LSN_JOBS_FAILED;
    }
    return code;
}

lsn_code lsn_coordinate(const lsn_plan *plan, lsn_store *store, const lsn_crew *crew, const lsn_sweep_options *options,
                        const lsn_prices *prices, bool *missing, lsn_error *err)
{
    char name[32];
    coordinator c = {.plan = plan, .store = store, .crew = crew, .options = options, .prices = prices};
    bool ok = begin(&c, err) && lsn_store_weigh(store, c.cost, err) && note_progress(&c, err) && turn(&c, err);
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
    lsn_code code = ok ? how_complete(&c, err) : err->code;
    const bool died =
        code == LSN_STOPPED && lsn_signals_asked() == LSN_LEAVE && roster_find_dead(&c.roster, name, sizeof name);
    if (died) {
        lsn_fail(err, LSN_FAILED,
                 "%s died, and with it the run; what is done is in %s. Run the same command again to continue", name,
                 options->database);
        code = LSN_FAILED;
    }
    /* Before anything that takes time: mpirun kills a second after TERM. */
    const bool ended = code == LSN_OK || code == LSN_JOBS_FAILED;
    const char *how = died ? "died" : code == LSN_STOPPED ? "stopped" : ended ? "complete" : "failed";
    lsn_store_run_note(store, how, &late);
    *missing = roster_anybody_missing(&c.roster);
    finish(&c);
    return code;
}
