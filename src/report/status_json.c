/* Prints a study's status as JSON. */
#include "report/json.h"
#include "report/status.h"

#include <math.h>

/* Rows as objects of these columns; NULL ends them. */
static void rows(FILE *out, const lsn_table *table, const char *const *names)
{
    fputc('[', out);
    for (int64_t r = 0; r < table->rows; r++) {
        fputs(r == 0 ? "{" : ", {", out);
        for (int c = 0; names[c] != NULL; c++) {
            fprintf(out, "%s\"%s\": ", c == 0 ? "" : ", ", names[c]);
            json_cell(out, report_cell(table, r, names[c]));
        }
        fputc('}', out);
    }
    fputc(']', out);
}

static void number(FILE *out, const char *name, double value, bool known)
{
    fprintf(out, ", \"%s\": ", name);
    json_number(out, known ? value : (double)NAN);
}

void lsn_status_print_json(const lsn_status *status, FILE *out)
{
    static const char *const experiments[] = {"experiment", "jobs", "done", "running", "failed", "work", NULL};
    static const char *const failures[] = {"experiment", "layers", "filters", "reason", NULL};
    static const char *const runs[] = {"run", "started", "ended", "ranks",     "hosts",   "method",
                                       "how", "host",    "pid",   "slurm_job", "command", NULL};
    const bool alive = lsn_status_is_running(status), ran = status->state != STATUS_NO_RUN;
    fputs("{\"database\": ", out);
    json_string(out, status->database);
    fputs(", \"study\": ", out);
    json_string(out, report_cell(&status->tables[STATUS_STUDY], 0, "name")->text);
    fprintf(out, ", \"state\": \"%s\", \"jobs\": %lld, \"done\": %lld, \"running\": %lld, \"failed\": %lld",
            status_state_name(status->state), (long long)status->jobs, (long long)status->done,
            (long long)status->running, (long long)status->failed);
    number(out, "work", status->work, true);
    number(out, "left_s", status->left_s, alive && status->left_s >= 0);
    number(out, "images_per_s", status->images_s, status->measured);
    number(out, "computing", status->computing, status->measured);
    number(out, "measured_s", status->over_s, status->measured);
    number(out, "workers", (double)status->workers, ran);
    number(out, "worker_ranks", (double)status->worker_ranks, ran);
    number(out, "silent_s", status->silent_s, alive || status->state == STATUS_DEAD);
    fputs(", \"experiments\": ", out);
    rows(out, &status->tables[STATUS_EXPERIMENTS], experiments);
    fputs(", \"failures\": ", out);
    rows(out, &status->tables[STATUS_FAILURES], failures);
    fputs(", \"runs\": ", out);
    rows(out, &status->tables[STATUS_RUNS], runs);
    fputs("}\n", out);
}
