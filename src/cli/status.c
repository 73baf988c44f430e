#include "cli/cli.h"

#include "lesion/report.h"

#include <stdio.h>

static const struct option status_option_table[] = {{"help", no_argument, NULL, 'h'}, {0}};

static bool take_option(void *options, int option, lsn_error *err)
{
    (void)options;
    return lsn_fail(err, LSN_USAGE, "option %d is not expected", option);
}

int lsn_command_status(int argc, char **argv)
{
    int code = lsn_read_options(argc, argv, status_option_table, "status", "one database", take_option, NULL);
    if (code != LSN_OK)
        return code == LSN_HELPED ? LSN_OK : code;
    lsn_error err = {0};
    if (lsn_report_status(argv[optind], stdout, &err) && lsn_report_findings(argv[optind], stdout, &err))
        return LSN_OK;
    fflush(stdout);
    return lsn_exit_with(&err);
}
