/* Evaluations without repeats. A million of them are ordinary: masks lie in an arena, those without gaps are shared,
 * and equal ones are found through a hash table. */
#include "study/expand.h"

#include <stdlib.h>
#include <string.h>

struct lsn_slot {
    uint32_t hash;
    uint32_t evaluation; /* index + 1; 0: free */
};

/* ---- the table ----------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint32_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u; /* 2^64 / golden ratio */
    return hash ^ (hash >> 29);
}

static uint32_t hash_ablation(const lsn_ablation *ablation)
{
    uint64_t hash = mix(mix(0, (uint32_t)ablation->mode), (uint32_t)ablation->seed);
    for (int32_t p = 0; p < ablation->mask.count; p++) {
        const lsn_mask_part *part = &ablation->mask.parts[p];
        hash = mix(mix(hash, (uint32_t)part->layer), (uint32_t)part->count);
        for (int32_t i = 0; i < part->count; i++)
            hash = mix(hash, (uint32_t)part->filters[i]);
    }
    return (uint32_t)(hash >> 32);
}

static bool same_ablation(const lsn_ablation *a, const lsn_ablation *b)
{
    if (a->mode != b->mode || a->seed != b->seed || a->mask.count != b->mask.count)
        return false;
    for (int32_t p = 0; p < a->mask.count; p++) {
        const lsn_mask_part *one = &a->mask.parts[p], *two = &b->mask.parts[p];
        if (one->layer != two->layer || one->count != two->count ||
            memcmp(one->filters, two->filters, (size_t)one->count * sizeof *one->filters) != 0)
            return false;
    }
    return true;
}

/* The slot of an ablation, or the free one where it belongs. */
static struct lsn_slot *find_slot(const lsn_ledger *ledger, const lsn_ablation *ablation, uint32_t hash)
{
    for (size_t i = hash;; i++) {
        struct lsn_slot *slot = &ledger->slots[i & (ledger->n_slots - 1)];
        if (slot->evaluation == 0 ||
            (slot->hash == hash && same_ablation(&ledger->list[slot->evaluation - 1].ablation, ablation)))
            return slot;
    }
}

static bool widen_table(lsn_ledger *ledger, lsn_error *err)
{
    size_t n_slots = ledger->n_slots == 0 ? 1024 : 2 * ledger->n_slots;
    struct lsn_slot *slots = lsn_array(n_slots, sizeof *slots, err);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < ledger->n_slots; i++) {
        struct lsn_slot slot = ledger->slots[i];
        size_t at = slot.hash & (n_slots - 1);
        while (slot.evaluation != 0 && slots[at].evaluation != 0)
            at = (at + 1) & (n_slots - 1);
        if (slot.evaluation != 0)
            slots[at] = slot;
    }
    free(ledger->slots);
    ledger->slots = slots;
    ledger->n_slots = n_slots;
    return true;
}

/* ---- masks --------------------------------------------------------------------------------------------------- */

static const int32_t *keep_filters(lsn_ledger *ledger, const lsn_mask_part *part, lsn_error *err)
{
    if (part->filters[part->count - 1] - part->filters[0] == part->count - 1)
        return ledger->consecutive + part->filters[0];
    int32_t *copy = lsn_arena_array(ledger->arena, (size_t)part->count, sizeof *copy, err);
    if (copy != NULL)
        memcpy(copy, part->filters, (size_t)part->count * sizeof *copy);
    return copy;
}

static bool keep_mask(lsn_ledger *ledger, const lsn_mask *mask, lsn_mask *kept, lsn_error *err)
{
    lsn_mask_part *parts = lsn_arena_array(ledger->arena, (size_t)mask->count, sizeof *parts, err);
    if (parts == NULL)
        return false;
    for (int32_t p = 0; p < mask->count; p++) {
        parts[p] = mask->parts[p];
        parts[p].filters = keep_filters(ledger, &mask->parts[p], err);
        if (parts[p].filters == NULL)
            return false;
    }
    *kept = (lsn_mask){.count = mask->count, .parts = parts};
    return true;
}

/* ---- the ledger ---------------------------------------------------------------------------------------------- */

bool lsn_ledger_init(lsn_ledger *ledger, const lsn_plan *plan, lsn_arena *arena, lsn_error *err)
{
    const size_t widest = lsn_widest_layer(plan->net);
    *ledger = (lsn_ledger){.net = plan->net, .arena = arena};
    ledger->consecutive = lsn_arena_array(arena, widest, sizeof *ledger->consecutive, err);
    if (ledger->consecutive == NULL)
        return false;
    for (size_t i = 0; i < widest; i++)
        ledger->consecutive[i] = (int32_t)i;
    return true;
}

void lsn_ledger_finish(lsn_ledger *ledger)
{
    free(ledger->list);
    free(ledger->slots);
    *ledger = (lsn_ledger){0};
}

bool lsn_ledger_add(lsn_ledger *ledger, const lsn_ablation *ablation, int32_t *index, lsn_error *err)
{
    if (2 * ledger->count >= ledger->n_slots && !widen_table(ledger, err))
        return false;
    uint32_t hash = hash_ablation(ablation);
    struct lsn_slot *slot = find_slot(ledger, ablation, hash);
    if (slot->evaluation != 0) {
        *index = (int32_t)slot->evaluation - 1;
        return true;
    }
    if (!lsn_grow((void **)&ledger->list, ledger->count, &ledger->room, sizeof *ledger->list, err))
        return false;
    lsn_evaluation *added = &ledger->list[ledger->count];
    *added = (lsn_evaluation){.ablation = {.mode = ablation->mode, .seed = ablation->seed}};
    if (!keep_mask(ledger, &ablation->mask, &added->ablation.mask, err))
        return false;
    *index = (int32_t)ledger->count++;
    *slot = (struct lsn_slot){.hash = hash, .evaluation = (uint32_t)*index + 1};
    return true;
}
