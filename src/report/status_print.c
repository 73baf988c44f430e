/* Prints a study's status for people. */
#include "report/status.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef char number[LSN_NUMBER_BYTES];

/* ---- the study and its last run ------------------------------------------------------------------------------ */

static void print_study(const lsn_status *status, FILE *out)
{
    report_print(out, &status->tables[STATUS_STUDY], 0,
                 "study     {name}\nweights   {weights_path} (sha256 {sha256}...)\n"
                 "images    {images:,} of {classes} classes\n"
                 "{skipped?left out  {skipped} images that cannot be read (table skipped_image)\n}"
                 "{shards?shard     {shard} of {shards}: {jobs:,} of {all_jobs:,} jobs are to be computed here\n}"
                 "jobs      {done:,} of {jobs:,} are done ({ablations:,} different ablations), {failed:,} failed\n");
    fprintf(out, "work      %.1f %% is done\n", 100 * status->work);
}

static const char continue_it[] = "What is done is kept: run the same command again to continue";

static void print_death(const lsn_status *status, FILE *out)
{
    const lsn_table *runs = &status->tables[STATUS_RUNS];
    report_print(out, runs, 0,
                 strcmp(report_cell(runs, 0, "how")->text, "died") == 0 ? "run       {run} died. "
                 : status->here
                     ? "run       {run} is dead: its process {pid}, last heard of {silent_s:t} ago, is gone. "
                     : "run       {run} is dead, or cut off: process {pid} on {host} has not been heard of for "
                       "{silent_s:t}. See that it has ended there{slurm_job? (scancel {slurm_job})}. ");
    fprintf(out, "%s\n", continue_it);
    report_print(out, runs, 0, "{command?          {command}\n}");
}

static void print_alive(const lsn_status *status, FILE *out)
{
    number speed, over, left;
    const lsn_table *runs = &status->tables[STATUS_RUNS];
    report_print(out, runs, 0, "run       {run} has been running for {age_s:t} on {hosts}, ");
    fprintf(out, "%lld of %lld workers alive\n", (long long)status->workers, (long long)status->worker_ranks);
    if (status->state == STATUS_SILENT)
        report_print(out, runs, 0,
                     "silence   it has not been heard of for {silent_s:t}, but process {pid} is there: it may be "
                     "preparing, wait for the disk, or be halted (Ctrl-Z; then 'kill -CONT {pid}')\n");
    if (status->measured)
        fprintf(out, "speed     %s images/s over its last %s, the workers compute %.0f %% of the time\n",
                lsn_count_text((int64_t)(status->images_s + 0.5), speed), lsn_duration_text(status->over_s, over),
                100 * status->computing);
    if (status->left_s >= 0)
        fprintf(out, "left      %s\n", lsn_duration_text(status->left_s, left));
}

static void print_run(const lsn_status *status, FILE *out)
{
    if (status->state == STATUS_NO_RUN)
        fprintf(out, "run       none has begun\n");
    else if (lsn_status_is_running(status))
        print_alive(status, out);
    else if (status->done + status->failed == status->jobs)
        fprintf(out, "run       none; the study is complete\n");
    else if (status->state == STATUS_DEAD)
        print_death(status, out);
    else {
        report_print(out, &status->tables[STATUS_RUNS], 0,
                     status->state == STATUS_FAILED ? "run       {run} failed at {ended}. "
                                                    : "run       {run} stopped at {ended}. ");
        fprintf(out, "%s\n", continue_it);
    }
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

static void print_experiments(const lsn_status *status, FILE *out)
{
    static const struct {
        const char *name;
        int width;
    } counts[] = {{"jobs", 11}, {"done", 11}, {"running", 8}, {"failed", 8}};
    const lsn_table *table = &status->tables[STATUS_EXPERIMENTS];
    int width = (int)strlen("experiment");
    for (int64_t r = 0; r < table->rows; r++)
        width = LSN_MAX(width, (int)strlen(report_cell(table, r, "experiment")->text));
    fprintf(out, "\n  %-*s", width, "experiment");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        fprintf(out, "  %*s", counts[i].width, counts[i].name);
    fprintf(out, "  %7s\n", "work");
    for (int64_t r = 0; r < table->rows; r++) {
        number count;
        fprintf(out, "  %-*s", width, report_cell(table, r, "experiment")->text);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            fprintf(out, "  %*s", counts[i].width,
                    lsn_count_text(report_cell(table, r, counts[i].name)->integer, count));
        fprintf(out, "  %5.1f %%\n", 100 * report_value(table, r, "work"));
    }
}

static void print_failures(const lsn_status *status, FILE *out)
{
    const lsn_table *table = &status->tables[STATUS_FAILURES];
    if (table->rows > 0)
        fprintf(out, "\nFailed%s:\n",
                status->failed > table->rows ? ", the first of them (view failures has all)" : "");
    for (int64_t r = 0; r < table->rows; r++)
        report_print(out, table, r, "  {experiment}, {filters:.60s}: {reason}\n");
}

static void print_runs(const lsn_status *status, FILE *out)
{
    const lsn_table *table = &status->tables[STATUS_RUNS];
    if (table->rows > 0)
        fputs("\nRuns, the last first (UTC):\n", out);
    for (int64_t r = 0; r < table->rows; r++) {
        report_print(out, table, r, "  {run}  {started} .. {ended:-20s}  {how?{how:-8s}}");
        if (report_cell(table, r, "how")->text[0] == '\0')
            fprintf(out, "%-8s", r == 0 ? status_state_name(status->state) : "dead");
        report_print(out, table, r, "  {hosts}  {method}\n");
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
