/* The plan's experiments, evaluations and jobs against the stored ones: what is new is added, what is missing refused.
 */
#include "store/store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A job in the terms of the plan, be it the plan's or a stored one. */
typedef struct job_row {
    int32_t experiment, evaluation; /* of the plan; evaluation -1 where the plan does not have it */
    int64_t seed;                   /* -1: none */
    double fraction;                /* NaN: none */
    int32_t score, step;            /* of the plan's scores: -1 none, UNKNOWN one that the plan does not have; 0 */
    int32_t grouping, group;        /* of the plan's groupings, likewise; 0 where there is none */
    int32_t singles[2];             /* of a wanted one: evaluations of the plan; -1: none */
    int64_t id;                     /* of a stored one */
    int32_t position;               /* within its experiment */
} job_row;

enum { UNKNOWN = -2 };

typedef struct job_list {
    job_row *rows;
    size_t count;
} job_list;

/* What is needed while the two are compared. */
typedef struct reconciling {
    lsn_store *store;
    lsn_key_index keys;
    int32_t *evaluation_of;               /* the plan's, by the stored evaluation's id; -1: not in the plan */
    int32_t *experiment_of;               /* likewise */
    int32_t *experiment_ids;              /* stored, by the plan's; -1: not stored yet */
    int64_t n_evaluations, n_experiments; /* stored */
    selection groupings;
    job_list wanted, stored;
} reconciling;

static const lsn_plan *plan_of(const reconciling *r)
{
    return r->store->plan;
}

/* ---- evaluations --------------------------------------------------------------------------------------------- */

/* `counting` gives the rows of a table, `beyond` those of them that are not numbered 0 .. *count - 1. */
static bool count_rows(const reconciling *r, const char *counting, const char *beyond, int64_t *count, lsn_error *err)
{
    int64_t astray;
    const database *db = &r->store->db;
    if (!database_integer(db, counting, count, err) || !database_integer(db, beyond, &astray, err))
        return false;
    if (astray != 0 || *count > INT32_MAX)
        return lsn_fail_at(err, LSN_FAILED, db->path, "is damaged: its rows are not numbered from 0 without gaps");
    return true;
}

static store_status status_of(const char *name)
{
    return strcmp(name, "done") == 0 ? STORE_DONE : strcmp(name, "failed") == 0 ? STORE_FAILED : STORE_PENDING;
}

/* The share of the study that an evaluation belongs to; -1 where this is none. */
static int32_t share_of(const reconciling *r, int32_t evaluation)
{
    const lsn_wanted *wanted = r->store->wanted;
    return wanted->shards == 0 ? -1 : wanted->shard_of[evaluation];
}

static bool load_evaluations(reconciling *r, lsn_error *err)
{
    const database *db = &r->store->db;
    if (!count_rows(r, "SELECT count(*) FROM evaluation",
                    "SELECT count(*) FROM evaluation WHERE evaluation NOT BETWEEN 0 AND (SELECT count(*) FROM "
                    "evaluation) - 1",
                    &r->n_evaluations, err))
        return false;
    r->evaluation_of = lsn_array((size_t)r->n_evaluations, sizeof *r->evaluation_of, err);
    const char *key, *status;
    int64_t id, deaths, alone, block;
    row_query query = {0};
    bool row = true, ok = r->evaluation_of != NULL &&
                          ROWS_BEGIN(&query, db, "evaluation", err, {"evaluation", .integer = &id},
                                     {"key", .text = &key}, {"status", .text = &status}, {"deaths", .integer = &deaths},
                                     {"deaths_alone", .integer = &alone}, {"death_block", .integer = &block});
    while (ok && (ok = rows_next(&query, &row, err)) && row) {
        const int32_t e = lsn_key_index_find(&r->keys, key);
        r->evaluation_of[id] = e;
        if (e >= 0) {
            r->store->ids[e] = (int32_t)id;
            r->store->status[e] = (unsigned char)status_of(status);
            ok = deaths_load(r->store, e, deaths, alone, block, err);
        }
    }
    rows_end(&query);
    return ok;
}

/* The only layer of a mask, and the only filter, or -1. */
static int32_t only_layer(const lsn_mask *mask)
{
    return mask->count == 1 ? mask->parts[0].layer : -1;
}

static int32_t only_filter(const lsn_mask *mask)
{
    return mask->count == 1 && mask->parts[0].count == 1 ? mask->parts[0].filters[0] : -1;
}

static value integer_or_null(int64_t number)
{
    return number < 0 ? text(NULL) : integer(number);
}

static value mode_seed(const lsn_ablation *ablation)
{
    const bool draws = ablation->mode == LSN_RESAMPLE || ablation->mode == LSN_NOISE;
    return integer_or_null(draws ? ablation->seed : -1);
}

static void empty(lsn_text *words)
{
    words->length = 0;
    if (words->data != NULL)
        words->data[0] = '\0';
}

/* A study that was added to is dealt anew. */
static bool deal_again(const reconciling *r, lsn_error *err)
{
    const lsn_plan *plan = plan_of(r);
    const database *db = &r->store->db;
    if (r->store->wanted->shards == 0)
        return true;
    sqlite3_stmt *update =
        database_prepare(db, "UPDATE evaluation SET shard = ?2 WHERE evaluation = ?1 AND shard IS NOT ?2", err);
    bool ok = update != NULL;
    for (int32_t e = 0; ok && e < plan->n_evaluations; e++)
        if (r->store->ids[e] >= 0)
            ok = DATABASE_STEP(db, update, err, integer(r->store->ids[e]), integer(share_of(r, e)));
    sqlite3_finalize(update);
    return ok;
}

static bool add_evaluations(reconciling *r, lsn_error *err)
{
    const lsn_plan *plan = plan_of(r);
    const database *db = &r->store->db;
    sqlite3_stmt *insert = NULL;
    lsn_text layers = {0}, filters = {0};
    bool ok = true;
    for (int32_t e = 0; ok && e < plan->n_evaluations; e++) {
        if (r->store->ids[e] >= 0)
            continue;
        const lsn_ablation *ablation = &plan->evaluations[e].ablation;
        const lsn_mask *mask = &ablation->mask;
        empty(&layers);
        empty(&filters);
        lsn_mask_layers(plan->net, mask, &layers);
        lsn_mask_json(plan->net, mask, &filters);
        if (layers.failed || filters.failed)
            ok = lsn_fail(err, LSN_FAILED, "out of memory: a mask could not be written as text");
        r->store->ids[e] = (int32_t)r->n_evaluations++;
        ok = ok &&
             ROW_WRITE(db, &insert, "INSERT INTO evaluation", err, {"evaluation", integer(r->store->ids[e])},
                       {"key", text(plan->evaluations[e].key)}, {"mode", text(lsn_mode_name(ablation->mode))},
                       {"mode_seed", mode_seed(ablation)}, {"layers", text(layers.data == NULL ? "" : layers.data)},
                       {"n_filters", integer(lsn_mask_filters(mask))},
                       {"filters", text(filters.data == NULL ? "{}" : filters.data)},
                       {"layer", integer_or_null(only_layer(mask))}, {"filter", integer_or_null(only_filter(mask))},
                       {"shard", integer_or_null(share_of(r, e))}, {"status", text("pending")});
    }
    lsn_text_finish(&layers);
    lsn_text_finish(&filters);
    sqlite3_finalize(insert);
    return ok;
}

/* ---- experiments --------------------------------------------------------------------------------------------- */

static int32_t find_experiment(const lsn_plan *plan, const char *name)
{
    for (int32_t x = 0; x < plan->n_experiments; x++)
        if (strcmp(plan->experiments[x].name, name) == 0)
            return x;
    return -1;
}

static bool refuse_experiment(const reconciling *r, const char *name, int64_t id, lsn_error *err)
{
    const database *db = &r->store->db;
    int64_t jobs = 0;
    char sql[96];
    sqlite3_snprintf(sizeof sql, sql, "SELECT count(*) FROM job WHERE experiment = %lld", (long long)id);
    return database_integer(db, sql, &jobs, err) &&
           lsn_fail_at(err, LSN_INVALID, db->path,
                       "holds an experiment '%.80s' (jobs: %lld) that the study no longer has; put it back, start over "
                       "with --fresh (the old file is then kept as %s.old), or give another file with --db",
                       name, (long long)jobs, db->path);
}

static bool load_experiments(reconciling *r, lsn_error *err)
{
    const lsn_plan *plan = plan_of(r);
    const database *db = &r->store->db;
    if (!count_rows(r, "SELECT count(*) FROM experiment",
                    "SELECT count(*) FROM experiment WHERE experiment NOT BETWEEN 0 AND (SELECT count(*) FROM "
                    "experiment) - 1",
                    &r->n_experiments, err))
        return false;
    r->experiment_of = lsn_array((size_t)r->n_experiments, sizeof *r->experiment_of, err);
    r->experiment_ids = lsn_array((size_t)plan->n_experiments, sizeof *r->experiment_ids, err);
    int64_t id;
    const char *name;
    row_query query = {0};
    bool row = true, ok = r->experiment_of != NULL && r->experiment_ids != NULL &&
                          ROWS_BEGIN(&query, db, "experiment ORDER BY position", err, {"experiment", .integer = &id},
                                     {"name", .text = &name});
    for (int32_t x = 0; ok && x < plan->n_experiments; x++)
        r->experiment_ids[x] = -1;
    while (ok && (ok = rows_next(&query, &row, err)) && row) {
        const int32_t x = find_experiment(plan, name);
        if (x < 0)
            ok = refuse_experiment(r, name, id, err);
        else
            r->experiment_ids[x] = (int32_t)id;
        r->experiment_of[id] = x;
    }
    rows_end(&query);
    return ok;
}

/* Adds those that are new, and puts all in the order of the study. */
static bool add_experiments(reconciling *r, lsn_error *err)
{
    const lsn_plan *plan = plan_of(r);
    const database *db = &r->store->db;
    sqlite3_stmt *insert = database_prepare(db,
                                            "INSERT INTO experiment (experiment, position, name) VALUES (?, ?, ?) "
                                            "ON CONFLICT (experiment) DO UPDATE SET position = excluded.position",
                                            err);
    bool ok = insert != NULL;
    for (int32_t x = 0; ok && x < plan->n_experiments; x++) {
        if (r->experiment_ids[x] < 0)
            r->experiment_ids[x] = (int32_t)r->n_experiments++;
        ok = DATABASE_STEP(db, insert, err, integer(r->experiment_ids[x]), integer(x), text(plan->experiments[x].name));
    }
    sqlite3_finalize(insert);
    return ok;
}

/* ---- jobs ---------------------------------------------------------------------------------------------------- */

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* NaN, no fraction, comes first. */
static int compare_fractions(double a, double b)
{
    return isnan(a) || isnan(b) ? compare(!isnan(a), !isnan(b)) : (a > b) - (a < b);
}

/* By all that tells jobs of an experiment apart. */
static int compare_jobs(const job_row *a, const job_row *b)
{
    const int orders[] = {compare(a->experiment, b->experiment),
                          compare(a->evaluation, b->evaluation),
                          compare(a->seed, b->seed),
                          compare_fractions(a->fraction, b->fraction),
                          compare(a->score, b->score),
                          compare(a->step, b->step),
                          compare(a->grouping, b->grouping),
                          compare(a->group, b->group)};
    int order = 0;
    for (size_t i = 0; order == 0 && i < sizeof orders / sizeof *orders; i++)
        order = orders[i];
    return order;
}

static int by_job_then_position(const void *a, const void *b)
{
    int order = compare_jobs(a, b);
    return order != 0 ? order : compare(((const job_row *)a)->position, ((const job_row *)b)->position);
}

static bool list_wanted(reconciling *r, lsn_error *err)
{
    const lsn_plan *plan = plan_of(r);
    r->wanted.count = (size_t)plan->n_jobs;
    r->wanted.rows = lsn_array(r->wanted.count, sizeof *r->wanted.rows, err);
    if (r->wanted.rows == NULL)
        return false;
    for (int32_t j = 0; j < plan->n_jobs; j++) {
        const lsn_job *job = &plan->jobs[j];
        r->wanted.rows[j] = (job_row){
            .experiment = job->experiment,
            .evaluation = job->evaluation,
            .seed = job->seed,
            .fraction = job->fraction,
            .score = job->score,
            .step = job->step,
            .grouping = job->grouping,
            .group = job->grouping < 0 ? 0 : job->group,
            .singles = {job->singles[0], job->singles[1]},
            .position = j - plan->experiments[job->experiment].first_job,
        };
    }
    qsort(r->wanted.rows, r->wanted.count, sizeof *r->wanted.rows, by_job_then_position);
    return true;
}

static int32_t score_of(const reconciling *r, const char *name)
{
    const lsn_plan *plan = plan_of(r);
    for (int32_t s = 0; name != NULL && s < plan->n_scores; s++)
        if (strcmp(plan->scores[s].name, name) == 0)
            return s;
    return name == NULL ? -1 : UNKNOWN;
}

/* id -1: none. */
static int32_t grouping_of(const reconciling *r, int64_t id)
{
    const int32_t found = id >= 0 && id < r->groupings.n_stored ? r->groupings.of[id] : -1;
    return id == -1 ? -1 : found < 0 ? UNKNOWN : found;
}

static bool list_stored(reconciling *r, lsn_error *err)
{
    const database *db = &r->store->db;
    int64_t count, job, experiment, position, evaluation, seed, step, grouping, group;
    double fraction;
    const char *score;
    row_query query = {0};
    if (!database_integer(db, "SELECT count(*) FROM job", &count, err))
        return false;
    r->stored.rows = lsn_array((size_t)count, sizeof *r->stored.rows, err);
    bool row = true,
         ok = r->stored.rows != NULL &&
              ROWS_BEGIN(&query, db, "job", err, {"job", .integer = &job}, {"experiment", .integer = &experiment},
                         {"position", .integer = &position}, {"evaluation", .integer = &evaluation},
                         {"fraction", .real = &fraction}, {"coalesce(seed, -1)", .integer = &seed},
                         {"score", .text = &score}, {"step", .integer = &step},
                         {"coalesce(grouping, -1)", .integer = &grouping}, {"filter_group", .integer = &group});
    while (ok && (ok = rows_next(&query, &row, err)) && row && r->stored.count < (size_t)count) {
        if (experiment < 0 || experiment >= r->n_experiments || evaluation < 0 || evaluation >= r->n_evaluations)
            ok = lsn_fail_at(err, LSN_FAILED, db->path,
                             "is damaged: a job refers to an experiment or evaluation that is missing");
        else
            r->stored.rows[r->stored.count++] = (job_row){.id = job,
                                                          .experiment = r->experiment_of[experiment],
                                                          .position = (int32_t)position,
                                                          .evaluation = r->evaluation_of[evaluation],
                                                          .fraction = fraction,
                                                          .seed = seed,
                                                          .score = score_of(r, score),
                                                          .step = (int32_t)step,
                                                          .grouping = grouping_of(r, grouping),
                                                          .group = (int32_t)group};
    }
    rows_end(&query);
    if (ok)
        qsort(r->stored.rows, r->stored.count, sizeof *r->stored.rows, by_job_then_position);
    return ok;
}

/* Which stored jobs of one experiment the plan lacks. */
typedef struct lacking {
    int64_t jobs;
    const job_row *example;
} lacking;

static bool refuse_jobs(const reconciling *r, const lacking *found, lsn_error *err)
{
    const database *db = &r->store->db;
    const lsn_experiment *experiment = &plan_of(r)->experiments[found->example->experiment];
    sqlite3_stmt *query = database_prepare(
        db,
        "SELECT CASE n_filters WHEN 0 THEN 'the baseline' ELSE substr(filters, 1, 100) || CASE WHEN length(filters) > "
        "100 THEN '...' ELSE '' END || ', mode ' || mode || coalesce(' of seed ' || mode_seed, '') END || coalesce(', "
        "fraction ' || fraction, '') || "
        "coalesce(', seed ' || seed, '') || coalesce(', score ' || score, '') || coalesce(', step ' || step, '') || "
        "coalesce(', group ' || filter_group, '') FROM job JOIN evaluation USING (evaluation) WHERE job = ?",
        err);
    bool row = false, ok = query != NULL &&
                           (sqlite3_bind_int64(query, 1, found->example->id) == SQLITE_OK || database_fail(db, err));
    ok = ok && database_row(db, query, &row, err);
    if (ok)
        lsn_fail_at(err, LSN_INVALID, db->path,
                    "its experiment '%.80s' holds jobs that the study no longer asks for: %lld, for example %s (the "
                    "study asks for %d there). Undo that change (a study can be added to), give another file with "
                    "--db, or start over with --fresh (the old file is then kept as %s.old)",
                    experiment->name, (long long)found->jobs, row ? database_words(query, 0) : "one",
                    (int)experiment->n_jobs, db->path);
    sqlite3_finalize(query);
    return false;
}

/* Every stored job must be among the wanted ones; both lists are in the same order. Stored jobs that are in another
 * place now are moved there, wanted ones that are not stored are marked by id 0. */
static bool match_jobs(reconciling *r, lsn_error *err)
{
    const database *db = &r->store->db;
    sqlite3_stmt *move = database_prepare(db, "UPDATE job SET position = ? WHERE job = ?", err);
    lacking found = {0};
    bool ok = move != NULL;
    size_t w = 0;
    for (size_t s = 0; ok && s < r->stored.count; s++) {
        const job_row *stored = &r->stored.rows[s];
        while (w < r->wanted.count && compare_jobs(&r->wanted.rows[w], stored) < 0)
            w++;
        if (w < r->wanted.count && compare_jobs(&r->wanted.rows[w], stored) == 0) {
            job_row *wanted = &r->wanted.rows[w++];
            wanted->id = stored->id;
            if (wanted->position != stored->position)
                ok = DATABASE_STEP(db, move, err, integer(wanted->position), integer(stored->id));
        } else if (found.example == NULL || found.example->experiment == stored->experiment) {
            found.jobs++;
            if (found.example == NULL)
                found.example = stored;
        }
    }
    sqlite3_finalize(move);
    return ok && (found.jobs == 0 || refuse_jobs(r, &found, err));
}

static int by_experiment_and_position(const void *a, const void *b)
{
    const job_row *left = a, *right = b;
    int order = compare(left->experiment, right->experiment);
    return order != 0 ? order : compare(left->position, right->position);
}

static bool add_job(const reconciling *r, sqlite3_stmt **insert, const job_row *job, lsn_error *err)
{
    const int32_t *ids = r->store->ids;
    value singles[2];
    for (int i = 0; i < 2; i++)
        singles[i] = integer_or_null(job->singles[i] < 0 ? -1 : ids[job->singles[i]]);
    const bool grouped = job->grouping >= 0;
    return ROW_WRITE(&r->store->db, insert, "INSERT INTO job", err,
                     {"experiment", integer(r->experiment_ids[job->experiment])}, {"position", integer(job->position)},
                     {"evaluation", integer(ids[job->evaluation])}, {"fraction", real(job->fraction)},
                     {"seed", integer_or_null(job->seed)},
                     {"score", text(job->score < 0 ? NULL : plan_of(r)->scores[job->score].name)},
                     {"step", integer_or_null(job->step > 0 ? job->step : -1)},
                     {"grouping", integer_or_null(grouped ? r->groupings.ids[job->grouping] : -1)},
                     {"filter_group", integer_or_null(grouped ? job->group : -1)}, {"single_a", singles[0]},
                     {"single_b", singles[1]});
}

static bool add_jobs(reconciling *r, lsn_error *err)
{
    sqlite3_stmt *insert = NULL;
    bool ok = true;
    qsort(r->wanted.rows, r->wanted.count, sizeof *r->wanted.rows, by_experiment_and_position);
    for (size_t w = 0; ok && w < r->wanted.count; w++)
        ok = r->wanted.rows[w].id != 0 || add_job(r, &insert, &r->wanted.rows[w], err);
    sqlite3_finalize(insert);
    return ok;
}

bool jobs_reconcile(lsn_store *store, lsn_error *err)
{
    reconciling r = {.store = store};
    for (int32_t e = 0; e < store->plan->n_evaluations; e++)
        store->ids[e] = -1;
    bool ok = selection_reconcile(store, &r.groupings, err) && lsn_key_index_init(&r.keys, r.store->plan, err) &&
              load_evaluations(&r, err) && load_experiments(&r, err) && list_wanted(&r, err) && list_stored(&r, err) &&
              match_jobs(&r, err) && add_experiments(&r, err) && deal_again(&r, err) && add_evaluations(&r, err) &&
              add_jobs(&r, err);
    lsn_key_index_finish(&r.keys);
    free(r.evaluation_of);
    free(r.experiment_of);
    free(r.experiment_ids);
    free(r.wanted.rows);
    free(r.stored.rows);
    selection_finish(&r.groupings);
    return ok;
}
