/* Reads a study, in this process or on all ranks, and says what is wrong with it. */
#include "cli/cli.h"

#include "lesion/report.h"

#include <stdio.h>
#include <unistd.h>

int lsn_exit_with(const lsn_error *err)
{
    lsn_log("%s", err->text);
    return err->code;
}

int lsn_exit_with_problems(const char *study, const lsn_problems *problems, const lsn_error *err)
{
    if (problems->count == 0)
        return lsn_exit_with(err);
    for (size_t i = 0; i < problems->count; i++)
        lsn_log("%s", problems->text[i]);
    lsn_log("%zu mistake%s in %s; nothing was run", problems->count, problems->count == 1 ? "" : "s", study);
    return LSN_INVALID;
}

static const lsn_ranks alone = {.size = 1, .on_node = 1};

lsn_plan *lsn_read_plan(const char *study, const lsn_texts *set, const lsn_ranks *ranks, int *code)
{
    lsn_problems problems = {0};
    lsn_error err = {0};
    lsn_plan *plan = lsn_ranks_read_plan(ranks == NULL ? &alone : ranks, study, set->text, set->count, &problems, &err);
    if (plan == NULL)
        *code = lsn_exit_with_problems(study, &problems, &err);
    lsn_problems_finish(&problems);
    return plan;
}

void lsn_tell_skipped(const lsn_plan *plan)
{
    enum { SHOWN = 5 };
    if (plan->n_skipped == 0)
        return;
    lsn_log("%d image%s left out (skip_broken), for %s cannot be read:", plan->n_skipped,
            plan->n_skipped == 1 ? " is" : "s are", plan->n_skipped == 1 ? "it" : "they");
    for (int32_t i = 0; i < plan->n_skipped && i < SHOWN; i++)
        lsn_log("  %s", plan->skipped[i].reason);
    if (plan->n_skipped > SHOWN)
        lsn_log("  and %d more", plan->n_skipped - SHOWN);
}

int lsn_settle(lsn_plan *plan, const lsn_ranks *ranks, int threads)
{
    lsn_problems problems = {0};
    lsn_error err = {0};
    bool ok = lsn_images_settle(plan, ranks, threads, &problems, &err);
    for (size_t i = 0; i < problems.count; i++)
        lsn_log("%s", problems.text[i]);
    lsn_problems_finish(&problems);
    if (ok)
        lsn_tell_skipped(plan);
    return ok ? LSN_OK : lsn_exit_with(&err);
}

int lsn_use_plan(lsn_options *options, bool settled, int (*use)(lsn_plan *plan, const lsn_options *options))
{
    int code = LSN_OK;
    lsn_plan *plan = lsn_read_plan(options->arguments[0], &options->set, NULL, &code);
    if (plan != NULL && settled)
        code = lsn_settle(plan, &alone, LSN_MAX(options->sweep.threads, 1));
    if (plan != NULL && code == LSN_OK)
        code = use(plan, options);
    lsn_plan_destroy(plan);
    return code;
}

bool lsn_measure_layers(const lsn_plan *plan, lsn_costs *costs, lsn_error *err)
{
    const double trial_s = 1;
    const lsn_engine_options options = {.memory_bytes = lsn_sweep_default_memory(1)};
    lsn_engine *engine = lsn_costs_predict(plan->net, costs, err) ? lsn_engine_create(plan->net, &options, err) : NULL;
    if (engine != NULL)
        lsn_engine_measure(engine, trial_s, costs);
    else
        lsn_costs_finish(costs);
    lsn_engine_destroy(engine);
    return engine != NULL;
}

/* ---- on all ranks ------------------------------------------------------------------------------------------------ */

/* Whether a step went well on every rank; where it did only here, *code is what the others' failure is called. */
static bool all_well(const lsn_ranks *ranks, int others, int *code)
{
    const bool here = *code == LSN_OK, all = lsn_ranks_agree(ranks, here);
    *code = here && !all ? others : *code;
    return all;
}

static int check_same_plan(const lsn_plan *plan, const lsn_ranks *ranks)
{
    lsn_error err = {0};
    if (lsn_ranks_same_plan(ranks, plan, &err))
        return LSN_OK;
    lsn_log_quiet(false);
    return lsn_exit_with(&err);
}

lsn_plan *lsn_read_together(const char *study, const lsn_texts *set, int threads, const lsn_ranks *ranks, int *code)
{
    lsn_log_quiet(ranks->rank != 0);
    *code = LSN_OK;
    lsn_plan *plan = lsn_read_plan(study, set, ranks, code);
    bool all = all_well(ranks, LSN_INVALID, code);
    if (!all && plan != NULL)
        lsn_log("another rank could not read the study: are its files on every node?");
    if (all) {
        *code = check_same_plan(plan, ranks);
        all = all_well(ranks, LSN_INVALID, code);
    }
    if (all) {
        *code = lsn_settle(plan, ranks, threads);
        all = all_well(ranks, LSN_FAILED, code);
    }
    if (all)
        return plan;
    lsn_plan_destroy(plan);
    return NULL;
}

bool lsn_expand_together(lsn_plan *plan, const lsn_ranks *ranks, const lsn_sweep_options *options,
                         lsn_activations *found, lsn_error *err)
{
    char images[LSN_NUMBER_BYTES];
    if (plan->expanded)
        return true;
    lsn_log("passing %s calibration images, by which filters are ranked",
            lsn_count_text(plan->calibration.count, images));
    bool ok = lsn_activations_find(plan, plan->needs, ranks, options, found, err) && lsn_plan_expand(plan, found, err);
    return lsn_ranks_agree(ranks, ok) || (ok && lsn_fail(err, LSN_FAILED, "another rank could not expand the study"));
}

int lsn_leave_ranks(lsn_ranks *ranks, int code)
{
    lsn_ranks_end(ranks, code);
    if (ranks->abandoned) {
        fflush(NULL);
        _exit(code);
    }
    return code;
}
