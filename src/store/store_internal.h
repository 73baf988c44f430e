/* Shared by the files of this room: the only one that knows SQLite.
 *
 *   database, rows   a connection: statements, what went wrong; rows by the names of their columns
 *   lock, database_file   who may write; the file itself, and what its file system bears: locks, journal
 *   metrics    the list of metrics, of which columns, values, merging and checks are made
 *   schema, tables.sql, views.sql   tables and views
 *   identity   the study's row: written once, compared ever after
 *   selection, jobs   scores and groups by which filters were chosen; the plan's jobs against the stored ones
 *   open       all of that in order
 *   transaction, parts, packed   results, block by block
 *   units_in_flight   what workers hold, and what was computed when runs died
 *   complete, race   when an evaluation has all parts, or enough of them
 *   judge, intervals   what rests on more than one evaluation, or on many draws
 *   runs, progress   invocations; how far they are
 *   reader, table   queries
 *   consistency   whether rows fit together
 *   merge*, complete_merged   several databases in one: merge.h
 */
#ifndef LESION_STORE_INTERNAL_H
#define LESION_STORE_INTERNAL_H

#include "lesion/store.h"
#include "store/lock.h"

#include <sqlite3.h>

/* ---- database ------------------------------------------------------------------------------------------------ */

enum { APPLICATION_ID = 0x4c45534e }; /* PRAGMA application_id: "LESN" */

typedef struct database {
    sqlite3 *handle;
    char *path;   /* with at least one slash, so that SQLite takes it for nothing but a file */
    bool reading; /* nothing is written but SQLite's temporary files */
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

/* ---- rows ---------------------------------------------------------------------------------------------------- */

enum { ROW_COLUMNS = 32 };

/* A column by its name, and the value that it gets. */
typedef struct row_field {
    const char *name;
    value value;
} row_field;

/* Writes a row: "INSERT INTO part", "INSERT OR REPLACE INTO image"; or "UPDATE evaluation", where the first field says
 * of which row. *statement (NULL at first, to be finalized) is composed of the names once, and serves for further rows
 * of the same columns; `statement` NULL: there is but one row. */
bool row_write(const database *db, sqlite3_stmt **statement, const char *how, const row_field *fields, int count,
               lsn_error *err);
#define ROW_WRITE(db, statement, how, err, ...)                     \
    row_write(db, statement, how, (const row_field[]){__VA_ARGS__}, \
              (int)(sizeof((const row_field[]){__VA_ARGS__}) / sizeof(row_field)), err)

/* A column of a query, or an expression, and where its value goes, to one of three: NULL as 0, NaN, NULL. A text is
 * valid until the next row. */
typedef struct row_column {
    const char *sql;
    int64_t *integer;
    double *real;
    const char **text;
} row_column;

typedef struct row_query {
    const database *db;
    sqlite3_stmt *statement;
    row_column columns[ROW_COLUMNS];
    int count;
} row_query;

/* "SELECT <columns> FROM <from>". The caller ends it, also after a failure. */
bool rows_begin(row_query *q, const database *db, const row_column *columns, int count, const char *from,
                lsn_error *err);
#define ROWS_BEGIN(q, db, from, err, ...)                \
    rows_begin(q, db, (const row_column[]){__VA_ARGS__}, \
               (int)(sizeof((const row_column[]){__VA_ARGS__}) / sizeof(row_column)), from, err)
/* Sets what the columns point to; *row: there was one more. */
bool rows_next(row_query *q, bool *row, lsn_error *err);
void rows_end(row_query *q);

/* What an early end goes by: of each stored part its evaluation, block, images, lost and gained, in this order. */
#define PARTS_BEGIN(q, db, err, id, part_block, n, fewer, more)                                                 \
    ROWS_BEGIN(q, db, "part ORDER BY evaluation, block", err, {"evaluation", .integer = &(id)},                 \
               {"block", .integer = &(part_block)}, {"images", .integer = &(n)}, {"lost", .integer = &(fewer)}, \
               {"gained", .integer = &(more)})

/* ---- metrics (metrics.h lists them) -------------------------------------------------------------------------- */

enum { METRICS_ROOM = 24 };

/* What all parts of an evaluation come to. */
typedef struct whole_result {
    lsn_tally tally;
    bool right, predicted, drift; /* all parts had them; the sums are in the store's scratch arrays */
    double balanced_accuracy;     /* NaN: not known */
} whole_result;

/* Their columns in CREATE TABLE: of a result, of a part; and what is asked of a result that is done. */
void metrics_declare_result(lsn_text *sql);
void metrics_declare_part(lsn_text *sql);
void metrics_declare_check(lsn_text *sql);
/* Their values, by name: how many. fields[METRICS_ROOM]. */
int metrics_of_part(const lsn_tally *tally, row_field *fields);
int metrics_of_result(const whole_result *result, row_field *fields);
/* From SUM_COLUMNS SPENT_COLUMNS of a row that begin at *column, which is moved behind them. */
lsn_tally metrics_read_part(sqlite3_stmt *row, int *column);
/* Whether the sums do not contradict each other. */
bool metrics_possible(const lsn_tally *tally);

/* ---- kinds of files ------------------------------------------------------------------------------------------ */

/* What kind of file this is. */
typedef enum database_kind { DATABASE_EMPTY, DATABASE_LESION } database_kind;
/* LSN_INVALID where it is neither, or of another schema version. */
bool database_examine(const database *db, database_kind *kind, lsn_error *err);

/* ---- the file (database_file) ------------------------------------------------------------------------------------ */

/* Makes the folder of `path`, and those above it. */
bool file_make_folder(const char *path, lsn_error *err);

/* Whom a lock on a file there keeps out, as far as its file system tells (LESION_LOCKS=none, host or all in the
 * environment overrules it). */
lock_reach file_lock_reach(const char *path);

/* Renames "<path>" and what SQLite keeps beside it to "<path>.old"; no such file: nothing to do. */
bool file_put_aside(const char *path, lsn_error *err);
/* Rolls back what a transaction that could not be written has left; reading alone cannot. The file must be locked. */
void file_roll_back(const char *path);

/* Write-ahead log on a local file system; on a network file system, where the log's shared memory does not work, a
 * rollback journal. */
bool file_set_journal(const database *db, lsn_error *err);

/* ---- schema -------------------------------------------------------------------------------------------------- */

/* Creates all tables, indices and views in an empty file. */
bool schema_create(const database *db, lsn_error *err);

/* ---- store --------------------------------------------------------------------------------------------------- */

typedef enum store_statement {
    STORE_ADD_PART, /* composed when it is first used, as are the next two */
    STORE_COMPLETE,
    STORE_GIVE,
    STORE_ADD_IMAGE,
    STORE_PART,
    STORE_PARTS,
    STORE_DROP_PARTS,
    STORE_DROP_IMAGES,
    STORE_ADD_CLASS,
    STORE_ADD_DRIFT,
    STORE_FAIL,
    STORE_RUNNING,
    STORE_ANSWERED,
    STORE_LET_GO,
    STORE_ACQUIT,
    STORE_COUNT,
    STORE_WRITER,
    STORE_N_STATEMENTS
} store_statement;

typedef enum store_status { STORE_PENDING, STORE_RUNNING_NOW, STORE_DONE, STORE_FAILED } store_status;

/* What a race has seen: blocks 0 .. blocks-1, without a gap. */
typedef struct race_prefix {
    lsn_race race;
    int32_t blocks;
} race_prefix;

/* What a result must fit: of the plan, or of the database where there is no plan (merge). */
typedef struct store_facts {
    int32_t images, evaluations, classes, layers;
    lsn_stopping stop;
} store_facts;

/* What `experiment` says of an experiment's jobs. */
typedef struct experiment_counts {
    int64_t jobs, done, running, failed;
    double work;
} experiment_counts;

/* The rows of `progress` that a run has. */
typedef struct run_history {
    int64_t run;
    int32_t rows;
    double step_s, kept_s, newest_s; /* distance of rows; the last one that stays; the last one */
} run_history;

/* An evaluation as the runs that died left it. */
typedef struct suspect {
    int32_t deaths, alone, block;
} suspect;

struct lsn_store {
    database db;
    database_lock lock;
    const lsn_plan *plan;     /* NULL: nothing can be added, only completed and judged */
    const lsn_wanted *wanted; /* what of it is computed */
    store_facts facts;
    int32_t block_images, blocks;
    sqlite3_stmt *statements[STORE_N_STATEMENTS];
    int64_t run;                        /* 0: none has begun */
    int64_t evaluated, evaluated_noted; /* images x evaluations added by this run; as its row has it */
    bool in_transaction, wary;
    lsn_error failure; /* code LSN_OK, or why nothing can be added any more */

    /* By the plan's evaluations. */
    int32_t *ids;          /* in the database */
    unsigned char *status; /* store_status */
    int32_t *missing;      /* parts that are not there yet */
    uint64_t *parts;       /* a bit for each part, [evaluation][block]; not kept for those that are done */
    race_prefix *prefixes; /* NULL where all images count */
    suspect *suspects;     /* NULL where there are none */

    /* How far it is. */
    int32_t *evaluation_of;           /* [plan->n_jobs]; -1: of another share of the study */
    experiment_counts *by_experiment; /* [plan->n_experiments] as they are stored; NULL without a plan */
    double counted_s;                 /* when */
    bool ending;                      /* the run says how it ended */
    double *cost;                     /* [evaluations] of a block; NULL: all alike */
    run_history history;

    int32_t *class_images; /* [classes] evaluated images */

    /* Scratch. */
    int64_t *class_right, *class_predicted; /* [classes] */
    int32_t *counts;                        /* [classes] */
    int64_t *drift;                         /* [n_layers] */
    unsigned char *packed;                  /* a part's right images by class, predicted ones by class, drift */
};

/* Arrays in memory, by store->facts; statements. lsn_store_close releases them. */
bool store_allocate(lsn_store *store, lsn_error *err);
bool store_prepare(lsn_store *store, lsn_error *err);

/* Begins a transaction unless one is open. */
bool store_begin(lsn_store *store, lsn_error *err);
/* The same, unless an earlier failure forbids it: its message is then given again. */
bool store_may_add(lsn_store *store, lsn_error *err);
/* After a failed write: what was added since the last commit is lost, and what is known of it in memory is wrong, so
 * that nothing more is accepted. Sets *err to *why; always false. */
bool store_give_up(lsn_store *store, const lsn_error *why, lsn_error *err);
/* Marks a part as being there; whether it is so marked, of an evaluation that is not complete. */
void store_mark(lsn_store *store, int32_t evaluation, int32_t block);
bool store_has_part(const lsn_store *store, int32_t evaluation, int32_t block);
/* Of store->parts, in 64 bits each. */
size_t store_part_words(const lsn_store *store);
/* Images of a block: the last one may have fewer. */
int32_t store_block_size(const lsn_store *store, int32_t block);
/* The class of the image at that place of the plan's. */
static inline int store_label(const lsn_store *store, int32_t image)
{
    return lsn_data_label(store->plan->data, store->plan->images.images[image]);
}
/* Whether a tally can be one of that block. */
bool store_possible(const lsn_store *store, int32_t block, const lsn_tally *tally);

/* What a run that died has left behind: what its workers held is under suspicion, and nothing runs any more. `retry`:
 * all deaths are forgotten first. */
bool deaths_count(lsn_store *store, bool retry, lsn_error *err);
/* Takes down what a row of the table evaluation says: columns deaths, deaths_alone, death_block. */
bool deaths_load(lsn_store *store, int32_t evaluation, int64_t deaths, int64_t alone, int64_t block, lsn_error *err);
/* The part was added: if it is the one that was computed when a run died, that was not its fault. */
bool deaths_acquit(lsn_store *store, int32_t evaluation, int32_t block, lsn_error *err);

/* Sums the stored parts of blocks below `end`, and `last`, which is not stored (NULL: there is none), into the
 * evaluation's result, and drops all its parts. */
bool store_complete_with(lsn_store *store, int32_t evaluation, int32_t end, const lsn_part *last, lsn_error *err);

/* Whether the evaluation may end before it has all parts. */
bool store_races(const lsn_store *store, int32_t evaluation);
/* Adds the block that follows the prefix. LSN_FAILED where the counts cannot be. */
bool race_count(lsn_store *store, int32_t evaluation, int32_t block, int64_t images, int64_t lost, int64_t gained,
                lsn_error *err);
/* A part has been stored and marked: *end is the number of blocks at which the race is over, 0 where it is not. */
bool race_advance(lsn_store *store, int32_t evaluation, int32_t block, const lsn_tally *tally, int32_t *end,
                  lsn_error *err);

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

/* Sums of drift by layer: 8 bytes each, the lowest first. */
enum { DRIFT_BYTES = 8 };
void drift_pack(const int64_t *sums, int layers, unsigned char *packed);
/* Adds them to sums[layers]; false where one is negative or the sum is beyond int64. */
bool drift_add(const unsigned char *packed, int64_t *sums, int layers);

/* Begins to count jobs by experiment, once all else is loaded. */
bool progress_begin(lsn_store *store, lsn_error *err);
void progress_finish(lsn_store *store);
/* Writes the counts that have changed; inside a transaction. */
bool progress_count(lsn_store *store, lsn_error *err);
/* The same from the tables alone. */
bool progress_recount(const database *db, lsn_error *err);

/* Bootstrap intervals that are not there yet: of the change of loss, and of the interaction of pairs. */
bool intervals_write(lsn_store *store, lsn_error *err);

/* Whether a database's rows fit together: references, counts, sums, parts. Each of `found` is one thing that does not.
 */
bool consistency_check(const database *db, lsn_problems *found, lsn_error *err);

/* A reader's connection. */
const database *reader_database(const lsn_reader *reader);
/* A URI by which another connection may attach the file that a reader has open, only for reading; to be freed. */
char *reader_uri(const lsn_reader *reader, lsn_error *err);

/* A table's columns from a query, then its rows one by one. */
bool table_begin(lsn_table *table, sqlite3_stmt *query, lsn_error *err);
bool table_add_row(lsn_table *table, sqlite3_stmt *query, lsn_error *err);
/* Forgets the rows and keeps the memory; names too are gone. */
void table_empty(lsn_table *table);

/* UTC, "2024-05-31T23:59:59Z". */
enum { TIME_BYTES = 32 };
const char *time_text(char *text);

#endif
