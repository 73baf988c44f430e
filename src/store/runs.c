/* Invocations of `lesion run`: how they begin and end; and what activations they measured. */
#include "store/store_internal.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* The digest of what was asked for: the study file's text and the overrides. */
static bool study_hex(const lsn_plan *plan, char *hex, lsn_error *err)
{
    lsn_digest digest;
    lsn_hasher *hasher = lsn_hasher_create(err);
    if (hasher == NULL)
        return false;
    lsn_hasher_text(hasher, "text", plan->text == NULL ? "" : plan->text);
    lsn_hasher_text(hasher, "overrides", plan->overrides == NULL ? "" : plan->overrides);
    bool ok = lsn_hasher_take(hasher, &digest, err);
    lsn_hasher_destroy(hasher);
    if (ok)
        lsn_digest_hex(&digest, hex);
    return ok;
}

static bool insert_run(lsn_store *store, const lsn_run_record *record, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    char study[LSN_HEX_BYTES], weights[LSN_HEX_BYTES], images[LSN_HEX_BYTES], calibration[LSN_HEX_BYTES];
    char now[TIME_BYTES], host[256] = "";
    lsn_digest_hex(&plan->net->digest, weights);
    lsn_digest_hex(&plan->images_digest, images);
    lsn_digest_hex(&plan->calibration_digest, calibration);
    gethostname(host, sizeof host - 1);
    const bool ok =
        study_hex(plan, study, err) &&
        ROW_WRITE(&store->db, NULL, "INSERT INTO run", err, {"version", text(record->version)},
                  {"libraries", text(record->libraries)}, {"command", text(record->command)},
                  {"method", text(record->kernels)}, {"hosts", text(record->hosts)}, {"ranks", integer(record->ranks)},
                  {"slurm_job", text(record->slurm_job)}, {"host", text(host)}, {"pid", integer(getpid())},
                  {"study_sha256", text(study)}, {"weights_sha256", text(weights)}, {"images_sha256", text(images)},
                  {"calibration_sha256", text(plan->calibration.count == 0 ? NULL : calibration)},
                  {"started", text(time_text(now))}, {"heartbeat", text(now)});
    if (ok)
        store->run = sqlite3_last_insert_rowid(store->db.handle);
    return ok;
}

/* Kinds of kernels differ in the last bits of what they compute: a database holds results of one kind only. */
static bool check_kernels(const lsn_store *store, const lsn_run_record *record, lsn_error *err)
{
    static const char sql[] =
        "SELECT " LSN_RUN_KERNELS " FROM run WHERE method IS NOT NULL AND (EXISTS (SELECT 1 FROM part) OR EXISTS "
        "(SELECT 1 FROM evaluation WHERE status = 'done')) ORDER BY run DESC LIMIT 1";
    bool row = false;
    if (record->kernels == NULL)
        return true;
    sqlite3_stmt *query = database_prepare(&store->db, sql, err);
    bool ok = query != NULL && database_row(&store->db, query, &row, err);
    const char *theirs = ok && row ? database_words(query, 0) : record->kernels;
    if (ok && (strcmp(theirs, "blas") == 0 || strcmp(theirs, "reference") == 0))
        ok = lsn_fail_at(err, LSN_INVALID, store->db.path,
                         "its results were computed by Lesion 0.1.0 with --method %s, which this version does not "
                         "have: use another database (--db) or begin anew (--fresh)",
                         theirs);
    else if (ok && strcmp(theirs, record->kernels) != 0)
        ok = lsn_fail_at(err, LSN_INVALID, store->db.path,
                         "its results were computed by kernels of the kind '%s', not '%s', which differ in the last "
                         "bits: set LESION_ISA, use another database (--db) or begin anew (--fresh)",
                         theirs, record->kernels);
    sqlite3_finalize(query);
    return ok;
}

bool lsn_store_run_begin(lsn_store *store, const lsn_run_record *record, lsn_error *err)
{
    lsn_error why;
    if (!check_kernels(store, record, err))
        return false;
    if (!store_begin(store, err))
        return false;
    return insert_run(store, record, &why) ? lsn_store_commit(store, err) : store_give_up(store, &why, err);
}

static bool update_run(lsn_store *store, const char *how, lsn_error *err)
{
    char now[TIME_BYTES];
    time_text(now);
    return ROW_WRITE(&store->db, NULL, "UPDATE run", err, {"run", integer(store->run)}, {"heartbeat", text(now)},
                     {"ended", text(how == NULL ? NULL : now)}, {"how", text(how)});
}

/* When a run ends, nothing is being computed any more. */
static bool stop_running(lsn_store *store, lsn_error *err)
{
    for (int32_t e = 0; e < store->facts.evaluations; e++)
        if (store->status[e] == STORE_RUNNING_NOW)
            store->status[e] = STORE_PENDING;
    return database_run(&store->db, "UPDATE evaluation SET status = 'pending' WHERE status = 'running'", err);
}

bool lsn_store_run_note(lsn_store *store, const char *how, lsn_error *err)
{
    lsn_error why;
    store->ending = how != NULL;
    if (!store_begin(store, err))
        return false;
    if (!update_run(store, how, &why) || (how != NULL && !stop_running(store, &why)))
        return store_give_up(store, &why, err);
    return lsn_store_commit(store, err);
}

static bool write_activations(const lsn_store *store, const lsn_activations *a, lsn_error *err)
{
    const lsn_net *net = store->plan->net;
    sqlite3_stmt *insert = NULL;
    bool ok = true;
    for (int layer = 0, filter = 0; ok && layer < net->n_layers - 1; layer++)
        for (int f = 0; ok && f < net->layers[layer].filters; f++, filter++) {
            const bool mean = a->mean != NULL, deviation = mean && a->square != NULL;
            ok = ROW_WRITE(&store->db, &insert, "INSERT OR REPLACE INTO filter_activation", err,
                           {"layer", integer(layer)}, {"filter", integer(f)},
                           {"mean", real(mean ? lsn_activations_mean(a, filter) : (double)NAN)},
                           {"deviation", real(deviation ? lsn_activations_deviation(a, filter) : (double)NAN)});
        }
    sqlite3_finalize(insert);
    return ok;
}

bool lsn_store_set_activations(lsn_store *store, const lsn_activations *activations, lsn_error *err)
{
    lsn_error why;
    if (!store_may_add(store, err))
        return false;
    return write_activations(store, activations, &why) || store_give_up(store, &why, err);
}
