#include "store/store_internal.h"

#include <assert.h>
#include <string.h>

/* ---- what is there ------------------------------------------------------------------------------------------- */

static size_t bit_of(const lsn_store *store, int32_t evaluation, int32_t block)
{
    return (size_t)evaluation * (size_t)store->blocks + (size_t)block;
}

bool lsn_store_has(const lsn_store *store, int32_t evaluation, int32_t block)
{
    assert(evaluation >= 0 && evaluation < store->plan->n_evaluations && block >= 0 && block < store->blocks);
    size_t bit = bit_of(store, evaluation, block);
    return store->missing[evaluation] == 0 || (store->parts[bit / 64] >> bit % 64 & 1) != 0;
}

bool lsn_store_complete(const lsn_store *store, int32_t evaluation)
{
    assert(evaluation >= 0 && evaluation < store->plan->n_evaluations);
    return store->missing[evaluation] == 0;
}

bool lsn_store_failed(const lsn_store *store, int32_t evaluation)
{
    assert(evaluation >= 0 && evaluation < store->plan->n_evaluations);
    return store->status[evaluation] == STORE_FAILED;
}

int32_t lsn_store_block_images(const lsn_store *store)
{
    return store->block_images;
}

int32_t lsn_store_blocks(const lsn_store *store)
{
    return store->blocks;
}

void store_mark(lsn_store *store, int32_t evaluation, int32_t block)
{
    size_t bit = bit_of(store, evaluation, block);
    store->parts[bit / 64] |= UINT64_C(1) << bit % 64;
    store->missing[evaluation]--;
}

/* Images of a block: the last one may have fewer. */
static int32_t block_size(const lsn_store *store, int32_t block)
{
    int64_t left = store->plan->images.count - (int64_t)block * store->block_images;
    return left < store->block_images ? (int32_t)left : store->block_images;
}

/* ---- completing ---------------------------------------------------------------------------------------------- */

/* Adds the stored parts of an evaluation to *sum and, as long as all have classes, to store->class_right. */
static bool sum_parts(lsn_store *store, int64_t id, lsn_tally *sum, bool *classes, lsn_error *err)
{
    sqlite3_stmt *query = store->statements[STORE_PARTS];
    bool row = true, ok = sqlite3_bind_int64(query, 1, id) == SQLITE_OK || database_fail(&store->db, err);
    while (ok && (ok = database_row(&store->db, query, &row, err)) && row) {
        lsn_tally part = {
            .images = sqlite3_column_int64(query, 0),
            .top1 = sqlite3_column_int64(query, 1),
            .top5 = sqlite3_column_int64(query, 2),
            .lost = sqlite3_column_int64(query, 3),
            .gained = sqlite3_column_int64(query, 4),
            .loss = sqlite3_column_int64(query, 5),
            .kl = sqlite3_column_int64(query, 6),
            .seconds = sqlite3_column_double(query, 7),
        };
        lsn_tally_add(sum, &part);
        const void *packed = sqlite3_column_blob(query, 8);
        if (sqlite3_column_type(query, 8) == SQLITE_NULL)
            *classes = false;
        else if (!class_counts_add(packed, sqlite3_column_bytes(query, 8), store->class_right,
                                   store->plan->model->classes))
            ok = lsn_fail(err, LSN_FAILED, "%s: is damaged: the classes of a part cannot be read", store->db.path);
    }
    sqlite3_reset(query);
    return ok;
}

static bool write_result(lsn_store *store, int64_t id, const lsn_tally *sum, lsn_error *err)
{
    lsn_interval top1 = lsn_wilson(sum->top1, sum->images);
    return DATABASE_STEP(&store->db, store->statements[STORE_COMPLETE], err, integer(id), integer(sum->images),
                         integer(sum->top1), integer(sum->top5), integer(sum->lost), integer(sum->gained),
                         integer(sum->loss), integer(sum->kl), real(lsn_mcnemar_mid(sum->lost, sum->gained)),
                         real(top1.low), real(top1.high), real(sum->seconds),
                         store->run == 0 ? text(NULL) : integer(store->run));
}

static bool write_classes(lsn_store *store, int64_t id, lsn_error *err)
{
    bool ok = true;
    for (int32_t c = 0; ok && c < store->plan->model->classes; c++)
        if (store->class_images[c] > 0)
            ok = DATABASE_STEP(&store->db, store->statements[STORE_ADD_CLASS], err, integer(id), integer(c),
                               integer(store->class_right[c]));
    return ok;
}

/* The last part has come: it is never stored itself. */
static bool complete(lsn_store *store, int32_t evaluation, const lsn_tally *last, const int32_t *class_right,
                     lsn_error *err)
{
    const int32_t n_classes = store->plan->model->classes;
    const int64_t id = store->ids[evaluation];
    lsn_tally sum = {0};
    bool classes = class_right != NULL;
    memset(store->class_right, 0, (size_t)n_classes * sizeof *store->class_right);
    if (store->blocks > 1 && (!sum_parts(store, id, &sum, &classes, err) ||
                              !DATABASE_STEP(&store->db, store->statements[STORE_DROP_PARTS], err, integer(id))))
        return false;
    lsn_tally_add(&sum, last);
    for (int32_t c = 0; classes && c < n_classes; c++)
        store->class_right[c] += class_right[c];
    return write_result(store, id, &sum, err) && (!classes || write_classes(store, id, err));
}

/* ---- adding -------------------------------------------------------------------------------------------------- */

/* What a worker sent must at least be possible. */
static bool check(const lsn_store *store, int32_t block, const lsn_tally *t, const int32_t *class_right, lsn_error *err)
{
    int64_t n = t->images, right = 0;
    bool ok = n == block_size(store, block) && t->top1 >= 0 && t->top1 <= t->top5 && t->top5 <= n && t->lost >= 0 &&
              t->lost <= n - t->top1 && t->gained >= 0 && t->gained <= t->top1 && t->seconds >= 0;
    for (int32_t c = 0; ok && class_right != NULL && c < store->plan->model->classes; c++) {
        ok = class_right[c] >= 0 && class_right[c] <= store->class_images[c];
        right += class_right[c];
    }
    if (!ok || (class_right != NULL && right != t->top1))
        return lsn_fail(
            err, LSN_FAILED,
            "%s: a result that cannot be was not stored: block %d of %d images, but images %lld, top1 %lld, "
            "top5 %lld, lost %lld, gained %lld, right by class %lld; please report this",
            store->db.path, (int)block, (int)block_size(store, block), (long long)n, (long long)t->top1,
            (long long)t->top5, (long long)t->lost, (long long)t->gained, (long long)right);
    return true;
}

static bool write_part(lsn_store *store, int64_t id, int32_t block, const lsn_tally *t, const int32_t *class_right,
                       lsn_error *err)
{
    int bytes = class_right == NULL ? 0 : class_counts_pack(class_right, store->plan->model->classes, store->packed);
    return DATABASE_STEP(&store->db, store->statements[STORE_ADD_PART], err, integer(id), integer(block),
                         integer(t->images), integer(t->top1), integer(t->top5), integer(t->lost), integer(t->gained),
                         integer(t->loss), integer(t->kl), real(t->seconds),
                         blob(class_right == NULL ? NULL : store->packed, bytes));
}

bool lsn_store_add(lsn_store *store, int32_t evaluation, int32_t block, const lsn_part *part, lsn_error *err)
{
    const lsn_tally *tally = part->tally;
    const int32_t *class_right = part->class_right;
    if (lsn_store_has(store, evaluation, block))
        return true;
    assert(class_right != NULL || !store->plan->metrics.per_class);
    if (!store->plan->metrics.per_class)
        class_right = NULL;
    if (!check(store, block, tally, class_right, err) || !store_may_add(store, err))
        return false;
    lsn_error why;
    bool last = store->missing[evaluation] == 1;
    if (!(last ? complete(store, evaluation, tally, class_right, &why)
               : write_part(store, store->ids[evaluation], block, tally, class_right, &why)))
        return store_give_up(store, &why, err);
    store_mark(store, evaluation, block);
    if (last)
        store->status[evaluation] = STORE_DONE;
    return true;
}

bool lsn_store_fail(lsn_store *store, int32_t evaluation, const char *reason, lsn_error *err)
{
    if (lsn_store_complete(store, evaluation))
        return true;
    if (!store_may_add(store, err))
        return false;
    lsn_error why;
    if (!DATABASE_STEP(&store->db, store->statements[STORE_FAIL], &why, integer(store->ids[evaluation]), text(reason)))
        return store_give_up(store, &why, err);
    store->status[evaluation] = STORE_FAILED;
    return true;
}

bool lsn_store_running(lsn_store *store, const int32_t *evaluations, int32_t count, lsn_error *err)
{
    for (int32_t i = 0; i < count; i++) {
        int32_t e = evaluations[i];
        assert(e >= 0 && e < store->plan->n_evaluations);
        if (store->status[e] == STORE_DONE || store->status[e] == STORE_RUNNING_NOW)
            continue;
        if (!store_may_add(store, err))
            return false;
        lsn_error why;
        if (!DATABASE_STEP(&store->db, store->statements[STORE_RUNNING], &why, integer(store->ids[e])))
            return store_give_up(store, &why, err);
        store->status[e] = STORE_RUNNING_NOW;
    }
    return true;
}
