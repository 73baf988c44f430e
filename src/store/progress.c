/* How far a study is, in few rows: what `lesion status` reads while the run writes, and the history of each run.
 *
 * Counts by experiment are of the evaluations' own rows: they are taken anew before a commit, in the same transaction,
 * and agree with these; but of many jobs, which take milliseconds to count, only twice a second and when the run ends.
 */
#include "store/store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 1000, MANY_JOBS = 20000 };
static const double COUNT_S = 0.5;

/* ---- counts by experiment ------------------------------------------------------------------------------------ */

bool progress_begin(lsn_store *store, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    store->evaluation_of = lsn_array((size_t)plan->n_jobs, sizeof *store->evaluation_of, err);
    store->by_experiment =
        store->evaluation_of == NULL ? NULL : lsn_array((size_t)plan->n_experiments, sizeof *store->by_experiment, err);
    if (store->by_experiment == NULL)
        return false;
    for (int32_t j = 0; j < plan->n_jobs; j++) {
        const int32_t e = plan->jobs[j].evaluation;
        store->evaluation_of[j] = lsn_wants(store->wanted, e) ? e : -1;
    }
    for (int32_t x = 0; x < plan->n_experiments; x++)
        store->by_experiment[x].jobs = -1; /* of no experiment */
    return store_begin(store, err) && lsn_store_commit(store, err);
}

void progress_finish(lsn_store *store)
{
    free(store->evaluation_of);
    free(store->by_experiment);
    free(store->cost);
}

bool lsn_store_weigh(lsn_store *store, const double *cost, lsn_error *err)
{
    const size_t count = (size_t)store->facts.evaluations;
    if (store->cost == NULL)
        store->cost = lsn_array(count, sizeof *store->cost, err);
    if (store->cost == NULL)
        return false;
    memcpy(store->cost, cost, count * sizeof *cost);
    return true;
}

static experiment_counts count(const lsn_store *store, const lsn_experiment *experiment)
{
    experiment_counts n = {0};
    double all = 0, done = 0;
    for (int32_t j = experiment->first_job; j < experiment->first_job + experiment->n_jobs; j++) {
        const int32_t e = store->evaluation_of[j];
        if (e < 0)
            continue;
        const double cost = store->cost == NULL ? 1 : store->cost[e];
        const store_status status = store->status[e];
        n.jobs++;
        n.done += status == STORE_DONE;
        n.running += status == STORE_RUNNING_NOW;
        n.failed += status == STORE_FAILED;
        all += cost;
        done += status == STORE_DONE ? cost : cost * (store->blocks - store->missing[e]) / store->blocks;
    }
    n.work = n.done == n.jobs || !(all > 0) ? 1 : done / all;
    return n;
}

static bool same_counts(const experiment_counts *a, const experiment_counts *b)
{
    return a->jobs == b->jobs && a->done == b->done && a->running == b->running && a->failed == b->failed &&
           a->work == b->work;
}

static bool is_due(lsn_store *store)
{
    const double now = lsn_now_s();
    if (store->by_experiment == NULL ||
        (store->plan->n_jobs >= MANY_JOBS && now - store->counted_s < COUNT_S && !store->ending))
        return false;
    store->counted_s = now;
    return true;
}

bool progress_count(lsn_store *store, lsn_error *err)
{
    sqlite3_stmt *update = NULL;
    if (!is_due(store))
        return true;
    bool ok = true;
    for (int32_t x = 0; ok && x < store->plan->n_experiments; x++) {
        const experiment_counts n = count(store, &store->plan->experiments[x]);
        if (same_counts(&n, &store->by_experiment[x]))
            continue;
        ok = ROW_WRITE(&store->db, &update, "UPDATE experiment", err, {"position", integer(x)},
                       {"jobs", integer(n.jobs)}, {"done", integer(n.done)}, {"running", integer(n.running)},
                       {"failed", integer(n.failed)}, {"work", real(n.work)});
        store->by_experiment[x] = n;
    }
    sqlite3_finalize(update);
    return ok;
}

bool progress_recount(const database *db, lsn_error *err)
{
    return database_run(
        db,
        "UPDATE experiment AS x SET (jobs, done, running, failed, work) = (SELECT count(*), "
        "coalesce(sum(e.status = 'done'), 0), coalesce(sum(e.status = 'running'), 0), coalesce(sum(e.status = "
        "'failed'), 0), coalesce(avg(e.status = 'done'), 1) FROM job j JOIN evaluation e ON e.evaluation = "
        "j.evaluation WHERE j.experiment = x.experiment)",
        err);
}

/* ---- the history of a run ------------------------------------------------------------------------------------ */

/* Keeps every second row, the first among them, and from now on rows at twice the distance. */
static bool thin_out(lsn_store *store, lsn_error *err)
{
    static const char sql[] =
        "DELETE FROM progress WHERE run = ?1 AND seconds IN (SELECT seconds FROM (SELECT seconds, "
        "row_number() OVER (ORDER BY seconds) AS place FROM progress WHERE run = ?1) WHERE "
        "place % 2 = 0)";
    run_history *h = &store->history;
    sqlite3_stmt *drop = database_prepare(&store->db, sql, err);
    const bool ok = drop != NULL && DATABASE_STEP(&store->db, drop, err, integer(store->run));
    sqlite3_finalize(drop);
    h->rows = (h->rows + 1) / 2;
    h->step_s *= 2;
    return ok;
}

static bool write_row(lsn_store *store, const lsn_run_progress *seen, lsn_error *err)
{
    return ROW_WRITE(&store->db, NULL, "INSERT OR REPLACE INTO progress", err, {"run", integer(store->run)},
                     {"seconds", real(seen->seconds)}, {"share", real(seen->share)},
                     {"jobs_done", integer(seen->jobs_done)}, {"images", integer(seen->images)},
                     {"workers", integer(seen->workers)}, {"computing", real(seen->computing)},
                     {"left_s", real(seen->left_s >= 0 ? seen->left_s : (double)NAN)});
}

static bool drop_newest(lsn_store *store, lsn_error *err)
{
    sqlite3_stmt *drop = database_prepare(&store->db, "DELETE FROM progress WHERE run = ? AND seconds = ?", err);
    const bool ok =
        drop != NULL && DATABASE_STEP(&store->db, drop, err, integer(store->run), real(store->history.newest_s));
    sqlite3_finalize(drop);
    store->history.rows--;
    return ok;
}

/* The newest row is always there; the next one takes its place unless it is a step beyond the last one that stays. */
static bool add_row(lsn_store *store, const lsn_run_progress *seen, lsn_error *err)
{
    run_history *h = &store->history;
    if (h->run != store->run)
        *h = (run_history){.run = store->run, .step_s = 1};
    if (h->rows > 1 && h->newest_s - h->kept_s < h->step_s) {
        if (!drop_newest(store, err))
            return false;
    } else {
        h->kept_s = h->newest_s;
        if (h->rows >= MOST_ROWS && !thin_out(store, err))
            return false;
    }
    h->newest_s = seen->seconds;
    h->rows++;
    return write_row(store, seen, err);
}

bool lsn_store_run_progress(lsn_store *store, const lsn_run_progress *seen, lsn_error *err)
{
    lsn_error why;
    if (!store_may_add(store, err))
        return false;
    return add_row(store, seen, &why) || store_give_up(store, &why, err);
}
