/* lesion run: a study is run, or continued, alone or on many ranks. */
#include "cli/cli.h"
#include "cli/progress.h"

#include "lesion/ranks.h"
#include "lesion/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void log_line(const char *line)
{
    lsn_log("%s", line);
}

static void announce_memory(const lsn_plan *plan, const lsn_ranks *ranks, const lsn_sweep_options *options)
{
    lsn_error unsaid;
    lsn_sweep_needs needs;
    char weights[LSN_NUMBER_BYTES], rank[LSN_NUMBER_BYTES];
    if (ranks->rank > 0 || !lsn_sweep_memory(plan, lsn_ranks_sharers(ranks), options, &needs, &unsaid))
        return;
    lsn_quantity_text((double)needs.weights_bytes, weights);
    lsn_quantity_text((double)needs.rank_bytes, rank);
    if (needs.sharers > 1)
        lsn_log("memory of a node: %sB for weights, once, and up to %sB for each of its worker ranks", weights, rank);
    else
        lsn_log("memory%s: %sB for weights and up to %sB to compute", ranks->size > 1 ? " of each worker rank" : "",
                weights, rank);
}

static void announce(const lsn_plan *plan, const lsn_ranks *ranks, const lsn_options *options)
{
    lsn_error unsaid;
    char jobs[LSN_NUMBER_BYTES], evaluations[LSN_NUMBER_BYTES], images[LSN_NUMBER_BYTES];
    int workers = ranks->size > 1 ? ranks->size - 1 : 1;
    int32_t mine = 0;
    for (int32_t e = 0; e < plan->n_evaluations; e++)
        mine += lsn_wants(options->sweep.wanted, e);
    lsn_log("%s: %s jobs (%s different ablations) on %s images, %d worker%s -> %s", plan->name,
            lsn_count_text(plan->n_jobs, jobs), lsn_count_text(plan->n_evaluations, evaluations),
            lsn_count_text(plan->images.count, images), workers, workers == 1 ? "" : "s", options->sweep.database);
    if (options->shard.count > 0)
        lsn_log("shard %d of %d: %s of these ablations are computed here", (int)options->shard.index,
                (int)options->shard.count, lsn_count_text(mine, evaluations));
    lsn_warn_few_images(plan, log_line, &unsaid);
}

/* A share of a study is done: all of them together are the study. */
static void conclude_shard(const lsn_plan *plan, const lsn_options *options, const char *took)
{
    const int shard = options->shard.index, shards = options->shard.count;
    lsn_log("shard %d of %d is complete after %s: %s", shard, shards, took, options->sweep.database);
    if (options->database == NULL)
        lsn_log("next, when all %d are: lesion merge results/%s.*-of-%d.db -o results/%s.db", shards, plan->name,
                shards, plan->name);
    else
        lsn_log("next, when all %d are: lesion merge, with the database of each", shards);
}

/* Rank 0's last words: the findings, and what to do next. */
static void conclude(const lsn_plan *plan, const lsn_options *options, lsn_code code, double seconds,
                     const lsn_error *err)
{
    const lsn_sweep_options *sweep = &options->sweep;
    char took[LSN_NUMBER_BYTES];
    lsn_error failure = {0};
    if (!options->quiet && (code == LSN_OK || code == LSN_STOPPED || code == LSN_JOBS_FAILED) &&
        !lsn_report_findings(sweep->database, stdout, &failure))
        lsn_log("%s", failure.text);
    fflush(stdout);
    lsn_duration_text(seconds, took);
    if (code == LSN_OK && options->shard.count > 0)
        conclude_shard(plan, options, took);
    else if (code == LSN_OK)
        lsn_log("complete after %s: %s", took, sweep->database);
    else if (code == LSN_STOPPED)
        lsn_log("stopped early after %s; what is done is in %s. Run the same command again to continue", took,
                sweep->database);
    else if (code == LSN_JOBS_FAILED)
        lsn_log("complete after %s, but some jobs failed: 'lesion status %s' names them", took, sweep->database);
    else
        lsn_log("%s", err->text);
}

/* *wanted: the share of the plan that was asked for. Collective. */
static bool take_share(const lsn_plan *plan, const lsn_ranks *ranks, const lsn_options *options, lsn_wanted *wanted,
                       lsn_error *err)
{
    if (options->shard.count == 0)
        return true;
    const bool ok = lsn_sweep_deal(plan, options->shard.index, options->shard.count, wanted, err);
    return lsn_ranks_agree(ranks, ok) || (ok && lsn_fail(err, LSN_FAILED, "another rank could not deal the study"));
}

/* "results/<study>.db", "results/<study>.2-of-4.db". */
static void name_database(const lsn_plan *plan, const lsn_options *options, lsn_text *path)
{
    lsn_text_add(path, "results/%s", plan->name);
    if (options->shard.count > 0)
        lsn_text_add(path, ".%d-of-%d", (int)options->shard.index, (int)options->shard.count);
    lsn_text_add(path, ".db");
}

static int run_plan(lsn_plan *plan, lsn_ranks *ranks, lsn_options *options)
{
    lsn_error err = {0};
    lsn_text database = {0};
    lsn_progress progress;
    name_database(plan, options, &database);
    options->sweep.database = options->database != NULL ? options->database : database.data;
    lsn_progress_init(&progress);
    if (!options->quiet) {
        options->sweep.progress = lsn_progress_show;
        options->sweep.context = &progress;
    }
    double began = lsn_now_s();
    if (options->deadline_s >= 0)
        options->sweep.deadline_s = options->deadline_s;
    else if (ranks->rank == 0)
        options->sweep.deadline_s = lsn_slurm_deadline();
    lsn_activations found = {0};
    lsn_wanted wanted = {0};
    options->sweep.wanted = &wanted;
    const bool expanded = lsn_expand_together(plan, ranks, &options->sweep, &found, &err) &&
                          take_share(plan, ranks, options, &wanted, &err);
    lsn_code code = err.code;
    if (expanded) {
        announce(plan, ranks, options);
        announce_memory(plan, ranks, &options->sweep);
        code = lsn_sweep_run(plan, found.sums == NULL ? NULL : &found, ranks, &options->sweep, &err);
    }
    lsn_activations_finish(&found);
    lsn_progress_end(&progress);
    if (ranks->rank == 0 && expanded)
        conclude(plan, options, code, lsn_now_s() - began, &err);
    else if (ranks->rank == 0)
        lsn_log("%s", err.text);
    else if (code != LSN_OK && code != LSN_STOPPED && err.text[0] != '\0') {
        lsn_log_quiet(false);
        lsn_log("rank %d: %s", ranks->rank, err.text);
    }
    lsn_text_finish(&database);
    lsn_wanted_finish(&wanted);
    options->sweep.wanted = NULL;
    return code;
}

int lsn_command_run(lsn_options *options)
{
    lsn_error err = {0};
    lsn_ranks ranks;
    int code = LSN_OK;
    options->sweep.command = options->command_line;
    lsn_sweep_catch_signals();
    if (!lsn_ranks_begin(&ranks, &err))
        code = lsn_exit_with(&err);
    else {
        lsn_plan *plan = lsn_read_together(options->arguments[0], &options->set, options->sweep.threads, &ranks, &code);
        if (plan != NULL)
            code = run_plan(plan, &ranks, options);
        lsn_plan_destroy(plan);
    }
    return lsn_leave_ranks(&ranks, code);
}
