/* A worker: waits for a unit, computes it, sends the result, until it is told to leave. The unit it holds in reserve is
 * received while the one before is computed, so that its images can be decoded in the meantime. */
#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

#include <stdlib.h>

typedef struct worker {
    lsn_compute *compute;
    lsn_message unit;
    lsn_message reserve; /* the unit after it */
    bool has_reserve;
    lsn_message result;
    MPI_Request sending; /* of `result` */
} worker;

/* Receives the unit in reserve, if it has come, and lets its images be decoded. */
static bool take_reserve(worker *w, lsn_error *err)
{
    int found = 0, size = 0;
    MPI_Status status;
    lsn_unit_message unit;
    if (w->has_reserve)
        return true;
    LSN_MPI(MPI_Iprobe(0, LSN_TAG_UNIT, MPI_COMM_WORLD, &found, &status));
    if (!found)
        return true;
    LSN_MPI(MPI_Get_count(&status, MPI_BYTE, &size));
    if (!lsn_message_reserve(&w->reserve, (size_t)size, err))
        return false;
    LSN_MPI(MPI_Recv(w->reserve.bytes, size, MPI_BYTE, 0, LSN_TAG_UNIT, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    w->has_reserve = true;
    if (lsn_wire_get_unit(&w->reserve, &unit, err))
        lsn_compute_expect(w->compute, unit.block);
    return true; /* what is wrong with it is said when its turn comes */
}

/* Asked between pieces of a unit: whether rank 0 wants this rank to leave now. */
static bool told_to_leave(void *context)
{
    int found = 0;
    lsn_error ignored;
    take_reserve(context, &ignored);
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
    lsn_result result;
    double began = lsn_now_s();
    if (!lsn_compute_load(w->compute, unit->block, err) || !wait_sent(w, err) ||
        !lsn_wire_begin_result(&w->result, unit->unit, unit->count, lsn_compute_extent(w->compute), &result, err) ||
        !lsn_compute_evaluations(w->compute, unit->block, unit->evaluations, unit->count, &result.outcome,
                                 told_to_leave, w, err))
        return false;
    result.seconds = lsn_now_s() - began;
    lsn_wire_seal_result(&w->result, &result);
    LSN_MPI(MPI_Isend(w->result.bytes, (int)w->result.size, MPI_BYTE, 0, LSN_TAG_RESULT, MPI_COMM_WORLD, &w->sending));
    return true;
}

/* Tells rank 0 what went wrong; it will tell everyone to leave. */
static bool report(worker *w, lsn_error *failure, lsn_error *err)
{
    LSN_MPI(MPI_Isend(failure, sizeof *failure, MPI_BYTE, 0, LSN_TAG_ERROR, MPI_COMM_WORLD, &w->sending));
    return wait_sent(w, err);
}

/* Computes the unit in reserve. What goes wrong with it is told to rank 0. */
static bool begin_reserve(worker *w, lsn_error *err)
{
    lsn_error failure = {0};
    lsn_unit_message unit;
    const lsn_message next = w->reserve;
    w->reserve = w->unit;
    w->unit = next;
    w->has_reserve = false;
    bool ok = lsn_wire_get_unit(&w->unit, &unit, &failure) && compute(w, &unit, &failure);
    return ok || failure.code == LSN_STOPPED || (wait_sent(w, err) && report(w, &failure, err));
}

static bool loop(worker *w, lsn_error *err)
{
    lsn_wait wait = {0};
    while (!told_to_leave(w)) {
        if (!take_reserve(w, err))
            return false;
        if (!w->has_reserve) {
            lsn_wait_step(&wait);
            continue;
        }
        lsn_wait_reset(&wait);
        if (!begin_reserve(w, err))
            return false;
    }
    LSN_MPI(MPI_Recv(NULL, 0, MPI_BYTE, 0, LSN_TAG_LEAVE, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
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

bool lsn_worker_loop(lsn_compute *computing, lsn_error *err)
{
    worker w = {.compute = computing, .sending = MPI_REQUEST_NULL};
    bool ok = loop(&w, err) && drain_units(&w, err);
    free(w.unit.bytes);
    free(w.reserve.bytes);
    free(w.result.bytes);
    return ok;
}
