/* How far a study is: read in one go (status.c), then told (status_print.c, status_json.c). */
#ifndef REPORT_STATUS_H
#define REPORT_STATUS_H

#include "lesion/report.h"
#include "report/fill.h"

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

/* What is read, a query each; status.c names the columns. */
typedef enum status_table {
    STATUS_STUDY,
    STATUS_EXPERIMENTS,
    STATUS_FAILURES,
    STATUS_RUNS,
    STATUS_PROGRESS,
    STATUS_N_TABLES
} status_table;

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

#define STATUS_HAS(status, table) ((status)->tables[table].rows > 0)

#endif
