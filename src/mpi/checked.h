/* Every MPI call that can fail goes through here; by default MPI ends the program itself, so this is the second line.
 */
#ifndef LESION_MPI_CHECKED_H
#define LESION_MPI_CHECKED_H

#include "lesion/base.h"

#include <mpi.h>

bool lsn_mpi_failed(const char *call, int code, lsn_error *err);

/* Waits until all are complete, without burning a core. */
bool lsn_mpi_wait(MPI_Request *requests, int count, lsn_error *err);
/* Whether `ok` holds on every rank of `comm`, over which it is collective. Waits likewise. */
bool lsn_agree(MPI_Comm comm, bool ok);
/* Any number of bytes from one rank of `comm`, over which it is collective, to its others. Waits likewise. */
bool lsn_broadcast(void *bytes, size_t size, int from, MPI_Comm comm, lsn_error *err);

#define LSN_MPI(call)                                        \
    do {                                                     \
        int lsn_mpi_code = (call);                           \
        if (lsn_mpi_code != MPI_SUCCESS)                     \
            return lsn_mpi_failed(#call, lsn_mpi_code, err); \
    } while (0)

#endif
