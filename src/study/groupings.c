/* The groupings that a study asks for: each layer's tree is made once for all its cuts. */
#include "study/expand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const cut_names[] = {
    [LSN_CUT_GROUPS] = "groups", [LSN_CUT_DISTANCE] = "distance", [LSN_CUT_FRACTION] = "fraction"};

static double cut_value(const lsn_amount *amount, lsn_cut cut)
{
    return cut == LSN_CUT_GROUPS     ? (double)amount->count
           : cut == LSN_CUT_DISTANCE ? amount->distance
                                     : amount->fraction;
}

/* What a grouping is known by. */
static lsn_grouping describe(const lsn_point *point, lsn_cut cut, int layer)
{
    return (lsn_grouping){
        .layer = layer,
        .metric = lsn_metric_names[point->metric],
        .linkage = lsn_linkage_names[point->linkage],
        .normalise = lsn_normalise_names[point->normalise],
        .cut = cut_names[cut],
        .value = cut_value(point->amount, cut),
    };
}

/* Names are compared as pointers: all come from the same lists. */
static bool same_grouping(const lsn_grouping *a, const lsn_grouping *b)
{
    return a->layer == b->layer && a->metric == b->metric && a->linkage == b->linkage && a->normalise == b->normalise &&
           a->cut == b->cut && !(a->value < b->value || a->value > b->value);
}

static int32_t find_grouping(const lsn_plan *plan, const lsn_grouping *wanted)
{
    for (int32_t g = 0; g < plan->n_groupings; g++)
        if (same_grouping(&plan->groupings[g], wanted))
            return g;
    return -1;
}

int32_t lsn_grouping_find(const lsn_plan *plan, const lsn_point *point, lsn_cut cut, int layer)
{
    const lsn_grouping wanted = describe(point, cut, layer);
    return find_grouping(plan, &wanted);
}

/* ---- making them --------------------------------------------------------------------------------------------- */

typedef struct grouper {
    lsn_plan *plan;
    lsn_arena *arena;
    const lsn_selector *selector;
    const lsn_net_node *node;
    lsn_point point; /* metric, normalise, linkage and amount at work */
    int index;       /* of the layer */
    size_t room;     /* of the plan's groupings */
    double *distances;
} grouper;

/* Every filter's mean distance to the others of its group. */
static void measure(const double *distances, int filters, lsn_grouping *grouping)
{
    for (int f = 0; f < filters; f++) {
        double sum = 0;
        int others = 0;
        for (int k = 0; k < filters; k++)
            if (k != f && grouping->groups[f] >= 0 && grouping->groups[k] == grouping->groups[f]) {
                sum += distances[lsn_pair((size_t)filters, (size_t)f, (size_t)k)];
                others++;
            }
        grouping->distances[f] = others > 0 ? sum / others : (double)NAN;
    }
}

/* A grouping for the amount at work, without groups yet; *made is NULL where the plan has it already. */
static bool add_grouping(grouper *g, lsn_grouping **made, lsn_error *err)
{
    lsn_plan *plan = g->plan;
    const size_t filters = (size_t)g->node->filters;
    lsn_grouping new = describe(&g->point, g->selector->cut, g->index);
    *made = NULL;
    if (find_grouping(plan, &new) >= 0)
        return true;
    new.groups = lsn_arena_array(g->arena, filters, sizeof *new.groups, err);
    new.distances = lsn_arena_array(g->arena, filters, sizeof *new.distances, err);
    if (new.groups == NULL || new.distances == NULL ||
        !lsn_grow((void **)&plan->groupings, (size_t)plan->n_groupings, &g->room, sizeof new, err))
        return false;
    *made = &plan->groupings[plan->n_groupings++];
    **made = new;
    return true;
}

/* The groups of a tree, for each amount. */
static bool cut_tree(grouper *g, const lsn_merge *merges, lsn_error *err)
{
    const int32_t filters = g->node->filters;
    for (int a = 0; a < g->selector->n_amounts; a++) {
        const lsn_amount *amount = g->point.amount = &g->selector->amounts[a];
        lsn_grouping *grouping;
        if (!add_grouping(g, &grouping, err))
            return false;
        if (grouping == NULL)
            continue;
        const int32_t n_merges = g->selector->cut == LSN_CUT_GROUPS
                                     ? filters - (int32_t)amount->count
                                     : lsn_merges_within(merges, filters, amount->distance);
        lsn_cut_tree(merges, filters, n_merges, grouping->groups);
        grouping->n_groups = filters - n_merges;
        measure(g->distances, filters, grouping);
    }
    return true;
}

static bool group_by_tree(grouper *g, lsn_error *err)
{
    const size_t filters = (size_t)g->node->filters;
    double *used_up = lsn_array(lsn_pairs(filters), sizeof *used_up, err);
    lsn_merge *merges = lsn_array(filters, sizeof *merges, err);
    bool ok = used_up != NULL && merges != NULL;
    if (ok) {
        memcpy(used_up, g->distances, lsn_pairs(filters) * sizeof *used_up);
        ok =
            lsn_link(used_up, g->node->filters, (lsn_linkage)g->point.linkage, merges, err) && cut_tree(g, merges, err);
    }
    free(used_up);
    free(merges);
    return ok;
}

/* The tightest groups of all amounts that the plan has not, in one search. */
static bool find_tightest(grouper *g, int32_t *sizes, int32_t **groups, lsn_error *err)
{
    const lsn_selector *selector = g->selector;
    const int32_t first = g->plan->n_groupings;
    int n = 0;
    for (int a = 0; a < selector->n_amounts; a++) {
        lsn_grouping *grouping;
        g->point.amount = &selector->amounts[a];
        if (!add_grouping(g, &grouping, err))
            return false;
        if (grouping == NULL)
            continue;
        grouping->n_groups = 1;
        groups[n] = grouping->groups;
        sizes[n++] = lsn_amount_filters(g->point.amount, g->node->filters);
    }
    if (n > 0 && !lsn_tightest(g->distances, g->node->filters, (lsn_linkage)g->point.linkage, sizes, n, groups, err))
        return false;
    for (int32_t i = first; i < g->plan->n_groupings; i++)
        measure(g->distances, g->node->filters, &g->plan->groupings[i]);
    return true;
}

static bool group_by_tightness(grouper *g, lsn_error *err)
{
    int32_t *sizes = lsn_array((size_t)g->selector->n_amounts, sizeof *sizes, err);
    int32_t **groups = lsn_array((size_t)g->selector->n_amounts, sizeof *groups, err);
    const bool ok = sizes != NULL && groups != NULL && find_tightest(g, sizes, groups, err);
    free(sizes);
    free(groups);
    return ok;
}

static bool group_by_distances(grouper *g, lsn_error *err)
{
    const lsn_selector *selector = g->selector;
    bool ok = true;
    for (int k = 0; ok && k < selector->n_linkages; k++) {
        g->point.linkage = selector->linkages[k];
        ok = selector->cut == LSN_CUT_FRACTION ? group_by_tightness(g, err) : group_by_tree(g, err);
    }
    return ok;
}

static bool group_layer(grouper *g, lsn_error *err)
{
    const lsn_selector *selector = g->selector;
    lsn_products products = {0};
    g->distances = lsn_array(lsn_pairs((size_t)g->node->filters), sizeof *g->distances, err);
    bool ok = g->distances != NULL && lsn_products_init(&products, g->node, lsn_product_kernels() - 1, err);
    for (int m = 0; ok && m < selector->n_metrics; m++)
        for (int n = 0; ok && n < selector->n_normalises; n++) {
            g->point.metric = selector->metrics[m];
            g->point.normalise = selector->normalises[n];
            ok = lsn_distances(g->node, &products, (lsn_metric)g->point.metric, (lsn_normalise)g->point.normalise,
                               g->distances, err) &&
                 group_by_distances(g, err);
        }
    lsn_products_finish(&products);
    free(g->distances);
    return ok;
}

bool lsn_groupings_make(lsn_plan *plan, const lsn_experiment_spec *experiment, lsn_arena *arena, lsn_error *err)
{
    grouper g = {.plan = plan, .arena = arena, .selector = &experiment->selector, .room = (size_t)plan->n_groupings};
    bool ok = true;
    for (int i = 0; ok && experiment->selector.kind == LSN_SIMILAR && i < experiment->n_resolved; i++) {
        g.index = experiment->resolved[i];
        g.node = lsn_layer_node(plan->net, g.index);
        ok = group_layer(&g, err);
    }
    return ok;
}
