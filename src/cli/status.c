/* lesion status: how far a study is, once or until its run ends. */
#include "cli/cli.h"

#include "lesion/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void wait_s(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)((seconds - floor(seconds)) * 1e9);
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* ---- showing ------------------------------------------------------------------------------------------------- */

static bool json(const lsn_options *options)
{
    return options->format == 1;
}

/* The whole, but a line where lines are added to a log while a run is under way. */
static void show(const lsn_options *options, const lsn_status *status, bool last)
{
    const bool live = options->watch_s > 0 && !json(options) && isatty(STDOUT_FILENO);
    if (live)
        fputs("\033[H\033[J", stdout); /* from the upper left corner on, what was there is gone */
    if (json(options))
        lsn_status_print_json(status, stdout);
    else if (live || last)
        lsn_status_print(status, stdout);
    else
        lsn_status_print_line(status, stdout);
    fflush(stdout);
}

/* Whoever reads may have gone: `lesion status ... | head`. */
static bool anybody_reads(void)
{
    return ferror(stdout) == 0;
}

/* Until the run ends. */
static int watch(const lsn_options *options, const char *database)
{
    for (;;) {
        lsn_error err = {0};
        lsn_status *status = lsn_status_read(database, &err);
        if (status == NULL)
            return lsn_exit_with(&err);
        const bool running = lsn_status_is_running(status);
        const int outcome = lsn_status_outcome(status);
        show(options, status, !running);
        lsn_status_destroy(status);
        if (!running && options->findings && !lsn_report_findings(database, stdout, &err))
            return lsn_exit_with(&err);
        if (!running || !anybody_reads())
            return outcome;
        wait_s(options->watch_s);
    }
}

static int once(const lsn_options *options, const char *database)
{
    lsn_error err = {0};
    lsn_status *status = lsn_status_read(database, &err);
    if (status == NULL)
        return lsn_exit_with(&err);
    show(options, status, true);
    lsn_status_destroy(status);
    if (!anybody_reads()) {
        lsn_fail(&err, LSN_FAILED, "the status cannot be written: %s", strerror(errno));
        return lsn_exit_with(&err);
    }
    if (options->findings && !lsn_report_findings(database, stdout, &err))
        return lsn_exit_with(&err);
    return LSN_OK;
}

int lsn_command_status(lsn_options *options)
{
    return options->watch_s > 0 ? watch(options, options->arguments[0]) : once(options, options->arguments[0]);
}
