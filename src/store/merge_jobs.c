/* Which rows of an input are which of the output: by what they mean, not by their numbers. */
#include "store/merge.h"

static const char clear_sql[] =
    "DROP TABLE IF EXISTS temp.evaluations; DROP TABLE IF EXISTS temp.jobs; DROP TABLE IF EXISTS temp.experiments;"
    "DROP TABLE IF EXISTS temp.groupings; DROP TABLE IF EXISTS temp.runs;"
    "CREATE TEMP TABLE evaluations (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL UNIQUE, what INTEGER NOT NULL);"
    "CREATE TEMP TABLE jobs (theirs INTEGER PRIMARY KEY, ours INTEGER);"
    "CREATE TEMP TABLE experiments (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL);"
    "CREATE TEMP TABLE groupings (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL);"
    "CREATE TEMP TABLE runs (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL);";

static const char match_sql[] =
    "INSERT INTO temp.evaluations SELECT t.evaluation, o.evaluation, CASE WHEN t.status = 'done' THEN iif(o.status = "
    "'done', " MERGE_BOTH ", " MERGE_TAKE ") WHEN o.status = 'done' THEN 0 ELSE " MERGE_UNITE " END "
    "FROM input.evaluation t CROSS JOIN main.evaluation o ON o.key = t.key;"
    "INSERT INTO temp.experiments SELECT t.experiment, o.experiment FROM input.experiment t JOIN main.experiment o ON "
    "o.name = t.name;"
    "INSERT INTO temp.groupings SELECT t.grouping, o.grouping FROM input.grouping t JOIN main.grouping o USING (layer, "
    "metric, normalise, linkage, cut, value);"
    "INSERT INTO temp.jobs SELECT t.job, (SELECT coalesce(max(iif(o.position = t.position, o.job, NULL)), min(o.job)) "
    "FROM temp.evaluations e JOIN main.job o ON o.evaluation = "
    "e.ours LEFT JOIN temp.groupings g ON g.theirs = t.grouping WHERE e.theirs = t.evaluation AND o.experiment = "
    "x.ours AND o.fraction IS t.fraction AND o.seed IS t.seed AND o.score IS t.score AND o.step IS t.step AND "
    "o.grouping IS g.ours AND o.filter_group IS t.filter_group) "
    "FROM input.job t LEFT JOIN temp.experiments x ON x.theirs = t.experiment;";

/* A run is in several inputs where one of them is a copy that was continued. */
static const char runs_sql[] =
    "INSERT INTO temp.runs SELECT t.run, o.run FROM input.run t JOIN main.run o ON o.started = t.started AND o.host IS "
    "t.host AND o.pid = t.pid AND o.command IS t.command AND o.slurm_job IS t.slurm_job GROUP BY t.run;"
    "INSERT INTO temp.runs SELECT run, (SELECT coalesce(max(run), 0) FROM main.run) + row_number() OVER (ORDER BY run) "
    "FROM input.run WHERE run NOT IN (SELECT theirs FROM temp.runs);"
    "INSERT OR IGNORE INTO main.run SELECT r.ours, version, libraries, command, method, hosts, ranks, slurm_job, host, "
    "pid, study_sha256, weights_sha256, images_sha256, calibration_sha256, started, heartbeat, coalesce(ended, "
    "heartbeat), evaluated, coalesce(how, 'died') FROM input.run t JOIN temp.runs r ON r.theirs = t.run ORDER BY "
    "r.ours;"
    "INSERT OR IGNORE INTO main.progress SELECT r.ours, seconds, share, jobs_done, images, workers, computing, left_s "
    "FROM input.progress p JOIN temp.runs r ON r.theirs = p.run;";

/* Names a job that only the input has. */
static bool refuse_jobs(const merging *m, int64_t lacking, lsn_error *err)
{
    static const char sql[] =
        "SELECT x.name || ': ' || CASE e.n_filters WHEN 0 THEN 'the baseline' ELSE substr(e.filters, 1, 100) END || ', "
        "mode ' || e.mode || coalesce(', fraction ' || t.fraction, '') || coalesce(', seed ' || t.seed, '') FROM "
        "input.job t JOIN input.evaluation e ON e.evaluation = t.evaluation JOIN input.experiment x ON x.experiment = "
        "t.experiment WHERE t.job = (SELECT min(j.job) FROM input.job j LEFT JOIN temp.jobs i ON i.theirs = j.job "
        "WHERE i.ours IS NULL)";
    sqlite3_stmt *query = database_prepare(&m->db, sql, NULL);
    bool row = false;
    if (query != NULL)
        database_row(&m->db, query, &row, NULL);
    lsn_fail_at(err, LSN_INVALID, m->input,
                "holds %lld jobs that %s, which has most jobs, does not have, for example %s. Run a study that has the "
                "jobs of both on one of them, then merge",
                (long long)lacking, m->base, row ? database_words(query, 0) : "one whose evaluation is missing");
    sqlite3_finalize(query);
    return false;
}

/* All that the input has must be the output's. */
static bool check_matches(const merging *m, lsn_error *err)
{
    int64_t jobs = 0, evaluations = 0;
    if (!merge_integer(m, "SELECT (SELECT count(*) FROM input.job) - (SELECT count(ours) FROM temp.jobs)", &jobs,
                       err) ||
        !merge_integer(m, "SELECT (SELECT count(*) FROM input.evaluation) - (SELECT count(*) FROM temp.evaluations)",
                       &evaluations, err))
        return false;
    if (jobs != 0)
        return refuse_jobs(m, jobs, err);
    return evaluations == 0 || lsn_fail_at(err, LSN_FAILED, m->input, "is damaged: it has evaluations without a job");
}

bool merge_match(const merging *m, lsn_error *err)
{
    return merge_run(m, clear_sql, err) && merge_run(m, match_sql, err);
}

bool merge_take_runs(const merging *m, lsn_error *err)
{
    return check_matches(m, err) && merge_run(m, runs_sql, err);
}
