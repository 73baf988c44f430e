/* Starting MPI, and what all ranks agree upon. */
#include "mpi/mpi_internal.h"

#include "mpi/checked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Set by the launchers for each process they start: Open MPI's mpirun, PMIx (srun --mpi=pmix), PMI (MPICH, srun). */
static const char *const launcher_variables[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_FD"};

static bool was_launched(void)
{
    for (size_t i = 0; i < sizeof launcher_variables / sizeof *launcher_variables; i++)
        if (getenv(launcher_variables[i]) != NULL)
            return true;
    return false;
}

/* Processes that the launcher says it started, 1 where it says nothing. */
static int launched_processes(void)
{
    static const char *const counts[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const char *value = getenv(counts[i]);
        /* mpirun reaches other nodes by a step of one daemon a node: that step's tasks are not ranks. */
        if (value != NULL && !(i == 2 && getenv("OMPI_COMM_WORLD_SIZE") != NULL))
            return atoi(value) > 1 ? atoi(value) : 1;
    }
    return 1;
}

static bool refuse_singletons(const lsn_ranks *ranks, lsn_error *err)
{
    int processes = launched_processes();
    if (ranks->size > 1 || processes == 1)
        return true;
    return lsn_fail(err, LSN_FAILED,
                    "the launcher started %d processes, but each believes that it is alone: the launcher and this "
                    "program's MPI library do not know each other. Start it with that library's mpirun, or with srun "
                    "--mpi=pmix (Open MPI) or srun --mpi=pmi2 (MPICH)",
                    processes);
}

bool lsn_ranks_begin(lsn_ranks *ranks, lsn_error *err)
{
    *ranks = (lsn_ranks){.rank = 0, .size = 1, .on_node = 1};
    if (!was_launched())
        return refuse_singletons(ranks, err);
    LSN_MPI(MPI_Init(NULL, NULL));
    ranks->launched = true;
    LSN_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &ranks->rank));
    LSN_MPI(MPI_Comm_size(MPI_COMM_WORLD, &ranks->size));
    return refuse_singletons(ranks, err) && (ranks->size == 1 || lsn_node_begin(ranks, err));
}

bool lsn_ranks_agree(const lsn_ranks *ranks, bool ok)
{
    return ranks->launched ? lsn_agree(MPI_COMM_WORLD, ok) : ok;
}

bool lsn_ranks_same_plan(const lsn_ranks *ranks, const lsn_plan *plan, lsn_error *err)
{
    if (!ranks->launched)
        return true;
    lsn_digest mine = {0}, first = {0};
    bool ok = lsn_plan_outline(plan, &mine, err);
    first = mine;
    if (!lsn_broadcast(&first, sizeof first, 0, MPI_COMM_WORLD, err))
        return false;
    if (ok && memcmp(&mine, &first, sizeof mine) != 0) {
        char host[256] = "";
        gethostname(host, sizeof host - 1);
        ok = lsn_fail(err, LSN_INVALID,
                      "rank %d on %s reads another study, weights or images than rank 0: are the files the same on "
                      "every node?",
                      ranks->rank, host);
    }
    return ok;
}

const char *lsn_ranks_library(const lsn_ranks *ranks)
{
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    if (!ranks->launched || MPI_Get_library_version(text, &length) != MPI_SUCCESS)
        return "none";
    text[strcspn(text, ",\n")] = '\0';
    return text;
}
