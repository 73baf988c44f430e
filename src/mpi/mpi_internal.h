/* Shared by the files of this room: what speaks MPI, and nothing else.
 *
 * ranks        starting MPI, and what all ranks agree upon; finalize: how they part
 * node, share  memory and weights that the ranks of a node have in common
 * images       whether images can be read, found together; activations: what filters do, likewise
 * sweep        a run over all ranks: rank 0 is src/run's coordinator, the others are its crew
 * workers      the crew as rank 0 sees it; worker: what one of it does
 * checked      MPI calls */
#ifndef LESION_MPI_INTERNAL_H
#define LESION_MPI_INTERNAL_H

#include "lesion/ranks.h"

#include "run/run_internal.h"

/* ---- options (sweep.c) --------------------------------------------------------------------------------------- */

/* A rank's engine, its weights packed where ranks share them; besides_bytes are this rank's part of what is shared.
 * Collective. */
bool lsn_sweep_engine(const lsn_plan *plan, const lsn_ranks *ranks, const lsn_sweep_options *options,
                      lsn_engine_options *engine, lsn_error *err);
/* ---- what the ranks of a node have in common (node.c, share.c) ----------------------------------------------- */

/* For two ranks or more. Collective. */
bool lsn_node_begin(lsn_ranks *ranks, lsn_error *err);
void lsn_node_end(lsn_ranks *ranks);

/* The model's weights as the kernels want them, packed by the ranks of each node together, once; they live as
 * long as the ranks. NULL where each engine packs its own: there is one rank alone. Collective. */
bool lsn_ranks_pack(const lsn_ranks *ranks, const lsn_net *net, const void **packed, lsn_error *err);
/* Bytes of what is shared so far, divided by the ranks that share it. */
size_t lsn_ranks_share(const lsn_ranks *ranks);

/* ---- activations (activations.c) ----------------------------------------------------------------------------- */

/* What filters do on the calibration images, each rank that computes passing its share of them: on every rank.
 * `compute` is NULL on a rank that does not compute. The caller finishes *found, also after a failure. Collective. */
bool lsn_activations_measure(lsn_compute *compute, const lsn_plan *plan, lsn_activation_needs needs,
                             const lsn_ranks *ranks, lsn_activations *found, lsn_error *err);

/* ---- the others (workers.c, worker.c) ------------------------------------------------------------------------ */

/* Ranks 1 .. size-1 compute. */
typedef struct lsn_workers lsn_workers;
/* processes[size], of each rank, must outlive it. */
lsn_workers *lsn_workers_create(const lsn_ranks *ranks, const lsn_process *processes, lsn_error *err);
/* Tells all to leave at once and waits for their last words. `missing`: some are not there any more. Where that is so,
 * or one does not answer in time, MPI cannot be finalized: false. */
bool lsn_workers_dismiss(lsn_workers *workers, bool missing);
void lsn_workers_destroy(lsn_workers *workers);
lsn_crew lsn_workers_crew(lsn_workers *workers);

/* What a worker rank does until it is told to leave, or hears nothing of rank 0 any more (LSN_FAILED), unless it sees
 * that rank 0, which is that process, is stopped. *abandon: MPI must not be finalized. */
bool lsn_worker_loop(lsn_compute *compute, const lsn_process *rank_0, bool *abandon, lsn_error *err);

#endif
