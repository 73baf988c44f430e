/* Selectors against the network. */
#include "study/expand.h"

#include <inttypes.h>

static bool check_interval(const lsn_experiment_spec *experiment, const lsn_net *net, const lsn_number_range *interval,
                           lsn_reading *in)
{
    for (int i = 0; i < experiment->n_resolved; i++) {
        const lsn_layer *layer = &net->layers[experiment->resolved[i]];
        if (interval->high >= layer->filters)
            return lsn_mistake_at(in, interval->at, "there is no filter %" PRId64 " in layer %s: it has %d, 0..%d",
                                  interval->high, layer->name, layer->filters, layer->filters - 1);
    }
    return true;
}

static bool check_amount(const lsn_experiment_spec *experiment, const lsn_net *net, const lsn_amount *amount,
                         lsn_reading *in)
{
    const char *what = experiment->selector.kind == LSN_SIMILAR ? "groups" : "count";
    for (int i = 0; i < experiment->n_resolved; i++) {
        const lsn_layer *layer = &net->layers[experiment->resolved[i]];
        if (amount->measure == LSN_AMOUNT_COUNT && amount->value > layer->filters)
            return lsn_mistake_at(in, amount->at,
                                  "%s is %.0f, but layer %s has %d filters; take at most %d, or other layers", what,
                                  amount->value, layer->name, layer->filters, layer->filters);
    }
    return true;
}

/* ---- what is left -------------------------------------------------------------------------------------------- */

/* Filters of a layer that are kept; 0 where that depends on groups. */
static int32_t kept_filters(const lsn_selector *selector, int filters, const lsn_amount *amount)
{
    if (selector->shape == LSN_ONE_BY_ONE)
        return 1;
    if (!lsn_has_groups(selector))
        return lsn_chosen_filters(selector, filters, amount);
    return amount->measure == LSN_AMOUNT_COUNT && amount->value < 2 ? filters : 0;
}

/* Something must be removed: of every layer, or, where all are removed from together, of one of them. */
static bool check_removed(const lsn_experiment_spec *experiment, const lsn_net *net, const lsn_amount *amount,
                          lsn_reading *in)
{
    const lsn_selector *selector = &experiment->selector;
    const lsn_layer *untouched = NULL;
    int touched = 0;
    for (int i = 0; i < experiment->n_resolved; i++) {
        const lsn_layer *layer = &net->layers[experiment->resolved[i]];
        if (kept_filters(selector, layer->filters, amount) < layer->filters)
            touched++;
        else if (untouched == NULL)
            untouched = layer;
    }
    if (untouched == NULL || (experiment->together && touched > 0))
        return true;
    return lsn_mistake_at(in, amount == NULL ? selector->at : amount->at,
                          "all %d filters of layer %s are kept, so that nothing is removed; keep fewer, or take other "
                          "layers",
                          untouched->filters, untouched->name);
}

/* ---- pairs --------------------------------------------------------------------------------------------------- */

static bool check_pairs(const lsn_experiment_spec *experiment, const lsn_net *net, const lsn_amount *amount,
                        lsn_reading *in)
{
    const lsn_selector *selector = &experiment->selector;
    const lsn_node *at = amount == NULL ? selector->at : amount->at;
    int64_t all = 0;
    for (int i = 0; i < experiment->n_resolved; i++) {
        const lsn_layer *layer = &net->layers[experiment->resolved[i]];
        int32_t chosen = lsn_chosen_filters(selector, layer->filters, amount);
        all += chosen;
        if (!experiment->together && chosen < 2)
            return lsn_mistake_at(in, at,
                                  "pairs need two filters, but this is %" PRId32 " of the %d of layer %s; take more of "
                                  "them, or other layers",
                                  chosen, layer->filters, layer->name);
    }
    if (experiment->n_resolved > 0 && all < 2)
        return lsn_mistake_at(in, at, "pairs need two filters, but this is one; take more of them, or more layers");
    return true;
}

bool lsn_selector_check(const lsn_experiment_spec *experiment, const lsn_net *net, lsn_reading *in)
{
    const lsn_selector *selector = &experiment->selector;
    bool ok = true;
    for (int i = 0; i < selector->n_filters; i++)
        ok = check_interval(experiment, net, &selector->filters[i], in) && ok;
    for (int i = 0; i < selector->n_amounts; i++)
        ok = check_amount(experiment, net, &selector->amounts[i], in) && ok;
    for (int i = 0; ok && i < (selector->n_amounts > 0 ? selector->n_amounts : 1); i++) {
        const lsn_amount *amount = selector->n_amounts > 0 ? &selector->amounts[i] : NULL;
        if (selector->keep)
            ok = check_removed(experiment, net, amount, in);
        else if (selector->shape == LSN_IN_PAIRS)
            ok = check_pairs(experiment, net, amount, in);
    }
    return ok;
}

/* How many groups a distance makes is known once they are made. */
bool lsn_groups_check(const lsn_experiment_spec *experiment, const lsn_plan *plan, lsn_reading *in)
{
    const lsn_selector *selector = &experiment->selector;
    lsn_point point = LSN_NOWHERE;
    if (!selector->keep || !lsn_has_groups(selector) || selector->amounts[0].measure != LSN_AMOUNT_DISTANCE)
        return true;
    for (int i = 0; i < experiment->n_resolved; i++)
        for (int w = 0; w < lsn_selector_ways(selector); w++)
            for (int a = 0; a < selector->n_amounts; a++) {
                const lsn_layer *layer = &plan->net->layers[experiment->resolved[i]];
                lsn_selector_way(selector, w, &point);
                point.amount = &selector->amounts[a];
                int32_t found = lsn_grouping_find(plan, &point, experiment->resolved[i]);
                if (plan->groupings[found].n_groups == 1)
                    return lsn_mistake_at(in, point.amount->at,
                                          "at this distance all %d filters of layer %s are one group, so that nothing "
                                          "is removed; make it less, or take other layers",
                                          layer->filters, layer->name);
            }
    return true;
}
