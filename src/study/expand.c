/* Experiments into jobs. The layer is the outermost axis, in the network's order; then score, amount, seed, filter,
 * and the mode innermost. */
#include "study/expand.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct expansion {
    lsn_plan *plan;
    lsn_ledger ledger;
    lsn_choice choice;
    const lsn_experiment_spec *experiment; /* at work */
    int32_t index;                         /* its, in the plan */
    int layer;
} expansion;

/* The length of an axis that may be missing. */
static int at_least_one(int n)
{
    return n > 0 ? n : 1;
}

static double count_numbers(const lsn_interval *intervals, int n)
{
    double count = 0;
    for (int i = 0; i < n; i++)
        count += (double)(intervals[i].high - intervals[i].low) + 1;
    return count;
}

double lsn_experiment_jobs(const lsn_experiment_spec *experiment, const lsn_model *model)
{
    const lsn_selector *selector = &experiment->selector;
    double axes = (double)at_least_one(selector->n_scores) * at_least_one(selector->n_amounts) * experiment->n_modes;
    if (selector->n_seeds > 0)
        axes *= count_numbers(selector->seeds, selector->n_seeds);
    double jobs = 0;
    for (int i = 0; i < experiment->n_resolved; i++) {
        double masks = 1;
        if (selector->kind == LSN_EACH)
            masks = selector->n_filters > 0 ? count_numbers(selector->filters, selector->n_filters)
                                            : model->layers[experiment->resolved[i]].filters;
        else if (selector->kind == LSN_EACH_SAMPLE)
            masks = (double)selector->amounts[0].count;
        jobs += masks * axes;
    }
    return jobs;
}

/* ---- one layer ----------------------------------------------------------------------------------------------- */

static bool add_job(expansion *of, const int32_t *filters, int32_t count, lsn_mode mode, double fraction, int64_t seed,
                    lsn_error *err)
{
    lsn_mask_part part = {.layer = of->layer, .count = count, .filters = filters};
    lsn_ablation ablation = {.mask = {.count = 1, .parts = &part}, .mode = mode};
    lsn_job *job = &of->plan->jobs[of->plan->n_jobs];
    *job = (lsn_job){.experiment = of->index, .fraction = fraction, .seed = seed};
    if (!lsn_ledger_add(&of->ledger, &ablation, &job->evaluation, err))
        return false;
    of->plan->n_jobs++;
    return true;
}

/* The chosen filters become one mask, or one mask each. */
static bool add_jobs(expansion *of, double fraction, int64_t seed, lsn_error *err)
{
    const lsn_experiment_spec *experiment = of->experiment;
    lsn_selector_kind kind = experiment->selector.kind;
    bool each = kind == LSN_EACH || kind == LSN_EACH_SAMPLE;
    int32_t n_masks = each ? of->choice.count : 1, n_filters = each ? 1 : of->choice.count;
    for (int32_t i = 0; i < n_masks; i++)
        for (int m = 0; m < experiment->n_modes; m++)
            if (!add_job(of, of->choice.filters + i, n_filters, experiment->modes[m], fraction, seed, err))
                return false;
    return true;
}

static bool expand_seeds(expansion *of, const lsn_amount *amount, lsn_error *err)
{
    const lsn_selector *selector = &of->experiment->selector;
    double fraction = amount == NULL ? NAN : amount->fraction;
    if (selector->n_seeds == 0) {
        lsn_choose(&of->choice, selector, of->plan->model, of->layer, amount, -1);
        return add_jobs(of, fraction, -1, err);
    }
    for (int i = 0; i < selector->n_seeds; i++)
        for (int64_t seed = selector->seeds[i].low; seed <= selector->seeds[i].high; seed++) {
            lsn_choose(&of->choice, selector, of->plan->model, of->layer, amount, seed);
            if (!add_jobs(of, fraction, seed, err))
                return false;
        }
    return true;
}

static bool expand_layer(expansion *of, lsn_error *err)
{
    const lsn_selector *selector = &of->experiment->selector;
    const lsn_layer *layer = &of->plan->model->layers[of->layer];
    for (int s = 0; s < at_least_one(selector->n_scores); s++) {
        if (selector->n_scores > 0 && !lsn_rank(layer, selector->scores[s], selector->highest, of->choice.order, err))
            return false;
        for (int a = 0; a < at_least_one(selector->n_amounts); a++)
            if (!expand_seeds(of, selector->n_amounts > 0 ? &selector->amounts[a] : NULL, err))
                return false;
    }
    return true;
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static bool add_baseline(expansion *of, lsn_error *err)
{
    lsn_plan *plan = of->plan;
    lsn_ablation nothing = {.mode = LSN_ZERO};
    plan->jobs[0] = (lsn_job){.fraction = NAN, .seed = -1};
    plan->n_jobs = 1;
    plan->experiments[0] = (lsn_experiment){.n_jobs = 1};
    plan->experiments[0].name = lsn_arena_text(of->ledger.arena, "baseline", strlen("baseline"), err);
    plan->n_experiments = 1;
    return plan->experiments[0].name != NULL && lsn_ledger_add(&of->ledger, &nothing, &plan->jobs[0].evaluation, err);
}

static bool add_experiment(expansion *of, const lsn_experiment_spec *experiment, lsn_error *err)
{
    lsn_plan *plan = of->plan;
    lsn_experiment *added = &plan->experiments[plan->n_experiments];
    *added =
        (lsn_experiment){.first_job = plan->n_jobs, .line = experiment->at->origin == NULL ? experiment->at->line : 0};
    added->name = lsn_arena_text(of->ledger.arena, experiment->name, strlen(experiment->name), err);
    of->experiment = experiment;
    of->index = plan->n_experiments++;
    bool ok = added->name != NULL;
    for (int i = 0; ok && i < experiment->n_resolved; i++) {
        of->layer = experiment->resolved[i];
        ok = expand_layer(of, err);
    }
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
        jobs += lsn_experiment_jobs(&spec->experiments[i], plan->model);
    assert(jobs <= LSN_MOST_JOBS);
    expansion of = {.plan = plan};
    plan->jobs = lsn_array((size_t)jobs, sizeof *plan->jobs, err);
    plan->experiments = lsn_array((size_t)spec->n_experiments + 1, sizeof *plan->experiments, err);
    bool ok = plan->jobs != NULL && plan->experiments != NULL && lsn_choice_init(&of.choice, plan->model, err) &&
              lsn_ledger_init(&of.ledger, plan, arena, err) && add_baseline(&of, err);
    for (int i = 0; ok && i < spec->n_experiments; i++)
        ok = add_experiment(&of, &spec->experiments[i], err);
    if (ok) {
        assert(plan->n_jobs == (int32_t)jobs);
        hand_over_evaluations(&of);
    }
    lsn_ledger_finish(&of.ledger);
    lsn_choice_finish(&of.choice);
    return ok;
}
