/* Units, and who holds them. A unit is active while a present worker holds it; it is loose from the moment when none
 * does any more until it was judged and waits in its group's queue. */
#include "sched/sched_internal.h"

#include <assert.h>
#include <stdlib.h>

/* ---- queues -------------------------------------------------------------------------------------------------- */

void sched_queue_push(sched_queue *queue, sched_unit *unit, bool front)
{
    assert(unit->queue == NULL);
    unit->queue = queue;
    unit->previous = front ? NULL : queue->last;
    unit->next = front ? queue->first : NULL;
    *(unit->previous == NULL ? &queue->first : &unit->previous->next) = unit;
    *(unit->next == NULL ? &queue->last : &unit->next->previous) = unit;
}

void sched_queue_remove(sched_unit *unit)
{
    sched_queue *queue = unit->queue;
    if (queue == NULL)
        return;
    *(unit->previous == NULL ? &queue->first : &unit->previous->next) = unit->next;
    *(unit->next == NULL ? &queue->last : &unit->next->previous) = unit->previous;
    unit->queue = NULL;
    unit->next = unit->previous = NULL;
}

/* ---- making and ending --------------------------------------------------------------------------------------- */

void sched_unit_renew(lsn_sched *sched, sched_unit *unit)
{
    unit->seen.id = (int32_t)(sched->next_id++ & INT32_MAX);
    while (unit->first_holder != NOBODY) {
        sched_slot *slot = &sched->crew.slots[unit->first_holder];
        unit->first_holder = slot->next_holder;
        slot->unit = NULL;
        slot->next_holder = NOBODY;
        sched_cancel(sched, slot);
        sched_endgame_note(sched, sched_holder(sched, slot));
    }
}

sched_unit *sched_unit_make(lsn_sched *sched, sched_group *group, lsn_error *err)
{
    sched_unit *unit = sched->free_units;
    if (unit != NULL)
        sched->free_units = unit->next;
    else {
        unit = lsn_array(1, sizeof *unit, err);
        if (unit == NULL)
            return NULL;
        unit->next_made = sched->made_units;
        sched->made_units = unit;
    }
    *unit = (sched_unit){.seen = {.worker = NOBODY},
                         .group = group,
                         .next_made = unit->next_made,
                         .own = unit->own,
                         .own_room = unit->own_room,
                         .first_holder = NOBODY,
                         .refuser = NOBODY};
    sched_unit_renew(sched, unit);
    group->units++;
    return unit;
}

static double cost_of_parts(const lsn_sched *sched, const sched_unit *unit)
{
    return unit->seen.count > 0 ? unit->seen.cost - sched->work.unit_cost : 0;
}

static void count_active(lsn_sched *sched, sched_unit *unit, int sign)
{
    sched->in_flight += sign;
    unit->group->in_flight += sign;
    sched->tasks.cost_loose -= sign * cost_of_parts(sched, unit);
}

void sched_unit_end(lsn_sched *sched, sched_unit *unit)
{
    sched_group *group = unit->group;
    if (unit->active > 0)
        count_active(sched, unit, -1);
    sched->tasks.cost_loose -= cost_of_parts(sched, unit);
    unit->active = 0;
    sched_queue_remove(unit);
    sched_unit_renew(sched, unit);
    group->units--;
    group->trials -= unit->trial;
    unit->next = sched->free_units;
    sched->free_units = unit;
    sched_group_settle(sched, group);
}

void sched_unit_wait(lsn_sched *sched, sched_unit *unit, bool front)
{
    sched_queue_push(unit->trial ? &unit->group->tried : &unit->group->returned, unit, front);
    sched_group_settle(sched, unit->group);
}

void sched_units_free(lsn_sched *sched)
{
    for (sched_unit *unit = sched->made_units, *next; unit != NULL; unit = next) {
        next = unit->next_made;
        free(unit->own);
        free(unit);
    }
}

bool sched_unit_reserve(sched_unit *unit, int32_t count, lsn_error *err)
{
    if ((size_t)count <= unit->own_room)
        return true;
    const size_t room = unit->own_room * 2 > (size_t)count ? unit->own_room * 2 : (size_t)count;
    int32_t *own = realloc(unit->own, room * sizeof *own);
    if (own == NULL)
        return lsn_fail(err, LSN_FAILED, "out of memory: a unit of %d evaluations could not be had", (int)count);
    if (unit->seen.evaluations == unit->own)
        unit->seen.evaluations = own;
    unit->own = own;
    unit->own_room = room;
    return true;
}

/* ---- holding ------------------------------------------------------------------------------------------------- */

static sched_slot *slots_of(const lsn_sched *sched, int32_t worker)
{
    return sched->crew.slots + (size_t)worker * (size_t)sched->work.held;
}

int32_t sched_holder(const lsn_sched *sched, const sched_slot *slot)
{
    return (int32_t)((slot - sched->crew.slots) / sched->work.held);
}

sched_slot *sched_slot_of(const lsn_sched *sched, int32_t worker, int32_t id)
{
    assert(worker >= 0 && worker < sched->work.n_workers);
    sched_slot *slots = slots_of(sched, worker);
    for (int32_t i = 0; id >= 0 && i < sched->work.held; i++)
        if (slots[i].id == id)
            return &slots[i];
    return NULL;
}

sched_slot *sched_slot_after(const lsn_sched *sched, int32_t worker, const sched_slot *slot)
{
    sched_slot *slots = slots_of(sched, worker), *found = NULL;
    for (int32_t i = 0; i < sched->work.held; i++)
        if (slots[i].id != NOBODY && (slot == NULL || slots[i].turn > slot->turn) &&
            (found == NULL || slots[i].turn < found->turn))
            found = &slots[i];
    return found;
}

void sched_note_holders(lsn_sched *sched, const sched_unit *unit)
{
    for (int32_t at = unit->first_holder; at != NOBODY; at = sched->crew.slots[at].next_holder)
        sched_endgame_note(sched, sched_holder(sched, &sched->crew.slots[at]));
}

static void activate(lsn_sched *sched, sched_unit *unit)
{
    if (unit->active++ == 0) {
        sched_queue_remove(unit);
        count_active(sched, unit, 1);
        sched_group_settle(sched, unit->group);
    }
    sched_note_holders(sched, unit);
}

static void deactivate(lsn_sched *sched, sched_unit *unit)
{
    if (--unit->active == 0) {
        count_active(sched, unit, -1);
        sched_queue_push(&sched->loose, unit, false);
        sched_group_settle(sched, unit->group);
    }
    sched_note_holders(sched, unit);
}

void sched_hold(lsn_sched *sched, sched_unit *unit, int32_t w)
{
    sched_worker *worker = &sched->crew.workers[w];
    sched_slot *slot = slots_of(sched, w);
    assert(worker->presence == WORKER_PRESENT && worker->used < sched->work.held);
    while (slot->id != NOBODY)
        slot++;
    *slot = (sched_slot){.unit = unit,
                         .id = unit->seen.id,
                         .next_holder = unit->first_holder,
                         .turn = worker->turn++,
                         .cost = unit->seen.cost};
    unit->first_holder = (int32_t)(slot - sched->crew.slots);
    unit->seen.worker = w;
    worker->last_block = unit->seen.block;
    if (worker->used++ == 0)
        worker->begun_s = sched->now_s;
    activate(sched, unit);
    sched_relist(sched, w);
    sched_endgame_note(sched, w);
}

/* Takes the slot out of its unit's holders. */
static void let_go(lsn_sched *sched, sched_slot *slot)
{
    sched_unit *unit = slot->unit;
    const int32_t at = (int32_t)(slot - sched->crew.slots);
    if (unit == NULL)
        return;
    int32_t *link = &unit->first_holder;
    while (*link != at)
        link = &sched->crew.slots[*link].next_holder;
    *link = slot->next_holder;
    slot->unit = NULL;
    slot->next_holder = NOBODY;
}

void sched_release(lsn_sched *sched, sched_slot *slot)
{
    const int32_t w = sched_holder(sched, slot);
    sched_worker *worker = &sched->crew.workers[w];
    sched_unit *unit = slot->unit;
    if (sched_slot_after(sched, w, NULL) == slot)
        worker->begun_s = sched->now_s; /* the next one */
    let_go(sched, slot);
    if (unit != NULL && worker->presence == WORKER_PRESENT)
        deactivate(sched, unit);
    *slot = (sched_slot){.id = NOBODY, .next_holder = NOBODY};
    worker->used--;
    sched_relist(sched, w);
    sched_endgame_note(sched, w);
}

void sched_activate(lsn_sched *sched, int32_t w)
{
    sched_slot *slots = slots_of(sched, w);
    for (int32_t i = 0; i < sched->work.held; i++) {
        if (slots[i].unit != NULL)
            activate(sched, slots[i].unit);
        if (slots[i].id != NOBODY && (slots[i].unit == NULL || slots[i].cancelled))
            sched_cancel(sched, &slots[i]);
    }
    sched->crew.workers[w].begun_s = sched->now_s;
    sched_endgame_note(sched, w);
}

void sched_deactivate(lsn_sched *sched, int32_t w)
{
    sched_slot *slots = slots_of(sched, w);
    for (int32_t i = 0; i < sched->work.held; i++)
        if (slots[i].unit != NULL)
            deactivate(sched, slots[i].unit);
    sched_endgame_note(sched, w);
}

/* ---- telling workers to drop units --------------------------------------------------------------------------- */

void sched_cancel(lsn_sched *sched, sched_slot *slot)
{
    const int32_t w = sched_holder(sched, slot);
    sched_worker *worker = &sched->crew.workers[w];
    slot->cancelled = slot->wants_cancel = true;
    if (worker->told)
        return;
    worker->told = true;
    worker->next_cancel = sched->crew.first_cancel;
    sched->crew.first_cancel = w;
}

bool sched_next_cancel(lsn_sched *sched, lsn_action *action)
{
    for (int32_t w; (w = sched->crew.first_cancel) != NOBODY;) {
        sched_worker *worker = &sched->crew.workers[w];
        sched_slot *slots = slots_of(sched, w);
        for (int32_t i = 0; worker->presence == WORKER_PRESENT && i < sched->work.held; i++) {
            if (slots[i].id == NOBODY || !slots[i].wants_cancel)
                continue;
            slots[i].wants_cancel = false;
            *action = (lsn_action){.kind = LSN_CANCEL, .worker = w, .id = slots[i].id};
            return true;
        }
        worker->told = false;
        sched->crew.first_cancel = worker->next_cancel;
    }
    return false;
}
