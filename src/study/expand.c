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

/* The length of an axis that may be missing. */
static int at_least_one(int n)
{
    return n > 0 ? n : 1;
}

/* ---- jobs ---------------------------------------------------------------------------------------------------- */

/* The share of filters that is removed, as the study says it. */
static double fraction_of(const expansion *of)
{
    const lsn_selector *selector = &of->experiment->selector;
    if (selector->shape == LSN_IN_PAIRS)
        return (double)NAN;
    if (selector->kind == LSN_CUMULATIVE)
        return (double)of->point.step / (double)selector->steps;
    if (of->point.amount == NULL)
        return (double)NAN;
    const double digits = 1e12, fraction = of->point.amount->fraction; /* 1 - 0.9 is not 0.1 in binary, but means it */
    return selector->keep ? round((1 - fraction) * digits) / digits : fraction;
}

/* The grouping that the filters are a group of. */
static int32_t grouping_of(const expansion *of)
{
    const lsn_selector *selector = &of->experiment->selector;
    return selector->kind == LSN_SIMILAR && of->n_layers == 1
               ? lsn_grouping_find(of->plan, &of->point, selector->cut, of->layers[0])
               : -1;
}

static bool add_job(expansion *of, const lsn_ablation *ablation, const int32_t singles[2], lsn_error *err)
{
    lsn_job *job = &of->plan->jobs[of->plan->n_jobs];
    *job = (lsn_job){
        .experiment = of->index,
        .fraction = fraction_of(of),
        .seed = of->point.seed,
        .score = of->point.score,
        .step = of->point.step,
        .grouping = grouping_of(of),
        .group = of->point.group,
        .singles = {singles == NULL ? -1 : of->plan->jobs[singles[0]].evaluation,
                    singles == NULL ? -1 : of->plan->jobs[singles[1]].evaluation},
    };
    if (!lsn_ledger_add(&of->ledger, ablation, &job->evaluation, err))
        return false;
    of->plan->n_jobs++;
    return true;
}

/* The jobs of a mask: of each mode, and each seed of it. Of a pair, `firsts` are the first such jobs of its filters. */
static bool add_mask(expansion *of, const lsn_mask *mask, const int32_t *firsts, lsn_error *err)
{
    int32_t nth = 0;
    for (int m = 0; m < of->experiment->n_modes; m++) {
        const lsn_mode_spec *mode = &of->experiment->modes[m];
        for (int i = 0; i < mode->n_seeds; i++)
            for (int64_t seed = mode->seeds[i].low; seed <= mode->seeds[i].high; seed++, nth++) {
                const lsn_ablation ablation = {.mask = *mask, .mode = mode->mode, .seed = seed};
                const int32_t singles[2] = {firsts == NULL ? -1 : firsts[0] + nth,
                                            firsts == NULL ? -1 : firsts[1] + nth};
                if (!add_job(of, &ablation, firsts == NULL ? NULL : singles, err))
                    return false;
            }
    }
    return true;
}

/* One filter, or all of its layer but that one. */
static lsn_mask_part part_of_one(expansion *of, int32_t layer, const int32_t *filter)
{
    const lsn_selector *selector = &of->experiment->selector;
    if (!selector->keep)
        return (lsn_mask_part){.layer = layer, .count = 1, .filters = filter};
    lsn_mask_part part = {.layer = layer, .filters = of->rest};
    for (int32_t f = 0; f < of->plan->net->layers[layer].filters; f++)
        if (f != *filter)
            of->rest[part.count++] = f;
    return part;
}

/* Each chosen filter; where its jobs begin is kept in of->singles. */
static bool add_each(expansion *of, lsn_error *err)
{
    const lsn_choice *choice = &of->choice;
    int32_t place = 0;
    for (int32_t p = 0; p < choice->n_parts; p++)
        for (int32_t i = 0; i < choice->parts[p].count; i++, place++) {
            const lsn_mask_part part = part_of_one(of, choice->parts[p].layer, &choice->parts[p].filters[i]);
            const lsn_mask mask = {.count = 1, .parts = &part};
            of->singles[place] = of->plan->n_jobs;
            if (!add_mask(of, &mask, NULL, err))
                return false;
        }
    return true;
}

/* Two filters, given by their parts and their places in the choice. */
static bool add_pair(expansion *of, const int32_t parts[2], const int32_t places[2], lsn_error *err)
{
    const lsn_choice *choice = &of->choice;
    const int32_t filters[2] = {choice->filters[places[0]], choice->filters[places[1]]};
    const bool apart = parts[0] != parts[1];
    const lsn_mask_part pair[2] = {
        {.layer = choice->parts[parts[0]].layer, .count = apart ? 1 : 2, .filters = filters},
        {.layer = choice->parts[parts[1]].layer, .count = 1, .filters = filters + 1},
    };
    const lsn_mask mask = {.count = apart ? 2 : 1, .parts = pair};
    return add_mask(of, &mask, (const int32_t[]){of->singles[places[0]], of->singles[places[1]]}, err);
}

static bool add_pairs(expansion *of, lsn_error *err)
{
    const lsn_choice *choice = &of->choice;
    if (!add_each(of, err))
        return false;
    for (int32_t i = 0, p = 0, end = 0; i < choice->count; i++) {
        while (i >= end + choice->parts[p].count)
            end += choice->parts[p++].count;
        for (int32_t j = i + 1, q = p, until = end; j < choice->count; j++) {
            while (j >= until + choice->parts[q].count)
                until += choice->parts[q++].count;
            if (!add_pair(of, (const int32_t[]){p, q}, (const int32_t[]){i, j}, err))
                return false;
        }
    }
    return true;
}

static bool add_whole(expansion *of, lsn_error *err)
{
    const lsn_mask mask = {.count = of->choice.n_parts, .parts = of->choice.parts};
    return add_mask(of, &mask, NULL, err);
}

/* ---- axes ---------------------------------------------------------------------------------------------------- */

/* The jobs of one point of all axes. */
static bool expand_point(expansion *of, lsn_error *err)
{
    const lsn_selector *selector = &of->experiment->selector;
    lsn_choice_clear(&of->choice);
    for (int i = 0; i < of->n_layers; i++)
        lsn_choose(&of->choice, of->plan, selector, &of->point, of->layers[i]);
    assert(of->choice.count >= 1);
    return selector->shape == LSN_AS_ONE       ? add_whole(of, err)
           : selector->shape == LSN_ONE_BY_ONE ? add_each(of, err)
                                               : add_pairs(of, err);
}

static bool expand_groups(expansion *of, lsn_error *err)
{
    const lsn_selector *selector = &of->experiment->selector;
    int32_t groups = 1;
    if (selector->kind == LSN_SIMILAR && selector->cut != LSN_CUT_FRACTION)
        groups = of->plan->groupings[grouping_of(of)].n_groups;
    for (of->point.group = 0; of->point.group < groups; of->point.group++)
        if (!expand_point(of, err))
            return false;
    return true;
}

static bool expand_steps(expansion *of, lsn_error *err)
{
    const int32_t steps = (int32_t)of->experiment->selector.steps;
    if (steps == 0)
        return expand_groups(of, err);
    for (of->point.step = 1; of->point.step <= steps; of->point.step++)
        if (!expand_groups(of, err))
            return false;
    return true;
}

static bool expand_seeds(expansion *of, lsn_error *err)
{
    const lsn_selector *selector = &of->experiment->selector;
    if (selector->n_seeds == 0)
        return expand_steps(of, err);
    for (int i = 0; i < selector->n_seeds; i++)
        for (int64_t seed = selector->seeds[i].low; seed <= selector->seeds[i].high; seed++) {
            of->point.seed = seed;
            if (!expand_steps(of, err))
                return false;
        }
    return true;
}

/* All points of some layers. */
static bool expand_layers(expansion *of, const int *layers, int n_layers, lsn_error *err)
{
    const lsn_selector *selector = &of->experiment->selector;
    of->layers = layers;
    of->n_layers = n_layers;
    of->point = LSN_NOWHERE;
    for (int s = 0; s < at_least_one(selector->n_scores); s++)
        for (int w = 0; w < lsn_selector_ways(selector); w++)
            for (int a = 0; a < at_least_one(selector->n_amounts); a++) {
                of->point.score = selector->n_scores > 0 ? selector->scores[s] : -1;
                lsn_selector_way(selector, w, &of->point);
                of->point.amount = selector->n_amounts > 0 ? &selector->amounts[a] : NULL;
                if (!expand_seeds(of, err))
                    return false;
            }
    return true;
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static bool add_baseline(expansion *of, lsn_error *err)
{
    lsn_plan *plan = of->plan;
    lsn_ablation nothing = {.mode = LSN_ZERO};
    plan->jobs[0] = (lsn_job){.fraction = NAN, .seed = -1, .score = -1, .grouping = -1, .singles = {-1, -1}};
    plan->n_jobs = 1;
    plan->experiments[0] = (lsn_experiment){.n_jobs = 1};
    plan->experiments[0].name = lsn_arena_text(of->ledger.arena, "baseline", strlen("baseline"), err);
    plan->experiments[0].why = lsn_arena_text(of->ledger.arena, "nothing removed", strlen("nothing removed"), err);
    plan->n_experiments = 1;
    return plan->experiments[0].name != NULL && plan->experiments[0].why != NULL &&
           lsn_ledger_add(&of->ledger, &nothing, &plan->jobs[0].evaluation, err);
}

static bool add_experiment(expansion *of, const lsn_experiment_spec *experiment, lsn_error *err)
{
    lsn_plan *plan = of->plan;
    lsn_text why = {0};
    lsn_experiment *added = &plan->experiments[plan->n_experiments];
    *added =
        (lsn_experiment){.first_job = plan->n_jobs, .line = experiment->at->origin == NULL ? experiment->at->line : 0};
    added->name = lsn_arena_text(of->ledger.arena, experiment->name, strlen(experiment->name), err);
    lsn_experiment_why(experiment, plan, &why);
    added->why = lsn_arena_keep(of->ledger.arena, &why, err);
    of->experiment = experiment;
    of->index = plan->n_experiments++;
    const int at_once = experiment->together ? experiment->n_resolved : 1;
    bool ok = added->name != NULL && added->why != NULL;
    for (int i = 0; ok && i < experiment->n_resolved; i += at_once)
        ok = expand_layers(of, experiment->resolved + i, at_once, err);
    added->n_jobs = plan->n_jobs - added->first_job;
    return ok;
}

static void hand_over_evaluations(expansion *of)
{
    of->plan->evaluations = of->ledger.list;
    of->plan->n_evaluations = (int32_t)of->ledger.count;
    of->ledger.list = NULL;
}

bool lsn_expand(lsn_plan *plan, const lsn_study_spec *spec, lsn_arena *arena, lsn_error *err)
{
    double jobs = 1;
    for (int i = 0; i < spec->n_experiments; i++)
        jobs += lsn_experiment_jobs(&spec->experiments[i], plan);
    assert(jobs <= LSN_MOST_JOBS);
    expansion of = {.plan = plan};
    plan->jobs = lsn_array((size_t)jobs, sizeof *plan->jobs, err);
    plan->experiments = lsn_array((size_t)spec->n_experiments + 1, sizeof *plan->experiments, err);
    of.singles = lsn_array((size_t)lsn_net_filters(plan->net), sizeof *of.singles, err);
    of.rest = lsn_array((size_t)lsn_net_filters(plan->net), sizeof *of.rest, err);
    bool ok = plan->jobs != NULL && plan->experiments != NULL && of.singles != NULL && of.rest != NULL &&
              lsn_choice_init(&of.choice, plan->net, err) && lsn_ledger_init(&of.ledger, plan, arena, err) &&
              add_baseline(&of, err);
    for (int i = 0; ok && i < spec->n_experiments; i++)
        ok = add_experiment(&of, &spec->experiments[i], err);
    if (ok) {
        assert(plan->n_jobs == (int32_t)jobs);
        hand_over_evaluations(&of);
    }
    lsn_ledger_finish(&of.ledger);
    lsn_choice_finish(&of.choice);
    free(of.singles);
    free(of.rest);
    return ok;
}
