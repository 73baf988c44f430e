/* Bootstrap intervals, from the results that are kept for every image. What has an interval keeps it: an evaluation
 * that is done never changes. Arms are given to the bootstrap in batches, for that is cheaper, of evaluations that have
 * seen equally many images. */
#include "store/store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ARMS = 128, BATCH_BYTES = 64 << 20 };

/* Damage, image by image. */
typedef struct damage {
    double *loss; /* [n] */
    double *top1; /* [n] 1: right in the baseline and wrong here; -1: the other way round */
} damage;

typedef struct batch {
    lsn_store *store;
    lsn_bootstrap how;
    sqlite3_stmt *images;           /* of an evaluation, in order */
    sqlite3_stmt *write;            /* an interval (or two) */
    int32_t *labels;                /* [all images] */
    double *base_loss, *base_right; /* [all images] */
    damage both, one, other;        /* [all images] */
    double *values;                 /* [room][all images] */
    const double *rows[MOST_ARMS];  /* into values */
    lsn_interval intervals[MOST_ARMS];
    int64_t ids[MOST_ARMS]; /* of the evaluation, or of the pair's job at its first arm */
    int32_t room, arms;
    int64_t n;  /* images of each arm */
    bool pairs; /* two arms belong together */
} batch;

/* ---- images of an evaluation --------------------------------------------------------------------------------- */

/* The loss of the first n images, and whether they are right; *whole: they are all there. */
static bool read_images(batch *b, int64_t evaluation, int64_t n, double *loss, double *right, bool *whole,
                        lsn_error *err)
{
    const database *db = &b->store->db;
    int64_t next = 0;
    bool row = true, ok = sqlite3_bind_int64(b->images, 1, evaluation) == SQLITE_OK || database_fail(db, err);
    while (ok && next < n && (ok = database_row(db, b->images, &row, err)) && row &&
           sqlite3_column_int64(b->images, 0) == next) {
        /* As in the sums: what is not a number counts as the limit. */
        const bool number = sqlite3_column_type(b->images, 2) != SQLITE_NULL;
        loss[next] = (double)lsn_fixed(number ? sqlite3_column_double(b->images, 2) : (double)NAN) / LSN_FIXED;
        right[next] = sqlite3_column_int64(b->images, 1) == b->labels[next];
        next++;
    }
    sqlite3_reset(b->images);
    *whole = next == n;
    return ok;
}

/* The images' classes; *whole: all are there. */
static bool read_labels(batch *b, bool *whole, lsn_error *err)
{
    const database *db = &b->store->db;
    int32_t next = 0;
    sqlite3_stmt *query = database_prepare(db, "SELECT image, class FROM image ORDER BY image", err);
    bool row = true, ok = query != NULL;
    while (ok && next < b->store->facts.images && (ok = database_row(db, query, &row, err)) && row &&
           sqlite3_column_int64(query, 0) == next)
        b->labels[next++] = sqlite3_column_int(query, 1);
    sqlite3_finalize(query);
    *whole = next == b->store->facts.images;
    return ok;
}

static bool read_damage(batch *b, int64_t evaluation, int64_t n, const damage *out, bool *whole, lsn_error *err)
{
    if (!read_images(b, evaluation, n, out->loss, out->top1, whole, err))
        return false;
    for (int64_t i = 0; *whole && i < n; i++) {
        out->loss[i] -= b->base_loss[i];
        out->top1[i] = b->base_right[i] - out->top1[i];
    }
    return true;
}

/* ---- batches ------------------------------------------------------------------------------------------------- */

static bool flush(batch *b, lsn_error *err)
{
    const database *db = &b->store->db;
    bool ok = b->arms == 0 || lsn_bootstrap_means(&b->how, b->rows, (size_t)b->arms, (size_t)b->n, b->intervals, err);
    for (int32_t a = 0; ok && a < b->arms; a += b->pairs ? 2 : 1) {
        const lsn_interval *first = &b->intervals[a];
        ok = b->pairs ? DATABASE_STEP(db, b->write, err, integer(b->ids[a]), integer(b->n), real(first[0].low),
                                      real(first[0].high), real(first[1].low), real(first[1].high))
                      : DATABASE_STEP(db, b->write, err, integer(b->ids[a]), real(first->low), real(first->high));
    }
    b->arms = 0;
    return ok;
}

/* Room for `arms` more arms of n images. */
static bool make_room(batch *b, int64_t n, int arms, lsn_error *err)
{
    if ((n != b->n || b->arms + arms > b->room) && !flush(b, err))
        return false;
    b->n = n;
    return true;
}

static double *next_row(batch *b, int64_t id)
{
    double *row = b->values + (size_t)b->arms * (size_t)b->store->facts.images;
    b->rows[b->arms] = row;
    b->ids[b->arms++] = id;
    return row;
}

/* ---- what gets intervals ------------------------------------------------------------------------------------- */

/* The rows of a query that are to be worked on: whole numbers. */
typedef struct worklist {
    int64_t (*items)[5];
    size_t count, room;
} worklist;

static bool list_work(const database *db, const char *sql, int columns, worklist *list, lsn_error *err)
{
    sqlite3_stmt *query = database_prepare(db, sql, err);
    bool row = true, ok = query != NULL;
    while (ok && (ok = database_row(db, query, &row, err)) && row) {
        void *items = list->items;
        ok = lsn_grow(&items, list->count, &list->room, sizeof *list->items, err);
        list->items = items;
        for (int c = 0; ok && c < columns; c++)
            list->items[list->count][c] = sqlite3_column_int64(query, c);
        list->count += ok;
    }
    sqlite3_finalize(query);
    return ok;
}

static bool prepare_work(batch *b, const char *list_sql, int columns, const char *write_sql, worklist *list,
                         lsn_error *err)
{
    b->arms = 0;
    b->n = 0;
    b->write = database_prepare(&b->store->db, write_sql, err);
    return b->write != NULL && list_work(&b->store->db, list_sql, columns, list, err);
}

static bool finish_work(batch *b, worklist *list, bool ok, lsn_error *err)
{
    ok = ok && flush(b, err);
    sqlite3_finalize(b->write);
    b->write = NULL;
    free(list->items);
    return ok;
}

static bool possible_count(const batch *b, int64_t n)
{
    return n > 0 && n <= b->store->facts.images;
}

/* The change of loss of each evaluation. */
static bool write_losses(batch *b, lsn_error *err)
{
    worklist list = {0};
    bool ok =
        prepare_work(b,
                     "SELECT evaluation, images FROM evaluation e WHERE status = 'done' AND evaluation <> 0 AND "
                     "d_loss_low IS NULL AND EXISTS (SELECT 1 FROM image_result r WHERE r.evaluation = "
                     "e.evaluation) ORDER BY images, evaluation",
                     2, "UPDATE evaluation SET d_loss_low = ?2, d_loss_high = ?3 WHERE evaluation = ?1", &list, err);
    b->pairs = false;
    for (size_t i = 0; ok && i < list.count; i++) {
        const int64_t evaluation = list.items[i][0], n = list.items[i][1];
        bool whole = false;
        ok = !possible_count(b, n) || read_damage(b, evaluation, n, &b->both, &whole, err);
        ok = ok && (!whole || make_room(b, n, 1, err));
        if (ok && whole)
            memcpy(next_row(b, evaluation), b->both.loss, (size_t)n * sizeof(double));
    }
    return finish_work(b, &list, ok, err);
}

/* A pair's interaction: two arms, top-1 and loss. */
static bool add_pair(batch *b, const int64_t pair[5], lsn_error *err)
{
    const int64_t n = pair[1];
    bool both = false, one = false, other = false;
    if (!possible_count(b, n))
        return true;
    if (!read_damage(b, pair[2], n, &b->both, &both, err) || !read_damage(b, pair[3], n, &b->one, &one, err) ||
        !read_damage(b, pair[4], n, &b->other, &other, err))
        return false;
    if (!both || !one || !other)
        return true;
    if (!make_room(b, n, 2, err))
        return false;
    lsn_interaction(b->both.top1, b->one.top1, b->other.top1, (size_t)n, next_row(b, pair[0]));
    lsn_interaction(b->both.loss, b->one.loss, b->other.loss, (size_t)n, next_row(b, pair[0]));
    return true;
}

static bool write_pairs(batch *b, lsn_error *err)
{
    worklist list = {0};
    bool ok = prepare_work(
        b,
        "SELECT j.job, min(e.images, a.images, s.images) AS n, e.evaluation, a.evaluation, s.evaluation FROM job j "
        "JOIN evaluation e ON e.evaluation = j.evaluation JOIN evaluation a ON a.evaluation = j.single_a "
        "JOIN evaluation s ON s.evaluation = j.single_b WHERE e.status = 'done' AND a.status = 'done' AND s.status = "
        "'done' AND NOT EXISTS (SELECT 1 FROM pair_interval i WHERE i.job = j.job) AND EXISTS (SELECT 1 FROM "
        "image_result r WHERE r.evaluation = j.evaluation) ORDER BY n, j.job",
        5,
        "INSERT INTO pair_interval (job, images, top1_low, top1_high, loss_low, loss_high) VALUES (?, ?, ?, ?, ?, ?)",
        &list, err);
    b->pairs = true;
    for (size_t i = 0; ok && i < list.count; i++)
        ok = add_pair(b, list.items[i], err);
    return finish_work(b, &list, ok, err);
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static bool read_draws(batch *b, lsn_error *err)
{
    int64_t seed, draws;
    const database *db = &b->store->db;
    if (!database_integer(db, "SELECT bootstrap_seed FROM study", &seed, err) ||
        !database_integer(db, "SELECT bootstrap_draws FROM study", &draws, err))
        return false;
    if (draws < 1 || draws > INT32_MAX)
        return lsn_fail_at(err, LSN_FAILED, db->path, "is damaged: its study asks for %lld bootstrap draws",
                           (long long)draws);
    b->how = (lsn_bootstrap){.seed = (uint64_t)seed, .draws = (int32_t)draws};
    return true;
}

static bool allocate(batch *b, lsn_error *err)
{
    const size_t n = (size_t)b->store->facts.images, arms = BATCH_BYTES / sizeof(double) / n;
    b->room = arms > MOST_ARMS ? MOST_ARMS : arms < 2 ? 2 : (int32_t)arms;
    double **const arrays[] = {&b->base_loss, &b->base_right, &b->both.loss,  &b->both.top1,
                               &b->one.loss,  &b->one.top1,   &b->other.loss, &b->other.top1};
    bool ok = (b->labels = lsn_array(n, sizeof *b->labels, err)) != NULL;
    for (size_t i = 0; ok && i < sizeof arrays / sizeof *arrays; i++)
        ok = (*arrays[i] = lsn_array(n, sizeof(double), err)) != NULL;
    return ok && (b->values = lsn_array((size_t)b->room, n * sizeof(double), err)) != NULL;
}

static void finish(batch *b)
{
    sqlite3_finalize(b->images);
    free(b->labels);
    free(b->base_loss);
    free(b->base_right);
    free(b->both.loss);
    free(b->both.top1);
    free(b->one.loss);
    free(b->one.top1);
    free(b->other.loss);
    free(b->other.top1);
    free(b->values);
}

bool intervals_write(lsn_store *store, lsn_error *err)
{
    int64_t any;
    if (!database_integer(&store->db, "SELECT EXISTS (SELECT 1 FROM image_result WHERE evaluation = 0)", &any, err))
        return false;
    if (any == 0)
        return true;
    batch b = {.store = store};
    bool whole = false, known = false;
    b.images = database_prepare(
        &store->db, "SELECT image, prediction, loss FROM image_result WHERE evaluation = ? ORDER BY image", err);
    bool ok = b.images != NULL && read_draws(&b, err) && allocate(&b, err) && read_labels(&b, &known, err) &&
              read_images(&b, 0, store->facts.images, b.base_loss, b.base_right, &whole, err);
    if (ok && whole && known)
        ok = write_losses(&b, err) && write_pairs(&b, err);
    finish(&b);
    return ok;
}
