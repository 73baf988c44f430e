/* The virtual coordinator: what reaches it becomes events, actions become messages, and both are checked. */
#include "sim/sim_internal.h"

#include <math.h>

enum { FEW_WORKERS = 64 }; /* all of which can be looked at for every unit */

static uint64_t digest_of(const lsn_unit *unit)
{
    uint64_t digest = (uint64_t)unit->block;
    for (int32_t i = 0; i < unit->count; i++)
        digest = (digest ^ (uint64_t)unit->evaluations[i]) * UINT64_C(0x100000001b3); /* FNV-1's prime */
    return digest;
}

/* ---- what the scheduler wants -------------------------------------------------------------------------------- */

/* Workers that hold the unit and are there. */
static int32_t count_holders(const sim *s, int32_t unit)
{
    int32_t holders = 0;
    for (int32_t w = 0; w < s->given->work.n_workers; w++)
        holders += !s->workers[w].away && sim_list_find(&s->workers[w].given, unit) >= 0;
    return holders;
}

/* A unit must be of parts that are wanted; one that is given a second time stays as it is. */
static bool check_unit(sim *s, const lsn_unit *unit)
{
    if (unit->count < 1 || unit->block < 0 || unit->block >= s->given->work.n_blocks)
        return sim_violated(s, "a unit of %d evaluations on block %d", (int)unit->count, (int)unit->block);
    for (int32_t i = 0; i < unit->count; i++) {
        const int32_t e = unit->evaluations[i];
        if (e < 0 || e >= s->given->work.n_evaluations)
            return sim_violated(s, "evaluation %d is none", (int)e);
        if ((sim_database_has(s, e, unit->block) || s->database.failed[e]) && count_holders(s, unit->id) == 0)
            return sim_violated(s, "evaluation %d is assigned, but need not be computed on block %d", (int)e,
                                (int)unit->block);
    }
    return true;
}

static sim_held remember(const sim *s, const lsn_unit *unit)
{
    sim_held held = {.id = unit->id,
                     .count = unit->count,
                     .only = unit->count == 1 ? unit->evaluations[0] : -1,
                     .cost = unit->cost,
                     .digest = digest_of(unit)};
    for (int32_t i = 0; i < unit->count; i++) {
        held.deadly |= s->nature[unit->evaluations[i]] == NATURE_POISON;
        held.fatal |= s->nature[unit->evaluations[i]] == NATURE_FATAL;
        held.refused |= s->nature[unit->evaluations[i]] == NATURE_BROKEN;
    }
    return held;
}

static bool assign(sim *s, int32_t w, const lsn_unit *unit)
{
    sim_worker *worker = &s->workers[w];
    if (s->drained)
        return sim_violated(s, "unit %d is assigned after a drain", (int)unit->id);
    if (worker->known < 0 || worker->away)
        return sim_violated(s, "unit %d is assigned to worker %d, which is not there", (int)unit->id, (int)w);
    if (worker->given.count >= s->given->work.held)
        return sim_violated(s, "worker %d holds a unit too many", (int)w);
    if (sim_list_find(&worker->given, unit->id) >= 0)
        return sim_violated(s, "worker %d holds unit %d already", (int)w, (int)unit->id);
    if (s->given->work.n_workers <= FEW_WORKERS && count_holders(s, unit->id) > 1)
        return sim_violated(s, "unit %d has two holders already", (int)unit->id);
    if (!check_unit(s, unit))
        return false;
    const sim_held held = remember(s, unit);
    worker->given.units[worker->given.count++] = held;
    s->out->units++;
    s->out->longest_s = fmax(s->out->longest_s, unit->cost);
    return sim_worker_give(s, w, &held);
}

static bool give_up(sim *s, const lsn_action *action)
{
    sim_database *db = &s->database;
    const int32_t evaluation = action->evaluation;
    if (db->failed[evaluation] || db->blocks[evaluation] >= db->enough[evaluation])
        return sim_violated(s, "evaluation %d is given up for nothing", (int)evaluation);
    if (action->deaths != NULL && s->nature[evaluation] != NATURE_FATAL && s->accidents < action->deaths->alone)
        return sim_violated(s, "evaluation %d is condemned, but is innocent", (int)evaluation);
    if (action->deaths == NULL && s->nature[evaluation] == NATURE_SOUND && s->suffered[evaluation] < 2)
        return sim_violated(s, "evaluation %d is given up, but is innocent", (int)evaluation);
    db->failed[evaluation] = true;
    return true;
}

static bool check_end(sim *s, lsn_ending ending)
{
    const lsn_sched_progress seen = lsn_sched_see(s->sched);
    int32_t there = 0;
    for (int32_t w = 0; w < s->given->work.n_workers; w++)
        there += !s->workers[w].gone;
    if (seen.in_flight != 0)
        return sim_violated(s, "it ended with %d units in flight", (int)seen.in_flight);
    if (ending == LSN_NO_WORKERS && there > 0)
        return sim_violated(s, "it ended for want of workers, but %d are there", (int)there);
    if (ending == LSN_DRAINED && !s->drained)
        return sim_violated(s, "it ended as if drained");
    if (ending == LSN_TOO_MANY_FAILED && !s->given->work.fail_fast && seen.failed <= s->given->work.max_failures)
        return sim_violated(s, "it ended after %d failures", (int)seen.failed);
    if (ending != LSN_COMPLETE)
        return true;
    const double error = fabs(seen.cost - seen.cost_done), most = 1e-6 * (1 + seen.cost);
    if (seen.parts_done != seen.parts || !(error <= most))
        return sim_violated(s, "it is complete with %lld of %lld parts", (long long)seen.parts_done,
                            (long long)seen.parts);
    return sim_database_check(s);
}

static bool finish(sim *s, lsn_ending ending)
{
    lsn_action action;
    if (!check_end(s, ending))
        return false;
    if (lsn_sched_next(s->sched, &action, s->err))
        return sim_violated(s, "it goes on after its end");
    s->out->ending = ending;
    s->out->makespan_s = s->now_s;
    s->over = true;
    return true;
}

static bool carry_out(sim *s, const lsn_action *action)
{
    switch (action->kind) {
    case LSN_ASSIGN:
        sim_trace(s, "assign to %d: unit %d, %d evaluations from %d on block %d, cost %g", (int)action->worker,
                  (int)action->unit->id, (int)action->unit->count, (int)action->unit->evaluations[0],
                  (int)action->unit->block, action->unit->cost);
        return assign(s, action->worker, action->unit);
    case LSN_CANCEL:
        sim_trace(s, "cancel at %d: unit %d", (int)action->worker, (int)action->id);
        return sim_worker_cancel(s, action->worker, action->id);
    case LSN_FAIL:
        sim_trace(s, "fail: evaluation %d, after %d faults", (int)action->evaluation, (int)action->faults);
        return give_up(s, action);
    case LSN_FINISH:
        sim_trace(s, "finish: %d", (int)action->ending);
        return finish(s, action->ending);
    }
    return false;
}

/* As rank 0 does: nothing is begun that is not expected to end in time. */
static void heed_the_end(sim *s)
{
    const double stop_s = s->faults->stop_s;
    if (s->drained || !(stop_s > 0) || s->now_s + lsn_sched_unit_s(s->sched) < stop_s)
        return;
    s->drained = true;
    lsn_sched_drain(s->sched);
}

static bool act(sim *s)
{
    lsn_action action;
    heed_the_end(s);
    while (!s->over && lsn_sched_next(s->sched, &action, s->err))
        if (!carry_out(s, &action))
            return false;
    return s->err->code == LSN_OK;
}

/* ---- what reaches it ----------------------------------------------------------------------------------------- */

/* A worker falls away: what it had in hand suffered that. */
static void note_fault(sim *s, int32_t w)
{
    const sim_worker *worker = &s->workers[w];
    if (!worker->away && worker->given.count > 0 && worker->given.units[0].only >= 0 &&
        s->suffered[worker->given.units[0].only] < UINT8_MAX)
        s->suffered[worker->given.units[0].only]++;
}

static void lose(sim *s, int32_t w)
{
    sim_trace(s, "lost: worker %d", (int)w);
    note_fault(s, w);
    lsn_sched_lost(s->sched, w);
    s->workers[w].away = s->workers[w].gone = true;
}

/* Nothing was heard of the worker for long. */
static void notice(sim *s, const sim_event *event)
{
    sim_worker *worker = &s->workers[event->worker];
    const bool replaced = event->unit != worker->process && worker->known == worker->process;
    if (replaced || (event->unit == worker->process && !sim_worker_quiet(s, event->worker)) || worker->gone)
        return;
    if (event->kind == SIM_GIVEN_UP || worker->known < 0) {
        lose(s, event->worker);
    } else if (!worker->away) {
        sim_trace(s, "silent: worker %d", (int)event->worker);
        note_fault(s, event->worker);
        lsn_sched_silent(s->sched, event->worker);
        worker->away = true;
    }
}

static bool join(sim *s, const sim_event *event)
{
    const int32_t w = event->worker;
    sim_worker *worker = &s->workers[w];
    if (worker->known >= 0 && !worker->gone)
        lose(s, w); /* this is another process: what it was given is lost */
    sim_trace(s, "joined: worker %d", (int)w);
    worker->known = event->process;
    worker->away = worker->gone = false;
    worker->given.count = 0;
    lsn_sched_joined(s->sched, w);
    return !sim_worker_quiet(s, w) || sim_worker_missed(s, w);
}

static bool hear(sim *s, int32_t w)
{
    sim_trace(s, "heard: worker %d", (int)w);
    s->workers[w].away = s->workers[w].gone = false;
    lsn_sched_heard(s->sched, w);
    return !sim_worker_quiet(s, w) || sim_worker_missed(s, w);
}

static bool take_result(sim *s, const sim_event *event, const sim_held *held)
{
    const int32_t w = event->worker;
    const lsn_unit *unit = lsn_sched_owed(s->sched, w, event->unit);
    const bool counts = unit != NULL;
    if (counts && (unit->count != held->count || digest_of(unit) != held->digest))
        return sim_violated(s, "unit %d is not any more what worker %d was given", (int)event->unit, (int)w);
    if (counts && !sim_database_record(s, unit, event->seconds))
        return false;
    if (lsn_sched_done(s->sched, w, event->unit, event->seconds) != counts)
        return sim_violated(s, "the result of unit %d is owed, or not", (int)event->unit);
    return true;
}

/* The worker's answer about a unit. */
static bool take_answer(sim *s, const sim_event *event)
{
    sim_worker *worker = &s->workers[event->worker];
    const int32_t at = sim_list_find(&worker->given, event->unit);
    if (at < 0)
        return sim_violated(s, "worker %d answers for unit %d, which it was not given", (int)event->worker,
                            (int)event->unit);
    const sim_held held = worker->given.units[at];
    sim_trace(s, "worker %d %s unit %d", (int)event->worker,
              event->kind == SIM_RESULT    ? "computed"
              : event->kind == SIM_DROPPED ? "dropped"
                                           : "refused",
              (int)event->unit);
    sim_list_remove(&worker->given, at);
    if (event->kind == SIM_RESULT)
        return take_result(s, event, &held);
    if (event->kind == SIM_DROPPED) {
        s->out->dropped++;
        return lsn_sched_dropped(s->sched, event->worker, event->unit);
    }
    if (held.only >= 0 && s->suffered[held.only] < UINT8_MAX)
        s->suffered[held.only]++;
    return lsn_sched_refused(s->sched, event->worker, event->unit);
}

static bool tick(sim *s)
{
    return sim_add(s, (sim_event){.at_s = s->now_s + s->tick_s, .kind = SIM_TICK, .process = s->process});
}

/* Messages wait until the coordinator has come to them. True: it has now. */
static bool attend(sim *s, const sim_event *event, bool *ok)
{
    if (event->served || !(s->faults->serve_s > 0))
        return true;
    sim_event later = *event;
    const lsn_unit *unit = event->kind == SIM_RESULT ? lsn_sched_owed(s->sched, event->worker, event->unit) : NULL;
    const double serve_s = s->faults->serve_s + (unit == NULL ? 0 : unit->count * s->faults->store_s);
    s->served_until_s = fmax(s->served_until_s, s->now_s) + serve_s;
    s->out->served_s += serve_s;
    later.at_s = s->served_until_s;
    later.served = true;
    *ok = sim_add(s, later);
    return false;
}

static bool take_message(sim *s, const sim_event *event)
{
    bool ok = true;
    if (event->kind != SIM_JOINED && event->process != s->workers[event->worker].known)
        return true; /* of a process that was replaced */
    if (event->kind == SIM_JOINED && event->process != s->workers[event->worker].process)
        return true; /* of one that ended with the last coordinator */
    if (!attend(s, event, &ok))
        return ok;
    if (event->kind == SIM_JOINED)
        return join(s, event);
    return event->kind == SIM_HEARD ? hear(s, event->worker) : take_answer(s, event);
}

bool sim_coordinator_event(sim *s, const sim_event *event)
{
    const bool own = event->kind == SIM_NOTICED || event->kind == SIM_GIVEN_UP || event->kind == SIM_TICK;
    bool ok = true;
    if (own && event->process != s->process)
        return true;
    lsn_sched_time(s->sched, s->now_s);
    sim_database_tick(s);
    if (event->kind == SIM_TICK)
        ok = tick(s);
    else if (own)
        notice(s, event);
    else
        ok = take_message(s, event);
    return ok && act(s);
}

/* ---- its life ------------------------------------------------------------------------------------------------ */

bool sim_coordinator_start(sim *s)
{
    lsn_sched_work work = s->given->work;
    sim_database_take_stock(s, &work);
    s->process++;
    s->drained = s->over = false;
    s->served_until_s = s->now_s;
    s->sched = lsn_sched_create(&work, s->err);
    if (s->sched == NULL || !sim_workers_start(s))
        return false;
    lsn_sched_time(s->sched, s->now_s);
    return tick(s) && act(s);
}

void sim_coordinator_stop(sim *s)
{
    sim_workers_stop(s);
    lsn_sched_destroy(s->sched);
    s->sched = NULL;
}
