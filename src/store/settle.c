/* A store on a database alone: what its results must fit is in its own tables. */
#include "store/merge.h"

#include <math.h>
#include <stdlib.h>

static bool damaged(const lsn_store *store, const char *what, lsn_error *err)
{
    return lsn_fail(err, LSN_FAILED, "%s: is damaged: %s", store->db.path, what);
}

/* ---- facts --------------------------------------------------------------------------------------------------- */

static bool read_facts(lsn_store *store, lsn_error *err)
{
    static const char sql[] =
        "SELECT images, classes, block_images, coalesce(stop_half_width, 0), coalesce(stop_confidence, 0), (SELECT "
        "count(*) FROM layer), (SELECT count(*) FROM evaluation), (SELECT count(*) FROM class), (SELECT "
        "max(evaluation) "
        "FROM evaluation) FROM study";
    sqlite3_stmt *query = database_prepare(&store->db, sql, err);
    bool row = false, ok = query != NULL && database_row(&store->db, query, &row, err);
    int64_t numbers[9] = {0};
    for (int c = 0; ok && row && c < 9; c++)
        numbers[c] = sqlite3_column_int64(query, c);
    if (ok && (!row || numbers[0] < 1 || numbers[0] > INT32_MAX || numbers[1] < 1 || numbers[1] > INT32_MAX / 64 ||
               numbers[2] < 1 || numbers[2] > INT32_MAX || numbers[5] < 1 || numbers[5] > LSN_MAX_LAYERS ||
               numbers[6] < 1 || numbers[6] > INT32_MAX || numbers[7] != numbers[1] || numbers[8] != numbers[6] - 1))
        ok = damaged(store, "its study's row contradicts the other tables", err);
    if (ok) {
        store->facts = (store_facts){.images = (int32_t)numbers[0],
                                     .classes = (int32_t)numbers[1],
                                     .layers = (int32_t)numbers[5],
                                     .evaluations = (int32_t)numbers[6]};
        store->facts.stop.half_width = sqlite3_column_double(query, 3);
        store->facts.stop.confidence = sqlite3_column_double(query, 4);
        store->block_images = (int32_t)numbers[2];
        store->blocks = (store->facts.images - 1) / store->block_images + 1;
    }
    sqlite3_finalize(query);
    return ok;
}

static bool read_classes(lsn_store *store, lsn_error *err)
{
    int32_t next = 0;
    store->class_images = lsn_array((size_t)store->facts.classes, sizeof *store->class_images, err);
    sqlite3_stmt *query = database_prepare(&store->db, "SELECT class, images FROM class ORDER BY class", err);
    bool row = true, ok = store->class_images != NULL && query != NULL;
    while (ok && (ok = database_row(&store->db, query, &row, err)) && row) {
        const int64_t images = sqlite3_column_int64(query, 1);
        if (next == store->facts.classes || sqlite3_column_int64(query, 0) != next || images < 0 ||
            images > store->facts.images)
            ok = damaged(store, "its classes are not numbered as Lesion does", err);
        else
            store->class_images[next++] = (int32_t)images;
    }
    sqlite3_finalize(query);
    return ok;
}

/* ---- what has enough parts ----------------------------------------------------------------------------------- */

/* How many blocks an evaluation's parts complete it with: 0 where more are needed. `row`: its first part, by block;
 * moved to the next evaluation's. */
static bool blocks_enough(lsn_store *store, sqlite3_stmt *query, bool *row, int32_t *enough, lsn_error *err)
{
    const int64_t evaluation = sqlite3_column_int64(query, 0);
    const bool races = store->facts.stop.half_width > 0 && evaluation != 0;
    int32_t next = 0;
    lsn_race race = {0};
    bool ok = true;
    *enough = 0;
    while (ok && *row && sqlite3_column_int64(query, 0) == evaluation) {
        const int64_t images = sqlite3_column_int64(query, 2), lost = sqlite3_column_int64(query, 3),
                      gained = sqlite3_column_int64(query, 4);
        if (*enough == 0 && next < store->blocks && sqlite3_column_int64(query, 1) == next) {
            if (images != store_block_size(store, next) || lost < 0 || gained < 0 || lost + gained > images)
                return damaged(store, "the counts of a part cannot be", err);
            lsn_race_add(&race, images, lost, gained);
            next++;
            if (next == store->blocks ||
                (races && lsn_race_half_width(&race, store->facts.stop.confidence) <= store->facts.stop.half_width))
                *enough = next;
        }
        ok = database_row(&store->db, query, row, err);
    }
    return ok;
}

typedef struct whole_one {
    int32_t evaluation, blocks;
} whole_one;

/* First a list: the parts are dropped as they become results. */
static bool list_whole(lsn_store *store, whole_one **list, size_t *count, lsn_error *err)
{
    size_t room = 0;
    sqlite3_stmt *query = database_prepare(
        &store->db, "SELECT evaluation, block, images, lost, gained FROM part ORDER BY evaluation, block", err);
    bool row = false, ok = query != NULL && database_row(&store->db, query, &row, err);
    while (ok && row) {
        const int64_t evaluation = sqlite3_column_int64(query, 0);
        int32_t blocks = 0;
        if (evaluation < 0 || evaluation >= store->facts.evaluations) {
            ok = damaged(store, "a part belongs to no evaluation", err);
            break;
        }
        void *items = *list;
        ok = blocks_enough(store, query, &row, &blocks, err) && lsn_grow(&items, *count, &room, sizeof **list, err);
        *list = items;
        if (ok && blocks > 0)
            (*list)[(*count)++] = (whole_one){(int32_t)evaluation, blocks};
    }
    sqlite3_finalize(query);
    return ok;
}

static bool complete_all(lsn_store *store, lsn_error *err)
{
    whole_one *list = NULL;
    size_t count = 0;
    bool ok = list_whole(store, &list, &count, err) && store_begin(store, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = store_complete_with(store, list[i].evaluation, list[i].blocks, NULL, err);
    free(list);
    return ok && lsn_store_commit(store, err);
}

lsn_store *settle_open(const char *path, lsn_error *err)
{
    lsn_store *store = lsn_array(1, sizeof *store, err);
    if (store == NULL)
        return NULL;
    store->lock.file = -1;
    bool ok = database_open(&store->db, path, SQLITE_OPEN_READWRITE, err) &&
              database_run(&store->db,
                           "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -131072", err) &&
              read_facts(store, err) && read_classes(store, err) && store_allocate(store, err) &&
              store_prepare(store, err);
    for (int32_t e = 0; ok && e < store->facts.evaluations; e++)
        store->ids[e] = e;
    if (ok && complete_all(store, err))
        return store;
    lsn_store_close(store);
    return NULL;
}
