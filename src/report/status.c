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
    [STATUS_STUDY] =
        "SELECT s.name, s.weights_path, substr(s.weights_sha256, 1, 12) AS sha256, s.images, s.classes, (SELECT "
        "coalesce(max(evaluation) + 1, 0) FROM evaluation) AS ablations, (SELECT count(*) FROM skipped_image) AS "
        "skipped, s.shard, s.shards, CASE WHEN s.shards IS NOT NULL THEN (SELECT count(*) FROM job) END AS all_jobs, "
        "x.*, CASE WHEN x.jobs > 0 THEN x.job_work / x.jobs ELSE 0.0 END AS work FROM study s JOIN (SELECT "
        "coalesce(sum(jobs), 0) AS jobs, coalesce(sum(done), 0) AS done, coalesce(sum(running), 0) AS running, "
        "coalesce(sum(failed), 0) AS failed, total(work * jobs) AS job_work FROM experiment) x",
    [STATUS_EXPERIMENTS] =
        "SELECT name AS experiment, jobs, done, running, failed, work FROM experiment ORDER BY position",
    [STATUS_FAILURES] = "SELECT x.name AS experiment, e.layers, substr(e.filters, 1, 200) AS filters, e.reason FROM "
                        "(SELECT * FROM evaluation WHERE status = 'failed' ORDER BY evaluation LIMIT 5) e JOIN job j "
                        "ON j.evaluation = e.evaluation JOIN experiment x ON x.experiment = j.experiment ORDER BY "
                        "x.position, j.position LIMIT 5",
    [STATUS_RUNS] = "SELECT run, started, coalesce(ended, '') AS ended, ranks, hosts, method, how, host, pid, "
                    "slurm_job, command, strftime('%s', 'now') - strftime('%s', started) AS age_s, strftime('%s', "
                    "'now') - strftime('%s', heartbeat) AS silent_s FROM run ORDER BY run DESC LIMIT 5",
    [STATUS_PROGRESS] = "SELECT seconds, share, images, workers, computing, left_s FROM progress WHERE run = (SELECT "
                        "max(run) FROM run) ORDER BY seconds DESC LIMIT 100",
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

/* ---- is it alive --------------------------------------------------------------------------------------------- */

static status_state state_of(const lsn_status *status)
{
    if (!STATUS_HAS(status, STATUS_RUNS))
        return STATUS_NO_RUN;
    const lsn_table *runs = &status->tables[STATUS_RUNS];
    const char *how = report_cell(runs, 0, "how")->text;
    if (how[0] != '\0')
        return strcmp(how, "complete") == 0  ? STATUS_COMPLETE
               : strcmp(how, "stopped") == 0 ? STATUS_STOPPED
               : strcmp(how, "failed") == 0  ? STATUS_FAILED
                                             : STATUS_DEAD;
    const double age_s = report_value(runs, 0, "age_s"); /* in whole seconds, by another clock */
    if (status->here && !lsn_process_is_there(report_cell(runs, 0, "pid")->integer, age_s - 10))
        return STATUS_DEAD;
    if (status->silent_s <= SILENCE_S)
        return STATUS_RUNNING;
    return status->here ? STATUS_SILENT : STATUS_DEAD;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static void read_counts(lsn_status *status)
{
    const lsn_table *study = &status->tables[STATUS_STUDY];
    status->jobs = report_cell(study, 0, "jobs")->integer;
    status->done = report_cell(study, 0, "done")->integer;
    status->running = report_cell(study, 0, "running")->integer;
    status->failed = report_cell(study, 0, "failed")->integer;
    status->work = report_value(study, 0, "work");
}

/* The latest moment of the run against the last one that is at least RECENT_S older, or the oldest there is. */
static void measure(lsn_status *status)
{
    const lsn_table *table = &status->tables[STATUS_PROGRESS];
    status->left_s = -1;
    if (STATUS_HAS(status, STATUS_RUNS)) {
        const int64_t ranks = report_cell(&status->tables[STATUS_RUNS], 0, "ranks")->integer;
        status->workers = status->worker_ranks = ranks > 1 ? ranks - 1 : 1;
    }
    if (table->rows == 0)
        return;
    int64_t before = 0;
    const double now = report_value(table, 0, "seconds");
    while (before < table->rows - 1 && now - report_value(table, before, "seconds") < RECENT_S)
        before++;
    status->over_s = now - report_value(table, before, "seconds");
    status->workers = report_cell(table, 0, "workers")->integer;
    status->measured = status->over_s > 0;
    if (status->measured) {
        const double computing = report_value(table, 0, "computing") - report_value(table, before, "computing");
        status->images_s = (report_value(table, 0, "images") - report_value(table, before, "images")) / status->over_s;
        status->computing = status->workers > 0 ? fmin(computing / status->over_s / (double)status->workers, 1) : 0;
    }
    if (status->done < status->jobs) /* several experiments may share an ablation: this is the whole's */
        status->work = report_value(table, 0, "share");
    const double left_s = report_value(table, 0, "left_s");
    if (!isnan(left_s))
        status->left_s = fmax(left_s - fmax(status->silent_s, 0), 0);
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
        status->here = strcmp(host, report_cell(&status->tables[STATUS_RUNS], 0, "host")->text) == 0;
        status->silent_s = report_value(&status->tables[STATUS_RUNS], 0, "silent_s");
    }
    read_counts(status);
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
