/* The workers as rank 0 sees them: units go out by non-blocking sends, results come in as they are found. */
#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

#include <stdlib.h>

typedef struct posted {
    lsn_message message;
    MPI_Request request;
} posted;

struct lsn_workers {
    int size;
    posted *sends; /* under way, or ready for reuse */
    size_t n_sends, sends_room;
    lsn_message result;
};

lsn_workers *lsn_workers_create(const lsn_ranks *ranks, lsn_error *err)
{
    lsn_workers *workers = lsn_array(1, sizeof *workers, err);
    if (workers != NULL)
        workers->size = ranks->size;
    return workers;
}

void lsn_workers_destroy(lsn_workers *workers)
{
    if (workers == NULL)
        return;
    MPI_Request *leaves = calloc((size_t)workers->size, sizeof *leaves);
    for (int rank = 1; leaves != NULL && rank < workers->size; rank++)
        MPI_Isend(NULL, 0, MPI_BYTE, rank, LSN_TAG_LEAVE, MPI_COMM_WORLD, &leaves[rank]);
    for (int rank = 1; leaves != NULL && rank < workers->size; rank++)
        MPI_Request_free(&leaves[rank]); /* nothing is in the buffer; MPI_Finalize completes the send */
    free(leaves);
    for (size_t i = 0; i < workers->n_sends; i++) {
        if (workers->sends[i].request != MPI_REQUEST_NULL)
            MPI_Wait(&workers->sends[i].request, MPI_STATUS_IGNORE); /* a worker drains all units before it leaves */
        free(workers->sends[i].message.bytes);
    }
    free(workers->sends);
    free(workers->result.bytes);
    free(workers);
}

/* A place whose last message has been sent. */
static posted *free_place(lsn_workers *workers, lsn_error *err)
{
    for (size_t i = 0; i < workers->n_sends; i++) {
        int done = workers->sends[i].request == MPI_REQUEST_NULL;
        if (!done && MPI_Test(&workers->sends[i].request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS)
            done = 0;
        if (done)
            return &workers->sends[i];
    }
    if (!lsn_grow((void **)&workers->sends, workers->n_sends, &workers->sends_room, sizeof(posted), err))
        return NULL;
    posted *place = &workers->sends[workers->n_sends++];
    *place = (posted){.request = MPI_REQUEST_NULL};
    return place;
}

static bool give(void *context, const lsn_unit *unit, lsn_error *err)
{
    posted *place = free_place(context, err);
    if (place == NULL || !lsn_wire_put_unit(&place->message, unit, err))
        return false;
    LSN_MPI(MPI_Isend(place->message.bytes, (int)place->message.size, MPI_BYTE, unit->worker + 1, LSN_TAG_UNIT,
                      MPI_COMM_WORLD, &place->request));
    return true;
}

static bool take(void *context, lsn_result *result, bool *got, lsn_error *err)
{
    lsn_workers *workers = context;
    int found = 0, size = 0;
    MPI_Status status;
    *got = false;
    LSN_MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &found, &status));
    if (!found)
        return true;
    LSN_MPI(MPI_Get_count(&status, MPI_BYTE, &size));
    if (!lsn_message_reserve(&workers->result, (size_t)size, err))
        return false;
    LSN_MPI(MPI_Recv(workers->result.bytes, size, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE));
    if (status.MPI_TAG == LSN_TAG_ERROR) {
        const lsn_error *failure = workers->result.bytes;
        if ((size_t)size == sizeof *failure)
            return lsn_fail(err, failure->code, "rank %d: %.*s", status.MPI_SOURCE, LSN_ERROR_BYTES - 32,
                            failure->text);
        return lsn_fail(err, LSN_FAILED, "rank %d failed without a word", status.MPI_SOURCE);
    }
    if (!lsn_wire_get_result(&workers->result, result, err))
        return lsn_fail_in(err, "rank %d", status.MPI_SOURCE);
    result->worker = status.MPI_SOURCE - 1;
    *got = true;
    return true;
}

lsn_crew lsn_workers_crew(lsn_workers *workers)
{
    return (lsn_crew){.workers = workers->size - 1, .held = 2, .context = workers, .give = give, .take = take};
}
