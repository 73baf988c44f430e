#include "cli/cli.h"

#include "lesion/report.h"
#include "lesion/store.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct merge_options {
    const char *output;
    bool force, quiet;
} merge_options;

enum { OPT_FORCE = 256, OPT_QUIET };

static const struct option merge_option_table[] = {
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, OPT_FORCE},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool take_option(void *context, int option, lsn_error *err)
{
    merge_options *options = context;
    (void)err;
    if (option == 'o')
        options->output = optarg;
    else if (option == OPT_FORCE)
        options->force = true;
    else
        options->quiet = true;
    return true;
}

/* As for a run: whether all is done, whether some failed, or whether something is left to compute. */
static int conclude(const merge_options *options, int inputs, const lsn_merged *merged)
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

int lsn_command_merge(int argc, char **argv)
{
    merge_options options = {0};
    lsn_error err = {0};
    lsn_merged merged;
    int code = lsn_read_arguments(argc, argv, merge_option_table, "merge", "the databases to combine, and -o DB", 1,
                                  INT_MAX, take_option, &options);
    if (code != LSN_OK)
        return code == LSN_HELPED ? LSN_OK : code;
    if (options.output == NULL) {
        lsn_log("'lesion merge' needs -o DB, the database to write: see 'lesion merge --help'");
        return LSN_USAGE;
    }
    const char *const *inputs = (const char *const *)argv + optind;
    if (!lsn_store_merge(inputs, argc - optind, options.output, options.force, &merged, &err))
        return lsn_exit_with(&err);
    return conclude(&options, argc - optind, &merged);
}
