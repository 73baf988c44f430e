/* Lesion: a run's options and progress, one ablation by itself, shares of a study, memory. Nothing here is collective
 * over MPI; lesion/ranks.h runs a study.
 */
#ifndef LESION_RUN_H
#define LESION_RUN_H

#include "lesion/activations.h"
#include "lesion/base.h"
#include "lesion/engine.h"
#include "lesion/stats.h"
#include "lesion/study.h"

/* ---- sweeps -------------------------------------------------------------------------------------------------- */

/* Makes USR1 finish what is in hand and stop; TERM and INT stop at once. To be called before lsn_ranks_begin. */
LSN_API void lsn_sweep_catch_signals(void);

typedef struct lsn_sweep_progress {
    int64_t jobs_done, jobs;  /* of the study, or of its share */
    int64_t job_images;       /* images evaluated for some job, since this run began */
    double elapsed_s, left_s; /* left_s < 0: not known yet */
    double share;             /* of the work of all these, 0 .. 1 */
    int workers;
} lsn_sweep_progress;

typedef struct lsn_sweep_options {
    const char *database;
    const lsn_wanted *wanted;      /* what of the plan is computed; NULL: all */
    bool fresh, steal_lock, retry; /* lsn_store_options */
    int32_t block_images;          /* of a new database; 0: lsn_sweep_block_images */
    size_t memory_bytes;  /* for each rank, its equal part of what the node's ranks share included (one process alone:
                           * the weights as read excepted); 0: an equal part of what the node has free */
    double deadline_s;    /* by lsn_now_s: nothing is begun that is not expected to end by then; 0: none */
    int threads;          /* of each computing rank; 0: one */
    bool fail_fast;       /* the first ablation that cannot be computed ends the run ... */
    int32_t max_failures; /* ... or more than so many; 0: no number does */
    const char *command;  /* the command line, for the record */
    void (*progress)(void *context, const lsn_sweep_progress *progress); /* rank 0, about ten times a second */
    void *context;
} lsn_sweep_options;

/* What one ablation does to all images of a plan. */
typedef struct lsn_trial {
    lsn_tally tally;
    float *logits; /* [images][classes], in the plan's order */
    double *drift; /* [layers] mean over the images; 0 where the plan does not measure it */
} lsn_trial;

/* Evaluates an ablation, of the plan or not, in this process; the plan is settled. LSN_INVALID where the mode needs
 * calibration images and there are none. memory_bytes 0: the default. The caller finishes *trial, also after a failure.
 */
LSN_API bool lsn_trial_run(const lsn_plan *plan, const lsn_ablation *ablation, const lsn_engine_options *options,
                           lsn_trial *trial, lsn_error *err);
LSN_API void lsn_trial_finish(lsn_trial *trial);

/* Deals the evaluations of an expanded plan to `shards` shares of about equal predicted cost; *wanted is the share
 * `shard`, 1 .. shards. Each evaluation falls to one share, the baseline to all of them. The same plan and number
 * give the same shares everywhere. The caller finishes *wanted, also after a failure. */
LSN_API bool lsn_sweep_deal(const lsn_plan *plan, int32_t shard, int32_t shards, lsn_wanted *wanted, lsn_error *err);

/* Images to a block for this plan's network: enough work to a block to be worth a message, few enough that a unit is
 * short. */
LSN_API int32_t lsn_sweep_block_images(const lsn_plan *plan);

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* Memory that a rank may use by default, bytes: four fifths of what the node has free, divided by its ranks. */
LSN_API size_t lsn_sweep_default_memory(int ranks_on_node);

/* What a sweep takes, about. */
typedef struct lsn_sweep_needs {
    int sharers;          /* ranks that share the weights: those of this node; 1: each has its own */
    size_t weights_bytes; /* weights as they are in the file, and packed: for the sharers together */
    size_t rank_bytes;    /* of each rank that computes, besides: what it has now, the plan above all, the engine's
                           * workspace, and images */
} lsn_sweep_needs;

/* Of an expanded plan, on a node where so many ranks share the weights. Of the options memory_bytes and
 * threads count. LSN_FAILED where memory is short. */
LSN_API bool lsn_sweep_memory(const lsn_plan *plan, int sharers, const lsn_sweep_options *options,
                              lsn_sweep_needs *needs, lsn_error *err);

#endif
