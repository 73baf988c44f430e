/* The scheduler as a whole, and what happens to it. Events only change lists; what follows from them is decided when
 * the next action is asked for (actions.c), so that they cannot fail. */
#include "sched/sched_internal.h"

#include <assert.h>
#include <stdlib.h>

lsn_sched *lsn_sched_create(const lsn_sched_work *work, lsn_error *err)
{
    assert(work->n_workers > 0 && work->held > 0 && work->n_blocks > 0 && work->unit_cost >= 0);
    lsn_sched *sched = lsn_array(1, sizeof *sched, err);
    if (sched == NULL)
        return NULL;
    sched->work = *work;
    if (sched_tasks_init(sched, err) && sched_crew_init(sched, err) && sched_sheet_init(sched, err) &&
        sched_endgame_init(sched, err))
        return sched;
    lsn_sched_destroy(sched);
    return NULL;
}

void lsn_sched_destroy(lsn_sched *sched)
{
    if (sched == NULL)
        return;
    sched_units_free(sched);
    sched_groups_free(sched);
    sched_endgame_finish(sched);
    sched_crew_finish(sched);
    sched_tasks_finish(sched);
    free(sched->sheet.positions);
    free(sched);
}

/* ---- workers ------------------------------------------------------------------------------------------------- */

static sched_presence presence_of(const lsn_sched *sched, int32_t worker)
{
    assert(worker >= 0 && worker < sched->work.n_workers);
    return sched->crew.workers[worker].presence;
}

void lsn_sched_time(lsn_sched *sched, double now_s)
{
    assert(!sched->timed || now_s >= sched->now_s);
    sched->now_s = now_s;
    sched->timed = true;
    sched_forgive(sched);
}

void lsn_sched_joined(lsn_sched *sched, int32_t worker)
{
    if (presence_of(sched, worker) == WORKER_PRESENT)
        return;
    for (sched_slot *slot; (slot = sched_slot_after(sched, worker, NULL)) != NULL;)
        sched_release(sched, slot); /* of the process that was there before */
    sched->crew.workers[worker].last_block = NOBODY;
    sched_set_refusals(sched, worker, 0);
    sched_set_presence(sched, worker, WORKER_PRESENT);
}

/* Nobody is to wait for what the worker holds. */
static void leave(lsn_sched *sched, int32_t worker, sched_presence as)
{
    sched_blame_unit_in_hand(sched, worker);
    sched_set_presence(sched, worker, as);
    sched_deactivate(sched, worker);
}

void lsn_sched_silent(lsn_sched *sched, int32_t worker)
{
    if (presence_of(sched, worker) == WORKER_PRESENT)
        leave(sched, worker, WORKER_SILENT);
}

void lsn_sched_lost(lsn_sched *sched, int32_t worker)
{
    if (presence_of(sched, worker) == WORKER_PRESENT)
        leave(sched, worker, WORKER_LOST);
    else
        sched_set_presence(sched, worker, WORKER_LOST);
}

void lsn_sched_heard(lsn_sched *sched, int32_t worker)
{
    const sched_presence presence = presence_of(sched, worker);
    if (presence != WORKER_SILENT && presence != WORKER_LOST)
        return;
    sched_set_presence(sched, worker, WORKER_PRESENT);
    sched_activate(sched, worker);
}

/* ---- units --------------------------------------------------------------------------------------------------- */

const lsn_unit *lsn_sched_owed(const lsn_sched *sched, int32_t worker, int32_t unit)
{
    const sched_slot *slot = sched_slot_of(sched, worker, unit);
    return slot == NULL || slot->unit == NULL ? NULL : &slot->unit->seen;
}

static void count_done(lsn_sched *sched, const sched_unit *unit)
{
    sched->tasks.parts_done += unit->seen.count;
    sched->tasks.cost_done += unit->seen.cost - sched->work.unit_cost;
    sched_group_settled(sched, unit->group, unit->seen.block, unit->seen.count);
}

bool lsn_sched_done(lsn_sched *sched, int32_t worker, int32_t id, double seconds)
{
    sched_slot *slot = sched_slot_of(sched, worker, id);
    if (slot == NULL)
        return false;
    sched_unit *unit = slot->unit;
    sched_learn_speed(sched, worker, slot->cost, seconds);
    sched_set_refusals(sched, worker, 0);
    sched_release(sched, slot);
    if (unit == NULL)
        return false;
    count_done(sched, unit);
    sched_unit_end(sched, unit);
    return true;
}

bool lsn_sched_refused(lsn_sched *sched, int32_t worker, int32_t id)
{
    sched_slot *slot = sched_slot_of(sched, worker, id);
    if (slot == NULL)
        return false;
    if (slot->unit != NULL && !slot->blamed)
        sched_blame_refused(sched, slot);
    sched_set_refusals(sched, worker, sched->crew.workers[worker].refusals + 1);
    sched_release(sched, slot);
    return true;
}

bool lsn_sched_dropped(lsn_sched *sched, int32_t worker, int32_t id)
{
    sched_slot *slot = sched_slot_of(sched, worker, id);
    if (slot != NULL)
        sched_release(sched, slot);
    return slot != NULL;
}

void lsn_sched_ended(lsn_sched *sched, int32_t evaluation)
{
    assert(evaluation >= 0 && evaluation < sched->work.n_evaluations);
    if (sched->tasks.state[evaluation] == EVALUATION_OPEN)
        sched_close(sched, evaluation, EVALUATION_ENDED);
}

void lsn_sched_drain(lsn_sched *sched)
{
    sched->drained = true;
}

/* ---- looking on ---------------------------------------------------------------------------------------------- */

lsn_sched_progress lsn_sched_see(const lsn_sched *sched)
{
    const sched_tasks *tasks = &sched->tasks;
    const double speed = sched->crew.mean_speed * sched->crew.present, left = tasks->cost - tasks->cost_done;
    return (lsn_sched_progress){
        .parts_done = tasks->parts_done,
        .parts = tasks->parts,
        .cost_done = tasks->cost_done,
        .cost = tasks->cost,
        .left_s = tasks->parts_done == tasks->parts ? 0
                  : speed > 0                       ? left / speed
                                                    : -1,
        .in_flight = sched->in_flight,
        .workers = sched->crew.present,
        .failed = tasks->failed,
        .drained = sched->drained,
    };
}
