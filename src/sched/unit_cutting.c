/* From evaluations to units of the right size. A part is counted in `left` until it is in a unit. */
#include "sched/sched_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    GROUPS_TRIED = 4, /* for a worker that refused what the first ones have */
    UNITS_TRIED = 4,  /* of each of these */
};

static const double TOLERATED = 1.25; /* a unit may be larger than wanted by this factor rather than be split */

/* ---- gathering evaluations ----------------------------------------------------------------------------------- */

/* Adds the evaluation at that position. The list is a slice of the order as long as it can be. */
static bool append(lsn_sched *sched, sched_unit *unit, int32_t position, lsn_error *err)
{
    const int32_t *order = sched->tasks.order, count = unit->seen.count;
    const bool own = count > 0 && unit->seen.evaluations == unit->own;
    if (count == 0)
        unit->seen.evaluations = order + position;
    else if (own || unit->seen.evaluations + count != order + position) {
        if (!sched_unit_reserve(unit, count + 1, err))
            return false;
        if (!own)
            memcpy(unit->own, unit->seen.evaluations, (size_t)count * sizeof *unit->own);
        unit->own[count] = order[position];
        unit->seen.evaluations = unit->own;
    }
    unit->seen.cost += sched->work.cost[order[position]] + (count == 0 ? sched->work.unit_cost : 0);
    unit->seen.count++;
    return true;
}

/* The evaluations of the unit are in no other one from now on. */
static void take_parts(lsn_sched *sched, const sched_unit *unit)
{
    for (int32_t i = 0; i < unit->seen.count; i++)
        sched->tasks.left[unit->seen.evaluations[i]]--;
    if (unit->seen.count > 0) {
        sched->tasks.cost_uncut -= unit->seen.cost - sched->work.unit_cost;
        sched->tasks.cost_loose += unit->seen.cost - sched->work.unit_cost;
    }
}

/* All of a group that is to do on a block. NULL without an error where nothing is. */
static sched_unit *cut_block(lsn_sched *sched, sched_group *group, int32_t block, lsn_error *err)
{
    sched_unit *unit = sched_unit_make(sched, group, err);
    bool ok = unit != NULL;
    for (int32_t p = group->first; ok && p < group->end; p++)
        if (sched_wanted(sched, sched->tasks.order[p], block))
            ok = append(sched, unit, p, err);
    if (ok) {
        unit->seen.block = block;
        take_parts(sched, unit);
        sched_group_take(group, block, unit->seen.count);
        if (unit->seen.count > 0)
            return unit;
    } else if (unit != NULL)
        unit->seen.count = 0;
    if (unit != NULL)
        sched_unit_end(sched, unit);
    return NULL;
}

/* ---- by block ------------------------------------------------------------------------------------------------ */

bool sched_sheet_init(lsn_sched *sched, lsn_error *err)
{
    sched_sheet *sheet = &sched->sheet;
    sched->flat.window = INT64_MAX;
    if (!sched->work.by_block)
        return true;
    sheet->block = NOBODY;
    sheet->count = sheet->at = sched->next_position = sched->tasks.n_trusted;
    sheet->positions = lsn_array((size_t)sheet->count, sizeof *sheet->positions, err);
    for (int32_t p = 0; sheet->positions != NULL && p < sheet->count; p++)
        sheet->positions[p] = p;
    return sheet->positions != NULL;
}

static bool next_block(lsn_sched *sched)
{
    sched_sheet *sheet = &sched->sheet;
    int32_t count = 0;
    if (sheet->block + 1 >= sched->work.n_blocks)
        return false;
    for (int32_t i = 0; i < sheet->count; i++)
        if (sched->tasks.left[sched->tasks.order[sheet->positions[i]]] > 0)
            sheet->positions[count++] = sheet->positions[i];
    sheet->count = count;
    sheet->at = 0;
    sheet->block++;
    return true;
}

/* The next evaluations on the block. NULL without an error where nothing more is to do on it. */
static sched_unit *cut_row(lsn_sched *sched, sched_size size, lsn_error *err)
{
    sched_sheet *sheet = &sched->sheet;
    sched_unit *unit = sched_unit_make(sched, &sched->flat, err);
    int32_t at = sheet->at;
    bool ok = unit != NULL;
    for (; ok && at < sheet->count && unit->seen.count < size.count; at++) {
        const int32_t evaluation = sched->tasks.order[sheet->positions[at]];
        if (!sched_wanted(sched, evaluation, sheet->block))
            continue;
        if (unit->seen.count > 0 && unit->seen.cost + sched->work.cost[evaluation] > size.cost)
            break;
        ok = append(sched, unit, sheet->positions[at], err);
    }
    if (ok) {
        unit->seen.block = sheet->block;
        take_parts(sched, unit);
        sheet->at = at;
        if (unit->seen.count > 0)
            return unit;
    } else if (unit != NULL)
        unit->seen.count = 0;
    if (unit != NULL)
        sched_unit_end(sched, unit);
    return NULL;
}

/* ---- units that wait ----------------------------------------------------------------------------------------- */

/* The unit's evaluations are others now. A single one is judged by its own faults. */
static void change(lsn_sched *sched, sched_unit *unit)
{
    if (unit->seen.count == 1)
        unit->faults = 0;
    sched_unit_renew(sched, unit);
}

/* Drops what need not be done any more. */
static bool refresh(lsn_sched *sched, sched_unit *unit, lsn_error *err)
{
    const int32_t *from = unit->seen.evaluations, count = unit->seen.count;
    int32_t kept = 0;
    while (kept < count && sched_wanted(sched, from[kept], unit->seen.block))
        kept++;
    if (kept == count)
        return true;
    if (!sched_unit_reserve(unit, count, err))
        return false;
    from = unit->seen.evaluations;
    memmove(unit->own, from, (size_t)kept * sizeof *from);
    for (int32_t i = kept; i < count; i++) {
        const int32_t evaluation = from[i];
        if (sched_wanted(sched, evaluation, unit->seen.block)) {
            unit->own[kept++] = evaluation;
            continue;
        }
        unit->seen.cost -= sched->work.cost[evaluation];
        sched->tasks.cost_loose -= sched->work.cost[evaluation];
        sched_forgo(sched, evaluation);
    }
    unit->seen.evaluations = unit->own;
    unit->seen.count = kept;
    sched_group_settled(sched, unit->group, unit->seen.block, count - kept);
    change(sched, unit);
    return true;
}

sched_unit *sched_split(lsn_sched *sched, sched_unit *unit, int32_t keep, lsn_error *err)
{
    const int32_t *others = unit->seen.evaluations + keep;
    sched_unit *rest = sched_unit_make(sched, unit->group, err);
    if (rest == NULL)
        return NULL;
    const int32_t count = unit->seen.count - keep;
    if (unit->seen.evaluations == unit->own) {
        if (!sched_unit_reserve(rest, count, err)) {
            sched_unit_end(sched, rest);
            return NULL;
        }
        memcpy(rest->own, others, (size_t)count * sizeof *others);
        others = rest->own;
    }
    double cost = 0;
    for (int32_t i = 0; i < count; i++)
        cost += sched->work.cost[others[i]];
    rest->seen.evaluations = others;
    rest->seen.count = count;
    rest->seen.block = unit->seen.block;
    rest->seen.cost = cost + sched->work.unit_cost;
    rest->faults = count == 1 ? 0 : unit->faults;
    rest->all_faults = unit->all_faults;
    rest->refuser = unit->refuser;
    rest->trial = unit->trial;
    rest->group->trials += rest->trial;
    unit->seen.count = keep;
    unit->seen.cost -= cost;
    change(sched, unit);
    return rest;
}

static bool held_by_a_silent_one(const lsn_sched *sched, const sched_unit *unit)
{
    for (int32_t at = unit->first_holder; at != NOBODY; at = sched->crew.slots[at].next_holder)
        if (sched->crew.workers[sched_holder(sched, &sched->crew.slots[at])].presence == WORKER_SILENT)
            return true;
    return false;
}

/* Splits what is too much for the worker off, in even parts. What a silent worker may still send is left whole. */
static bool fit(lsn_sched *sched, sched_unit *unit, int32_t worker, lsn_error *err)
{
    const sched_size size = sched_size_for(sched, sched_speed(sched, worker));
    const double pass = sched->work.unit_cost, cost = unit->seen.cost - pass;
    if (unit->seen.count < 2 || unit->trial || unit->seen.cost <= TOLERATED * size.cost ||
        held_by_a_silent_one(sched, unit))
        return true;
    const double part = cost / ceil(cost / (size.cost - pass));
    double kept = 0;
    int32_t keep = 0;
    while (keep < unit->seen.count - 1 && (keep == 0 || kept < 0.999 * part))
        kept += sched->work.cost[unit->seen.evaluations[keep++]];
    sched_unit *rest = sched_split(sched, unit, keep, err);
    if (rest == NULL)
        return false;
    sched_unit_wait(sched, rest, true);
    return true;
}

/* ---- the next unit ------------------------------------------------------------------------------------------- */

/* Whether the worker may judge the unit: a worker that refused its last unit is to compute another one before it is
 * given one that was somebody's fault, so that two that compute nothing do not confirm each other. */
static bool may_have(const lsn_sched *sched, const sched_unit *unit, int32_t worker)
{
    const bool suspect = unit->faults > 0 || unit->trial;
    return unit->refuser != worker && !(suspect && sched->crew.workers[worker].refusals > 0);
}

/* One of those that wait, that the worker may have where `picky`. */
static sched_unit *waiting(const lsn_sched *sched, const sched_group *group, int32_t worker, bool picky)
{
    sched_unit *unit = group->tried.first != NULL ? group->tried.first : group->returned.first;
    for (int tries = 0; unit != NULL && tries < UNITS_TRIED; tries++, unit = unit->next)
        if (!picky || may_have(sched, unit, worker))
            return unit;
    return NULL;
}

typedef enum found { NOTHING, AGAIN, FOUND } found;

/* What the group has for the worker. AGAIN: something was done with, and the groups may have changed. */
static found find_in(lsn_sched *sched, sched_group *group, int32_t worker, bool picky, sched_unit **unit,
                     lsn_error *err)
{
    *unit = waiting(sched, group, worker, picky);
    if (*unit != NULL) {
        if (!refresh(sched, *unit, err))
            return NOTHING;
        if ((*unit)->seen.count > 0)
            return FOUND;
        sched_unit_end(sched, *unit);
        return AGAIN;
    }
    if (group->tried.first != NULL || group->trials > 0 || group->untaken == 0 ||
        !sched_group_look_ahead(sched, group, err))
        return NOTHING;
    const int32_t block = sched_group_block(group, sched->crew.workers[worker].last_block);
    *unit = cut_block(sched, group, block, err);
    return *unit != NULL ? FOUND : err->code == LSN_OK ? AGAIN : NOTHING;
}

static found find_in_groups(lsn_sched *sched, int32_t worker, bool picky, sched_unit **unit, lsn_error *err)
{
    sched_group *group = sched->first_group;
    for (int tries = 0; group != NULL && tries < GROUPS_TRIED; tries++, group = group->next) {
        const found here = find_in(sched, group, worker, picky, unit, err);
        if (here != NOTHING || err->code != LSN_OK)
            return here;
    }
    return NOTHING;
}

/* New work. */
static found find_new(lsn_sched *sched, int32_t worker, bool picky, sched_unit **unit, lsn_error *err)
{
    if (!sched->work.by_block || (sched->sheet.at >= sched->sheet.count && !next_block(sched))) {
        sched_group *group = sched->work.by_block ? NULL : sched_group_more(sched, err);
        if (group == NULL && err->code == LSN_OK)
            group = sched_group_suspects(sched, err);
        return group == NULL ? NOTHING : find_in(sched, group, worker, picky, unit, err);
    }
    *unit = cut_row(sched, sched_size_for(sched, sched_speed(sched, worker)), err);
    return *unit != NULL ? FOUND : err->code == LSN_OK ? AGAIN : NOTHING;
}

sched_unit *sched_cut_for(lsn_sched *sched, int32_t worker, bool picky, lsn_error *err)
{
    sched_unit *unit = NULL;
    found result;
    do {
        result = find_in_groups(sched, worker, picky, &unit, err);
        if (result == NOTHING && err->code == LSN_OK)
            result = find_new(sched, worker, picky, &unit, err);
    } while (result == AGAIN);
    if (result != FOUND)
        return NULL;
    if (fit(sched, unit, worker, err))
        return unit;
    if (unit->queue == NULL)
        sched_unit_wait(sched, unit, true);
    return NULL;
}

bool sched_anything_left(const lsn_sched *sched)
{
    if (sched->loose.first != NULL)
        return true;
    if (sched->open_groups > 0 || sched->next_position < sched->tasks.n_order)
        return true;
    if (!sched->work.by_block)
        return false;
    return sched->flat.units > 0 || sched->sheet.at < sched->sheet.count ||
           sched->sheet.block + 1 < sched->work.n_blocks;
}
