/* lesion diff: what differs between two databases of the same jobs. */
#include "cli/cli.h"

#include "lesion/report.h"

int lsn_command_diff(lsn_options *options)
{
    lsn_error err = {0};
    if (lsn_report_diff(options->arguments[0], options->arguments[1], (lsn_format)options->format, options->unmatched,
                        stdout, &err))
        return LSN_OK;
    fflush(stdout);
    return lsn_exit_with(&err);
}
