/* Prints a study's status for people. */
#include "report/status.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef char number[LSN_NUMBER_BYTES];

/* ---- the study ----------------------------------------------------------------------------------------------- */

static void print_study(const lsn_status *status, FILE *out)
{
    number a, b, c, d;
    const lsn_cell *study = status->tables[STATUS_STUDY].cells;
    fprintf(out, "study     %s\n", study[STUDY_NAME].text);
    fprintf(out, "weights   %s (sha256 %s...)\n", study[STUDY_WEIGHTS].text, study[STUDY_SHA256].text);
    fprintf(out, "images    %s of %s classes\n", lsn_count_text(study[STUDY_IMAGES].integer, a),
            study[STUDY_CLASSES].text);
    if (study[STUDY_SKIPPED].integer > 0)
        fprintf(out, "left out  %s images that cannot be read (table skipped_image)\n", study[STUDY_SKIPPED].text);
    if (study[STUDY_SHARDS].kind != LSN_CELL_NULL)
        fprintf(out, "shard     %s of %s: %s of %s jobs are to be computed here\n", study[STUDY_SHARD].text,
                study[STUDY_SHARDS].text, lsn_count_text(status->jobs, a),
                lsn_count_text(study[STUDY_ALL_JOBS].integer, b));
    fprintf(out, "jobs      %s of %s are done (%s different ablations), %s failed\n", lsn_count_text(status->done, a),
            lsn_count_text(status->jobs, b), lsn_count_text(study[STUDY_ABLATIONS].integer, c),
            lsn_count_text(status->failed, d));
    fprintf(out, "work      %.1f %% is done\n", 100 * status->work);
}

/* ---- the last run -------------------------------------------------------------------------------------------- */

static const char continue_it[] = "What is done is kept: run the same command again to continue";

static void print_death(const lsn_status *status, FILE *out)
{
    number silent;
    const lsn_cell *run = status->tables[STATUS_RUNS].cells;
    lsn_duration_text(status->silent_s, silent);
    if (strcmp(run[RUN_HOW].text, "died") == 0)
        fprintf(out, "run       %s died. %s\n", run[RUN_RUN].text, continue_it);
    else if (status->here)
        fprintf(out, "run       %s is dead: its process %s, last heard of %s ago, is gone. %s\n", run[RUN_RUN].text,
                run[RUN_PID].text, silent, continue_it);
    else
        fprintf(out,
                "run       %s is dead, or cut off: process %s on %s has not been heard of for %s. See that it has "
                "ended there%s%s. %s\n",
                run[RUN_RUN].text, run[RUN_PID].text, run[RUN_HOST].text, silent,
                run[RUN_SLURM].text[0] == '\0' ? "" : " (scancel ", run[RUN_SLURM].text,
                run[RUN_SLURM].text[0] == '\0' ? "" : ")");
    if (run[RUN_COMMAND].text[0] != '\0')
        fprintf(out, "          %s\n", run[RUN_COMMAND].text);
}

static void print_alive(const lsn_status *status, FILE *out)
{
    number since, silent, speed, over, left;
    const lsn_cell *run = status->tables[STATUS_RUNS].cells;
    fprintf(out, "run       %s has been running for %s on %s, %lld of %lld workers alive\n", run[RUN_RUN].text,
            lsn_duration_text(run[RUN_AGE].real, since), run[RUN_HOSTS].text, (long long)status->workers,
            (long long)status->worker_ranks);
    if (status->state == STATUS_SILENT)
        fprintf(out,
                "silence   it has not been heard of for %s, but process %s is there: it may be preparing, wait for "
                "the disk, or be halted (Ctrl-Z; then 'kill -CONT %s')\n",
                lsn_duration_text(status->silent_s, silent), run[RUN_PID].text, run[RUN_PID].text);
    if (status->measured)
        fprintf(out, "speed     %s images/s over its last %s, the workers compute %.0f %% of the time\n",
                lsn_count_text((int64_t)(status->images_s + 0.5), speed), lsn_duration_text(status->over_s, over),
                100 * status->computing);
    if (status->left_s >= 0)
        fprintf(out, "left      %s\n", lsn_duration_text(status->left_s, left));
}

static void print_run(const lsn_status *status, FILE *out)
{
    const lsn_cell *run = status->tables[STATUS_RUNS].cells;
    if (status->state == STATUS_NO_RUN)
        fprintf(out, "run       none has begun\n");
    else if (lsn_status_is_running(status))
        print_alive(status, out);
    else if (status->done + status->failed == status->jobs)
        fprintf(out, "run       none; the study is complete\n");
    else if (status->state == STATUS_DEAD)
        print_death(status, out);
    else
        fprintf(out, "run       %s %s at %s. %s\n", run[RUN_RUN].text,
                status->state == STATUS_FAILED ? "failed" : "stopped", run[RUN_ENDED].text, continue_it);
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

static void print_experiments(const lsn_status *status, FILE *out)
{
    const lsn_table *table = &status->tables[STATUS_EXPERIMENTS];
    int width = (int)strlen("experiment");
    for (int64_t r = 0; r < table->rows; r++) {
        const int length = (int)strlen(lsn_table_cell(table, r, EXPERIMENT_NAME)->text);
        width = length > width ? length : width;
    }
    fprintf(out, "\n  %-*s  %11s  %11s  %8s  %8s  %7s\n", width, "experiment", "jobs", "done", "running", "failed",
            "work");
    for (int64_t r = 0; r < table->rows; r++) {
        number jobs, done, running, failed;
        fprintf(out, "  %-*s  %11s  %11s  %8s  %8s  %5.1f %%\n", width, lsn_table_cell(table, r, EXPERIMENT_NAME)->text,
                lsn_count_text(lsn_table_cell(table, r, EXPERIMENT_JOBS)->integer, jobs),
                lsn_count_text(lsn_table_cell(table, r, EXPERIMENT_DONE)->integer, done),
                lsn_count_text(lsn_table_cell(table, r, EXPERIMENT_RUNNING)->integer, running),
                lsn_count_text(lsn_table_cell(table, r, EXPERIMENT_FAILED)->integer, failed),
                100 * lsn_table_cell(table, r, EXPERIMENT_WORK)->real);
    }
}

static void print_failures(const lsn_status *status, FILE *out)
{
    const lsn_table *table = &status->tables[STATUS_FAILURES];
    if (table->rows == 0)
        return;
    fprintf(out, "\nFailed%s:\n", status->failed > table->rows ? ", the first of them (view failures has all)" : "");
    for (int64_t r = 0; r < table->rows; r++)
        fprintf(out, "  %s, %.60s: %s\n", lsn_table_cell(table, r, FAILURE_EXPERIMENT)->text,
                lsn_table_cell(table, r, FAILURE_FILTERS)->text, lsn_table_cell(table, r, FAILURE_REASON)->text);
}

static void print_runs(const lsn_status *status, FILE *out)
{
    const lsn_table *table = &status->tables[STATUS_RUNS];
    if (table->rows == 0)
        return;
    fputs("\nRuns, the last first (UTC):\n", out);
    for (int64_t r = 0; r < table->rows; r++) {
        const char *how = lsn_table_cell(table, r, RUN_HOW)->text;
        fprintf(out, "  %s  %s .. %-20s  %-8s  %s  %s\n", lsn_table_cell(table, r, RUN_RUN)->text,
                lsn_table_cell(table, r, RUN_STARTED)->text, lsn_table_cell(table, r, RUN_ENDED)->text,
                how[0] != '\0' ? how
                : r == 0       ? status_state_name(status->state)
                               : "dead",
                lsn_table_cell(table, r, RUN_HOSTS)->text, lsn_table_cell(table, r, RUN_METHOD)->text);
    }
}

void lsn_status_print(const lsn_status *status, FILE *out)
{
    print_study(status, out);
    print_run(status, out);
    print_experiments(status, out);
    print_failures(status, out);
    print_runs(status, out);
}

void lsn_status_print_line(const lsn_status *status, FILE *out)
{
    char when[32];
    number done, jobs, speed, left;
    const time_t now = time(NULL);
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    fprintf(out, "%s  %-8s  %5.1f %%  %s/%s jobs", when, status_state_name(status->state), 100 * status->work,
            lsn_count_text(status->done, done), lsn_count_text(status->jobs, jobs));
    if (status->measured && lsn_status_is_running(status))
        fprintf(out, "  %s images/s  %lld workers", lsn_count_text((int64_t)(status->images_s + 0.5), speed),
                (long long)status->workers);
    if (status->left_s >= 0 && lsn_status_is_running(status))
        fprintf(out, "  %s left", lsn_duration_text(status->left_s, left));
    if (status->failed > 0)
        fprintf(out, "  %s failed", lsn_count_text(status->failed, done));
    fputc('\n', out);
}
