/* Lesion: the result database. SQLite, one writer (rank 0), any number of readers.
 *
 * The images of a study are cut into blocks; the result of one evaluation on one block is a part. Parts are added
 * inside a transaction that lsn_store_commit ends; when the last part of an evaluation arrives, the parts are summed,
 * the evaluation's row is completed and the parts are dropped, in that same transaction. So whatever was committed is
 * never computed again, and nothing is counted twice.
 *
 * Where the plan says when to stop, an evaluation other than the baseline is complete as soon as the parts of blocks
 * 0 .. k are there for the first k at which its change of top-1 is known well enough (lsn_race_half_width); parts of
 * later blocks do not count, be they there or not. So the result depends on neither the order in which parts come nor
 * on how many are computed.
 *
 * A store belongs to one thread; nothing here is collective over MPI.
 */
#ifndef LESION_STORE_H
#define LESION_STORE_H

#include "lesion/activations.h"
#include "lesion/base.h"
#include "lesion/stats.h"
#include "lesion/study.h"

#define LSN_SCHEMA_VERSION 6 /* PRAGMA user_version */

typedef struct lsn_store lsn_store;

/* Opens the database of `plan` for writing, creating it (and its folder) where there is none, with `block_images`
 * images to a block; an existing one keeps its own block size and its own results. New experiments are added to those
 * it has. LSN_INVALID, with the difference, where the file is no Lesion database, is of another schema version, belongs
 * to another study name, other weights or other images, lacks what the study now measures (classes, images, drift),
 * holds jobs that the study no longer asks for, or another share of the study than the plan; LSN_FAILED where it cannot
 * be read or written. `fresh`: an existing file is first renamed to "<path>.old" (replacing an older one of that name).
 * One store at a time: while another process writes, LSN_FAILED, with its host, its number, and how long ago it was
 * alive, as "<path>.lock" says; one that is known to be dead is succeeded without further ado. A store that was taken
 * from (lsn_store_options.steal_lock) commits nothing more. A file system that is a network's gets a rollback journal
 * in place of the write-ahead log (LESION_JOURNAL=wal or truncate in the environment overrules what statfs says, and
 * LESION_LOCKS=none, host or all what is known of its locks). The plan must outlive the store. */
LSN_API lsn_store *lsn_store_open(const char *path, const lsn_plan *plan, int32_t block_images, bool fresh,
                                  lsn_error *err);
/* Periods of its heartbeat (ten seconds) for which a run on another host must be seen to stand still before its lock is
 * taken over. */
enum { LSN_LOCK_BEATS = 12 };

typedef struct lsn_store_options {
    bool fresh;
    bool steal_lock; /* from a run on another host, if its heartbeat stands still for LSN_LOCK_BEATS, which is waited
                        for */
    bool retry;      /* forgets all deaths (lsn_store_deaths), and takes up again what has failed for them */
    const lsn_wanted *wanted; /* what of the plan is computed; NULL: all. Must outlive the store */
} lsn_store_options;

/* The same, with more to say. */
LSN_API lsn_store *lsn_store_open_with(const char *path, const lsn_plan *plan, int32_t block_images,
                                       const lsn_store_options *options, lsn_error *err);
/* Commits nothing: what was not committed is rolled back. NULL is accepted. */
LSN_API void lsn_store_close(lsn_store *store);

LSN_API int32_t lsn_store_block_images(const lsn_store *store);
LSN_API int32_t lsn_store_blocks(const lsn_store *store); /* blocks of the plan's images */
/* Whether that part is committed or added. Evaluations are indices into the plan's. */
LSN_API bool lsn_store_has(const lsn_store *store, int32_t evaluation, int32_t block);
/* Whether all of the evaluation's parts are, or as many as it takes. */
LSN_API bool lsn_store_complete(const lsn_store *store, int32_t evaluation);
/* Whether it was marked as failed, by this run or an earlier one, and was not taken up again since. */
LSN_API bool lsn_store_failed(const lsn_store *store, int32_t evaluation);

/* The result of one evaluation on one block. What the plan does not measure is ignored and may be NULL. */
typedef struct lsn_part {
    const lsn_tally *tally;
    const int32_t *class_right;     /* [classes] lsn_class_counts, where metrics.per_class */
    const int32_t *class_predicted; /* [classes] likewise; NULL: not counted */
    const lsn_verdict *verdicts;    /* [images of the block], where metrics.images */
    const int64_t *drift;           /* [n_layers] sums over the block's images in lsn_fixed, where metrics.drift */
} lsn_part;

/* What adding a part changed: nothing where it was there already, or the evaluation complete before. */
typedef struct lsn_store_change {
    bool added;
    bool completed; /* with this part the evaluation has all parts, or as many as it takes */
} lsn_store_change;

/* Adds a part; one that is there already is left as it is, and so is an evaluation that is complete. *change (unless
 * NULL) says what that did. LSN_FAILED where the disk is full or the like, and where the counts contradict the block's
 * images. After a failure to write, what was added since the last commit is lost and nothing more can be added: the
 * store can only be closed (lsn_store_run_note may be tried before). */
LSN_API bool lsn_store_add(lsn_store *store, int32_t evaluation, int32_t block, const lsn_part *part,
                           lsn_store_change *change, lsn_error *err);
/* Marks an evaluation as failed for the reason given, unless it is complete. Its parts stay; it may be taken up again.
 */
LSN_API bool lsn_store_fail(lsn_store *store, int32_t evaluation, const char *reason, lsn_error *err);
/* Marks pending (and failed) evaluations as running; part of the next commit. */
LSN_API bool lsn_store_running(lsn_store *store, const int32_t *evaluations, int32_t count, lsn_error *err);

/* A unit of work that a worker was given: evaluations on a block. */
typedef struct lsn_given {
    int32_t worker, unit, block, count;
    const int32_t *evaluations; /* [count] */
} lsn_given;

/* The worker holds the unit from now on: its evaluations are marked as running. What was committed of this is what is
 * known to have been computed should the run die. */
LSN_API bool lsn_store_give(lsn_store *store, const lsn_given *given, lsn_error *err);
/* It does not any more; `unit` < 0: it holds nothing any more. */
LSN_API bool lsn_store_answered(lsn_store *store, int32_t worker, int32_t unit, lsn_error *err);

/* An evaluation that was computed when runs died, one after another, and whose part on `block` has not come back since.
 * Whoever hands out work decides when that is enough to give it up (lsn_store_fail). */
typedef struct lsn_store_deaths {
    int32_t evaluation;
    int32_t deaths, alone; /* runs; those that died while nothing else was computed */
    int32_t block;         /* that was computed at the last one */
} lsn_store_deaths;

/* What need not be computed any more, and what to be careful with, by the plan's evaluations: all that whoever hands
 * out work has to know of the database when a run begins. What happens afterwards, lsn_store_change says. */
typedef struct lsn_store_stock {
    int32_t evaluations, blocks;
    int32_t *stored;          /* [evaluations] parts that are there; `blocks` where it is complete, or not wanted */
    uint64_t *parts;          /* bit evaluation * blocks + block: the part is there; lsn_stock_has asks for it */
    lsn_store_deaths *deaths; /* [n_deaths], by evaluation */
    int32_t n_deaths;
    bool wary; /* the run before died, or there are deaths: it should be known at any moment what is being computed
                * (lsn_store_give, committed, before a unit is handed out) */
} lsn_store_stock;

/* As the database is now. LSN_FAILED where memory is short. The caller finishes *stock, also after a failure. */
LSN_API bool lsn_store_take_stock(const lsn_store *store, lsn_store_stock *stock, lsn_error *err);
LSN_API void lsn_store_stock_finish(lsn_store_stock *stock);

static inline bool lsn_stock_has(const lsn_store_stock *stock, int32_t evaluation, int32_t block)
{
    const size_t bit = (size_t)evaluation * (size_t)stock->blocks + (size_t)block;
    return stock->stored[evaluation] == stock->blocks || (stock->parts[bit / 64] >> bit % 64 & 1) != 0;
}

/* Makes all that was added durable. Where only a reader's lock is in the way (LSN_FAILED after 30 s, never with a
 * write-ahead log) it may be tried again. */
LSN_API bool lsn_store_commit(lsn_store *store, lsn_error *err);

/* What the filters do on the calibration images, kept for the record: their means and standard deviations, where they
 * were measured. Part of the next commit. */
LSN_API bool lsn_store_set_activations(lsn_store *store, const lsn_activations *activations, lsn_error *err);

/* Computes what rests on more than one evaluation, or on many draws, from all that is done: degradation curves,
 * bootstrap intervals, and how well scores tell damage. To be called when a run ends, however it ends, and where
 * nothing is left to do. Intervals that are there are not computed again. Committed at once; what was added before is
 * committed first, and stays where this fails. */
LSN_API bool lsn_store_judge(lsn_store *store, lsn_error *err);

/* ---- runs ---------------------------------------------------------------------------------------------------- */

/* The kind of kernels of a row of the table `run`: Lesion 0.1.0 wrote "winograd" for what is "own" since. Its "blas"
 * and "reference" are gone. */
#define LSN_RUN_KERNELS "iif(method = 'winograd', 'own', method)"

/* One invocation of `lesion run`, as it is recorded. Strings may be NULL. */
typedef struct lsn_run_record {
    const char *version;   /* of Lesion */
    const char *libraries; /* versions of MPI, BLAS, SQLite, ... in words */
    const char *command;   /* the command line */
    const char *hosts;     /* "n1*4,n2*4" */
    const char *slurm_job; /* SLURM_JOB_ID */
    const char *kernels;   /* lsn_engine_kernels() */
    int32_t ranks;
} lsn_run_record;

/* Records that a run began, or how it ended: `how` is "complete", "stopped", "failed", or "died" where a
 * worker did and the others were ended for that; NULL only tells that it is still
 * alive (status can then say when it died). At the end what is marked as running is pending again. Committed at once,
 * with all that was added before. A run may not begin with another kind of `kernels` than that of the results there
 * are (LSN_INVALID): their last bits would differ. */
LSN_API bool lsn_store_run_begin(lsn_store *store, const lsn_run_record *record, lsn_error *err);
LSN_API bool lsn_store_run_note(lsn_store *store, const char *how, lsn_error *err);

/* How far a run is. */
typedef struct lsn_run_progress {
    double seconds;    /* since it began to hand out units */
    double share;      /* of the whole study's predicted work that is done, 0 .. 1 */
    int64_t jobs_done; /* of the whole study */
    int64_t images;    /* evaluated for some ablation, since it began */
    int32_t workers;   /* alive */
    double computing;  /* seconds that workers spent on these images, summed */
    double left_s;     /* < 0: not known */
} lsn_run_progress;

/* Records how far the run is, which has begun; part of the next commit. Of many calls at most a thousand are kept, the
 * last one always. `seconds` never decreases. */
LSN_API bool lsn_store_run_progress(lsn_store *store, const lsn_run_progress *progress, lsn_error *err);
/* What each evaluation costs on a block, in any unit: by that the share of an experiment's work that is done is told.
 * Until it is known all cost the same. */
LSN_API bool lsn_store_weigh(lsn_store *store, const double *cost, lsn_error *err);

/* ---- combining ----------------------------------------------------------------------------------------------- */

/* What a merged database holds. */
typedef struct lsn_merged {
    int64_t jobs, done, failed;
} lsn_merged;

/* Combines the databases of one study (shards, other machines' runs, copies that were continued) in a new one at
 * `output`, which then is what an undisturbed run of the whole study would have written, but for runs and seconds.
 *
 * The inputs must agree in study name, digests of weights, images and calibration images, block size, metrics, stopping
 * and kind of kernels. The jobs are those of the input that has most of them (of equal ones the first); the others may
 * hold fewer, but none that it lacks. What is done in several inputs must have the same bits in every column of a
 * result; parts of an evaluation that none has done are united, and it is completed where they are enough; it is failed
 * where some input says so and none has done it. Runs of all inputs are listed, each once; one that was alive counts as
 * died.
 *
 * Inputs are only read, one at a time, and are locked against runs meanwhile (in a folder that cannot be written, a
 * heartbeat of the last minute counts as a lock). LSN_USAGE where two inputs are one file, or the output is an input;
 * LSN_INVALID with the difference where they do not fit together, or contradict each other; LSN_FAILED where one is
 * damaged, in use, or cannot be read or written, and where the output is there already (`force`: it is renamed to
 * "<output>.old"). It is built in "<output>.merging" and renamed at the end: a merge that dies leaves no output. Memory
 * does not grow with the databases, but for some 30 bytes a job. */
LSN_API bool lsn_store_merge(const char *const *inputs, int n_inputs, const char *output, bool force,
                             lsn_merged *merged, lsn_error *err);

/* Compares the results of a database with those that were computed again, in another one: each of `found` is a value
 * that differs. *compared: evaluations that are done in both. LSN_INVALID where they are not of the same study. The
 * caller finishes `found`. */
LSN_API bool lsn_store_differences(const char *path, const char *recomputed, lsn_problems *found, int64_t *compared,
                                   lsn_error *err);

/* ---- reading ------------------------------------------------------------------------------------------------- */

typedef enum lsn_cell_kind { LSN_CELL_NULL, LSN_CELL_INTEGER, LSN_CELL_REAL, LSN_CELL_TEXT } lsn_cell_kind;

typedef struct lsn_cell {
    lsn_cell_kind kind;
    int64_t integer;  /* INTEGER */
    double real;      /* REAL, and INTEGER converted */
    const char *text; /* any kind as text; "" for NULL. Valid as long as the table */
} lsn_cell;

/* The answer to one query. Reals as text have as many digits as it takes to read the same number back, and at least one
 * decimal. */
typedef struct lsn_table {
    int columns;
    int64_t rows;
    char **names;    /* [columns] */
    lsn_cell *cells; /* [rows][columns] */
    struct lsn_table_storage *storage;
} lsn_table;

typedef struct lsn_reader lsn_reader;

/* Opens a Lesion database for reading; never disturbs a writer. LSN_INVALID where it is none, or of another schema
 * version; LSN_FAILED where it cannot be read. */
LSN_API lsn_reader *lsn_reader_open(const char *path, lsn_error *err);
/* The same, of a database that no run is writing to (LSN_FAILED), nor begins to before the reader is closed; in a
 * folder that cannot be written a heartbeat of the last minute counts as a lock. */
LSN_API lsn_reader *lsn_reader_open_alone(const char *path, lsn_error *err);
/* How much of the file, and of what is sorted, queries may keep in memory: 64 MiB where nothing else is said.
 * mebibytes: 1 to 4096. */
LSN_API bool lsn_reader_cache(lsn_reader *reader, int32_t mebibytes, lsn_error *err);
/* Makes another Lesion database's tables known to the queries of `reader` as other.TABLE; only once. Errors as of
 * lsn_reader_open. */
LSN_API bool lsn_reader_attach(lsn_reader *reader, const char *path, lsn_error *err);
LSN_API void lsn_reader_close(lsn_reader *reader);
/* SQLite's check of the file, and, where that finds nothing, whether its rows fit together: references, counts, sums,
 * parts. Each of `found` is something that is wrong. The caller finishes `found`. */
LSN_API bool lsn_reader_check(lsn_reader *reader, lsn_problems *found, lsn_error *err);
/* Runs one SELECT; its parameters ?1, ?2, ... are bound to the `n_parameters` texts. The caller finishes the table,
 * also after a failure. LSN_INVALID where SQLite does not understand it, or where it is no single SELECT. */
LSN_API bool lsn_reader_query(lsn_reader *reader, lsn_table *table, const char *sql, const char *const *parameters,
                              int n_parameters, lsn_error *err);
/* What happens to the rows of a query as they come: `columns` once, with their names, then `row` for each. Cells and
 * names are valid during the call only. Either ends the query by returning false, with *err set. */
typedef struct lsn_row_taker {
    bool (*columns)(void *context, const char *const *names, int columns, lsn_error *err);
    bool (*row)(void *context, const lsn_cell *cells, int columns, lsn_error *err);
    void *context;
} lsn_row_taker;

/* The same as lsn_reader_query without keeping the rows: memory does not grow with their number. */
LSN_API bool lsn_reader_stream(lsn_reader *reader, const char *sql, const char *const *parameters, int n_parameters,
                               const lsn_row_taker *taker, lsn_error *err);
/* Whether a query that is under way keeps a writer waiting: not so where there is a write-ahead log. */
LSN_API bool lsn_reader_blocks(const lsn_reader *reader);
LSN_API const lsn_cell *lsn_table_cell(const lsn_table *table, int64_t row, int column);
LSN_API void lsn_table_finish(lsn_table *table);

/* The version of SQLite. */
LSN_API const char *lsn_store_library(void);

#endif
