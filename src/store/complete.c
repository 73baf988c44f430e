/* An evaluation's parts become its result. */
#include "store/store_internal.h"

#include <math.h>
#include <string.h>

static bool damaged(const lsn_store *store, const char *what, lsn_error *err)
{
    return lsn_fail_at(err, LSN_FAILED, store->db.path,
                       "is damaged: %s of a part are impossible; go back to a copy, or start over with --fresh", what);
}

/* ---- sums ---------------------------------------------------------------------------------------------------- */

/* A part's classes, where it has them; *all is cleared where it has none. */
static bool add_stored_classes(const lsn_store *store, sqlite3_stmt *row, int column, int64_t *sums, bool *all,
                               lsn_error *err)
{
    const void *packed = sqlite3_column_blob(row, column);
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        *all = false;
    else if (!class_counts_add(packed, sqlite3_column_bytes(row, column), sums, store->facts.classes))
        return damaged(store, "the counts by class", err);
    return true;
}

static bool add_stored_drift(const lsn_store *store, sqlite3_stmt *row, int column, bool *all, lsn_error *err)
{
    const int layers = store->facts.layers;
    const unsigned char *packed = sqlite3_column_blob(row, column);
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        *all = false;
    else if (sqlite3_column_bytes(row, column) != DRIFT_BYTES * layers || !drift_add(packed, store->drift, layers))
        return damaged(store, "the sums of drift", err);
    return true;
}

/* Adds the stored parts of blocks below `end` to *sum. */
static bool add_stored(const lsn_store *store, int64_t id, int32_t end, whole_result *sum, lsn_error *err)
{
    const database *db = &store->db;
    sqlite3_stmt *query = store->statements[STORE_PARTS];
    bool row = true,
         ok = (sqlite3_bind_int64(query, 1, id) == SQLITE_OK && sqlite3_bind_int64(query, 2, end) == SQLITE_OK) ||
              database_fail(db, err);
    while (ok && (ok = database_row(db, query, &row, err)) && row) {
        int column = 1;
        const lsn_tally part = metrics_read_part(query, &column);
        if (!store_possible(store, sqlite3_column_int(query, 0), &part))
            ok = damaged(store, "the counts", err);
        else
            lsn_tally_add(&sum->tally, &part);
        ok = ok && add_stored_classes(store, query, column, store->class_right, &sum->right, err) &&
             add_stored_classes(store, query, column + 1, store->class_predicted, &sum->predicted, err) &&
             add_stored_drift(store, query, column + 2, &sum->drift, err);
    }
    sqlite3_reset(query);
    return ok;
}

static void add_last(lsn_store *store, const lsn_part *part, whole_result *sum)
{
    lsn_tally_add(&sum->tally, part->tally);
    sum->right = sum->right && part->class_right != NULL;
    sum->predicted = sum->predicted && part->class_predicted != NULL;
    sum->drift = sum->drift && part->drift != NULL;
    for (int32_t c = 0; sum->right && c < store->facts.classes; c++)
        store->class_right[c] += part->class_right[c];
    for (int32_t c = 0; sum->predicted && c < store->facts.classes; c++)
        store->class_predicted[c] += part->class_predicted[c];
    for (int i = 0; sum->drift && i < store->facts.layers; i++)
        store->drift[i] += part->drift[i];
}

/* No class may have more right images than images. */
static bool check_classes(const lsn_store *store, const whole_result *sum, lsn_error *err)
{
    for (int32_t c = 0; sum->right && c < store->facts.classes; c++)
        if (store->class_right[c] > store->class_images[c] ||
            (sum->predicted && store->class_predicted[c] < store->class_right[c]))
            return damaged(store, "the counts by class", err);
    return true;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* The mean share of right images over the classes that have any. */
static double balanced_accuracy(const lsn_store *store, const whole_result *sum)
{
    if (!sum->right)
        return NAN;
    for (int32_t c = 0; c < store->facts.classes; c++)
        store->counts[c] = (int32_t)store->class_right[c];
    return lsn_macro_accuracy(store->counts, store->class_images, (size_t)store->facts.classes);
}

static bool write_result(lsn_store *store, int64_t id, const whole_result *sum, lsn_error *err)
{
    row_field fields[METRICS_ROOM + 4] = {
        {"evaluation", integer(id)},
        {"status", text("done")},
        {"reason", text(NULL)},
        {"run", store->run == 0 ? text(NULL) : integer(store->run)},
    };
    const int count = 4 + metrics_of_result(sum, fields + 4);
    return row_write(&store->db, &store->statements[STORE_COMPLETE], "UPDATE evaluation", fields, count, err);
}

static bool write_classes(lsn_store *store, int64_t id, const whole_result *sum, lsn_error *err)
{
    bool ok = true;
    for (int32_t c = 0; ok && c < store->facts.classes; c++)
        if (store->class_images[c] > 0)
            ok = DATABASE_STEP(&store->db, store->statements[STORE_ADD_CLASS], err, integer(id), integer(c),
                               integer(store->class_right[c]),
                               sum->predicted ? integer(store->class_predicted[c]) : text(NULL));
    return ok;
}

static bool write_drift(lsn_store *store, int64_t id, const whole_result *sum, lsn_error *err)
{
    bool ok = true;
    for (int i = 0; ok && i < store->facts.layers; i++)
        ok = DATABASE_STEP(&store->db, store->statements[STORE_ADD_DRIFT], err, integer(id), integer(i),
                           real((double)store->drift[i] / LSN_FIXED / (double)sum->tally.images));
    return ok;
}

/* What is stored beyond the blocks that count. */
static bool drop_beyond(lsn_store *store, int64_t id, int32_t end, lsn_error *err)
{
    return end == store->blocks || DATABASE_STEP(&store->db, store->statements[STORE_DROP_IMAGES], err, integer(id),
                                                 integer((int64_t)end * store->block_images));
}

bool store_complete_with(lsn_store *store, int32_t evaluation, int32_t end, const lsn_part *last, lsn_error *err)
{
    const int64_t id = store->ids[evaluation];
    whole_result sum = {.right = true, .predicted = true, .drift = true};
    memset(store->class_right, 0, (size_t)store->facts.classes * sizeof *store->class_right);
    memset(store->class_predicted, 0, (size_t)store->facts.classes * sizeof *store->class_predicted);
    memset(store->drift, 0, (size_t)store->facts.layers * sizeof *store->drift);
    if (store->blocks > 1 || last == NULL)
        if (!add_stored(store, id, end, &sum, err) ||
            !DATABASE_STEP(&store->db, store->statements[STORE_DROP_PARTS], err, integer(id)))
            return false;
    if (last != NULL)
        add_last(store, last, &sum);
    sum.balanced_accuracy = balanced_accuracy(store, &sum);
    if (!check_classes(store, &sum, err) || !write_result(store, id, &sum, err) ||
        (sum.right && !write_classes(store, id, &sum, err)) || (sum.drift && !write_drift(store, id, &sum, err)) ||
        !drop_beyond(store, id, end, err))
        return false;
    if (last == NULL)
        store->missing[evaluation] = 0;
    store->status[evaluation] = STORE_DONE;
    return true;
}
