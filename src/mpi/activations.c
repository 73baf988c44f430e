/* What filters do on the calibration images, the ranks sharing the work. */
#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

#include <stdlib.h>

/* sums += those of all ranks; waits without burning a core. */
static bool add_up(const lsn_ranks *ranks, int64_t *sums, int count, lsn_error *err)
{
    if (!ranks->launched)
        return true;
    MPI_Request request;
    LSN_MPI(MPI_Iallreduce(MPI_IN_PLACE, sums, count, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD, &request));
    return lsn_mpi_wait(&request, 1, err);
}

/* The part of 0 .. count-1 that belongs to worker `worker` of `workers`. */
static int32_t share_begin(int32_t count, int worker, int workers)
{
    return (int32_t)((int64_t)count * worker / workers);
}

bool lsn_activations_measure(lsn_compute *compute, const lsn_plan *plan, lsn_activation_needs needs,
                             const lsn_ranks *ranks, lsn_activations *found, lsn_error *err)
{
    const int workers = ranks->size > 1 ? ranks->size - 1 : 1, worker = ranks->size > 1 ? ranks->rank - 1 : 0;
    bool ok = lsn_activations_init(found, plan->net, needs, err);
    if (ok && compute != NULL)
        ok = lsn_compute_add_activations(compute, share_begin(plan->calibration.count, worker, workers),
                                         share_begin(plan->calibration.count, worker + 1, workers), found,
                                         lsn_leave_asked, NULL, err);
    /* All ranks come here, whatever happened to them, so that none waits for another in vain. */
    if (lsn_ranks_agree(ranks, ok) && ok)
        return add_up(ranks, found->sums, (int)found->count, err);
    return !ok ? false
               : lsn_fail(err, lsn_signals_asked() == LSN_LEAVE ? LSN_STOPPED : LSN_FAILED,
                          "another rank could not pass the calibration images");
}

bool lsn_activations_find(const lsn_plan *plan, lsn_activation_needs needs, const lsn_ranks *ranks,
                          const lsn_sweep_options *options, lsn_activations *found, lsn_error *err)
{
    lsn_engine_options engine;
    const bool computes = ranks->size == 1 || ranks->rank > 0;
    *found = (lsn_activations){0};
    if (!lsn_sweep_engine(plan, ranks, options, &engine, err))
        return false;
    lsn_compute *compute = computes ? lsn_compute_create(plan, lsn_sweep_block_images(plan), &engine, err) : NULL;
    bool mine = compute != NULL || !computes, ok = lsn_ranks_agree(ranks, mine);
    if (!ok && mine)
        lsn_fail(err, LSN_FAILED, "a worker rank could not begin; it says why above");
    ok = ok && lsn_activations_measure(compute, plan, needs, ranks, found, err);
    lsn_compute_destroy(compute);
    return ok;
}
