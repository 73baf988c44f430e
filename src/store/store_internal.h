/* Shared by the files of this room: the only one that knows SQLite.
 *
 *   database   a connection: statements, transactions, what went wrong
 *   place      the file: its folder, its lock, putting an old one aside, which journal its file system bears
 *   schema     tables and views
 *   identity   the study's row: written once, compared ever after
 *   selection  scores and groups by which filters were chosen
 *   jobs       the plan's jobs against the stored ones
 *   open       all of that in order
 *   transaction, parts, class_counts   results
 *   runs       invocations
 *   reader, table   queries
 */
#ifndef LESION_STORE_INTERNAL_H
#define LESION_STORE_INTERNAL_H

#include "lesion/store.h"

#include <sqlite3.h>

/* ---- database ------------------------------------------------------------------------------------------------ */

enum { APPLICATION_ID = 0x4c45534e }; /* PRAGMA application_id: "LESN" */

typedef struct database {
    sqlite3 *handle;
    char *path; /* with at least one slash, so that SQLite takes it for nothing but a file */
} database;

/* A value to bind: made by the functions below. */
typedef struct value {
    lsn_cell_kind kind;
    int64_t integer;
    double real;
    const void *data; /* of a text, or of a blob if bytes >= 0 */
    int bytes;
} value;

static inline value integer(int64_t number)
{
    return (value){.kind = LSN_CELL_INTEGER, .integer = number};
}

/* NaN becomes NULL. */
static inline value real(double number)
{
    return (value){.kind = LSN_CELL_REAL, .real = number};
}

/* NULL becomes NULL. */
static inline value text(const char *words)
{
    return (value){.kind = words == NULL ? LSN_CELL_NULL : LSN_CELL_TEXT, .data = words, .bytes = -1};
}

static inline value blob(const void *data, int bytes)
{
    return (value){.kind = data == NULL ? LSN_CELL_NULL : LSN_CELL_TEXT, .data = data, .bytes = bytes};
}

/* `path` is copied. On failure nothing is left open. */
bool database_open(database *db, const char *path, int flags, lsn_error *err);
void database_close(database *db);
/* Sets *err from the last failure of SQLite on this connection; always false. */
bool database_fail(const database *db, lsn_error *err);
/* Whether the last failure was only that another program holds a lock. */
bool database_busy(const database *db);

/* Statements without parameters. */
bool database_run(const database *db, const char *sql, lsn_error *err);
/* The first column of the first row as a whole number; 0 where there is no row. */
bool database_integer(const database *db, const char *sql, int64_t *number, lsn_error *err);

sqlite3_stmt *database_prepare(const database *db, const char *sql, lsn_error *err);
/* Binds, runs to the end and resets a statement that gives no rows. */
bool database_step(const database *db, sqlite3_stmt *statement, const value *values, int count, lsn_error *err);
#define DATABASE_STEP(db, statement, err, ...)                 \
    database_step(db, statement, (const value[]){__VA_ARGS__}, \
                  (int)(sizeof((const value[]){__VA_ARGS__}) / sizeof(value)), err)
/* Steps a query: true with *row telling whether there is one more row. At the end the statement is reset. */
bool database_row(const database *db, sqlite3_stmt *statement, bool *row, lsn_error *err);

/* A column of the row as text; "" for NULL. Valid until the next step. */
const char *database_words(sqlite3_stmt *query, int column);

/* What kind of file this is. */
typedef enum database_kind { DATABASE_EMPTY, DATABASE_LESION } database_kind;
/* LSN_INVALID where it is neither, or of another schema version. */
bool database_examine(const database *db, database_kind *kind, lsn_error *err);

/* ---- place --------------------------------------------------------------------------------------------------- */

/* Makes the folder of `path`, and those above it. */
bool place_make_folder(const char *path, lsn_error *err);

/* A lock that lives as long as its process, in the file "<path>.lock". */
typedef struct place_lock {
    int file; /* -1: not held */
    char *path;
} place_lock;

/* LSN_FAILED where another process (or another store of this one) holds it. On file systems without locks it is taken
 * for granted. */
bool place_take_lock(place_lock *lock, const char *path, lsn_error *err);
void place_release_lock(place_lock *lock);

/* Renames "<path>" and what SQLite keeps beside it to "<path>.old"; no such file: nothing to do. */
bool place_put_aside(const char *path, lsn_error *err);

/* Write-ahead log on a local file system; on a network file system, where the log's shared memory does not work, a
 * rollback journal. */
bool place_set_journal(const database *db, lsn_error *err);

/* ---- schema -------------------------------------------------------------------------------------------------- */

extern const char *const store_schema[]; /* statements, ended by NULL */

/* ---- store --------------------------------------------------------------------------------------------------- */

typedef enum store_statement {
    STORE_ADD_PART,
    STORE_PARTS,
    STORE_DROP_PARTS,
    STORE_COMPLETE,
    STORE_ADD_CLASS,
    STORE_FAIL,
    STORE_RUNNING,
    STORE_N_STATEMENTS
} store_statement;

typedef enum store_status { STORE_PENDING, STORE_RUNNING_NOW, STORE_DONE, STORE_FAILED } store_status;

struct lsn_store {
    database db;
    place_lock lock;
    const lsn_plan *plan;
    int32_t block_images, blocks;
    sqlite3_stmt *statements[STORE_N_STATEMENTS];
    int64_t run; /* 0: none has begun */
    bool in_transaction;
    lsn_error failure; /* code LSN_OK, or why nothing can be added any more */

    /* By the plan's evaluations. */
    int32_t *ids;          /* in the database */
    unsigned char *status; /* store_status */
    int32_t *missing;      /* parts that are not there yet */
    uint64_t *parts;       /* a bit for each part, [evaluation][block]; not kept for those that are done */
    int32_t *class_images; /* [classes] evaluated images */
    int64_t *class_right;  /* [classes] scratch */
    unsigned char *packed; /* scratch for a part's class counts */
};

/* Begins a transaction unless one is open. */
bool store_begin(lsn_store *store, lsn_error *err);
/* The same, unless an earlier failure forbids it: its message is then given again. */
bool store_may_add(lsn_store *store, lsn_error *err);
/* After a failed write: what was added since the last commit is lost, and what is known of it in memory is wrong, so
 * that nothing more is accepted. Sets *err to *why; always false. */
bool store_give_up(lsn_store *store, const lsn_error *why, lsn_error *err);
/* Marks a part as being there. */
void store_mark(lsn_store *store, int32_t evaluation, int32_t block);

/* Writes the study, its layers and its classes into an empty database. */
bool identity_write(const lsn_store *store, lsn_error *err);
/* Compares them: LSN_INVALID with every difference. Sets store->block_images. */
bool identity_check(lsn_store *store, lsn_error *err);
/* Records the study as it is now. */
bool identity_update(const lsn_store *store, lsn_error *err);

/* Groupings, stored and the plan's. */
typedef struct selection {
    int32_t *ids; /* in the database, by the plan's */
    int32_t *of;  /* [n_stored] the plan's, by their ids; -1: not in the plan */
    int64_t n_stored;
} selection;

/* Adds the plan's groupings that are not there, and writes its scores. The caller finishes `found`, also after a
 * failure. */
bool selection_reconcile(const lsn_store *store, selection *found, lsn_error *err);
void selection_finish(selection *found);

/* Adds the plan's experiments, evaluations and jobs that are not there, and sets store->ids and store->status.
 * LSN_INVALID where a stored job is not in the plan. */
bool jobs_reconcile(lsn_store *store, lsn_error *err);

/* Images right by class, most of them 0, in few bytes: for each class that has some, how many classes were passed over
 * and the count, each in 7 bits a byte, the lowest first, the eighth bit where more follow. */
size_t class_counts_room(int32_t classes);
int class_counts_pack(const int32_t *counts, int32_t classes, unsigned char *packed);
/* Adds them to sums[classes]; false where the bytes make no sense. */
bool class_counts_add(const unsigned char *packed, int bytes, int64_t *sums, int32_t classes);

/* A table's columns from a query, then its rows one by one. */
bool table_begin(lsn_table *table, sqlite3_stmt *query, lsn_error *err);
bool table_add_row(lsn_table *table, sqlite3_stmt *query, lsn_error *err);

/* UTC, "2024-05-31T23:59:59Z". */
enum { TIME_BYTES = 32 };
const char *time_text(char *text);

#endif
