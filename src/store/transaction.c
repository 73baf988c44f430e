/* Transactions, and what becomes of a store that could not write, or was taken over. */
#include "store/store_internal.h"

#include <string.h>

bool store_begin(lsn_store *store, lsn_error *err)
{
    if (!store->in_transaction)
        store->in_transaction = database_run(&store->db, "BEGIN IMMEDIATE", err);
    return store->in_transaction;
}

bool store_may_add(lsn_store *store, lsn_error *err)
{
    if (store->failure.code != LSN_OK)
        return lsn_fail_as(err, &store->failure);
    return store_begin(store, err);
}

bool store_give_up(lsn_store *store, const lsn_error *why, lsn_error *err)
{
    store->failure = *why;
    if (sqlite3_get_autocommit(store->db.handle) == 0)
        sqlite3_exec(store->db.handle, "ROLLBACK", NULL, NULL, NULL);
    store->in_transaction = false;
    if (err != NULL)
        *err = *why;
    return false;
}

/* How much the run has stored is part of what it stores. */
static bool count(lsn_store *store, lsn_error *err)
{
    if (store->run == 0 || store->evaluated == store->evaluated_noted)
        return true;
    store->evaluated_noted = store->evaluated;
    return DATABASE_STEP(&store->db, store->statements[STORE_COUNT], err, integer(store->run),
                         integer(store->evaluated));
}

/* Whether this store may write still: asked inside the transaction, which keeps others out where SQLite's locks reach;
 * where they do not, the file of the lock tells. */
static bool check_writer(lsn_store *store, lsn_error *err)
{
    sqlite3_stmt *query = store->statements[STORE_WRITER];
    bool row = false;
    if (!store->lock.held) /* a file of our own, that nobody knows of yet */
        return true;
    if (!lock_check(&store->lock, store->db.path, err))
        return false;
    if (query == NULL) /* it is being opened */
        return true;
    bool ok = database_row(&store->db, query, &row, err);
    if (ok && (!row || strcmp(database_words(query, 0), store->lock.mine.token) != 0))
        ok = lsn_fail_at(err, LSN_FAILED, store->db.path,
                         "was taken over by process %lld on host %s while this run was not heard of; it stops and "
                         "writes nothing more. What it had stored before is kept",
                         row ? (long long)sqlite3_column_int64(query, 2) : 0LL, row ? database_words(query, 1) : "?");
    sqlite3_reset(query);
    return ok;
}

bool lsn_store_commit(lsn_store *store, lsn_error *err)
{
    if (!store->in_transaction)
        return store->failure.code == LSN_OK || lsn_fail_as(err, &store->failure);
    lsn_error why;
    if (!check_writer(store, &why) || !progress_count(store, &why) || !count(store, &why))
        return store_give_up(store, &why, err);
    if (database_run(&store->db, "COMMIT", &why)) {
        store->in_transaction = false;
        return true;
    }
    if (!database_busy(&store->db) || sqlite3_get_autocommit(store->db.handle) != 0)
        return store_give_up(store, &why, err);
    if (err != NULL) /* a reader is in the way: it may be tried again */
        *err = why;
    return false;
}
