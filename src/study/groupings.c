/* The groupings that a study asks for: each layer's tree is made once for all its cuts. */
#include "study/expand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const cut_names[] = {
    [LSN_AMOUNT_COUNT] = "groups", [LSN_AMOUNT_FRACTION] = "fraction", [LSN_AMOUNT_DISTANCE] = "distance"};

/* What a grouping is known by. */
static lsn_grouping describe(const lsn_point *point, int layer)
{
    return (lsn_grouping){
        .layer = layer,
        .metric = lsn_metric_names[point->metric],
        .linkage = lsn_linkage_names[point->linkage],
        .normalise = lsn_normalise_names[point->normalise],
        .cut = cut_names[point->amount->measure],
        .value = point->amount->value,
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

int32_t lsn_grouping_find(const lsn_plan *plan, const lsn_point *point, int layer)
{
    const lsn_grouping wanted = describe(point, layer);
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

/* Adds the groupings of all amounts that the plan has not yet, without groups: they are its last. */
static bool add_groupings(grouper *g, lsn_error *err)
{
    lsn_plan *plan = g->plan;
    const size_t filters = (size_t)g->node->filters;
    for (int a = 0; a < g->selector->n_amounts; a++) {
        g->point.amount = &g->selector->amounts[a];
        lsn_grouping new = describe(&g->point, g->index);
        if (find_grouping(plan, &new) >= 0)
            continue;
        new.groups = lsn_arena_array(g->arena, filters, sizeof *new.groups, err);
        new.distances = lsn_arena_array(g->arena, filters, sizeof *new.distances, err);
        if (new.groups == NULL || new.distances == NULL ||
            !lsn_grow((void **)&plan->groupings, (size_t)plan->n_groupings, &g->room, sizeof new, err))
            return false;
        plan->groupings[plan->n_groupings++] = new;
    }
    return true;
}

/* The groups of one tree, cut for each of the groupings. */
static bool group_by_tree(const grouper *g, const double *distances, lsn_grouping *groupings, int count, lsn_error *err)
{
    const size_t pairs = lsn_pairs((size_t)g->node->filters);
    const int32_t filters = g->node->filters;
    lsn_merge *merges = lsn_array((size_t)filters, sizeof *merges, err);
    double *used_up = lsn_array(pairs, sizeof *used_up, err);
    bool ok = merges != NULL && used_up != NULL;
    if (ok) {
        memcpy(used_up, distances, pairs * sizeof *used_up);
        ok = lsn_link(used_up, filters, (lsn_linkage)g->point.linkage, merges, err);
    }
    for (int i = 0; ok && i < count; i++) {
        const double cut = groupings[i].value;
        const int32_t n_merges = g->selector->amounts[0].measure == LSN_AMOUNT_COUNT
                                     ? filters - (int32_t)cut
                                     : lsn_merges_within(merges, filters, cut);
        lsn_cut_tree(merges, filters, n_merges, groupings[i].groups);
        groupings[i].n_groups = filters - n_merges;
    }
    free(used_up);
    free(merges);
    return ok;
}

/* The tightest group for each of the groupings, in one search. */
static bool group_by_tightness(const grouper *g, const double *distances, lsn_grouping *groupings, int count,
                               lsn_error *err)
{
    int32_t *sizes = lsn_array((size_t)count, sizeof *sizes, err);
    int32_t **groups = lsn_array((size_t)count, sizeof *groups, err);
    bool ok = sizes != NULL && groups != NULL;
    for (int i = 0; ok && i < count; i++) {
        groupings[i].n_groups = 1;
        groups[i] = groupings[i].groups;
        sizes[i] = lsn_amount_filters(&(lsn_amount){LSN_AMOUNT_FRACTION, groupings[i].value, NULL}, g->node->filters);
    }
    ok = ok && lsn_tightest(distances, g->node->filters, (lsn_linkage)g->point.linkage, sizes, count, groups, err);
    free(sizes);
    free(groups);
    return ok;
}

/* The groupings of one metric, normalisation and linkage. */
static bool group_one_way(grouper *g, const double *distances, lsn_error *err)
{
    const int32_t first = g->plan->n_groupings;
    if (!add_groupings(g, err))
        return false;
    lsn_grouping *new = g->plan->groupings + first;
    const int count = g->plan->n_groupings - first;
    const bool ok = count == 0 || (lsn_has_groups(g->selector) ? group_by_tree(g, distances, new, count, err)
                                                               : group_by_tightness(g, distances, new, count, err));
    for (int i = 0; ok && i < count; i++)
        measure(distances, g->node->filters, &new[i]);
    return ok;
}

static bool group_layer(grouper *g, lsn_error *err)
{
    lsn_products products = {0};
    double *distances = lsn_array(lsn_pairs((size_t)g->node->filters), sizeof *distances, err);
    bool ok = distances != NULL && lsn_products_init(&products, g->node, lsn_product_kernels() - 1, err);
    for (int way = 0; ok && way < lsn_selector_ways(g->selector); way++) {
        lsn_selector_way(g->selector, way, &g->point);
        if (way % g->selector->n_linkages == 0) /* the innermost */
            ok = lsn_distances(g->node, &products, (lsn_metric)g->point.metric, (lsn_normalise)g->point.normalise,
                               distances, err);
        ok = ok && group_one_way(g, distances, err);
    }
    lsn_products_finish(&products);
    free(distances);
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
