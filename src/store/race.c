/* Evaluations that end early. Only blocks 0 .. k without a gap count, the first k at which the change of top-1 is known
 * well enough: the result then does not depend on the order in which parts came, nor on how many had been begun. */
#include "store/store_internal.h"

bool store_races(const lsn_store *store, int32_t evaluation)
{
    return store->prefixes != NULL && evaluation != 0;
}

bool race_count(lsn_store *store, int32_t evaluation, int32_t block, int64_t images, int64_t lost, int64_t gained,
                lsn_error *err)
{
    if (images != store_block_size(store, block) || lost < 0 || lost > images || gained < 0 || gained > images - lost)
        return lsn_fail_at(
            err, LSN_FAILED, store->db.path,
            "is damaged: the counts of a part are impossible; go back to a copy, or start over with --fresh");
    race_prefix *prefix = &store->prefixes[evaluation];
    lsn_race_add(&prefix->race, images, lost, gained);
    prefix->blocks++;
    return true;
}

/* The stored part that follows the prefix. */
static bool count_stored(lsn_store *store, int32_t evaluation, int32_t block, lsn_error *err)
{
    const database *db = &store->db;
    sqlite3_stmt *query = store->statements[STORE_PART];
    bool row = false, ok = (sqlite3_bind_int64(query, 1, store->ids[evaluation]) == SQLITE_OK &&
                            sqlite3_bind_int64(query, 2, block) == SQLITE_OK) ||
                           database_fail(db, err);
    ok = ok && database_row(db, query, &row, err);
    if (ok && !row)
        ok = lsn_fail_at(err, LSN_FAILED, db->path, "is damaged: a part is gone that was there");
    ok = ok && race_count(store, evaluation, block, sqlite3_column_int64(query, 0), sqlite3_column_int64(query, 1),
                          sqlite3_column_int64(query, 2), err);
    sqlite3_reset(query);
    return ok;
}

bool race_advance(lsn_store *store, int32_t evaluation, int32_t block, const lsn_tally *tally, int32_t *end,
                  lsn_error *err)
{
    const lsn_stopping *stop = &store->facts.stop;
    race_prefix *prefix = &store->prefixes[evaluation];
    *end = 0;
    if (block != prefix->blocks)
        return true;
    bool ok = race_count(store, evaluation, block, tally->images, tally->lost, tally->gained, err);
    while (ok && *end == 0) {
        if (prefix->blocks == store->blocks || lsn_race_half_width(&prefix->race, stop->confidence) <= stop->half_width)
            *end = prefix->blocks;
        else if (!store_has_part(store, evaluation, prefix->blocks))
            break;
        else
            ok = count_stored(store, evaluation, prefix->blocks, err);
    }
    return ok;
}
