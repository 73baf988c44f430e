/* A binary heap of small numbers, each of which can be moved or taken out. */
#include "sched/sched_internal.h"

#include <stdlib.h>

bool sched_heap_init(sched_heap *heap, int32_t n, lsn_error *err)
{
    heap->items = lsn_array((size_t)n, sizeof *heap->items, err);
    heap->place = heap->items == NULL ? NULL : lsn_array((size_t)n, sizeof *heap->place, err);
    heap->key = heap->place == NULL ? NULL : lsn_array((size_t)n, sizeof *heap->key, err);
    for (int32_t i = 0; heap->key != NULL && i < n; i++)
        heap->place[i] = NOBODY;
    return heap->key != NULL;
}

void sched_heap_finish(sched_heap *heap)
{
    free(heap->items);
    free(heap->place);
    free(heap->key);
}

static void put(sched_heap *heap, int32_t at, int32_t item)
{
    heap->items[at] = item;
    heap->place[item] = at;
}

static void rise(sched_heap *heap, int32_t at)
{
    const int32_t item = heap->items[at];
    for (int32_t above; at > 0 && heap->key[heap->items[above = (at - 1) / 2]] > heap->key[item]; at = above)
        put(heap, at, heap->items[above]);
    put(heap, at, item);
}

static void sink(sched_heap *heap, int32_t at)
{
    const int32_t item = heap->items[at];
    for (;;) {
        int32_t below = 2 * at + 1;
        if (below + 1 < heap->count && heap->key[heap->items[below + 1]] < heap->key[heap->items[below]])
            below++;
        if (below >= heap->count || heap->key[heap->items[below]] >= heap->key[item])
            break;
        put(heap, at, heap->items[below]);
        at = below;
    }
    put(heap, at, item);
}

void sched_heap_set(sched_heap *heap, int32_t item, double key)
{
    if (heap->place[item] == NOBODY)
        put(heap, heap->count++, item);
    heap->key[item] = key;
    rise(heap, heap->place[item]);
    sink(heap, heap->place[item]);
}

void sched_heap_remove(sched_heap *heap, int32_t item)
{
    const int32_t at = heap->place[item];
    if (at == NOBODY)
        return;
    heap->place[item] = NOBODY;
    const int32_t last = heap->items[--heap->count];
    if (last == item)
        return;
    put(heap, at, last);
    rise(heap, at);
    sink(heap, heap->place[last]);
}
