#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

#include <stdlib.h>

static bool leave_asked(void *context)
{
    (void)context;
    return lsn_signals_asked() == LSN_LEAVE;
}

/* sums += those of all ranks; waits without burning a core. */
static bool add_up(const lsn_ranks *ranks, int64_t *sums, int count, lsn_error *err)
{
    if (!ranks->launched)
        return true;
    MPI_Request request;
    LSN_MPI(MPI_Iallreduce(MPI_IN_PLACE, sums, count, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD, &request));
    lsn_wait wait = {0};
    for (int done = 0; !done; lsn_wait_step(&wait))
        LSN_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    return true;
}

/* The part of 0 .. count-1 that belongs to worker `worker` of `workers`. */
static int32_t share_begin(int32_t count, int worker, int workers)
{
    return (int32_t)((int64_t)count * worker / workers);
}

bool lsn_means_find(lsn_compute *compute, const lsn_plan *plan, const lsn_ranks *ranks, float *means, lsn_error *err)
{
    const int filters = lsn_model_filters(plan->model), workers = ranks->size > 1 ? ranks->size - 1 : 1;
    const int worker = ranks->size > 1 ? ranks->rank - 1 : 0;
    int64_t *sums = lsn_array((size_t)filters, sizeof *sums, err);
    bool ok = sums != NULL;
    if (ok && compute != NULL)
        ok = lsn_compute_add_means(compute, share_begin(plan->calibration.count, worker, workers),
                                   share_begin(plan->calibration.count, worker + 1, workers), sums, leave_asked, NULL,
                                   err);
    /* All ranks come here, whatever happened to them, so that none waits for another in vain. */
    if (lsn_ranks_agree(ranks, ok) && ok)
        ok = add_up(ranks, sums, filters, err);
    else if (ok)
        ok = lsn_fail(err, lsn_signals_asked() == LSN_LEAVE ? LSN_STOPPED : LSN_FAILED,
                      "another rank could not compute the mean activations");
    for (int i = 0; ok && i < filters; i++)
        means[i] = (float)((double)sums[i] / LSN_FIXED / plan->calibration.count);
    free(sums);
    return ok;
}
