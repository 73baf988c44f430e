/* Lesion: a sweep over the ranks of an MPI job, or in one process alone.
 *
 * Rank 0 coordinates: it hands out units, stores results and sleeps in between; the other ranks compute. A process that
 * no launcher started, or a launcher with one rank, does both.
 */
#ifndef LESION_RANKS_H
#define LESION_RANKS_H

#include "lesion/run.h"

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
/* Collective; nothing where ranks->abandoned. Plans that lsn_ranks_read_plan made must be destroyed before. Where a
 * rank dies meanwhile, so that this would never return, the process exits with `code` after half a minute. */
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
/* Ranks that share one copy of the weights with this one, itself included; 1: each has its own. */
LSN_API int lsn_ranks_sharers(const lsn_ranks *ranks);
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

/* What filters do on the calibration images of a settled plan, the ranks sharing the work. Of the options
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

#endif
