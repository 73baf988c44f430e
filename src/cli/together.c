/* A study on all ranks. */
#include "cli/cli.h"

#include "lesion/report.h"

lsn_plan *lsn_read_together(const char *study, const lsn_overrides *overrides, int threads, const lsn_ranks *ranks,
                            int *code)
{
    lsn_error err = {0};
    lsn_log_quiet(ranks->rank != 0);
    lsn_plan *plan = lsn_read_plan(study, overrides, ranks, code);
    bool all = lsn_ranks_agree(ranks, plan != NULL);
    if (!all && plan != NULL) {
        *code = LSN_INVALID;
        lsn_log("another rank could not read the study: are its files on every node?");
    }
    if (all) {
        all = lsn_ranks_same_plan(ranks, plan, &err);
        if (!all) {
            lsn_log_quiet(false);
            *code = lsn_exit_with(&err);
        }
        all = lsn_ranks_agree(ranks, all);
        if (!all && *code == LSN_OK)
            *code = LSN_INVALID;
    }
    if (all) {
        *code = lsn_settle(plan, ranks, threads);
        all = lsn_ranks_agree(ranks, *code == LSN_OK);
        if (!all && *code == LSN_OK)
            *code = LSN_FAILED;
    }
    if (!all) {
        lsn_plan_destroy(plan);
        plan = NULL;
    }
    return plan;
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
