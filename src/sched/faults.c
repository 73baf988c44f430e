/* Whose fault it was: of a unit that its workers do not survive, or of a worker that computes nothing. */
#include "sched/sched_internal.h"

#include <assert.h>

enum {
    PARTS = 8,           /* into which a unit is split for its faults */
    FAULTS_OF_TRIAL = 1, /* after which such a part is split itself */
};

static void blame(lsn_sched *sched, sched_slot *slot)
{
    sched_unit *unit = slot->unit;
    slot->blamed = true;
    unit->faults++;
    unit->all_faults++;
    sched_note_holders(sched, unit);
    sched_group_faulted(sched, unit->group);
}

void sched_blame_unit_in_hand(lsn_sched *sched, int32_t worker)
{
    sched_slot *slot = sched_slot_after(sched, worker, NULL);
    /* Of a unit that the worker was told to drop nobody knows whether it had begun it. */
    if (slot != NULL && slot->unit != NULL && !slot->blamed && !slot->cancelled)
        blame(sched, slot);
}

void sched_blame_refused(lsn_sched *sched, sched_slot *slot)
{
    sched_unit *unit = slot->unit;
    blame(sched, slot);
    unit->refuser = sched_holder(sched, slot);
}

/* Splits the unit; all parts are tried before anything else of the group is given. Only the guilty one costs a worker,
 * so that many parts cost no more workers than two, and fewer rounds. */
static bool split_up(lsn_sched *sched, sched_unit *unit, lsn_error *err)
{
    for (int32_t parts = PARTS; unit != NULL; parts--) {
        sched_unit *rest = NULL;
        if (parts > 1 && unit->seen.count > 1) {
            rest = sched_split(sched, unit, (unit->seen.count + parts - 1) / parts, err);
            if (rest == NULL)
                return false;
        }
        sched_queue_remove(unit);
        unit->group->trials += !unit->trial;
        unit->trial = true;
        unit->faults = 0;
        unit->refuser = NOBODY;
        sched_unit_wait(sched, unit, false);
        if (rest != NULL)
            sched_queue_push(&sched->loose, rest, true);
        unit = rest;
    }
    return true;
}

/* False where the evaluation is not wanted any more. */
static bool give_up(lsn_sched *sched, sched_unit *unit, lsn_action *action)
{
    const int32_t evaluation = unit->seen.evaluations[0];
    const bool wanted = sched_wanted(sched, evaluation, unit->seen.block);
    sched_tasks *tasks = &sched->tasks;
    *action = (lsn_action){.kind = LSN_FAIL, .evaluation = evaluation, .faults = unit->all_faults};
    sched_forgo(sched, evaluation);
    sched_group_settled(sched, unit->group, unit->seen.block, 1);
    sched_unit_end(sched, unit);
    if (!wanted)
        return false;
    sched_close(sched, evaluation, EVALUATION_FAILED);
    tasks->failed++;
    if (sched->work.fail_fast || (sched->work.max_failures > 0 && tasks->failed > sched->work.max_failures))
        sched->drained = sched->too_many_failed = true;
    return true;
}

bool sched_judge(lsn_sched *sched, lsn_action *action, lsn_error *err)
{
    for (sched_unit *unit; !sched->too_many_failed && (unit = sched->loose.first) != NULL;) {
        const bool alone = unit->seen.count == 1;
        if (unit->faults < (unit->trial && !alone ? FAULTS_OF_TRIAL : SCHED_FAULTS)) {
            sched_queue_remove(unit);
            sched_unit_wait(sched, unit, false);
        } else if (alone) {
            if (give_up(sched, unit, action))
                return true;
        } else if (!split_up(sched, unit, err)) {
            return false;
        }
    }
    return false;
}
