/* lesion simulate: a study played with virtual ranks and faults, in virtual time. */
#include "cli/cli.h"

#include "lesion/ranks.h"
#include "lesion/report.h"
#include "lesion/simulate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { HELD = 2 };

static const double UNIT_S = 5;

/* ---- the work ------------------------------------------------------------------------------------------------ */

/* The study as the scheduler sees it, in seconds; `cost` is to be freed. */
static bool describe_work(const lsn_plan *plan, lsn_sched_work *work, double **cost, lsn_error *err)
{
    const int32_t block = lsn_sweep_block_images(plan);
    const lsn_ablation nothing = {.mask = {0}};
    lsn_costs costs;
    *cost = lsn_array((size_t)plan->n_evaluations, sizeof **cost, err);
    if (*cost == NULL || !lsn_measure_layers(plan, &costs, err))
        return false;
    for (int32_t e = 0; e < plan->n_evaluations; e++)
        (*cost)[e] = block * lsn_costs_of(&costs, &plan->evaluations[e].ablation);
    *work = (lsn_sched_work){.n_evaluations = plan->n_evaluations,
                             .n_blocks = (plan->images.count + block - 1) / block,
                             .cost = *cost,
                             .unit_cost = block * lsn_costs_of(&costs, &nothing),
                             .unit_s = UNIT_S,
                             .speed = 1,
                             .held = HELD,
                             .by_block = plan->stop.half_width > 0};
    lsn_costs_finish(&costs);
    return true;
}

/* ---- the tables ---------------------------------------------------------------------------------------------- */

static void print_head(const lsn_plan *plan, const lsn_sched_work *work, const lsn_options *options)
{
    char evaluations[LSN_NUMBER_BYTES], blocks[LSN_NUMBER_BYTES], text[LSN_NUMBER_BYTES];
    double seconds = work->unit_cost;
    for (int32_t e = 0; e < work->n_evaluations; e++)
        seconds += work->cost[e];
    printf("%-12s  %s: %s ablations on %s blocks of %d images\n", "study", plan->name,
           lsn_count_text(work->n_evaluations, evaluations), lsn_count_text(work->n_blocks, blocks),
           (int)lsn_sweep_block_images(plan));
    printf("%-12s  %s on one core of this machine, measured just now\n", "work",
           lsn_duration_text(seconds * work->n_blocks, text));
    printf("%-12s  %s; seed %lld\n\n", "faults", options->faults_given == NULL ? "none" : options->faults_given,
           (long long)options->seed);
    printf("%12s  %14s  %10s  %7s  %11s  %12s  %14s  %6s  %8s  %s\n", "worker ranks", "makespan", "efficiency", "done",
           "units", "longest unit", "work lost", "deaths", "given up", "ended");
}

static const char *ending_in_words(const lsn_simulated *seen)
{
    switch (seen->ending) {
    case LSN_COMPLETE:
        return "complete";
    case LSN_DRAINED:
        return "stopped in time";
    case LSN_NO_WORKERS:
        return "no workers left";
    case LSN_TOO_MANY_FAILED:
        return "too many failures";
    }
    return "";
}

static void print_row(int ranks, const lsn_simulated *seen)
{
    char makespan[LSN_NUMBER_BYTES], units[LSN_NUMBER_BYTES], longest[LSN_NUMBER_BYTES], lost[LSN_NUMBER_BYTES];
    printf("%12d  %14s  %8.2f %%  %5.1f %%  %11s  %12s  %14s  %6d  %8d  %s\n", ranks,
           lsn_duration_text(seen->makespan_s, makespan), 100 * seen->work_s / seen->capacity_s, 100 * seen->share,
           lsn_count_text(seen->units, units), lsn_duration_text(seen->longest_s, longest),
           lsn_duration_text(fmax(seen->lost_s, 0), lost), (int)seen->dead, (int)seen->failed, ending_in_words(seen));
    fflush(stdout);
}

/* The jobs are as many as in a run, though not the same where filters are ranked by activations. */
static int simulate(lsn_plan *plan, const lsn_options *options)
{
    static const int32_t usual[] = {1, 10, 100, 1000, 10000};
    const int32_t *ranks = options->ranks.numbers != NULL ? options->ranks.numbers : usual;
    const int count = options->ranks.numbers != NULL ? options->ranks.count : (int)(sizeof usual / sizeof *usual);
    lsn_error err = {0};
    lsn_simulation simulation = {.faults = options->faults, .seed = (uint64_t)options->seed};
    double *cost = NULL;
    bool ok = lsn_plan_expand(plan, NULL, &err) && describe_work(plan, &simulation.work, &cost, &err);
    if (ok)
        print_head(plan, &simulation.work, options);
    for (int i = 0; ok && i < count; i++) {
        lsn_simulated seen;
        simulation.work.n_workers = ranks[i];
        ok = lsn_simulate(&simulation, &seen, &err);
        if (ok)
            print_row(ranks[i], &seen);
    }
    if (ok)
        puts("\nefficiency: work that is needed / (ranks x makespan). Work lost: computed, but not recorded.\n"
             "Given up: ablations that could not be computed.");
    if (ok && simulation.work.by_block)
        puts("Jobs may end early: that much work is an upper bound.");
    free(cost);
    return ok ? LSN_OK : lsn_exit_with(&err);
}

int lsn_command_simulate(lsn_options *options)
{
    return lsn_use_plan(options, false, simulate);
}
