/* What is to happen, a heap by time. */
#include "sim/sim_internal.h"

static bool earlier(const sim_event *a, const sim_event *b)
{
    return a->at_s != b->at_s ? a->at_s < b->at_s : a->order < b->order;
}

bool sim_events_add(sim_events *events, sim_event event, lsn_error *err)
{
    if (!lsn_grow((void **)&events->heap, events->count, &events->room, sizeof event, err))
        return false;
    size_t at = events->count++;
    event.order = events->order++;
    for (; at > 0 && earlier(&event, &events->heap[(at - 1) / 2]); at = (at - 1) / 2)
        events->heap[at] = events->heap[(at - 1) / 2];
    events->heap[at] = event;
    return true;
}

sim_event sim_events_take(sim_events *events)
{
    const sim_event first = events->heap[0], last = events->heap[--events->count];
    size_t at = 0;
    for (size_t below; (below = 2 * at + 1) < events->count; at = below) {
        if (below + 1 < events->count && earlier(&events->heap[below + 1], &events->heap[below]))
            below++;
        if (!earlier(&events->heap[below], &last))
            break;
        events->heap[at] = events->heap[below];
    }
    events->heap[at] = last;
    return first;
}
