/* lesion merge: databases of one study, shards say, combined in a new one. */
#include "cli/cli.h"

#include "lesion/report.h"
#include "lesion/store.h"

#include <stdio.h>

/* As for a run: whether all is done, whether some failed, or whether something is left to compute. */
static int conclude(const lsn_options *options, int inputs, const lsn_merged *merged)
{
    char jobs[LSN_NUMBER_BYTES], done[LSN_NUMBER_BYTES], failed[LSN_NUMBER_BYTES];
    lsn_error err = {0};
    if (!options->quiet && !lsn_report_findings(options->output, stdout, &err))
        return lsn_exit_with(&err);
    fflush(stdout);
    lsn_count_text(merged->jobs, jobs);
    lsn_count_text(merged->done, done);
    lsn_log("merged %d database%s -> %s: %s of %s jobs are done, %s failed", inputs, inputs == 1 ? "" : "s",
            options->output, done, jobs, lsn_count_text(merged->failed, failed));
    if (merged->done + merged->failed < merged->jobs) {
        lsn_log("what is missing is computed by: lesion run STUDY --db %s", options->output);
        return LSN_STOPPED;
    }
    return merged->failed > 0 ? LSN_JOBS_FAILED : LSN_OK;
}

int lsn_command_merge(lsn_options *options)
{
    lsn_error err = {0};
    lsn_merged merged;
    if (options->output == NULL) {
        lsn_log("'lesion merge' needs -o DB, the database to write: see 'lesion merge --help'");
        return LSN_USAGE;
    }
    const char *const *inputs = (const char *const *)options->arguments;
    if (!lsn_store_merge(inputs, options->n_arguments, options->output, options->force, &merged, &err))
        return lsn_exit_with(&err);
    return conclude(options, options->n_arguments, &merged);
}
