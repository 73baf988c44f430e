/* Reading: queries by other rooms, checks of a file, and databases that are kept from being written to meanwhile. */
#include "store/store_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lsn_reader {
    database db;
    bool immutable;
    database_lock *lock; /* where runs are kept out */
    lsn_reader *other;   /* attached */
};

/* ---- opening ------------------------------------------------------------------------------------------------- */

/* "file:...?immutable=1": SQLite then writes nothing beside the file and takes no locks. */
static char *make_uri(const char *path, const char *how, lsn_error *err)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    lsn_text uri = {0};
    lsn_text_add(&uri, "file:%s", path[0] == '/' ? "" : "./");
    for (const char *c = path; *c != '\0'; c++)
        lsn_text_add(&uri, strchr(plain, *c) != NULL ? "%c" : "%%%02X", (unsigned char)*c);
    lsn_text_add(&uri, "?%s", how);
    return lsn_text_take(&uri, err);
}

/* Whether "<path>-wal" holds results that are not in the file itself yet. */
static bool has_log(const char *path)
{
    struct stat status;
    char *log = lsn_compose(NULL, "%s-wal", path);
    const bool some = log == NULL || (stat(log, &status) == 0 && status.st_size > 0);
    free(log);
    return some;
}

/* Opens and reads a first page. Opened for writing where that may be, but never written by queries: only so can SQLite
 * roll back what a killed writer left half-written. It opens a file read-only by itself where writing is not allowed.
 */
static bool open_and_look(database *db, const char *path, int flags, lsn_error *err)
{
    int64_t ignored;
    if (!database_open(db, path, flags, err))
        return false;
    db->reading = true;
    if (database_run(db, "PRAGMA query_only = ON; PRAGMA cache_size = -65536", err) &&
        database_integer(db, "SELECT count(*) FROM sqlite_master", &ignored, err))
        return true;
    return false;
}

/* Whether it was the folder that kept SQLite from reading: it could not keep its shared memory there. */
static bool folder_in_the_way(const database *db)
{
    int code = db->handle == NULL ? SQLITE_OK : sqlite3_errcode(db->handle) & 0xff;
    return code == SQLITE_CANTOPEN || code == SQLITE_READONLY;
}

static bool open_somehow(database *db, const char *path, bool *immutable, lsn_error *err)
{
    if (open_and_look(db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, err))
        return true;
    bool folder = folder_in_the_way(db);
    database_close(db);
    if (!folder)
        return false;
    if (has_log(path))
        return lsn_fail_at(err, LSN_FAILED, path,
                           "its latest results are in %s-wal, which can only be read where the folder is writable; "
                           "copy both files to such a folder",
                           path);
    char *uri = make_uri(path, "immutable=1", err);
    bool ok = uri != NULL && open_and_look(db, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
    *immutable = true;
    free(uri);
    return ok;
}

lsn_reader *lsn_reader_open(const char *path, lsn_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        lsn_fail_at(err, LSN_FAILED, path, "there is no such file; `lesion run` makes it");
        return NULL;
    }
    lsn_reader *reader = lsn_array(1, sizeof *reader, err);
    if (reader == NULL)
        return NULL;
    database_kind kind;
    bool ok = open_somehow(&reader->db, path, &reader->immutable, err) && database_examine(&reader->db, &kind, err);
    if (ok && kind == DATABASE_EMPTY)
        ok = lsn_fail_at(err, LSN_INVALID, path, "is no Lesion database: it is empty");
    if (ok)
        return reader;
    lsn_reader_close(reader);
    return NULL;
}

/* Whether the folder of `path` can hold a lock. */
static bool can_lock(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    const bool can = folder != NULL && access(folder, W_OK) == 0;
    free(folder);
    return can;
}

/* Where no lock tells it, a recent heartbeat does. */
static bool is_quiet(const lsn_reader *reader, lsn_error *err)
{
    int64_t alive = 0;
    return database_integer(&reader->db,
                            "SELECT count(*) FROM run WHERE how IS NULL AND strftime('%s', 'now') - strftime('%s', "
                            "heartbeat) < 60",
                            &alive, err) &&
           (alive == 0 ||
            lsn_fail_at(err, LSN_FAILED, reader->db.path, "a run is writing to it; wait for its end, or stop it"));
}

lsn_reader *lsn_reader_open_alone(const char *path, lsn_error *err)
{
    struct stat status;
    const bool lockable = stat(path, &status) == 0 && can_lock(path);
    lsn_error locked;
    database_lock *lock = lsn_array(1, sizeof *lock, err);
    if (lock == NULL)
        return NULL;
    if (lockable && !lock_take(lock, path, false, &locked)) {
        free(lock);
        lsn_fail_at(err, LSN_FAILED, path, "a run is writing to it; wait for its end, or stop it");
        return NULL;
    }
    lsn_reader *reader = lsn_reader_open(path, err);
    if (reader == NULL) {
        lock_release(lock);
        free(lock);
        return NULL;
    }
    reader->lock = lock;
    if (lockable || is_quiet(reader, err))
        return reader;
    lsn_reader_close(reader);
    return NULL;
}

const database *reader_database(const lsn_reader *reader)
{
    return &reader->db;
}

char *reader_uri(const lsn_reader *reader, lsn_error *err)
{
    if (reader->immutable)
        return lsn_strdup(reader->db.path, err);
    return make_uri(reader->db.path, "mode=ro", err);
}

void lsn_reader_close(lsn_reader *reader)
{
    if (reader == NULL)
        return;
    database_close(&reader->db);
    lsn_reader_close(reader->other);
    lock_release(reader->lock);
    free(reader->lock);
    free(reader);
}

bool lsn_reader_cache(lsn_reader *reader, int32_t mebibytes, lsn_error *err)
{
    char sql[64];
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA cache_size = -%d", (int)mebibytes * 1024);
    return database_run(&reader->db, sql, err);
}

bool lsn_reader_attach(lsn_reader *reader, const char *path, lsn_error *err)
{
    reader->other = lsn_reader_open(path, err); /* kept open: what it does to read the file is done for both */
    char *uri = reader->other == NULL ? NULL : reader_uri(reader->other, err);
    sqlite3_stmt *statement = uri == NULL ? NULL : database_prepare(&reader->db, "ATTACH ? AS other", err);
    const bool ok = statement != NULL && DATABASE_STEP(&reader->db, statement, err, text(uri));
    sqlite3_finalize(statement);
    free(uri);
    return ok;
}

/* ---- checking ------------------------------------------------------------------------------------------------ */

/* Of a page that SQLite could not read it says "error code=": where memory or the disk is the reason, the database may
 * be whole. */
static bool was_read(const database *db, const char *words, lsn_error *err)
{
    const char *code = strstr(words, "error code=");
    const long reason = code == NULL ? SQLITE_OK : strtol(code + strlen("error code="), NULL, 10) & 0xff;
    if (reason == SQLITE_NOMEM)
        return lsn_fail_at(err, LSN_FAILED, db->path, "out of memory: it could not be checked");
    return reason != SQLITE_IOERR ||
           lsn_fail_at(err, LSN_FAILED, db->path, "the disk cannot be read: it could not be checked");
}

bool lsn_reader_check(lsn_reader *reader, lsn_problems *found, lsn_error *err)
{
    const database *db = &reader->db;
    sqlite3_stmt *query = database_prepare(db, "PRAGMA integrity_check", err);
    bool row = true, ok = query != NULL;
    while (ok && (ok = database_row(db, query, &row, err)) && row)
        if (strcmp(database_words(query, 0), "ok") != 0) {
            ok = was_read(db, database_words(query, 0), err);
            if (!ok)
                break;
            lsn_problem(found, "%s", database_words(query, 0));
        }
    sqlite3_finalize(query);
    return ok && (found->count > 0 || consistency_check(db, found, err));
}

/* ---- queries ------------------------------------------------------------------------------------------------- */

/* One statement that gives rows and changes nothing. */
static sqlite3_stmt *prepare(const database *db, const char *sql, lsn_error *err)
{
    sqlite3_stmt *query = NULL;
    const char *rest = "";
    if (sqlite3_prepare_v2(db->handle, sql, -1, &query, &rest) != SQLITE_OK) {
        if (sqlite3_errcode(db->handle) == SQLITE_ERROR)
            lsn_fail_at(err, LSN_INVALID, db->path, "%s in the query: %.300s", sqlite3_errmsg(db->handle), sql);
        else
            database_fail(db, err);
        return NULL;
    }
    if (query != NULL && sqlite3_stmt_readonly(query) && sqlite3_column_count(query) > 0 &&
        rest[strspn(rest, " \t\r\n;")] == '\0')
        return query;
    sqlite3_finalize(query);
    lsn_fail_at(err, LSN_INVALID, db->path, "one SELECT is wanted, not: %.300s", sql);
    return NULL;
}

static bool bind_texts(const database *db, sqlite3_stmt *query, const char *const *parameters, int count,
                       lsn_error *err)
{
    if (sqlite3_bind_parameter_count(query) != count)
        return lsn_fail_at(err, LSN_INVALID, db->path, "the query has %d parameters, but %d are given",
                           sqlite3_bind_parameter_count(query), count);
    for (int i = 0; i < count; i++)
        if (sqlite3_bind_text(query, i + 1, parameters[i], -1, SQLITE_STATIC) != SQLITE_OK)
            return database_fail(db, err);
    return true;
}

bool lsn_reader_query(lsn_reader *reader, lsn_table *table, const char *sql, const char *const *parameters,
                      int n_parameters, lsn_error *err)
{
    *table = (lsn_table){0};
    const database *db = &reader->db;
    sqlite3_stmt *query = prepare(db, sql, err);
    if (query == NULL)
        return false;
    bool row = true, ok = bind_texts(db, query, parameters, n_parameters, err) && table_begin(table, query, err);
    while (ok && (ok = database_row(db, query, &row, err)) && row)
        ok = table_add_row(table, query, err);
    sqlite3_finalize(query);
    return ok;
}

/* ---- streams ------------------------------------------------------------------------------------------------- */

static bool give_names(sqlite3_stmt *query, const lsn_row_taker *taker, lsn_error *err)
{
    const int columns = sqlite3_column_count(query);
    const char **names = lsn_array((size_t)columns, sizeof *names, err);
    bool ok = names != NULL;
    for (int c = 0; ok && c < columns; c++) {
        names[c] = sqlite3_column_name(query, c);
        ok = names[c] != NULL || lsn_fail(err, LSN_FAILED, "out of memory: a column has no name");
    }
    ok = ok && taker->columns(taker->context, names, columns, err);
    free(names);
    return ok;
}

/* Rows go through a table of one row, which is emptied after each. */
bool lsn_reader_stream(lsn_reader *reader, const char *sql, const char *const *parameters, int n_parameters,
                       const lsn_row_taker *taker, lsn_error *err)
{
    const database *db = &reader->db;
    lsn_table table = {0};
    sqlite3_stmt *query = prepare(db, sql, err);
    if (query == NULL)
        return false;
    bool row = true, ok = bind_texts(db, query, parameters, n_parameters, err) && table_begin(&table, query, err) &&
                          give_names(query, taker, err);
    while (ok && (ok = database_row(db, query, &row, err)) && row) {
        ok = table_add_row(&table, query, err) && taker->row(taker->context, table.cells, table.columns, err);
        table_empty(&table);
    }
    lsn_table_finish(&table);
    sqlite3_finalize(query);
    return ok;
}

bool lsn_reader_blocks(const lsn_reader *reader)
{
    lsn_error ignored;
    sqlite3_stmt *query = database_prepare(&reader->db, "PRAGMA journal_mode", &ignored);
    bool row = false;
    const bool log = query != NULL && database_row(&reader->db, query, &row, &ignored) && row &&
                     strcmp(database_words(query, 0), "wal") == 0;
    sqlite3_finalize(query);
    return !log && !reader->immutable;
}
