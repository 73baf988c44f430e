#include "cli/cli.h"

#include "lesion/report.h"

#include <stdio.h>

static const struct option status_option_table[] = {{"help", no_argument, NULL, 'h'}, {0}};

int lsn_command_status(int argc, char **argv)
{
    int option = lsn_next_option(argc, argv, status_option_table, "status");
    if (option == 'h')
        return LSN_OK;
    if (option != -1 || !lsn_have_arguments(argc, 1, "status", "one database"))
        return LSN_USAGE;
    lsn_error err = {0};
    if (lsn_report_status(argv[optind], stdout, &err) && lsn_report_findings(argv[optind], stdout, &err))
        return LSN_OK;
    fflush(stdout);
    return lsn_exit_with(&err);
}
