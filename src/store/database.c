/* A connection: opening it, statements, what went wrong in words, what kind of file it is. */
#include "store/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OLDEST_SQLITE = 3037000, BUSY_MS = 30000 };

const char *lsn_store_library(void)
{
    return sqlite3_libversion();
}

bool database_open(database *db, const char *path, int flags, lsn_error *err)
{
    *db = (database){0};
    if (sqlite3_libversion_number() < OLDEST_SQLITE)
        return lsn_fail(err, LSN_FAILED, "SQLite %s is too old: 3.37 or later is needed (strict tables)",
                        sqlite3_libversion());
    db->path = lsn_compose(err, "%s%s", strchr(path, '/') == NULL ? "./" : "", path);
    if (db->path == NULL)
        return false;
    bool ok = sqlite3_open_v2(db->path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK;
    if (ok) {
        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_busy_timeout(db->handle, BUSY_MS);
        /* The file may be anybody's: its views may call nothing that has effects. */
        ok = sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) == SQLITE_OK;
    }
    if (!ok) {
        database_fail(db, err);
        database_close(db);
    }
    return ok;
}

void database_close(database *db)
{
    sqlite3_close(db->handle);
    free(db->path);
    *db = (database){0};
}

/* ---- what went wrong ----------------------------------------------------------------------------------------- */

/* What the operating system said last to SQLite, 0 where that is not known: of the file, or else of its journal, for a
 * commit writes there. */
static int system_reason(const database *db)
{
    int reason = sqlite3_system_errno(db->handle);
    sqlite3_file *journal = NULL;
    if (reason == 0)
        sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_LAST_ERRNO, &reason);
    if (reason == 0)
        sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal);
    if (journal != NULL && journal->pMethods != NULL)
        journal->pMethods->xFileControl(journal, SQLITE_FCNTL_LAST_ERRNO, &reason);
    return reason;
}

static bool fail_on_disk(const database *db, int system, lsn_error *err)
{
    const char *remedy =
        db->reading ? "the query needs room for temporary files: free some, or name a folder with SQLITE_TMPDIR"
                    : "what was committed before is safe: free some space and run again to continue, or give "
                      "another file with --db";
    if (system == ENOSPC)
        return lsn_fail_at(err, LSN_FAILED, db->path, "the disk is full; %s", remedy);
    if (system == EDQUOT)
        return lsn_fail_at(err, LSN_FAILED, db->path, "your quota of the disk is used up; %s", remedy);
    if (system == EFBIG)
        return lsn_fail_at(err, LSN_FAILED, db->path, "the limit on the size of files is reached (ulimit -f); %s",
                           remedy);
    return lsn_fail_at(err, LSN_FAILED, db->path, "the disk cannot be read or written: %s (SQLite error %d); %s",
                       system == 0 ? "no reason is given" : strerror(system), sqlite3_extended_errcode(db->handle),
                       db->reading ? "nothing was changed" : "what was committed before is safe");
}

bool database_fail(const database *db, lsn_error *err)
{
    const char *path = db->path;
    if (db->handle == NULL)
        return lsn_fail_at(err, LSN_FAILED, path, "out of memory");
    int code = sqlite3_extended_errcode(db->handle);
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return lsn_fail_at(err, LSN_FAILED, path, "out of memory (SQLite error %d)", code);
    case SQLITE_FULL:
        return fail_on_disk(db, ENOSPC, err);
    case SQLITE_IOERR:
        return fail_on_disk(db, system_reason(db), err);
    case SQLITE_READONLY:
        return lsn_fail_at(err, LSN_FAILED, path,
                           "cannot be written, for the file or its folder is read-only; give another file with --db");
    case SQLITE_CANTOPEN:
        return lsn_fail_at(err, LSN_FAILED, path, "cannot be opened: %s; check the path and its permissions",
                           sqlite3_system_errno(db->handle) == 0 ? "it is no file, or its folder is not writable"
                                                                 : strerror(sqlite3_system_errno(db->handle)));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return lsn_fail_at(
            err, LSN_FAILED, path,
            "another program keeps it locked (a transaction left open in a sqlite3 shell?); end that and run again");
    case SQLITE_NOTADB:
        return lsn_fail_at(err, LSN_INVALID, path,
                           "is no Lesion database (not even SQLite); give another file with --db");
    case SQLITE_CORRUPT:
        return lsn_fail_at(err, LSN_FAILED, path, "is damaged (%s); go back to a copy, or start over with --fresh",
                           sqlite3_errmsg(db->handle));
    default:
        break;
    }
    return lsn_fail_at(err, LSN_FAILED, path, "%s (SQLite error %d)", sqlite3_errmsg(db->handle), code);
}

bool database_busy(const database *db)
{
    int code = sqlite3_errcode(db->handle) & 0xff;
    return code == SQLITE_BUSY || code == SQLITE_LOCKED;
}

/* ---- statements ---------------------------------------------------------------------------------------------- */

bool database_run(const database *db, const char *sql, lsn_error *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK || database_fail(db, err);
}

sqlite3_stmt *database_prepare(const database *db, const char *sql, lsn_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
        database_fail(db, err);
    return statement;
}

bool database_row(const database *db, sqlite3_stmt *statement, bool *row, lsn_error *err)
{
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (*row)
        return true;
    bool ok = code == SQLITE_DONE || database_fail(db, err);
    sqlite3_reset(statement);
    return ok;
}

bool database_integer(const database *db, const char *sql, int64_t *number, lsn_error *err)
{
    *number = 0;
    sqlite3_stmt *statement = database_prepare(db, sql, err);
    bool row = false, ok = statement != NULL && database_row(db, statement, &row, err);
    if (row)
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return ok;
}

const char *database_words(sqlite3_stmt *query, int column)
{
    const unsigned char *words = sqlite3_column_text(query, column);
    return words == NULL ? "" : (const char *)words;
}

/* All texts and blobs outlive the step, so that none is copied. */
static int bind(sqlite3_stmt *statement, int index, const value *v)
{
    switch (v->kind) {
    case LSN_CELL_INTEGER:
        return sqlite3_bind_int64(statement, index, v->integer);
    case LSN_CELL_REAL:
        return sqlite3_bind_double(statement, index, v->real);
    case LSN_CELL_TEXT:
        return v->bytes >= 0 ? sqlite3_bind_blob(statement, index, v->data, v->bytes, SQLITE_STATIC)
                             : sqlite3_bind_text(statement, index, v->data, -1, SQLITE_STATIC);
    case LSN_CELL_NULL:
        break;
    }
    return sqlite3_bind_null(statement, index);
}

bool database_step(const database *db, sqlite3_stmt *statement, const value *values, int count, lsn_error *err)
{
    bool ok = true, row = false;
    for (int i = 0; ok && i < count; i++)
        ok = bind(statement, i + 1, &values[i]) == SQLITE_OK || database_fail(db, err);
    ok = ok && database_row(db, statement, &row, err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return ok;
}

/* ---- what kind of file --------------------------------------------------------------------------------------- */

bool database_examine(const database *db, database_kind *kind, lsn_error *err)
{
    int64_t tables, application, version;
    if (!database_integer(db, "SELECT count(*) FROM sqlite_master", &tables, err) ||
        !database_integer(db, "PRAGMA application_id", &application, err) ||
        !database_integer(db, "PRAGMA user_version", &version, err))
        return false;
    *kind = tables == 0 && application == 0 ? DATABASE_EMPTY : DATABASE_LESION;
    if (*kind == DATABASE_EMPTY)
        return true;
    if (application != APPLICATION_ID)
        return lsn_fail_at(err, LSN_INVALID, db->path,
                           "is no Lesion database, but another program's; give another file with --db");
    if (version != LSN_SCHEMA_VERSION)
        return lsn_fail_at(err, LSN_INVALID, db->path,
                           "has schema version %lld, this program knows version %d; use the version of Lesion that "
                           "made it, or give another file with --db",
                           (long long)version, LSN_SCHEMA_VERSION);
    return true;
}
