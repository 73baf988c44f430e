/* How far a study is: read in one go (status.c), then told (status_print.c, status_json.c). */
#ifndef REPORT_STATUS_H
#define REPORT_STATUS_H

#include "lesion/report.h"

/* What there is of the last run. */
typedef enum status_state {
    STATUS_NO_RUN,
    STATUS_RUNNING,
    STATUS_SILENT, /* its process is there, but tells nothing */
    STATUS_DEAD,   /* it did not say how it ended */
    STATUS_COMPLETE,
    STATUS_STOPPED,
    STATUS_FAILED,
} status_state;
const char *status_state_name(status_state state);

/* Tables that are shown as they are, a query each. */
typedef enum status_table {
    STATUS_STUDY,
    STATUS_EXPERIMENTS,
    STATUS_FAILURES,
    STATUS_RUNS,
    STATUS_PROGRESS,
    STATUS_N_TABLES
} status_table;

/* Columns of these tables. */
enum {
    STUDY_NAME,
    STUDY_WEIGHTS,
    STUDY_SHA256,
    STUDY_IMAGES,
    STUDY_CLASSES,
    STUDY_ABLATIONS,
    STUDY_SKIPPED,
    STUDY_SHARD,
    STUDY_SHARDS,
    STUDY_ALL_JOBS
};
enum { EXPERIMENT_NAME, EXPERIMENT_JOBS, EXPERIMENT_DONE, EXPERIMENT_RUNNING, EXPERIMENT_FAILED, EXPERIMENT_WORK };
enum { FAILURE_EXPERIMENT, FAILURE_LAYERS, FAILURE_FILTERS, FAILURE_REASON };
enum {
    RUN_RUN,
    RUN_STARTED,
    RUN_ENDED,
    RUN_RANKS,
    RUN_HOSTS,
    RUN_METHOD,
    RUN_HOW,
    RUN_HOST,
    RUN_PID,
    RUN_SLURM,
    RUN_COMMAND,
    RUN_AGE,
    RUN_SILENT
};
enum { PROGRESS_SECONDS, PROGRESS_SHARE, PROGRESS_IMAGES, PROGRESS_WORKERS, PROGRESS_COMPUTING, PROGRESS_LEFT };

struct lsn_status {
    const char *database;
    lsn_table tables[STATUS_N_TABLES];
    status_state state;
    int64_t jobs, done, running, failed; /* of all experiments */
    double work;                         /* share that is done, 0 .. 1 */
    double silent_s;                     /* since the run was last heard of */
    bool here;                           /* the run's rank 0 is on this host */
    bool measured;                       /* what follows is known, of the last `over_s` seconds of the run */
    double over_s, images_s, computing;  /* images per second; share of the workers' time that they compute, 0 .. 1 */
    int64_t workers, worker_ranks;       /* alive, as far as that is known; all */
    double left_s;                       /* < 0: not known */
};

/* The cell of a table's only row, or of its first one. */
const lsn_cell *status_cell(const lsn_status *status, status_table table, int column);
#define STATUS_HAS(status, table) ((status)->tables[table].rows > 0)

#endif
