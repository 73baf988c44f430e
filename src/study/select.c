/* Which filters of a layer a selector means. */
#include "study/expand.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- checks -------------------------------------------------------------------------------------------------- */

static bool check_interval(const lsn_experiment_spec *experiment, const lsn_model *model, const lsn_interval *interval,
                           lsn_mistakes *mistakes)
{
    for (int i = 0; i < experiment->n_resolved; i++) {
        const lsn_layer *layer = &model->layers[experiment->resolved[i]];
        if (interval->high >= layer->filters)
            return lsn_mistake_at(mistakes, interval->at,
                                  "there is no filter %" PRId64 " in layer %s: it has %d, 0..%d", interval->high,
                                  layer->name, layer->filters, layer->filters - 1);
    }
    return true;
}

static bool check_amount(const lsn_experiment_spec *experiment, const lsn_model *model, const lsn_amount *amount,
                         lsn_mistakes *mistakes)
{
    for (int i = 0; i < experiment->n_resolved; i++) {
        const lsn_layer *layer = &model->layers[experiment->resolved[i]];
        if (amount->count > layer->filters)
            return lsn_mistake_at(mistakes, amount->at,
                                  "count is %" PRId64 ", but layer %s has %d filters; take at most %d, or other layers",
                                  amount->count, layer->name, layer->filters, layer->filters);
    }
    return true;
}

bool lsn_selector_check(const lsn_experiment_spec *experiment, const lsn_model *model, lsn_mistakes *mistakes)
{
    const lsn_selector *selector = &experiment->selector;
    bool ok = true;
    for (int i = 0; i < selector->n_filters; i++)
        ok = check_interval(experiment, model, &selector->filters[i], mistakes) && ok;
    for (int i = 0; i < selector->n_amounts; i++)
        ok = check_amount(experiment, model, &selector->amounts[i], mistakes) && ok;
    return ok;
}

/* ---- choice -------------------------------------------------------------------------------------------------- */

int32_t lsn_amount_filters(const lsn_amount *amount, int filters)
{
    if (isnan(amount->fraction))
        return (int32_t)amount->count;
    const double slack = 1e-9; /* 0.15 x 10 is below 1.5 in binary, but means it */
    double rounded = floor(amount->fraction * filters + 0.5 + slack);
    if (!(rounded >= 1))
        return 1;
    return rounded > filters ? filters : (int32_t)rounded;
}

bool lsn_choice_init(lsn_choice *choice, const lsn_model *model, lsn_error *err)
{
    int widest = 1;
    for (int i = 0; i < model->n_layers; i++)
        if (!model->layers[i].logits && model->layers[i].filters > widest)
            widest = model->layers[i].filters;
    *choice = (lsn_choice){0};
    choice->filters = lsn_array((size_t)widest, sizeof *choice->filters, err);
    choice->order = lsn_array((size_t)widest, sizeof *choice->order, err);
    choice->taken = lsn_array((size_t)widest, sizeof *choice->taken, err);
    return choice->filters != NULL && choice->order != NULL && choice->taken != NULL;
}

void lsn_choice_finish(lsn_choice *choice)
{
    free(choice->filters);
    free(choice->order);
    free(choice->taken);
    *choice = (lsn_choice){0};
}

static void choose_interval(lsn_choice *choice, int64_t low, int64_t high)
{
    for (int64_t f = low; f <= high; f++)
        choice->filters[choice->count++] = (int32_t)f;
}

/* The first `count` of choice->order, in ascending order. */
static void choose_first(lsn_choice *choice, int filters, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        choice->taken[choice->order[i]] = true;
    for (int32_t f = 0; f < filters; f++) {
        if (choice->taken[f])
            choice->filters[choice->count++] = f;
        choice->taken[f] = false;
    }
}

/* The network's layer is the stream, so that layers of equal width lose different filters. */
static void choose_random(lsn_choice *choice, int layer, int filters, int32_t count, int64_t seed)
{
    lsn_random random;
    for (int32_t f = 0; f < filters; f++)
        choice->order[f] = f;
    lsn_random_init(&random, (uint64_t)seed, (uint64_t)layer);
    lsn_random_choose(&random, choice->order, (size_t)filters, (size_t)count);
    choose_first(choice, filters, count);
}

void lsn_choose(lsn_choice *choice, const lsn_selector *selector, const lsn_model *model, int index,
                const lsn_amount *amount, int64_t seed)
{
    int filters = model->layers[index].filters;
    choice->count = 0;
    switch (selector->kind) {
    case LSN_EACH:
    case LSN_LISTED:
        for (int i = 0; i < selector->n_filters; i++)
            choose_interval(choice, selector->filters[i].low, selector->filters[i].high);
        if (selector->n_filters == 0)
            choose_interval(choice, 0, filters - 1);
        break;
    case LSN_WHOLE:
        choose_interval(choice, 0, filters - 1);
        break;
    case LSN_EACH_SAMPLE:
    case LSN_RANDOM:
        choose_random(choice, index, filters, lsn_amount_filters(amount, filters), seed);
        break;
    case LSN_SCORED:
        choose_first(choice, filters, lsn_amount_filters(amount, filters));
        break;
    }
    assert(choice->count >= 1 && choice->count <= filters);
}
