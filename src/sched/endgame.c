/* Towards the end an idle worker is given what another holds, where it is expected to finish it sooner, or where the
 * other is late. From the first time on that a worker found nothing else to do, the workers are kept in two heaps. */
#include "sched/sched_internal.h"

#include <assert.h>
#include <math.h>

static const double LATE = 1.5; /* a unit in hand is late after so many times what it was expected to take */
static const double GAIN = 1.1; /* what the idle worker must be faster by */

bool sched_endgame_init(lsn_sched *sched, lsn_error *err)
{
    return sched_heap_init(&sched->endgame.last_to_end, sched->work.n_workers, err) &&
           sched_heap_init(&sched->endgame.late, sched->work.n_workers, err);
}

void sched_endgame_finish(lsn_sched *sched)
{
    sched_heap_finish(&sched->endgame.last_to_end);
    sched_heap_finish(&sched->endgame.late);
}

/* Held by this worker alone, as far as present ones go, and not to be judged when it comes back. */
static bool could_be_taken(const sched_slot *slot)
{
    return slot->unit != NULL && slot->unit->active == 1 && slot->unit->faults < SCHED_FAULTS && !slot->cancelled;
}

/* The last of the worker's units that could be taken, and when it is expected to end, if nothing is late; NULL: none
 * could. */
static sched_slot *last_to_take(const lsn_sched *sched, int32_t w, double *end_s)
{
    const double speed = sched_speed(sched, w);
    double at_s = sched->crew.workers[w].begun_s;
    sched_slot *last = NULL;
    for (sched_slot *slot = NULL; (slot = sched_slot_after(sched, w, slot)) != NULL;) {
        at_s += slot->cost / speed;
        if (!could_be_taken(slot))
            continue;
        last = slot;
        *end_s = at_s;
    }
    return last;
}

static double in_hand_until(const lsn_sched *sched, int32_t w, double factor)
{
    const sched_slot *in_hand = sched_slot_after(sched, w, NULL);
    return sched->crew.workers[w].begun_s + factor * in_hand->cost / sched_speed(sched, w);
}

static void note(lsn_sched *sched, int32_t w)
{
    sched_endgame *endgame = &sched->endgame;
    const bool present = sched->crew.workers[w].presence == WORKER_PRESENT;
    double end_s = 0;
    if (present && last_to_take(sched, w, &end_s) != NULL)
        sched_heap_set(&endgame->last_to_end, w, -end_s);
    else
        sched_heap_remove(&endgame->last_to_end, w);
    const sched_slot *in_hand = sched_slot_after(sched, w, NULL);
    if (present && in_hand != NULL && could_be_taken(in_hand))
        sched_heap_set(&endgame->late, w, in_hand_until(sched, w, LATE));
    else
        sched_heap_remove(&endgame->late, w);
}

void sched_endgame_note(lsn_sched *sched, int32_t w)
{
    if (sched->endgame.on)
        note(sched, w);
}

static void begin(lsn_sched *sched)
{
    sched->endgame.on = true;
    for (int32_t w = 0; w < sched->work.n_workers; w++)
        note(sched, w);
}

/* What the worker that is expected to end last holds last, if the idle one would finish it sooner. */
static sched_slot *find_last(lsn_sched *sched, double speed)
{
    const sched_heap *heap = &sched->endgame.last_to_end;
    if (heap->count == 0)
        return NULL;
    const int32_t w = heap->items[0];
    double end_s = 0;
    sched_slot *slot = last_to_take(sched, w, &end_s);
    assert(slot != NULL);
    end_s += fmax(0, sched->now_s - in_hand_until(sched, w, 1)); /* by how much it is late already */
    return sched->now_s + GAIN * slot->cost / speed < end_s ? slot : NULL;
}

/* The unit in hand that is late for longest, unless the idle worker would take longer than the other already did. */
static sched_slot *find_late(lsn_sched *sched, double speed)
{
    const sched_heap *heap = &sched->endgame.late;
    if (heap->count == 0 || heap->key[heap->items[0]] >= sched->now_s)
        return NULL;
    const int32_t w = heap->items[0];
    sched_slot *slot = sched_slot_after(sched, w, NULL);
    return slot->cost / speed <= sched->now_s - sched->crew.workers[w].begun_s ? slot : NULL;
}

sched_unit *sched_second_unit(lsn_sched *sched, int32_t idle)
{
    const double speed = sched_speed(sched, idle);
    if (!sched->timed || !(speed > 0) || sched->crew.workers[idle].refusals > 0)
        return NULL;
    if (!sched->endgame.on)
        begin(sched);
    sched_slot *slot = find_last(sched, speed);
    if (slot == NULL)
        slot = find_late(sched, speed);
    if (slot == NULL)
        return NULL;
    if (slot != sched_slot_after(sched, sched_holder(sched, slot), NULL))
        sched_cancel(sched, slot); /* in reserve: it need not begin it */
    return slot->unit;
}
