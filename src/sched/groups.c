/* Groups of evaluations that go through all blocks together. So that what kills every worker that computes it does not
 * kill many, a group is tried before it is given to all: some groups ahead are open, of which SCHED_CANARIES units each
 * are given. The window is the most units of a group that may be in flight: these canaries, or an eighth of what the
 * workers can hold, where nothing else is left to give; any number once all evaluations of the group came back on one
 * block; one after a fault, and twice as many after each result that follows. While parts of a split unit are tried,
 * nothing else of the group is given. Suspects (of having ended a run) come after all others, a group of them at a
 * time, which begins as if it had been at fault.
 *
 * Splitting a unit whose holder died, and no more, is not enough: by the time that a first death is noticed (30 s) the
 * group's other blocks have been begun by everybody. Simulated (100 workers, 2000 evaluations of half a second on 50
 * blocks, five seeds), an evaluation that kills its workers then takes 51 of them, not 25, and three such take all. */
#include "sched/sched_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORD_BITS = 64,
    FEW_BLOCKS = 8, /* too few for canaries: the group would be given out before they are back */
    WIDE_SHARE = 8,
    SUSPECT_SHARE = 8,
    ORDERED = 16, /* of the groups that have something to give, so many are in order */
};

static size_t words(const lsn_sched *sched)
{
    return ((size_t)sched->work.n_blocks + WORD_BITS - 1) / WORD_BITS;
}

/* ---- the list of groups that have something to give ---------------------------------------------------------- */

static void unlist(lsn_sched *sched, sched_group *group)
{
    *(group->previous == NULL ? &sched->first_group : &group->previous->next) = group->next;
    if (group->next != NULL)
        group->next->previous = group->previous;
    group->previous = group->next = NULL;
    group->listed = false;
}

static bool is_canary(const sched_group *group)
{
    return group->ahead && !group->proven;
}

/* Canaries go first, then older groups. */
static bool goes_before(const sched_group *a, const sched_group *b)
{
    return is_canary(a) != is_canary(b) ? is_canary(a) : a->first < b->first;
}

static void list(lsn_sched *sched, sched_group *group)
{
    sched_group *before = NULL, *after = sched->first_group;
    for (int steps = 0; after != NULL && steps < ORDERED && goes_before(after, group); steps++) {
        before = after;
        after = after->next;
    }
    group->previous = before;
    group->next = after;
    *(before == NULL ? &sched->first_group : &before->next) = group;
    if (after != NULL)
        after->previous = group;
    group->listed = true;
}

/* The group is no longer ahead of those that are given to all. */
static void begin_for_all(lsn_sched *sched, sched_group *group)
{
    if (!group->ahead)
        return;
    int32_t at = 0;
    while (sched->ahead[at] != group)
        at++;
    sched->n_ahead--;
    memmove(&sched->ahead[at], &sched->ahead[at + 1], (size_t)(sched->n_ahead - at) * sizeof(sched_group *));
    group->ahead = false;
}

static bool has_something(const lsn_sched *sched, const sched_group *group)
{
    if (group->tried.first != NULL)
        return true;
    if (group->trials > 0 && group != &sched->flat)
        return false;
    return group->in_flight < group->window && (group->returned.first != NULL || group->untaken > 0);
}

void sched_group_settle(lsn_sched *sched, sched_group *group)
{
    const bool something = has_something(sched, group);
    if (something && !group->listed)
        list(sched, group);
    else if (!something && group->listed)
        unlist(sched, group);
    if (group->units > 0 || group->untaken > 0 || group == &sched->flat)
        return;
    group->next_free = sched->free_groups;
    sched->free_groups = group;
    sched->open_groups--;
    begin_for_all(sched, group);
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

static sched_group *make(lsn_sched *sched, lsn_error *err)
{
    sched_group *group = sched->free_groups;
    if (group != NULL) {
        sched->free_groups = group->next_free;
        memset(group->taken, 0, words(sched) * sizeof *group->taken);
        return group;
    }
    group = lsn_array(1, sizeof *group, err);
    uint64_t *taken = group == NULL ? NULL : lsn_array(words(sched), sizeof *taken, err);
    if (taken == NULL) {
        free(group);
        return NULL;
    }
    group->taken = taken;
    group->next_made = sched->made_groups;
    sched->made_groups = group;
    return group;
}

void sched_groups_free(lsn_sched *sched)
{
    for (sched_group *group = sched->made_groups, *next; group != NULL; group = next) {
        next = group->next_made;
        free(group->taken);
        free(group);
    }
}

/* The positions of the next group, sized for a worker of mean speed: at least one with anything left. */
static bool choose(const lsn_sched *sched, int32_t *first, int32_t *end)
{
    const sched_tasks *tasks = &sched->tasks;
    const sched_size size = sched_size_for(sched, sched->crew.mean_speed);
    double cost = sched->work.unit_cost;
    int32_t at = sched->next_position, count = 0;
    while (at < tasks->n_trusted && tasks->left[tasks->order[at]] == 0)
        at++;
    for (*first = at; at < tasks->n_trusted && count < size.count; at++) {
        if (tasks->left[tasks->order[at]] == 0)
            continue;
        cost += sched->work.cost[tasks->order[at]];
        if (count > 0 && cost > size.cost)
            break;
        count++;
    }
    *end = at;
    return count > 0;
}

/* A group of the positions first .. end-1. */
static sched_group *open_at(lsn_sched *sched, int32_t first, int32_t end, bool ahead, int64_t window, lsn_error *err)
{
    sched_group *group = make(sched, err);
    if (group == NULL)
        return NULL;
    *group = (sched_group){.first = first,
                           .end = end,
                           .taken = group->taken,
                           .untaken = sched->work.n_blocks,
                           .window = window,
                           .first_block = NOBODY,
                           .ahead = ahead,
                           .next_made = group->next_made};
    sched->next_position = end;
    sched->open_groups++;
    if (ahead)
        sched->ahead[sched->n_ahead++] = group;
    return group;
}

static sched_group *open_group(lsn_sched *sched, bool ahead, int64_t window, lsn_error *err)
{
    int32_t first, end;
    if (!choose(sched, &first, &end)) {
        if (sched->next_position < sched->tasks.n_trusted)
            sched->next_position = sched->tasks.n_trusted;
        return NULL;
    }
    sched_group *group = open_at(sched, first, end, ahead, window, err);
    if (group != NULL)
        sched_group_settle(sched, group);
    return group;
}

/* An eighth of the suspects with as many deaths as the next one: first .. end-1. */
static bool choose_suspects(const lsn_sched *sched, int32_t *first, int32_t *end)
{
    const sched_tasks *tasks = &sched->tasks;
    const sched_suspect *suspects = tasks->suspects; /* by position - trusted */
    const int32_t trusted = tasks->n_trusted;
    const sched_size size = sched_size_for(sched, sched->crew.mean_speed);
    double cost = sched->work.unit_cost;
    int32_t at = sched->next_position, same = 0, count = 0;
    while (at < tasks->n_order && tasks->left[tasks->order[at]] == 0)
        at++;
    *first = *end = at;
    for (int32_t p = at; p < tasks->n_order && suspects[p - trusted].deaths == suspects[at - trusted].deaths; p++)
        same += tasks->left[tasks->order[p]] > 0;
    for (; count < (same + SUSPECT_SHARE - 1) / SUSPECT_SHARE; at++) {
        if (tasks->left[tasks->order[at]] == 0)
            continue;
        cost += sched->work.cost[tasks->order[at]];
        if (count > 0 && cost > size.cost)
            break;
        count++;
        *end = at + 1;
    }
    return count > 0;
}

sched_group *sched_group_suspects(lsn_sched *sched, lsn_error *err)
{
    int32_t first, end;
    const sched_tasks *tasks = &sched->tasks;
    if (sched->next_position < tasks->n_trusted || sched->next_position >= tasks->n_order || sched->open_groups > 0 ||
        sched->flat.units > 0 || sched->in_flight > 0)
        return NULL;
    if (!choose_suspects(sched, &first, &end)) {
        sched->next_position = tasks->n_order;
        return NULL;
    }
    sched_group *group = open_at(sched, first, end, false, 1, err);
    if (group == NULL)
        return NULL;
    group->careful = true;
    group->first_block = tasks->suspects[first - tasks->n_trusted].block;
    sched_group_settle(sched, group);
    return group;
}

/* Units that the workers can hold. */
static int64_t places(const lsn_sched *sched)
{
    return (int64_t)(sched->crew.present + sched->crew.absent) * sched->work.held;
}

sched_group *sched_group_more(lsn_sched *sched, lsn_error *err)
{
    const int64_t share = places(sched) / WIDE_SHARE, wide = share > sched->work.held ? share : sched->work.held;
    for (int32_t i = 0; i < sched->n_ahead; i++) {
        sched_group *group = sched->ahead[i];
        if (group->window != SCHED_CANARIES || group->proven || group->careful)
            continue; /* it comes back by itself */
        begin_for_all(sched, group);
        group->window = wide;
        sched_group_settle(sched, group);
        if (group->listed)
            return group;
        i--;
    }
    return open_group(sched, false, wide, err);
}

bool sched_group_look_ahead(lsn_sched *sched, sched_group *group, lsn_error *err)
{
    const int64_t all = places(sched), wanted = 1 + all / sched->work.n_blocks;
    if (all <= SCHED_CANARIES * WIDE_SHARE || sched->work.n_blocks < FEW_BLOCKS)
        return true;
    if (group->proven)
        begin_for_all(sched, group);
    err->code = LSN_OK;
    while (!group->ahead && sched->n_ahead < SCHED_AHEAD && sched->n_ahead < wanted)
        if (open_group(sched, true, SCHED_CANARIES, err) == NULL)
            break;
    return err->code == LSN_OK;
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

static bool is_taken(const sched_group *group, int32_t block)
{
    return (group->taken[block / WORD_BITS] >> block % WORD_BITS & 1) != 0;
}

int32_t sched_group_block(sched_group *group, int32_t preferred)
{
    assert(group->untaken > 0);
    if (group->first_block != NOBODY && !is_taken(group, group->first_block))
        return group->first_block;
    if (preferred != NOBODY && !is_taken(group, preferred))
        return preferred;
    int32_t block = group->cursor;
    while (is_taken(group, block)) {
        const uint64_t free_bits = ~group->taken[block / WORD_BITS] >> block % WORD_BITS;
        block += free_bits != 0 ? __builtin_ctzll(free_bits) : WORD_BITS - block % WORD_BITS;
    }
    group->cursor = block;
    return block;
}

void sched_group_take(sched_group *group, int32_t block, int32_t count)
{
    if (count > 0 && group->n_canaries < SCHED_CANARIES)
        group->canaries[group->n_canaries++] = (sched_canary){block, count};
    group->taken[block / WORD_BITS] |= UINT64_C(1) << block % WORD_BITS;
    group->untaken--;
}

/* ---- care ---------------------------------------------------------------------------------------------------- */

void sched_group_faulted(lsn_sched *sched, sched_group *group)
{
    if (group == &sched->flat)
        return;
    group->window = 1;
    group->careful = true;
    sched_group_settle(sched, group);
}

static void prove(lsn_sched *sched, sched_group *group)
{
    if (is_canary(group) && group->listed)
        unlist(sched, group); /* its turn comes after those before it */
    group->proven = true;
    if (!group->careful)
        group->window = INT64_MAX;
}

void sched_group_settled(lsn_sched *sched, sched_group *group, int32_t block, int32_t count)
{
    for (int32_t i = 0; i < group->n_canaries && !group->proven; i++) {
        sched_canary *canary = &group->canaries[i];
        if (canary->block == block && (canary->missing -= count) <= 0)
            prove(sched, group);
    }
    if (group->careful && group->window <= INT32_MAX)
        group->window *= 2;
    sched_group_settle(sched, group);
}
