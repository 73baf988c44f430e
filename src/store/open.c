/* Opens a store: the lock, the file, the study, the jobs, the stored parts, in this order; and closes it. */
#include "store/metrics.h"
#include "store/store_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const statement_sql[STORE_N_STATEMENTS] = {
    [STORE_ADD_IMAGE] = "INSERT INTO image_result (evaluation, image, prediction, rank, loss) VALUES (?, ?, ?, ?, ?)",
    [STORE_PART] = "SELECT images, lost, gained FROM part WHERE evaluation = ?1 AND block = ?2",
    [STORE_PARTS] = "SELECT block" SUM_COLUMNS SPENT_COLUMNS PART_BLOBS " FROM part WHERE evaluation = ?1 AND block < "
                    "?2 ORDER BY block",
    [STORE_DROP_PARTS] = "DELETE FROM part WHERE evaluation = ?1",
    [STORE_DROP_IMAGES] = "DELETE FROM image_result WHERE evaluation = ?1 AND image >= ?2",
    [STORE_ADD_CLASS] = "INSERT INTO evaluation_class (evaluation, class, top1, predicted) VALUES (?, ?, ?, ?)",
    [STORE_ADD_DRIFT] = "INSERT INTO drift (evaluation, layer, drift) VALUES (?, ?, ?)",
    [STORE_FAIL] = "UPDATE evaluation SET status = 'failed', reason = ?2 WHERE evaluation = ?1",
    [STORE_RUNNING] = "UPDATE evaluation SET status = 'running', reason = NULL WHERE evaluation = ?1",
    [STORE_ANSWERED] = "DELETE FROM unit WHERE worker = ?1 AND unit = ?2",
    [STORE_LET_GO] = "DELETE FROM unit WHERE worker = ?1",
    [STORE_ACQUIT] = "UPDATE evaluation SET deaths = 0, deaths_alone = 0, death_block = NULL WHERE evaluation = ?1",
    [STORE_WRITER] = "SELECT token, host, pid FROM writer",
    [STORE_COUNT] = "UPDATE run SET evaluated = ?2 WHERE run = ?1",
};

/* ---- in memory ----------------------------------------------------------------------------------------------- */

static bool count_classes(lsn_store *store, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    size_t classes = (size_t)plan->net->classes;
    store->class_images = lsn_array(classes, sizeof *store->class_images, err);
    if (store->class_images == NULL)
        return false;
    for (int32_t i = 0; i < plan->images.count; i++) {
        int label = lsn_data_label(plan->data, plan->images.images[i]);
        if (label < 0 || label >= plan->net->classes)
            return lsn_fail(err, LSN_INVALID, "image %d has label %d, but the network knows %d classes",
                            (int)plan->images.images[i], label, plan->net->classes);
        store->class_images[label]++;
    }
    return true;
}

static bool allocate_scratch(lsn_store *store, lsn_error *err)
{
    const size_t classes = (size_t)store->facts.classes, layers = (size_t)store->facts.layers;
    store->class_right = lsn_array(classes, sizeof *store->class_right, err);
    store->class_predicted = lsn_array(classes, sizeof *store->class_predicted, err);
    store->counts = lsn_array(classes, sizeof *store->counts, err);
    store->drift = lsn_array(layers, sizeof *store->drift, err);
    store->packed = lsn_array(2 * class_counts_room(store->facts.classes) + DRIFT_BYTES * layers, 1, err);
    return store->class_right != NULL && store->class_predicted != NULL && store->counts != NULL &&
           store->drift != NULL && store->packed != NULL;
}

bool store_allocate(lsn_store *store, lsn_error *err)
{
    size_t evaluations = (size_t)store->facts.evaluations;
    store->ids = lsn_array(evaluations, sizeof *store->ids, err);
    store->status = lsn_array(evaluations, sizeof *store->status, err);
    store->missing = lsn_array(evaluations, sizeof *store->missing, err);
    if (store->facts.stop.half_width > 0)
        store->prefixes = lsn_array(evaluations, sizeof *store->prefixes, err);
    return store->ids != NULL && store->status != NULL && store->missing != NULL &&
           (store->prefixes != NULL || !(store->facts.stop.half_width > 0)) && allocate_scratch(store, err);
}

/* Which of the plan's evaluations each stored one is; rows are numbered 0 .. plan->n_evaluations - 1 by now. */
static int32_t *evaluations_by_id(const lsn_store *store, lsn_error *err)
{
    int32_t *by_id = lsn_array((size_t)store->facts.evaluations, sizeof *by_id, err);
    if (by_id == NULL)
        return NULL;
    for (int32_t id = 0; id < store->facts.evaluations; id++)
        by_id[id] = -1;
    for (int32_t e = 0; e < store->facts.evaluations; e++)
        if (store->ids[e] < store->facts.evaluations)
            by_id[store->ids[e]] = e;
    return by_id;
}

static bool load_parts(lsn_store *store, lsn_error *err)
{
    const int32_t evaluations = store->facts.evaluations;
    store->blocks = (store->facts.images - 1) / store->block_images + 1;
    store->parts = lsn_array(store_part_words(store), sizeof *store->parts, err);
    if (store->parts == NULL)
        return false;
    for (int32_t e = 0; e < evaluations; e++)
        store->missing[e] = store->status[e] == STORE_DONE ? 0 : store->blocks;
    int32_t *by_id = evaluations_by_id(store, err);
    int64_t id, block, images, lost, gained;
    row_query query = {0};
    bool row = true, ok = by_id != NULL && PARTS_BEGIN(&query, &store->db, err, id, block, images, lost, gained);
    while (ok && (ok = rows_next(&query, &row, err)) && row) {
        const int32_t e = id < 0 || id >= evaluations ? -1 : by_id[id];
        if (e < 0 || block < 0 || block >= store->blocks || store->missing[e] < 2) {
            ok = lsn_fail_at(
                err, LSN_FAILED, store->db.path,
                "is damaged: a part of evaluation %lld belongs to no block of images, or to a result that is complete",
                (long long)id);
            break;
        }
        store_mark(store, e, (int32_t)block);
        if (store_races(store, e) && block == store->prefixes[e].blocks)
            ok = race_count(store, e, (int32_t)block, images, lost, gained, err);
    }
    rows_end(&query);
    free(by_id);
    return ok;
}

bool store_prepare(lsn_store *store, lsn_error *err)
{
    for (int i = 0; i < STORE_N_STATEMENTS; i++) {
        if (statement_sql[i] != NULL &&
            (store->statements[i] = database_prepare(&store->db, statement_sql[i], err)) == NULL)
            return false;
    }
    return true;
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

/* From now on whoever wrote before finds our token, and stops. */
static bool sign(const lsn_store *store, lsn_error *err)
{
    const lock_note *mine = &store->lock.mine;
    char now[TIME_BYTES];
    return ROW_WRITE(&store->db, NULL, "INSERT OR REPLACE INTO writer", err, {"id", integer(1)},
                     {"token", text(mine->token)}, {"host", text(mine->host)}, {"pid", integer(mine->process.pid)},
                     {"since", text(time_text(now))});
}

/* Makes the file what the plan asks for, in one transaction. */
static bool bring_up_to_date(lsn_store *store, int32_t block_images, bool retry, lsn_error *err)
{
    database_kind kind;
    if (!store_begin(store, err) || !database_examine(&store->db, &kind, err))
        return false;
    store->block_images = block_images;
    bool ok = kind == DATABASE_EMPTY
                  ? schema_create(&store->db, err) && identity_write(store, err)
                  : identity_check(store, err) && identity_update(store, err) && deaths_count(store, retry, err);
    return ok && sign(store, err) && jobs_reconcile(store, err) && lsn_store_commit(store, err);
}

/* Nothing is changed in a file that is not ours. */
static bool connect(lsn_store *store, const char *path, lsn_error *err)
{
    database_kind kind;
    const database *db = &store->db;
    if (!database_open(&store->db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err) ||
        !database_examine(db, &kind, err))
        return false;
    if (sqlite3_db_readonly(db->handle, "main") == 1)
        return lsn_fail_at(err, LSN_FAILED, db->path,
                           "cannot be written, for it is read-only; give another file with --db");
    /* 64 MB of cache: a million keys are added in no order, and a transaction should not reach the file before its
     * end, for that keeps readers out where there is no write-ahead log. */
    return file_set_journal(db, err) && database_run(db, "PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536", err);
}

lsn_store *lsn_store_open(const char *path, const lsn_plan *plan, int32_t block_images, bool fresh, lsn_error *err)
{
    return lsn_store_open_with(path, plan, block_images, &(lsn_store_options){.fresh = fresh}, err);
}

lsn_store *lsn_store_open_with(const char *path, const lsn_plan *plan, int32_t block_images,
                               const lsn_store_options *options, lsn_error *err)
{
    assert(block_images > 0 && plan->images.count > 0 && plan->n_evaluations > 0);
    lsn_store *store = lsn_array(1, sizeof *store, err);
    if (store == NULL)
        return NULL;
    static const lsn_wanted all = {0};
    store->plan = plan;
    store->wanted = options->wanted == NULL ? &all : options->wanted;
    store->facts = (store_facts){.images = plan->images.count,
                                 .evaluations = plan->n_evaluations,
                                 .classes = plan->net->classes,
                                 .layers = plan->net->n_layers,
                                 .stop = plan->stop};
    store->lock.file = -1;
    if (file_make_folder(path, err) && lock_take(&store->lock, path, options->steal_lock, err) &&
        (!options->fresh || file_put_aside(path, err)) && connect(store, path, err) && count_classes(store, err) &&
        store_allocate(store, err) && bring_up_to_date(store, block_images, options->retry, err) &&
        load_parts(store, err) && store_prepare(store, err) && progress_begin(store, err))
        return store;
    lsn_store_close(store);
    return NULL;
}

void lsn_store_close(lsn_store *store)
{
    if (store == NULL)
        return;
    for (int i = 0; i < STORE_N_STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    char *failed = store->failure.code == LSN_OK ? NULL : lsn_strdup(store->db.path, NULL);
    database_close(&store->db); /* rolls back, unless the file could not be written */
    if (failed != NULL && store->lock.held)
        file_roll_back(failed);
    free(failed);
    lock_release(&store->lock);
    progress_finish(store);
    void *const arrays[] = {store->ids,          store->status,   store->missing,  store->parts,
                            store->class_images, store->prefixes, store->suspects, store->class_right,
                            store->counts,       store->drift,    store->packed,   store->class_predicted};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    free(store);
}
