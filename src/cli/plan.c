/* lesion plan: a study's jobs, the work they need, and about how long that takes. */
#include "cli/cli.h"

#include "lesion/ranks.h"
#include "lesion/report.h"
#include "lesion/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const lsn_ranks alone = {.size = 1, .on_node = 1};
static const lsn_sweep_options usual_options;

/* ---- scores of activations ----------------------------------------------------------------------------------- */

static bool is_known(const lsn_plan *plan, const lsn_filter_score *score)
{
    const int filters = lsn_net_filters(plan->net);
    for (int f = 0; f < filters; f++)
        if (!isnan(score->values[f]))
            return true;
    return false;
}

/* What is to be said of a plan that is not expanded yet. */
static void describe_unknown(const lsn_plan *plan, lsn_text *text)
{
    char images[LSN_NUMBER_BYTES];
    int unknown = 0;
    for (int32_t s = 0; s < plan->n_scores; s++)
        if (!is_known(plan, &plan->scores[s]))
            lsn_text_add(text, "%s%s", unknown++ > 0 ? ", " : "", plan->scores[s].name);
    lsn_text_add(text,
                 " %s known once %s calibration images were passed through the network; here the filters' indices "
                 "stand in for %s",
                 unknown == 1 ? "is" : "are", lsn_count_text(plan->calibration.count, images),
                 unknown == 1 ? "it" : "them");
}

/* Expands the plan as far as can be without running the network; `note` says what stands in. */
static bool expand_by_indices(lsn_plan *plan, lsn_text *note, lsn_error *err)
{
    if (!plan->expanded)
        describe_unknown(plan, note);
    return lsn_plan_expand(plan, NULL, err) &&
           (!note->failed || lsn_fail(err, LSN_FAILED, "out of memory: the plan's scores could not be told"));
}

/* Expands the plan into the jobs that a run would have: where scores want it, the calibration images are passed. */
static bool expand_by_activations(lsn_plan *plan, lsn_error *err)
{
    lsn_activations found = {0};
    bool ok = plan->expanded || lsn_activations_find(plan, plan->needs, &alone, &usual_options, &found, err);
    ok = ok && lsn_plan_expand(plan, found.sums == NULL ? NULL : &found, err);
    lsn_activations_finish(&found);
    return ok;
}

/* ---- the jobs, one a line ------------------------------------------------------------------------------------ */

static bool draws(lsn_mode mode)
{
    return mode == LSN_RESAMPLE || mode == LSN_NOISE;
}

static bool list_jobs(const lsn_plan *plan, lsn_error *err)
{
    puts("job\texperiment\tlayers\tn_filters\tfraction\tmode\tmode_seed\tseed\tscore\tstep\tgroup");
    for (int32_t j = 0; j < plan->n_jobs; j++) {
        const lsn_job *job = &plan->jobs[j];
        const lsn_evaluation *evaluation = &plan->evaluations[job->evaluation];
        lsn_text layers = {0};
        lsn_mask_layers(plan->net, &evaluation->ablation.mask, &layers);
        if (layers.failed) {
            lsn_text_finish(&layers);
            return lsn_fail(err, LSN_FAILED, "out of memory: the layers of a job could not be told");
        }
        printf("%s\t%s\t%s\t%d\t", evaluation->key, plan->experiments[job->experiment].name,
               layers.data == NULL ? "" : layers.data, lsn_mask_filters(&evaluation->ablation.mask));
        if (!isnan(job->fraction))
            printf("%g", job->fraction);
        printf("\t%s\t", lsn_mode_name(evaluation->ablation.mode));
        if (draws(evaluation->ablation.mode))
            printf("%lld", (long long)evaluation->ablation.seed);
        putchar('\t');
        if (job->seed >= 0)
            printf("%lld", (long long)job->seed);
        printf("\t%s\t", job->score < 0 ? "" : plan->scores[job->score].name);
        if (job->step > 0)
            printf("%d", (int)job->step);
        putchar('\t');
        if (job->grouping >= 0)
            printf("%d", (int)job->group);
        putchar('\n');
        lsn_text_finish(&layers);
    }
    return true;
}

/* ---- counts -------------------------------------------------------------------------------------------------- */

static void print_experiments(const lsn_plan *plan)
{
    char number[LSN_NUMBER_BYTES];
    printf("%-24s  %12s  %s\n", "experiment", "jobs", "which are");
    for (int32_t x = 0; x < plan->n_experiments; x++)
        printf("%-24s  %12s  %s\n", plan->experiments[x].name, lsn_count_text(plan->experiments[x].n_jobs, number),
               plan->experiments[x].why);
    printf("%-24s  %12s\n", "all jobs", lsn_count_text(plan->n_jobs, number));
    printf("%-24s  %12s\n", "different ablations", lsn_count_text(plan->n_evaluations, number));
    printf("%-24s  %12s\n", "images", lsn_count_text(plan->images.count, number));
    if (plan->calibration.count > 0)
        printf("%-24s  %12s\n", "calibration images", lsn_count_text(plan->calibration.count, number));
}

/* ---- what is to be kept in mind ------------------------------------------------------------------------------ */

/* Where jobs may stop, the work is at most what was counted; and the least images that a job needs. */
static void print_stop(const lsn_plan *plan)
{
    char needed[LSN_NUMBER_BYTES], images[LSN_NUMBER_BYTES];
    if (!(plan->stop.half_width > 0))
        return;
    /* Without flips the half width is in proportion to 1 / images. */
    const double least =
        ceil(lsn_race_half_width(&(lsn_race){.images = 1}, plan->stop.confidence) / plan->stop.half_width);
    lsn_count_text((int64_t)fmin(least, 1e15), needed);
    lsn_count_text(plan->images.count, images);
    if (least > plan->images.count)
        printf("stop: no job can end early: one that changes nothing needs %s images, and there are %s\n", needed,
               images);
    else
        printf("stop: jobs may end early, so that this work is an upper bound: one that changes nothing needs %s of %s "
               "images\n",
               needed, images);
}

static void print_line(const char *line)
{
    puts(line);
}

/* ---- work ---------------------------------------------------------------------------------------------------- */

typedef struct work {
    double whole;  /* multiply-adds if every job ran the whole network */
    double needed; /* after equal masks and layers before the mask are computed once */
} work;

static work count_work(const lsn_plan *plan, const lsn_costs *costs)
{
    lsn_ablation nothing = {.mask = {0}};
    work w = {.whole = lsn_costs_madds(costs, &nothing) * plan->n_jobs * plan->images.count};
    for (int32_t e = 0; e < plan->n_evaluations; e++)
        w.needed += lsn_costs_madds(costs, &plan->evaluations[e].ablation) * plan->images.count;
    return w;
}

/* ---- speed --------------------------------------------------------------------------------------------------- */

/* Seconds that the study takes one core of this machine, by what each layer takes. */
static double time_of(const lsn_plan *plan, const lsn_costs *costs)
{
    const lsn_ablation nothing = {.mask = {0}};
    double image = lsn_costs_of(costs, &nothing);
    for (int32_t e = 0; e < plan->n_evaluations; e++)
        image += lsn_costs_of(costs, &plan->evaluations[e].ablation);
    return image * plan->images.count;
}

static void print_times(const lsn_options *options, double seconds, const lsn_sweep_needs *needs)
{
    static const int32_t usual[] = {1, 2, 4, 8, 16, 32, 64};
    const int32_t *ranks = options->ranks.numbers != NULL ? options->ranks.numbers : usual;
    int count = options->ranks.numbers != NULL ? options->ranks.count : (int)(sizeof usual / sizeof *usual);
    char time[LSN_NUMBER_BYTES], memory[LSN_NUMBER_BYTES];
    printf("\n%-24s  %12s  %20s\n", "worker ranks", "time", "memory, on one node");
    for (int i = 0; i < count; i++)
        printf("%-24d  %12s  %19sB\n", ranks[i], lsn_duration_text(seconds / ranks[i], time),
               lsn_quantity_text((double)needs->weights_bytes + (double)ranks[i] * (double)needs->rank_bytes, memory));
    puts("(at the speed of one core of this machine, measured just now, all cores alike)");
}

static int print_plan(const lsn_plan *plan, const char *note, const lsn_options *options)
{
    lsn_error err = {0};
    char text[LSN_NUMBER_BYTES], rank[LSN_NUMBER_BYTES];
    lsn_sweep_needs needs;
    print_experiments(plan);
    if (note != NULL)
        printf("scores: %s\n", note);
    if (!lsn_warn_few_images(plan, print_line, &err))
        return lsn_exit_with(&err);
    lsn_costs costs;
    if (!lsn_measure_layers(plan, &costs, &err))
        return lsn_exit_with(&err);
    const work w = count_work(plan, &costs);
    const double seconds = time_of(plan, &costs);
    lsn_costs_finish(&costs);
    printf("%-24s  %11s multiply-adds\n", "work", lsn_quantity_text(w.needed, text));
    printf("%-24s  %11.1f %% of running the whole network for every job\n", "work saved",
           w.whole > 0 ? 100 * (1 - w.needed / w.whole) : 0);
    print_stop(plan);
    if (!lsn_sweep_memory(plan, 1, &usual_options, &needs, &err))
        return lsn_exit_with(&err);
    printf("%-24s  %11sB for weights, once, and up to %sB for each worker rank\n", "memory of a node",
           lsn_quantity_text((double)needs.weights_bytes, text), lsn_quantity_text((double)needs.rank_bytes, rank));
    print_times(options, seconds, &needs);
    return LSN_OK;
}

/* How evenly `run --shard` deals the study. */
static bool print_shards(const lsn_plan *plan, int32_t shards, lsn_error *err)
{
    char least[LSN_NUMBER_BYTES], most[LSN_NUMBER_BYTES];
    lsn_costs costs;
    double *cost = NULL, sum = 0, dearest = 0;
    if (lsn_costs_predict(plan->net, &costs, err))
        cost = lsn_array((size_t)shards + 1, sizeof *cost, err);
    int32_t *count = cost == NULL ? NULL : lsn_array((size_t)shards + 1, sizeof *count, err);
    lsn_wanted dealt = {0};
    bool ok = count != NULL && lsn_sweep_deal(plan, 1, shards, &dealt, err);
    for (int32_t e = 0; ok && e < plan->n_evaluations; e++) {
        cost[dealt.shard_of[e]] += lsn_costs_of(&costs, &plan->evaluations[e].ablation);
        count[dealt.shard_of[e]]++;
    }
    int32_t fewest = INT32_MAX, greatest = 0;
    for (int32_t s = 1; ok && s <= shards; s++) {
        sum += cost[0] + cost[s];
        dearest = fmax(dearest, cost[0] + cost[s]);
        fewest = count[s] < fewest ? count[s] : fewest;
        greatest = count[s] > greatest ? count[s] : greatest;
    }
    if (ok)
        printf("\nshards: %d, %s to %s ablations each, and the baseline; the dearest is %.1f %% above their mean\n"
               "(run --shard 1/%d .. %d/%d, then merge)\n",
               (int)shards, lsn_count_text(fewest, least), lsn_count_text(greatest, most),
               100 * (dearest * shards / sum - 1), (int)shards, (int)shards, (int)shards);
    lsn_wanted_finish(&dealt);
    lsn_costs_finish(&costs);
    free(cost);
    free(count);
    return ok;
}

static int show_jobs(lsn_plan *plan, const lsn_options *options)
{
    lsn_error err = {0};
    (void)options;
    return expand_by_activations(plan, &err) && list_jobs(plan, &err) ? LSN_OK : lsn_exit_with(&err);
}

static int show_plan(lsn_plan *plan, const lsn_options *options)
{
    lsn_error err = {0};
    lsn_text note = {0};
    const int code = expand_by_indices(plan, &note, &err) ? print_plan(plan, note.data, options) : lsn_exit_with(&err);
    lsn_text_finish(&note);
    if (code == LSN_OK && options->shards > 0 && !print_shards(plan, options->shards, &err))
        return lsn_exit_with(&err);
    return code;
}

int lsn_command_plan(lsn_options *options)
{
    /* The jobs' keys cover the images, which are read for nothing else. */
    return lsn_use_plan(options, options->jobs, options->jobs ? show_jobs : show_plan);
}
