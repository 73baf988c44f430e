/* Lesion: a sweep over the ranks of an MPI job, or in one process alone.
 *
 * Rank 0 coordinates: it hands out units, stores results and sleeps in between; the other ranks compute. A process that
 * no launcher started, or a launcher with one rank, does both.
 */
#ifndef LESION_SWEEP_H
#define LESION_SWEEP_H

#include "lesion/activations.h"
#include "lesion/base.h"
#include "lesion/engine.h"
#include "lesion/stats.h"
#include "lesion/study.h"

typedef struct lsn_node_ranks lsn_node_ranks;

/* The processes that work together. */
typedef struct lsn_ranks {
    int rank, size;
    int on_node;          /* ranks on this rank's node */
    bool launched;        /* by an MPI launcher; otherwise MPI is never touched */
    bool abandoned;       /* some rank is dead, so that MPI can never be finalized: the process must leave by _exit */
    lsn_node_ranks *node; /* what the ranks of this node have in common; NULL where there is one rank alone */
} lsn_ranks;

/* Starts MPI where a launcher started this process. Collective over all ranks. LSN_FAILED where a launcher and this
 * MPI library do not know each other (many processes, each of which would believe that it is alone). */
LSN_API bool lsn_ranks_begin(lsn_ranks *ranks, lsn_error *err);
/* Collective; nothing where ranks->abandoned. Plans that lsn_ranks_read_plan made must be destroyed before. Where a rank
 * dies meanwhile, so that this would never return, the process exits with `code` after half a minute. */
LSN_API void lsn_ranks_end(lsn_ranks *ranks, int code);
/* Whether `ok` holds on every rank. Collective. */
LSN_API bool lsn_ranks_agree(const lsn_ranks *ranks, bool ok);
/* Whether every rank's plan is rank 0's, as far as it is known before images are read: LSN_INVALID, with this rank's
 * host, on those where it is not. Collective. */
LSN_API bool lsn_ranks_same_plan(const lsn_ranks *ranks, const lsn_plan *plan, lsn_error *err);
/* lsn_plan_create on every rank, but only rank 0 reads the file of weights: the others need not have it. Each node has
 * one copy of the weights, in memory that its ranks share. NULL on every rank where rank 0 cannot read them, and on any
 * rank that cannot read the rest. A plan that was read so before must be destroyed. Collective. */
LSN_API lsn_plan *lsn_ranks_read_plan(const lsn_ranks *ranks, const char *path, const char *const *overrides,
                                      int n_overrides, lsn_problems *problems, lsn_error *err);
/* "MPI 3.1, Open MPI v4.1.4"; "none" where MPI is not in use. */
LSN_API const char *lsn_ranks_library(const lsn_ranks *ranks);

/* ---- images -------------------------------------------------------------------------------------------------- */

/* Decodes each image of a plan that is not settled once, the ranks sharing the work, each on `threads` threads (0:
 * one); every rank then knows what was found, rank 0 also why (of each rank's first thousand). The plans must be the
 * same. LSN_STOPPED where a signal came in between. Collective; for one process alone `ranks` is {.size = 1}. The
 * caller finishes `found`, also after a failure. */
LSN_API bool lsn_images_check(const lsn_plan *plan, const lsn_ranks *ranks, int threads, lsn_image_checks *found,
                              lsn_error *err);
/* The same, and lsn_plan_settle. */
LSN_API bool lsn_images_settle(lsn_plan *plan, const lsn_ranks *ranks, int threads, lsn_problems *problems,
                               lsn_error *err);

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
    bool fresh, steal_lock, retry; /* lsn_store_options */
    int32_t block_images; /* of a new database; 0: lsn_sweep_block_images */
    size_t memory_bytes;  /* for each rank, its equal part of what the node's ranks share included (one process alone:
                           * the weights as read excepted); 0: an equal part of what the node has free */
    double deadline_s;    /* by lsn_now_s: nothing is begun that is not expected to end by then; 0: none */
    lsn_method method;
    int threads;          /* of each computing rank; 0: one */
    bool fail_fast;       /* the first ablation that cannot be computed ends the run ... */
    int32_t max_failures; /* ... or more than so many; 0: no number does */
    const char *command;  /* the command line, for the record */
    void (*progress)(void *context, const lsn_sweep_progress *progress); /* rank 0, about ten times a second */
    void *context;
} lsn_sweep_options;

/* What filters do on the calibration images of a settled plan, the ranks sharing the work. Of the options the method,
 * memory_bytes and threads count. LSN_STOPPED where a signal came in between. The caller finishes *found, also after a
 * failure. Collective; for one process alone `ranks` is {.size = 1}. */
LSN_API bool lsn_activations_find(const lsn_plan *plan, lsn_activation_needs needs, const lsn_ranks *ranks,
                                  const lsn_sweep_options *options, lsn_activations *found, lsn_error *err);

/* Runs what the database lacks of the plan, which is settled and expanded. `activations`: plan->needs, where they are
 * known already; NULL: they are found where they are needed. Collective; rank 0's return value counts, the others
 * return LSN_OK or their own failure. LSN_OK: complete. LSN_STOPPED: a signal or the deadline came first, everything
 * computed is stored. LSN_JOBS_FAILED: complete, but some jobs failed. Else *err says what happened. */
LSN_API lsn_code lsn_sweep_run(const lsn_plan *plan, const lsn_activations *activations, lsn_ranks *ranks,
                               const lsn_sweep_options *options, lsn_error *err);

/* What one ablation does to all images of a plan. */
typedef struct lsn_trial {
    lsn_tally tally;
    float *logits;                /* [images][classes], in the plan's order */
    double drift[LSN_MAX_LAYERS]; /* mean over the images, where the plan measures it */
} lsn_trial;

/* Evaluates an ablation, of the plan or not, in this process; the plan is settled. LSN_INVALID where the mode needs
 * calibration images and there are none. memory_bytes 0: the default. The caller finishes *trial, also after a failure.
 */
LSN_API bool lsn_trial_run(const lsn_plan *plan, const lsn_ablation *ablation, const lsn_engine_options *options,
                           lsn_trial *trial, lsn_error *err);
LSN_API void lsn_trial_finish(lsn_trial *trial);

/* Deals the evaluations of an expanded plan to `shards` shares of about equal predicted cost and makes the share
 * `shard`, 1 .. shards, what is to be computed. Each evaluation falls to one share, the baseline to all of them. The
 * same plan, method and number give the same shares everywhere. */
LSN_API bool lsn_sweep_deal(lsn_plan *plan, lsn_method method, int32_t shard, int32_t shards, lsn_error *err);

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

/* Of an expanded plan. Of the options the method, memory_bytes and threads count. LSN_FAILED where memory is short. */
LSN_API bool lsn_sweep_memory(const lsn_plan *plan, const lsn_ranks *ranks, const lsn_sweep_options *options,
                              lsn_sweep_needs *needs, lsn_error *err);

#endif
