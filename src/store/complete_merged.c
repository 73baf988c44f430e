/* A store on a database alone: what its results must fit is in its own tables. */
#include "store/merge.h"

#include <math.h>
#include <stdlib.h>

static bool damaged(const lsn_store *store, const char *what, lsn_error *err)
{
    return lsn_fail_at(err, LSN_FAILED, store->db.path, "is damaged: %s", what);
}

/* ---- facts --------------------------------------------------------------------------------------------------- */

static bool in_range(int64_t number, int64_t most)
{
    return number >= 1 && number <= most;
}

static bool read_facts(lsn_store *store, lsn_error *err)
{
    int64_t images, classes, block, layers, evaluations, class_rows, last;
    row_query query;
    lsn_stopping stop = {0};
    bool row = false;
    bool ok =
        ROWS_BEGIN(&query, &store->db, "study", err, {"images", .integer = &images}, {"classes", .integer = &classes},
                   {"block_images", .integer = &block}, {"coalesce(stop_half_width, 0)", .real = &stop.half_width},
                   {"coalesce(stop_confidence, 0)", .real = &stop.confidence},
                   {"(SELECT count(*) FROM layer)", .integer = &layers},
                   {"(SELECT count(*) FROM evaluation)", .integer = &evaluations},
                   {"(SELECT count(*) FROM class)", .integer = &class_rows},
                   {"(SELECT max(evaluation) FROM evaluation)", .integer = &last}) &&
        rows_next(&query, &row, err);
    rows_end(&query);
    if (ok && (!row || !in_range(images, INT32_MAX) || !in_range(classes, INT32_MAX / 64) ||
               !in_range(block, INT32_MAX) || !in_range(layers, INT32_MAX / 64) || !in_range(evaluations, INT32_MAX) ||
               class_rows != classes || last != evaluations - 1))
        ok = damaged(store, "its study's row contradicts the other tables", err);
    if (ok) {
        store->facts = (store_facts){.images = (int32_t)images,
                                     .classes = (int32_t)classes,
                                     .layers = (int32_t)layers,
                                     .evaluations = (int32_t)evaluations,
                                     .stop = stop};
        store->block_images = (int32_t)block;
        store->blocks = (int32_t)((images - 1) / block + 1);
    }
    return ok;
}

static bool read_classes(lsn_store *store, lsn_error *err)
{
    int32_t next = 0;
    int64_t class, images;
    row_query query = {0};
    store->class_images = lsn_array((size_t)store->facts.classes, sizeof *store->class_images, err);
    bool row = true,
         ok = store->class_images != NULL && ROWS_BEGIN(&query, &store->db, "class ORDER BY class", err,
                                                        {"class", .integer = &class}, {"images", .integer = &images});
    while (ok && (ok = rows_next(&query, &row, err)) && row)
        if (next == store->facts.classes || class != next || images < 0 || images > store->facts.images)
            ok = damaged(store, "its classes are not numbered from 0 without gaps", err);
        else
            store->class_images[next++] = (int32_t)images;
    rows_end(&query);
    return ok;
}

/* ---- what has enough parts ----------------------------------------------------------------------------------- */

typedef struct stored_part {
    int64_t evaluation, block, images, lost, gained;
} stored_part;

/* How many blocks an evaluation's parts complete it with: 0 where more are needed. *part: its first one, by block, if
 * *row; moved to the next evaluation's. */
static bool blocks_enough(lsn_store *store, row_query *query, stored_part *part, bool *row, int32_t *enough,
                          lsn_error *err)
{
    const int64_t evaluation = part->evaluation;
    const bool races = store->facts.stop.half_width > 0 && evaluation != 0;
    int32_t next = 0;
    lsn_race race = {0};
    bool ok = true;
    *enough = 0;
    while (ok && *row && part->evaluation == evaluation) {
        if (*enough == 0 && next < store->blocks && part->block == next) {
            if (part->images != store_block_size(store, next) || part->lost < 0 || part->gained < 0 ||
                part->lost + part->gained > part->images)
                return damaged(store, "the counts of a part are impossible", err);
            lsn_race_add(&race, part->images, part->lost, part->gained);
            next++;
            if (next == store->blocks ||
                (races && lsn_race_half_width(&race, store->facts.stop.confidence) <= store->facts.stop.half_width))
                *enough = next;
        }
        ok = rows_next(query, row, err);
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
    row_query query;
    stored_part part;
    bool row = false,
         ok = PARTS_BEGIN(&query, &store->db, err, part.evaluation, part.block, part.images, part.lost, part.gained) &&
              rows_next(&query, &row, err);
    while (ok && row) {
        const int64_t evaluation = part.evaluation;
        int32_t blocks = 0;
        if (evaluation < 0 || evaluation >= store->facts.evaluations) {
            ok = damaged(store, "a part belongs to no evaluation", err);
            break;
        }
        void *items = *list;
        ok = blocks_enough(store, &query, &part, &row, &blocks, err) &&
             lsn_grow(&items, *count, &room, sizeof **list, err);
        *list = items;
        if (ok && blocks > 0)
            (*list)[(*count)++] = (whole_one){(int32_t)evaluation, blocks};
    }
    rows_end(&query);
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

lsn_store *merge_complete_open(const char *path, lsn_error *err)
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
