/* MPI calls that are waited for without burning a core. */
#include "mpi/checked.h"

#include "mpi/mpi_internal.h"

enum { PIECE_BYTES = 16 << 20, PIECES_AT_ONCE = 4 };

bool lsn_mpi_failed(const char *call, int code, lsn_error *err)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    return lsn_fail(err, LSN_FAILED, "MPI failed: %s in %s", text, call);
}

bool lsn_mpi_wait(MPI_Request *requests, int count, lsn_error *err)
{
    lsn_wait wait = {0};
    for (int at = 0, done; at < count;) {
        LSN_MPI(MPI_Test(&requests[at], &done, MPI_STATUS_IGNORE));
        if (done)
            at++;
        else
            lsn_wait_step(&wait);
    }
    return true;
}

bool lsn_agree(MPI_Comm comm, bool ok)
{
    int mine = ok, all = 0;
    MPI_Request request;
    lsn_error unsaid;
    return MPI_Iallreduce(&mine, &all, 1, MPI_INT, MPI_MIN, comm, &request) == MPI_SUCCESS &&
           lsn_mpi_wait(&request, 1, &unsaid) && all;
}

bool lsn_broadcast(void *bytes, size_t size, int from, MPI_Comm comm, lsn_error *err)
{
    for (size_t at = 0; at < size;) {
        MPI_Request requests[PIECES_AT_ONCE];
        int n = 0;
        for (; n < PIECES_AT_ONCE && at < size; n++) {
            const size_t piece = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
            LSN_MPI(MPI_Ibcast((char *)bytes + at, (int)piece, MPI_BYTE, from, comm, &requests[n]));
            at += piece;
        }
        if (!lsn_mpi_wait(requests, n, err))
            return false;
    }
    return true;
}
