/* Shared by the files that combine databases: merge opens inputs and output, merge_study compares studies,
 * merge_jobs finds out which row of one is which of the other, merge_results brings results over, merge_conflicts
 * finds what contradicts, complete_merged completes what has enough parts now.
 *
 * The output is the schema `main`, the present input is attached as `input`; temporary tables say which row of the
 * input (theirs) is which of the output (ours). */
#ifndef LESION_STORE_MERGE_H
#define LESION_STORE_MERGE_H

#include "store/metrics.h"
#include "store/store_internal.h"

typedef struct merging {
    database db;       /* the output */
    const char *input; /* the present one */
    const char *base;  /* that from which the jobs were taken */
} merging;

/* What was found wrong while an input was read: names it where it is to blame. Always false. */
bool merge_fail(const merging *m, lsn_error *err);
/* Statements without parameters. */
bool merge_run(const merging *m, const char *sql, lsn_error *err);
bool merge_integer(const merging *m, const char *sql, int64_t *number, lsn_error *err);

/* The first input's study, layers, classes, images, jobs; without results. */
bool merge_take_study(const merging *m, lsn_error *err);
/* LSN_INVALID with every difference between the input's study and the output's. */
bool merge_compare_studies(const merging *m, lsn_error *err);

/* Fills the temporary tables, but that of runs. */
bool merge_match(const merging *m, lsn_error *err);
/* Adds the input's runs. LSN_INVALID where the input has jobs that the output has not. */
bool merge_take_runs(const merging *m, lsn_error *err);

/* LSN_INVALID where a result is in both and differs, with its key, its column, and both values. */
bool merge_check_conflicts(const merging *m, lsn_error *err);
/* The same, but lists all of them in `found`. */
bool merge_list_conflicts(const merging *m, lsn_problems *found, lsn_error *err);
/* Brings over what the output lacks. */
bool merge_take_results(const merging *m, lsn_error *err);

/* What an evaluation of temp.evaluations is. */
#define MERGE_BOTH "1"  /* done in both */
#define MERGE_TAKE "2"  /* done in the input only */
#define MERGE_UNITE "3" /* done in neither */

/* A store on a database without its plan, which can only be judged; completes first what has all its parts, or enough
 * of them. */
lsn_store *merge_complete_open(const char *path, lsn_error *err);

#endif
