/* Experiments into jobs. The layer is the outermost axis, in the network's order, unless layers are removed together;
 * then score, way of grouping, amount, seed, step, group, filter, mode, and the mode's seed innermost. */
#include "study/expand.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct expansion {
    lsn_plan *plan;
    lsn_ledger ledger;
    lsn_choice choice;
    int32_t *singles;                      /* the first job of each filter alone, by its place in the choice */
    int32_t *rest;                         /* scratch: all filters of a layer but one */
    const lsn_experiment_spec *experiment; /* at work */
    int32_t index;                         /* its, in the plan */
    const int *layers;                     /* those at work: one, or all that are removed together */
    int n_layers;
    lsn_point point;
} expansion;

/* ---- jobs ---------------------------------------------------------------------------------------------------- */

/* The share of filters that is removed, as the study says it. */
static double fraction_of(const expansion *x)
{
    const lsn_selector *selector = &x->experiment->selector;
    if (selector->shape == LSN_IN_PAIRS)
        return (double)NAN;
    if (selector->kind == LSN_CUMULATIVE)
        return (double)x->point.step / (double)selector->steps;
    if (x->point.amount == NULL || x->point.amount->measure != LSN_AMOUNT_FRACTION)
        return (double)NAN;
    const double digits = 1e12, fraction = x->point.amount->value; /* 1 - 0.9 is not 0.1 in binary, but means it */
    return selector->keep ? round((1 - fraction) * digits) / digits : fraction;
}

/* The grouping that the filters are a group of. */
static int32_t grouping_of(const expansion *x)
{
    const lsn_selector *selector = &x->experiment->selector;
    return selector->kind == LSN_SIMILAR && x->n_layers == 1 ? lsn_grouping_find(x->plan, &x->point, x->layers[0]) : -1;
}

static bool add_job(expansion *x, const lsn_ablation *ablation, const int32_t singles[2], lsn_error *err)
{
    lsn_job *job = &x->plan->jobs[x->plan->n_jobs];
    *job = (lsn_job){
        .experiment = x->index,
        .fraction = fraction_of(x),
        .seed = x->point.seed,
        .score = x->point.score,
        .step = x->point.step,
        .grouping = grouping_of(x),
        .group = x->point.group,
        .singles = {singles == NULL ? -1 : x->plan->jobs[singles[0]].evaluation,
                    singles == NULL ? -1 : x->plan->jobs[singles[1]].evaluation},
    };
    if (!lsn_ledger_add(&x->ledger, ablation, &job->evaluation, err))
        return false;
    x->plan->n_jobs++;
    return true;
}

/* The jobs of a mask: of each mode, and each seed of it. Of a pair, `firsts` are the first such jobs of its filters. */
static bool add_mask(expansion *x, const lsn_mask *mask, const int32_t *firsts, lsn_error *err)
{
    int32_t nth = 0;
    for (int m = 0; m < x->experiment->n_modes; m++) {
        const lsn_mode_spec *mode = &x->experiment->modes[m];
        for (int i = 0; i < mode->n_seeds; i++)
            for (int64_t seed = mode->seeds[i].low; seed <= mode->seeds[i].high; seed++, nth++) {
                const lsn_ablation ablation = {.mask = *mask, .mode = mode->mode, .seed = seed};
                const int32_t singles[2] = {firsts == NULL ? -1 : firsts[0] + nth,
                                            firsts == NULL ? -1 : firsts[1] + nth};
                if (!add_job(x, &ablation, firsts == NULL ? NULL : singles, err))
                    return false;
            }
    }
    return true;
}

/* One filter, or all of its layer but that one. */
static lsn_mask_part part_of_one(expansion *x, int32_t layer, const int32_t *filter)
{
    const lsn_selector *selector = &x->experiment->selector;
    if (!selector->keep)
        return (lsn_mask_part){.layer = layer, .count = 1, .filters = filter};
    lsn_mask_part part = {.layer = layer, .filters = x->rest};
    for (int32_t f = 0; f < x->plan->net->layers[layer].filters; f++)
        if (f != *filter)
            x->rest[part.count++] = f;
    return part;
}

/* Each chosen filter; where its jobs begin is kept in x->singles. */
static bool add_each(expansion *x, lsn_error *err)
{
    const lsn_choice *choice = &x->choice;
    int32_t place = 0;
    for (int32_t p = 0; p < choice->n_parts; p++)
        for (int32_t i = 0; i < choice->parts[p].count; i++, place++) {
            const lsn_mask_part part = part_of_one(x, choice->parts[p].layer, &choice->parts[p].filters[i]);
            const lsn_mask mask = {.count = 1, .parts = &part};
            x->singles[place] = x->plan->n_jobs;
            if (!add_mask(x, &mask, NULL, err))
                return false;
        }
    return true;
}

/* Two filters, given by their parts and their places in the choice. */
static bool add_pair(expansion *x, const int32_t parts[2], const int32_t places[2], lsn_error *err)
{
    const lsn_choice *choice = &x->choice;
    const int32_t filters[2] = {choice->filters[places[0]], choice->filters[places[1]]};
    const bool apart = parts[0] != parts[1];
    const lsn_mask_part pair[2] = {
        {.layer = choice->parts[parts[0]].layer, .count = apart ? 1 : 2, .filters = filters},
        {.layer = choice->parts[parts[1]].layer, .count = 1, .filters = filters + 1},
    };
    const lsn_mask mask = {.count = apart ? 2 : 1, .parts = pair};
    return add_mask(x, &mask, (const int32_t[]){x->singles[places[0]], x->singles[places[1]]}, err);
}

static bool add_pairs(expansion *x, lsn_error *err)
{
    const lsn_choice *choice = &x->choice;
    if (!add_each(x, err))
        return false;
    for (int32_t i = 0, p = 0, end = 0; i < choice->count; i++) {
        while (i >= end + choice->parts[p].count)
            end += choice->parts[p++].count;
        for (int32_t j = i + 1, q = p, until = end; j < choice->count; j++) {
            while (j >= until + choice->parts[q].count)
                until += choice->parts[q++].count;
            if (!add_pair(x, (const int32_t[]){p, q}, (const int32_t[]){i, j}, err))
                return false;
        }
    }
    return true;
}

static bool add_whole(expansion *x, lsn_error *err)
{
    const lsn_mask mask = {.count = x->choice.n_parts, .parts = x->choice.parts};
    return add_mask(x, &mask, NULL, err);
}

/* ---- axes ---------------------------------------------------------------------------------------------------- */

/* The jobs of one point of all axes. */
static bool expand_point(expansion *x, lsn_error *err)
{
    const lsn_selector *selector = &x->experiment->selector;
    x->choice.n_parts = 0;
    x->choice.count = 0;
    for (int i = 0; i < x->n_layers; i++)
        lsn_choose(&x->choice, x->plan, selector, &x->point, x->layers[i]);
    assert(x->choice.count >= 1);
    return selector->shape == LSN_AS_ONE       ? add_whole(x, err)
           : selector->shape == LSN_ONE_BY_ONE ? add_each(x, err)
                                               : add_pairs(x, err);
}

/* All steps (step 0 where there are none) and groups of a seed. */
static bool expand_steps(expansion *x, lsn_error *err)
{
    const lsn_selector *selector = &x->experiment->selector;
    const int32_t groups = lsn_has_groups(selector) ? x->plan->groupings[grouping_of(x)].n_groups : 1;
    for (x->point.step = selector->steps > 0; x->point.step <= selector->steps; x->point.step++)
        for (x->point.group = 0; x->point.group < groups; x->point.group++)
            if (!expand_point(x, err))
                return false;
    return true;
}

static bool expand_seeds(expansion *x, lsn_error *err)
{
    const lsn_selector *selector = &x->experiment->selector;
    if (selector->n_seeds == 0)
        return expand_steps(x, err);
    for (int i = 0; i < selector->n_seeds; i++)
        for (int64_t seed = selector->seeds[i].low; seed <= selector->seeds[i].high; seed++) {
            x->point.seed = seed;
            if (!expand_steps(x, err))
                return false;
        }
    return true;
}

/* All points of some layers. */
static bool expand_layers(expansion *x, const int *layers, int n_layers, lsn_error *err)
{
    const lsn_selector *selector = &x->experiment->selector;
    x->layers = layers;
    x->n_layers = n_layers;
    x->point = LSN_NOWHERE;
    for (int s = 0; s < LSN_MAX(selector->n_scores, 1); s++)
        for (int w = 0; w < lsn_selector_ways(selector); w++)
            for (int a = 0; a < LSN_MAX(selector->n_amounts, 1); a++) {
                x->point.score = selector->n_scores > 0 ? selector->scores[s] : -1;
                lsn_selector_way(selector, w, &x->point);
                x->point.amount = selector->n_amounts > 0 ? &selector->amounts[a] : NULL;
                if (!expand_seeds(x, err))
                    return false;
            }
    return true;
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static bool add_baseline(expansion *x, lsn_error *err)
{
    lsn_plan *plan = x->plan;
    lsn_ablation nothing = {.mode = LSN_ZERO};
    plan->jobs[0] = (lsn_job){.fraction = NAN, .seed = -1, .score = -1, .grouping = -1, .singles = {-1, -1}};
    plan->n_jobs = 1;
    plan->experiments[0] = (lsn_experiment){.n_jobs = 1};
    plan->experiments[0].name = lsn_arena_text(x->ledger.arena, "baseline", strlen("baseline"), err);
    plan->experiments[0].why = lsn_arena_text(x->ledger.arena, "nothing removed", strlen("nothing removed"), err);
    plan->n_experiments = 1;
    return plan->experiments[0].name != NULL && plan->experiments[0].why != NULL &&
           lsn_ledger_add(&x->ledger, &nothing, &plan->jobs[0].evaluation, err);
}

static bool add_experiment(expansion *x, const lsn_experiment_spec *experiment, lsn_error *err)
{
    lsn_plan *plan = x->plan;
    lsn_text why = {0};
    lsn_experiment *added = &plan->experiments[plan->n_experiments];
    *added =
        (lsn_experiment){.first_job = plan->n_jobs, .line = experiment->at->origin == NULL ? experiment->at->line : 0};
    added->name = lsn_arena_text(x->ledger.arena, experiment->name, strlen(experiment->name), err);
    lsn_experiment_why(experiment, plan, &why);
    added->why = lsn_arena_keep(x->ledger.arena, &why, err);
    x->experiment = experiment;
    x->index = plan->n_experiments++;
    const int at_once = experiment->together ? experiment->n_resolved : 1;
    bool ok = added->name != NULL && added->why != NULL;
    for (int i = 0; ok && i < experiment->n_resolved; i += at_once)
        ok = expand_layers(x, experiment->resolved + i, at_once, err);
    added->n_jobs = plan->n_jobs - added->first_job;
    return ok;
}

bool lsn_expand(lsn_plan *plan, const lsn_study_spec *spec, lsn_arena *arena, lsn_error *err)
{
    double jobs = 1;
    for (int i = 0; i < spec->n_experiments; i++)
        jobs += lsn_experiment_jobs(&spec->experiments[i], plan);
    assert(jobs <= LSN_MOST_JOBS);
    expansion x = {.plan = plan};
    plan->jobs = lsn_array((size_t)jobs, sizeof *plan->jobs, err);
    plan->experiments = lsn_array((size_t)spec->n_experiments + 1, sizeof *plan->experiments, err);
    x.singles = lsn_arena_array(arena, (size_t)lsn_net_filters(plan->net), sizeof *x.singles, err);
    x.rest = lsn_arena_array(arena, lsn_widest_layer(plan->net), sizeof *x.rest, err);
    bool ok = plan->jobs != NULL && plan->experiments != NULL && x.singles != NULL && x.rest != NULL &&
              lsn_choice_init(&x.choice, plan->net, arena, err) && lsn_ledger_init(&x.ledger, plan, arena, err) &&
              add_baseline(&x, err);
    for (int i = 0; ok && i < spec->n_experiments; i++)
        ok = add_experiment(&x, &spec->experiments[i], err);
    if (ok) {
        assert(plan->n_jobs == (int32_t)jobs);
        plan->evaluations = x.ledger.list;
        plan->n_evaluations = (int32_t)x.ledger.count;
        x.ledger.list = NULL;
    }
    lsn_ledger_finish(&x.ledger);
    return ok;
}
