/* Reads how far a study is: what is done, how fast, and whether its run is alive. */
#include "report/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A run tells every ten seconds that it is alive. */
static const double SILENCE_S = 60;

static const double RECENT_S = 30;

/* Nothing here looks at every job: a database of a million is answered at once, and no lock is held for long. Shares
 * are of predicted work, the runs' times UTC. */
static const char *const queries[STATUS_N_TABLES] = {
    [STATUS_STUDY] = "SELECT name, weights_path, substr(weights_sha256, 1, 12), images, classes, (SELECT "
                     "coalesce(max(evaluation) + 1, 0) FROM evaluation), (SELECT count(*) FROM skipped_image), shard, "
                     "shards, CASE WHEN shards IS NOT NULL THEN (SELECT count(*) FROM job) END FROM study",
    [STATUS_EXPERIMENTS] = "SELECT name, jobs, done, running, failed, work FROM experiment ORDER BY position",
    [STATUS_FAILURES] = "SELECT x.name, e.layers, substr(e.filters, 1, 200), e.reason FROM (SELECT * FROM evaluation "
                        "WHERE status = 'failed' ORDER BY evaluation LIMIT 5) e JOIN job j ON j.evaluation = "
                        "e.evaluation JOIN experiment x ON x.experiment = j.experiment ORDER BY x.position, j.position "
                        "LIMIT 5",
    [STATUS_RUNS] = "SELECT run, started, coalesce(ended, ''), ranks, hosts, method, how, host, pid, slurm_job, "
                    "command, strftime('%s', 'now') - strftime('%s', started), strftime('%s', 'now') - "
                    "strftime('%s', heartbeat) "
                    "FROM run ORDER BY run DESC LIMIT 5",
    [STATUS_PROGRESS] = ("SELECT seconds, share, images, workers, computing, left_s FROM progress WHERE run = (SELECT "
                         "max(run) FROM run) ORDER BY seconds DESC LIMIT 100"),
};

const char *status_state_name(status_state state)
{
    static const char *const names[] = {
        [STATUS_NO_RUN] = "none",   [STATUS_RUNNING] = "running",   [STATUS_SILENT] = "silent",
        [STATUS_DEAD] = "dead",     [STATUS_COMPLETE] = "complete", [STATUS_STOPPED] = "stopped",
        [STATUS_FAILED] = "failed",
    };
    return names[state];
}

const lsn_cell *status_cell(const lsn_status *status, status_table table, int column)
{
    return lsn_table_cell(&status->tables[table], 0, column);
}

/* ---- is it alive --------------------------------------------------------------------------------------------- */

static status_state state_of(const lsn_status *status)
{
    if (!STATUS_HAS(status, STATUS_RUNS))
        return STATUS_NO_RUN;
    const char *how = status_cell(status, STATUS_RUNS, RUN_HOW)->text;
    if (how[0] != '\0')
        return strcmp(how, "complete") == 0  ? STATUS_COMPLETE
               : strcmp(how, "stopped") == 0 ? STATUS_STOPPED
               : strcmp(how, "failed") == 0  ? STATUS_FAILED
                                             : STATUS_DEAD;
    const double age_s = status_cell(status, STATUS_RUNS, RUN_AGE)->real; /* in whole seconds, by another clock */
    if (status->here && !lsn_process_is_there(status_cell(status, STATUS_RUNS, RUN_PID)->integer, age_s - 10))
        return STATUS_DEAD;
    if (status->silent_s <= SILENCE_S)
        return STATUS_RUNNING;
    return status->here ? STATUS_SILENT : STATUS_DEAD;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static void add_experiments(lsn_status *status)
{
    const lsn_table *table = &status->tables[STATUS_EXPERIMENTS];
    double work = 0;
    for (int64_t r = 0; r < table->rows; r++) {
        status->jobs += lsn_table_cell(table, r, EXPERIMENT_JOBS)->integer;
        status->done += lsn_table_cell(table, r, EXPERIMENT_DONE)->integer;
        status->running += lsn_table_cell(table, r, EXPERIMENT_RUNNING)->integer;
        status->failed += lsn_table_cell(table, r, EXPERIMENT_FAILED)->integer;
        work += lsn_table_cell(table, r, EXPERIMENT_WORK)->real * lsn_table_cell(table, r, EXPERIMENT_JOBS)->real;
    }
    status->work = status->jobs > 0 ? work / (double)status->jobs : 0;
}

/* The latest moment of the run against the last one that is at least RECENT_S older, or the oldest there is. */
static void measure(lsn_status *status)
{
    const lsn_table *table = &status->tables[STATUS_PROGRESS];
    status->left_s = -1;
    status->worker_ranks = 0;
    if (STATUS_HAS(status, STATUS_RUNS)) {
        const int64_t ranks = status_cell(status, STATUS_RUNS, RUN_RANKS)->integer;
        status->workers = status->worker_ranks = ranks > 1 ? ranks - 1 : 1;
    }
    if (table->rows == 0)
        return;
    int64_t before = 0;
    const double now = lsn_table_cell(table, 0, PROGRESS_SECONDS)->real;
    while (before < table->rows - 1 && now - lsn_table_cell(table, before, PROGRESS_SECONDS)->real < RECENT_S)
        before++;
    status->over_s = now - lsn_table_cell(table, before, PROGRESS_SECONDS)->real;
    status->workers = lsn_table_cell(table, 0, PROGRESS_WORKERS)->integer;
    status->measured = status->over_s > 0;
    if (status->measured) {
        const double computing = lsn_table_cell(table, 0, PROGRESS_COMPUTING)->real -
                                 lsn_table_cell(table, before, PROGRESS_COMPUTING)->real;
        status->images_s =
            (lsn_table_cell(table, 0, PROGRESS_IMAGES)->real - lsn_table_cell(table, before, PROGRESS_IMAGES)->real) /
            status->over_s;
        status->computing = status->workers > 0 ? fmin(computing / status->over_s / (double)status->workers, 1) : 0;
    }
    if (status->done < status->jobs) /* several experiments may share an ablation: this is the whole's */
        status->work = lsn_table_cell(table, 0, PROGRESS_SHARE)->real;
    const lsn_cell *left = lsn_table_cell(table, 0, PROGRESS_LEFT);
    if (left->kind != LSN_CELL_NULL)
        status->left_s = fmax(left->real - fmax(status->silent_s, 0), 0);
}

lsn_status *lsn_status_read(const char *database, lsn_error *err)
{
    char host[256] = "";
    lsn_status *status = lsn_array(1, sizeof *status, err);
    lsn_reader *reader = status == NULL ? NULL : lsn_reader_open(database, err);
    bool ok = reader != NULL;
    for (int t = 0; ok && t < STATUS_N_TABLES; t++)
        ok = lsn_reader_query(reader, &status->tables[t], queries[t], NULL, 0, err);
    lsn_reader_close(reader);
    if (ok && !STATUS_HAS(status, STATUS_STUDY))
        ok = lsn_fail_at(err, LSN_INVALID, database, "is no whole database: it names no study");
    if (!ok) {
        lsn_status_destroy(status);
        return NULL;
    }
    status->database = database;
    if (STATUS_HAS(status, STATUS_RUNS)) {
        gethostname(host, sizeof host - 1);
        status->here = strcmp(host, status_cell(status, STATUS_RUNS, RUN_HOST)->text) == 0;
        status->silent_s = status_cell(status, STATUS_RUNS, RUN_SILENT)->real;
    }
    add_experiments(status);
    status->state = state_of(status);
    measure(status);
    return status;
}

void lsn_status_destroy(lsn_status *status)
{
    if (status == NULL)
        return;
    for (int t = 0; t < STATUS_N_TABLES; t++)
        lsn_table_finish(&status->tables[t]);
    free(status);
}

bool lsn_status_is_running(const lsn_status *status)
{
    return status->state == STATUS_RUNNING || status->state == STATUS_SILENT;
}

lsn_code lsn_status_outcome(const lsn_status *status)
{
    if (status->done + status->failed == status->jobs)
        return status->failed > 0 ? LSN_JOBS_FAILED : LSN_OK;
    return status->state == STATUS_DEAD || status->state == STATUS_FAILED ? LSN_FAILED : LSN_STOPPED;
}
