#include "mpi/checked.h"

bool lsn_mpi_failed(const char *call, int code, lsn_error *err)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    return lsn_fail(err, LSN_FAILED, "MPI failed: %s in %s", text, call);
}
