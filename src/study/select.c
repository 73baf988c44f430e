/* Which filters of a layer a selector means. */
#include "study/expand.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

int32_t lsn_amount_filters(const lsn_amount *amount, int filters)
{
    if (amount->measure == LSN_AMOUNT_COUNT)
        return (int32_t)amount->value;
    const double slack = 1e-9; /* 0.15 x 10 is below 1.5 in binary, but means it */
    double rounded = floor(amount->value * filters + 0.5 + slack);
    if (!(rounded >= 1))
        return 1;
    return rounded > filters ? filters : (int32_t)rounded;
}

static int32_t listed_filters(const lsn_selector *selector, int filters)
{
    int32_t count = selector->n_filters > 0 ? 0 : filters;
    for (int i = 0; i < selector->n_filters; i++)
        count += (int32_t)(selector->filters[i].high - selector->filters[i].low + 1);
    return count;
}

int32_t lsn_chosen_filters(const lsn_selector *selector, int filters, const lsn_amount *amount)
{
    if (selector->kind == LSN_EACH || selector->kind == LSN_LISTED)
        return listed_filters(selector, filters);
    return selector->n_amounts > 0 ? lsn_amount_filters(amount, filters) : filters;
}

/* ---- choice -------------------------------------------------------------------------------------------------- */

size_t lsn_widest_layer(const lsn_net *net)
{
    int widest = 1;
    for (int i = 0; i < net->n_layers; i++)
        widest = LSN_MAX(widest, net->layers[i].filters);
    return (size_t)widest;
}

bool lsn_choice_init(lsn_choice *choice, const lsn_net *net, lsn_arena *arena, lsn_error *err)
{
    const size_t widest = lsn_widest_layer(net);
    *choice = (lsn_choice){0};
    choice->parts = lsn_arena_array(arena, (size_t)net->n_layers, sizeof *choice->parts, err);
    choice->filters = lsn_arena_array(arena, (size_t)lsn_net_filters(net), sizeof *choice->filters, err);
    choice->order = lsn_arena_array(arena, widest, sizeof *choice->order, err);
    choice->ranked = lsn_arena_array(arena, widest, sizeof *choice->ranked, err);
    choice->taken = lsn_arena_array(arena, widest, sizeof *choice->taken, err);
    return choice->parts != NULL && choice->filters != NULL && choice->order != NULL && choice->ranked != NULL &&
           choice->taken != NULL;
}

static void take_intervals(lsn_choice *choice, const lsn_selector *selector, int filters)
{
    for (int i = 0; i < selector->n_filters; i++)
        for (int64_t f = selector->filters[i].low; f <= selector->filters[i].high; f++)
            choice->taken[f] = true;
    for (int f = 0; selector->n_filters == 0 && f < filters; f++)
        choice->taken[f] = true;
}

/* Brings the first `count` filters of a random order to the front. The network's layer is the stream, so that layers of
 * equal width lose different filters. Of one seed, fewer filters are the first of more. */
static void order_at_random(lsn_choice *choice, int layer, int filters, int32_t count, int64_t seed)
{
    lsn_random random;
    for (int32_t f = 0; f < filters; f++)
        choice->order[f] = f;
    lsn_random_init(&random, (uint64_t)seed, (uint64_t)layer);
    lsn_random_choose(&random, choice->order, (size_t)filters, (size_t)count);
}

static void order_by_score(lsn_choice *choice, const lsn_plan *plan, const lsn_selector *selector, int score, int layer)
{
    const int filters = plan->net->layers[layer].filters;
    lsn_rank(plan->scores[score].values + lsn_net_filter_offset(plan->net, layer), filters, selector->highest,
             choice->ranked);
    for (int f = 0; f < filters; f++)
        choice->order[f] = choice->ranked[f].filter;
}

static void take_ordered(lsn_choice *choice, const lsn_plan *plan, const lsn_selector *selector, const lsn_point *point,
                         int layer)
{
    const int filters = plan->net->layers[layer].filters;
    const lsn_amount share = {LSN_AMOUNT_FRACTION, (double)point->step / (double)selector->steps, NULL};
    const int32_t count = lsn_amount_filters(selector->kind == LSN_CUMULATIVE ? &share : point->amount, filters);
    if (point->score >= 0)
        order_by_score(choice, plan, selector, point->score, layer);
    else
        order_at_random(choice, layer, filters, count, point->seed);
    for (int32_t i = 0; i < count; i++)
        choice->taken[choice->order[i]] = true;
}

static void take_group(lsn_choice *choice, const lsn_plan *plan, const lsn_point *point, int layer)
{
    const int32_t found = lsn_grouping_find(plan, point, layer);
    assert(found >= 0);
    const int32_t *groups = plan->groupings[found].groups;
    for (int f = 0; f < plan->net->layers[layer].filters; f++)
        choice->taken[f] = groups[f] == point->group;
}

/* Marks the chosen filters in choice->taken. */
static void take(lsn_choice *choice, const lsn_plan *plan, const lsn_selector *selector, const lsn_point *point,
                 int layer)
{
    if (selector->kind == LSN_EACH || selector->kind == LSN_LISTED || selector->kind == LSN_WHOLE)
        take_intervals(choice, selector, plan->net->layers[layer].filters);
    else if (selector->kind == LSN_SIMILAR)
        take_group(choice, plan, point, layer);
    else
        take_ordered(choice, plan, selector, point, layer);
}

void lsn_choose(lsn_choice *choice, const lsn_plan *plan, const lsn_selector *selector, const lsn_point *point,
                int layer)
{
    const bool others = selector->keep && selector->shape == LSN_AS_ONE;
    lsn_mask_part *part = &choice->parts[choice->n_parts];
    int32_t *filters = choice->filters + choice->count;
    *part = (lsn_mask_part){.layer = layer, .filters = filters};
    take(choice, plan, selector, point, layer);
    for (int32_t f = 0; f < plan->net->layers[layer].filters; f++) {
        if (choice->taken[f] != others)
            filters[part->count++] = f;
        choice->taken[f] = false;
    }
    choice->count += part->count;
    choice->n_parts += part->count > 0;
}
