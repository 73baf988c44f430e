#include "store/store_internal.h"

bool store_begin(lsn_store *store, lsn_error *err)
{
    if (!store->in_transaction)
        store->in_transaction = database_run(&store->db, "BEGIN IMMEDIATE", err);
    return store->in_transaction;
}

bool store_may_add(lsn_store *store, lsn_error *err)
{
    if (store->failure.code != LSN_OK)
        return lsn_fail(err, store->failure.code, "%s", store->failure.text);
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

bool lsn_store_commit(lsn_store *store, lsn_error *err)
{
    if (!store->in_transaction)
        return store->failure.code == LSN_OK || lsn_fail(err, store->failure.code, "%s", store->failure.text);
    lsn_error why;
    if (!progress_count(store, &why) || !count(store, &why))
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
