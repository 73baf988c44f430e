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
    const lsn_layer *layer;
    lsn_point point; /* metric, normalise, linkage and amount at work */
    int index;       /* of the layer */
    size_t room;     /* of the plan's groupings */
    double *distances, *used_up;
    lsn_merge *merges;
    bool linked; /* the merges are those of the linkage at work */
} grouper;

static bool link_filters(grouper *g, lsn_error *err)
{
    if (g->linked)
        return true;
    memcpy(g->used_up, g->distances, lsn_pairs((size_t)g->layer->filters) * sizeof *g->used_up);
    g->linked = lsn_link(g->used_up, g->layer->filters, (lsn_linkage)g->point.linkage, g->merges, err);
    return g->linked;
}

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

static bool cut_tree(grouper *g, lsn_grouping *grouping, lsn_error *err)
{
    const lsn_amount *amount = g->point.amount;
    const int32_t filters = g->layer->filters;
    if (g->selector->cut == LSN_CUT_FRACTION) {
        grouping->n_groups = 1;
        return lsn_tightest(g->distances, filters, (lsn_linkage)g->point.linkage, lsn_amount_filters(amount, filters),
                            grouping->groups, err);
    }
    if (!link_filters(g, err))
        return false;
    int32_t merges = g->selector->cut == LSN_CUT_GROUPS ? filters - (int32_t)amount->count
                                                        : lsn_merges_within(g->merges, filters, amount->distance);
    lsn_cut_tree(g->merges, filters, merges, grouping->groups);
    grouping->n_groups = filters - merges;
    return true;
}

static bool add_grouping(grouper *g, lsn_error *err)
{
    lsn_plan *plan = g->plan;
    const size_t filters = (size_t)g->layer->filters;
    lsn_grouping made = describe(&g->point, g->selector->cut, g->index);
    if (find_grouping(plan, &made) >= 0)
        return true;
    made.groups = lsn_arena_array(g->arena, filters, sizeof *made.groups, err);
    made.distances = lsn_arena_array(g->arena, filters, sizeof *made.distances, err);
    if (made.groups == NULL || made.distances == NULL || !cut_tree(g, &made, err) ||
        !lsn_grow((void **)&plan->groupings, (size_t)plan->n_groupings, &g->room, sizeof made, err))
        return false;
    measure(g->distances, g->layer->filters, &made);
    plan->groupings[plan->n_groupings++] = made;
    return true;
}

static bool group_by_distances(grouper *g, lsn_error *err)
{
    const lsn_selector *selector = g->selector;
    for (int k = 0; k < selector->n_linkages; k++) {
        g->point.linkage = selector->linkages[k];
        g->linked = false;
        for (int a = 0; a < selector->n_amounts; a++) {
            g->point.amount = &selector->amounts[a];
            if (!add_grouping(g, err))
                return false;
        }
    }
    return true;
}

static bool group_layer(grouper *g, lsn_error *err)
{
    const lsn_selector *selector = g->selector;
    const size_t filters = (size_t)g->layer->filters;
    g->distances = lsn_array(lsn_pairs(filters), sizeof *g->distances, err);
    g->used_up = lsn_array(lsn_pairs(filters), sizeof *g->used_up, err);
    g->merges = lsn_array(filters, sizeof *g->merges, err);
    bool ok = g->distances != NULL && g->used_up != NULL && g->merges != NULL;
    for (int m = 0; ok && m < selector->n_metrics; m++)
        for (int n = 0; ok && n < selector->n_normalises; n++) {
            g->point.metric = selector->metrics[m];
            g->point.normalise = selector->normalises[n];
            ok = lsn_distances(g->layer, (lsn_metric)g->point.metric, (lsn_normalise)g->point.normalise, g->distances,
                               err) &&
                 group_by_distances(g, err);
        }
    free(g->distances);
    free(g->used_up);
    free(g->merges);
    return ok;
}

bool lsn_groupings_make(lsn_plan *plan, const lsn_experiment_spec *experiment, lsn_arena *arena, lsn_error *err)
{
    grouper g = {.plan = plan, .arena = arena, .selector = &experiment->selector, .room = (size_t)plan->n_groupings};
    bool ok = true;
    for (int i = 0; ok && experiment->selector.kind == LSN_SIMILAR && i < experiment->n_resolved; i++) {
        g.index = experiment->resolved[i];
        g.layer = &plan->model->layers[g.index];
        ok = group_layer(&g, err);
    }
    return ok;
}
