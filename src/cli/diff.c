#include "cli/cli.h"

#include "lesion/report.h"

#include <stdio.h>
#include <string.h>

typedef struct diff_options {
    lsn_format format;
    bool unmatched;
} diff_options;

enum { OPT_FORMAT = 256, OPT_UNMATCHED };

static const struct option diff_option_table[] = {
    {"format", required_argument, NULL, OPT_FORMAT},
    {"unmatched", no_argument, NULL, OPT_UNMATCHED},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool take_option(void *context, int option, lsn_error *err)
{
    static const char *const formats[] = {"table", "csv", "jsonl"};
    diff_options *options = context;
    if (option == OPT_UNMATCHED) {
        options->unmatched = true;
        return true;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(optarg, formats[i]) == 0) {
            options->format = (lsn_format)i;
            return true;
        }
    return lsn_fail(err, LSN_USAGE, "--format %s: should be table, csv or jsonl", optarg);
}

int lsn_command_diff(int argc, char **argv)
{
    diff_options options = {0};
    lsn_error err = {0};
    int code = lsn_read_arguments(argc, argv, diff_option_table, "diff", "two databases", 2, 2, take_option, &options);
    if (code != LSN_OK)
        return code == LSN_HELPED ? LSN_OK : code;
    if (lsn_report_diff(argv[optind], argv[optind + 1], options.format, options.unmatched, stdout, &err))
        return LSN_OK;
    fflush(stdout);
    return lsn_exit_with(&err);
}
