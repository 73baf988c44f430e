/* What follows from what happened. */
#include "sched/sched_internal.h"

enum { WORKERS_TRIED = 4 }; /* in one question for the next action */

static void assign(lsn_sched *sched, sched_unit *unit, int32_t worker, lsn_action *action)
{
    const double speed = sched_speed(sched, worker);
    if (speed > 0)
        sched_note_duration(sched, unit->seen.cost / speed);
    sched_hold(sched, unit, worker);
    *action = (lsn_action){.kind = LSN_ASSIGN, .worker = worker, .unit = &unit->seen};
}

/* Gives something to a worker that could hold more. */
static bool serve(lsn_sched *sched, lsn_action *action, lsn_error *err)
{
    const bool picky = sched->crew.trusted > 1;
    int32_t worker = sched_hungriest(sched);
    sched_unit *unit = NULL;
    for (int tries = 0; worker != NOBODY && tries < WORKERS_TRIED; tries++) {
        unit = sched_cut_for(sched, worker, picky, err);
        if (unit != NULL || err->code != LSN_OK || sched->first_group == NULL)
            break;
        worker = sched_next_hungry(sched, worker);
    }
    if (unit == NULL && err->code == LSN_OK && picky && sched->in_flight == 0 && sched->first_group != NULL) {
        /* Only those are there who refused what there is. */
        worker = sched_hungriest(sched);
        unit = worker == NOBODY ? NULL : sched_cut_for(sched, worker, false, err);
    }
    if (unit != NULL)
        assign(sched, unit, worker, action);
    return unit != NULL;
}

/* Nothing is left to cut: gives what another holds to an idle worker. */
static bool serve_again(lsn_sched *sched, lsn_action *action)
{
    for (int tries = 0; tries < WORKERS_TRIED; tries++) {
        const int32_t worker = sched_hungriest(sched);
        if (worker == NOBODY || sched->crew.workers[worker].used > 0)
            return false;
        sched_unit *unit = sched_second_unit(sched, worker);
        if (unit != NULL) {
            assign(sched, unit, worker, action);
            return true;
        }
        sched_queue_up_again(sched, worker); /* another may be faster */
    }
    return false;
}

/* After a drain: the workers are asked for what they hold in reserve. */
static void ask_back(lsn_sched *sched)
{
    for (int32_t worker; (worker = sched->drained_to) < sched->work.n_workers; sched->drained_to++) {
        sched_slot *slot = sched_slot_after(sched, worker, NULL);
        while (slot != NULL && (slot = sched_slot_after(sched, worker, slot)) != NULL)
            if (!slot->cancelled)
                sched_cancel(sched, slot);
    }
}

static bool finish(lsn_sched *sched, lsn_action *action)
{
    const bool complete = sched->tasks.parts_done >= sched->tasks.parts || !sched_anything_left(sched);
    const bool deserted = sched->crew.lost == sched->work.n_workers;
    if (sched->in_flight > 0 || !(complete || sched->drained || deserted))
        return false;
    sched->finished = true;
    *action = (lsn_action){.kind = LSN_FINISH,
                           .ending = complete                 ? LSN_COMPLETE
                                     : sched->too_many_failed ? LSN_TOO_MANY_FAILED
                                     : sched->drained         ? LSN_DRAINED
                                                              : LSN_NO_WORKERS};
    return true;
}

bool lsn_sched_next(lsn_sched *sched, lsn_action *action, lsn_error *err)
{
    lsn_error own;
    if (err == NULL)
        err = &own;
    err->code = LSN_OK;
    if (sched->finished)
        return false;
    if (sched_condemn(sched, action) || sched_judge(sched, action, err))
        return true;
    if (err->code != LSN_OK)
        return false;
    if (sched->drained)
        ask_back(sched);
    if (sched_next_cancel(sched, action))
        return true;
    if (!sched->drained && (serve(sched, action, err) || err->code != LSN_OK))
        return err->code == LSN_OK;
    if (finish(sched, action))
        return true;
    return !sched->drained && serve_again(sched, action);
}
