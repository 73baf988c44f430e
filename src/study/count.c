/* How many jobs an experiment makes, and why. */
#include "study/expand.h"

static double count_seeds(const lsn_number_range *seeds, int n_seeds)
{
    double count = 0;
    for (int i = 0; i < n_seeds; i++)
        count += (double)(seeds[i].high - seeds[i].low) + 1;
    return n_seeds > 0 ? count : 1;
}

/* Modes, each as often as it has seeds. */
static double count_modes(const lsn_experiment_spec *experiment)
{
    double count = 0;
    for (int m = 0; m < experiment->n_modes; m++)
        count += count_seeds(experiment->modes[m].seeds, experiment->modes[m].n_seeds);
    return count;
}

int lsn_selector_ways(const lsn_selector *selector)
{
    return selector->kind == LSN_SIMILAR ? selector->n_metrics * selector->n_normalises * selector->n_linkages : 1;
}

void lsn_selector_way(const lsn_selector *selector, int way, lsn_point *point)
{
    if (selector->kind != LSN_SIMILAR)
        return;
    point->linkage = selector->linkages[way % selector->n_linkages];
    way /= selector->n_linkages;
    point->normalise = selector->normalises[way % selector->n_normalises];
    point->metric = selector->metrics[way / selector->n_normalises];
}

/* ---- by layer ------------------------------------------------------------------------------------------------ */

/* Masks that depend on the layers: filters, pairs, groups, or just one of each layer or of all together. */
typedef struct lot {
    double filters, pairs, groups, layers;
} lot;

/* Of all ways and amounts. */
static double count_groups(const lsn_experiment_spec *experiment, const lsn_plan *plan, int layer)
{
    const lsn_selector *selector = &experiment->selector;
    lsn_point point = LSN_NOWHERE;
    double groups = 0;
    for (int w = 0; w < lsn_selector_ways(selector); w++)
        for (int a = 0; a < selector->n_amounts; a++) {
            lsn_selector_way(selector, w, &point);
            point.amount = &selector->amounts[a];
            groups += plan->groupings[lsn_grouping_find(plan, &point, layer)].n_groups;
        }
    return groups;
}

static double pairs_of(double filters)
{
    return filters * (filters - 1) / 2;
}

/* Of all amounts. */
static void count_chosen(const lsn_experiment_spec *experiment, const lsn_plan *plan, lot *counted)
{
    const lsn_selector *selector = &experiment->selector;
    for (int a = 0; a < LSN_MAX(selector->n_amounts, 1); a++) {
        const lsn_amount *amount = selector->n_amounts > 0 ? &selector->amounts[a] : NULL;
        double all = 0;
        for (int i = 0; i < experiment->n_resolved; i++) {
            double chosen = lsn_chosen_filters(selector, plan->net->layers[experiment->resolved[i]].filters, amount);
            all += chosen;
            counted->pairs += experiment->together ? 0 : pairs_of(chosen);
        }
        counted->filters += all;
        counted->pairs += experiment->together ? pairs_of(all) : 0;
    }
}

static lot count_lot(const lsn_experiment_spec *experiment, const lsn_plan *plan)
{
    const lsn_selector *selector = &experiment->selector;
    lot counted = {0};
    if (lsn_has_groups(selector))
        for (int i = 0; i < experiment->n_resolved; i++)
            counted.groups += count_groups(experiment, plan, experiment->resolved[i]);
    else if (selector->shape != LSN_AS_ONE) {
        count_chosen(experiment, plan, &counted);
        if (selector->shape == LSN_ONE_BY_ONE)
            counted.pairs = 0;
    } else
        counted.layers = experiment->together ? experiment->n_resolved > 0 : experiment->n_resolved;
    return counted;
}

double lsn_experiment_jobs(const lsn_experiment_spec *experiment, const lsn_plan *plan)
{
    const lsn_selector *selector = &experiment->selector;
    const lot counted = count_lot(experiment, plan);
    double axes =
        LSN_MAX(selector->n_scores, 1) * count_seeds(selector->seeds, selector->n_seeds) * count_modes(experiment);
    if (selector->steps > 0)
        axes *= (double)selector->steps;
    if (counted.layers > 0)
        axes *= LSN_MAX(selector->n_amounts, 1) * lsn_selector_ways(selector);
    return axes * (counted.filters + counted.pairs + counted.groups + counted.layers);
}

/* ---- in words ------------------------------------------------------------------------------------------------ */

static void add_count(lsn_text *why, double count, const char *what)
{
    lsn_text_add(why, "%.0f %s%s", count, what, count > 1 ? "s" : "");
}

/* A factor; one of 1 is left out. */
static void add_factor(lsn_text *why, double count, const char *what)
{
    if (count > 1) {
        lsn_text_add(why, " x ");
        add_count(why, count, what);
    }
}

static void add_amounts(lsn_text *why, const lsn_selector *selector)
{
    if (selector->shape == LSN_AS_ONE && !lsn_has_groups(selector))
        add_factor(why, selector->n_amounts,
                   selector->n_amounts > 0 && selector->amounts[0].measure == LSN_AMOUNT_COUNT ? "count" : "fraction");
}

/* "x 2 modes", "x 5 seeds of resample", "x (zero + 5 seeds of resample)". */
static void add_modes(lsn_text *why, const lsn_experiment_spec *experiment)
{
    const int modes = experiment->n_modes;
    if (!(count_modes(experiment) > modes)) {
        add_factor(why, modes, "mode");
        return;
    }
    for (int m = 0; m < modes; m++) {
        const lsn_mode_spec *mode = &experiment->modes[m];
        double seeds = count_seeds(mode->seeds, mode->n_seeds);
        lsn_text_add(why, "%s", m > 0 ? " + " : modes > 1 ? " x (" : " x ");
        if (seeds > 1)
            lsn_text_add(why, "%.0f seeds of ", seeds);
        lsn_text_add(why, "%s", lsn_mode_name(mode->mode));
    }
    lsn_text_add(why, "%s", modes > 1 ? ")" : "");
}

void lsn_experiment_why(const lsn_experiment_spec *experiment, const lsn_plan *plan, lsn_text *why)
{
    const lsn_selector *selector = &experiment->selector;
    const lot counted = count_lot(experiment, plan);
    if (selector->shape == LSN_IN_PAIRS) {
        lsn_text_add(why, "(");
        add_count(why, counted.filters, "filter");
        lsn_text_add(why, " + ");
        add_count(why, counted.pairs, "pair");
        lsn_text_add(why, ") of ");
    } else if (counted.filters > 0 || counted.groups > 0) {
        add_count(why, counted.filters + counted.groups, counted.filters > 0 ? "filter" : "group");
        lsn_text_add(why, " of ");
    }
    add_count(why, experiment->n_resolved, "layer");
    if (experiment->together)
        lsn_text_add(why, " together");
    add_factor(why, selector->n_scores, "score");
    if (!lsn_has_groups(selector) && selector->kind == LSN_SIMILAR)
        add_factor(why, lsn_selector_ways(selector), "way");
    add_amounts(why, selector);
    add_factor(why, count_seeds(selector->seeds, selector->n_seeds), "seed");
    add_factor(why, (double)selector->steps, "step");
    add_modes(why, experiment);
    if (selector->keep)
        lsn_text_add(why, ", all else removed");
}
