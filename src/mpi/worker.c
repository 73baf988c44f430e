/* A worker: waits for a unit, computes it, sends the result, until it is told to leave. The unit it holds in reserve
 * waits in MPI's own queue. */
#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

#include <stdlib.h>

typedef struct worker {
    const lsn_plan *plan;
    lsn_compute *compute;
    lsn_message unit;
    lsn_message result;
    MPI_Request sending; /* of `result` */
} worker;

/* Asked between pieces of a unit: whether rank 0 wants this rank to leave now. */
static bool told_to_leave(void *context)
{
    (void)context;
    int found = 0;
    MPI_Iprobe(0, LSN_TAG_LEAVE, MPI_COMM_WORLD, &found, MPI_STATUS_IGNORE);
    return found;
}

/* Waits until `result` may be filled again. */
static bool wait_sent(worker *w, lsn_error *err)
{
    lsn_wait wait = {0};
    for (int done = 0;; lsn_wait_step(&wait)) {
        LSN_MPI(MPI_Test(&w->sending, &done, MPI_STATUS_IGNORE));
        if (done)
            return true;
    }
}

static bool compute(worker *w, const lsn_unit_message *unit, lsn_error *err)
{
    const int32_t classes = w->plan->metrics.per_class ? w->plan->model->classes : 0;
    lsn_result result;
    if (!wait_sent(w, err) || !lsn_wire_begin_result(&w->result, unit->unit, unit->count, classes, &result, err))
        return false;
    double began = lsn_now_s();
    if (!lsn_compute_unit(w->compute, unit->block, unit->evaluations, unit->count, result.tallies, result.class_right,
                          told_to_leave, w, err))
        return false;
    result.seconds = lsn_now_s() - began;
    lsn_wire_seal_result(&w->result, &result);
    LSN_MPI(MPI_Isend(w->result.bytes, (int)w->result.size, MPI_BYTE, 0, LSN_TAG_RESULT, MPI_COMM_WORLD, &w->sending));
    return true;
}

/* Takes the message that `status` announces; computes it unless it says to leave. */
static bool answer(worker *w, const MPI_Status *status, bool *leave, lsn_error *err)
{
    int size = 0;
    LSN_MPI(MPI_Get_count(status, MPI_BYTE, &size));
    if (!lsn_message_reserve(&w->unit, (size_t)size, err))
        return false;
    LSN_MPI(MPI_Recv(w->unit.bytes, size, MPI_BYTE, 0, status->MPI_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    if (status->MPI_TAG == LSN_TAG_LEAVE)
        *leave = true;
    lsn_unit_message unit;
    return *leave || (lsn_wire_get_unit(&w->unit, &unit, err) && compute(w, &unit, err));
}

/* Tells rank 0 what went wrong; it will tell everyone to leave. */
static bool report(worker *w, lsn_error *failure, lsn_error *err)
{
    LSN_MPI(MPI_Isend(failure, sizeof *failure, MPI_BYTE, 0, LSN_TAG_ERROR, MPI_COMM_WORLD, &w->sending));
    return wait_sent(w, err);
}

static bool loop(worker *w, lsn_error *err)
{
    lsn_wait wait = {0};
    bool leave = false;
    while (!leave) {
        int found = 0;
        MPI_Status status;
        LSN_MPI(MPI_Iprobe(0, told_to_leave(w) ? LSN_TAG_LEAVE : MPI_ANY_TAG, MPI_COMM_WORLD, &found, &status));
        if (!found) {
            lsn_wait_step(&wait);
            continue;
        }
        lsn_wait_reset(&wait);
        lsn_error failure = {0};
        if (answer(w, &status, &leave, &failure) || failure.code == LSN_STOPPED)
            continue;
        if (!wait_sent(w, err) || !report(w, &failure, err))
            return false;
    }
    return wait_sent(w, err);
}

/* Units that were sent but never begun: taken, so that rank 0's sends complete. */
static bool drain_units(worker *w, lsn_error *err)
{
    for (;;) {
        int found = 0, size = 0;
        MPI_Status status;
        LSN_MPI(MPI_Iprobe(0, LSN_TAG_UNIT, MPI_COMM_WORLD, &found, &status));
        if (!found)
            return true;
        LSN_MPI(MPI_Get_count(&status, MPI_BYTE, &size));
        if (!lsn_message_reserve(&w->unit, (size_t)size, err))
            return false;
        LSN_MPI(MPI_Recv(w->unit.bytes, size, MPI_BYTE, 0, LSN_TAG_UNIT, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    }
}

bool lsn_worker_loop(const lsn_plan *plan, lsn_compute *computing, lsn_error *err)
{
    worker w = {.plan = plan, .compute = computing, .sending = MPI_REQUEST_NULL};
    bool ok = loop(&w, err) && drain_units(&w, err);
    free(w.unit.bytes);
    free(w.result.bytes);
    return ok;
}
