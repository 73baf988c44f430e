#include "cli/cli.h"

#include "lesion/report.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double WATCH_S = 2, LEAST_S = 0.1;

typedef struct status_options {
    char **argv; /* the word after --watch may be its value */
    int argc;
    double watch_s; /* 0: once */
    bool json, findings;
} status_options;

enum { OPT_WATCH = 256, OPT_FORMAT, OPT_FINDINGS };

static const struct option status_option_table[] = {
    {"watch", optional_argument, NULL, OPT_WATCH},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"findings", no_argument, NULL, OPT_FINDINGS},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* "--watch 5" as well as "--watch=5": a word of digits after it is its value, not a database. */
static bool take_watch(status_options *options, lsn_error *err)
{
    const char *value = optarg;
    if (value == NULL && optind < options->argc && isdigit((unsigned char)options->argv[optind][0]) &&
        options->argv[optind][strspn(options->argv[optind], "0123456789.smh")] == '\0')
        value = options->argv[optind++];
    options->watch_s = WATCH_S;
    if (value == NULL)
        return true;
    if (!lsn_parse_duration(value, &options->watch_s, err))
        return lsn_fail_in(err, "--watch");
    return options->watch_s >= LEAST_S || lsn_fail(err, LSN_USAGE, "--watch %s: should be at least 0.1 s", value);
}

static bool take_option(void *context, int option, lsn_error *err)
{
    status_options *options = context;
    if (option == OPT_WATCH)
        return take_watch(options, err);
    if (option == OPT_FINDINGS) {
        options->findings = true;
        return true;
    }
    options->json = strcmp(optarg, "json") == 0;
    return options->json || strcmp(optarg, "table") == 0 ||
           lsn_fail(err, LSN_USAGE, "--format %s: should be table or json", optarg);
}

static void wait_s(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)((seconds - floor(seconds)) * 1e9);
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* ---- showing ------------------------------------------------------------------------------------------------- */

/* The whole, but a line where lines are added to a log while a run is under way. */
static void show(const status_options *options, const lsn_status *status, bool last)
{
    const bool live = options->watch_s > 0 && !options->json && isatty(STDOUT_FILENO);
    if (live)
        fputs("\033[H\033[J", stdout); /* from the upper left corner on, what was there is gone */
    if (options->json)
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
static int watch(const status_options *options, const char *database)
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

static int once(const status_options *options, const char *database)
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

int lsn_command_status(int argc, char **argv)
{
    status_options options = {.argv = argv, .argc = argc};
    int code = lsn_read_options(argc, argv, status_option_table, "status", "one database", take_option, &options);
    if (code != LSN_OK)
        return code == LSN_HELPED ? LSN_OK : code;
    return options.watch_s > 0 ? watch(&options, argv[optind]) : once(&options, argv[optind]);
}
