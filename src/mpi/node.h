/* What the ranks of a node have in common. Everything here is collective over all ranks, where it is not said
 * otherwise; ranks that wait do not burn a core. */
#ifndef LESION_MPI_NODE_H
#define LESION_MPI_NODE_H

#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

/* Memory that a group of ranks has in common: those of a node, or, where they cannot share, each rank alone. */
typedef struct lsn_shared {
    void *bytes; /* aligned to 64 bytes; NULL: none was taken */
    size_t size;
    void *own;      /* of a rank that is alone: not in a window */
    MPI_Win window; /* otherwise */
} lsn_shared;

struct lsn_node_ranks {
    MPI_Comm comm;      /* the group */
    MPI_Comm leaders;   /* the first ranks of all groups; MPI_COMM_NULL on the others */
    int part, parts;    /* this rank's place in its group, and the group's size */
    lsn_shared weights; /* of the model */
    lsn_shared packed;  /* the same for the engine: of this model */
    const lsn_net *packed_model;
};

/* Takes memory for each group, all pages of it where the system can. Where the ranks of a node cannot share, for want
 * of room or of MPI's consent, they become groups of their own from then on, and a warning is said. `ok`: this rank has
 * what it needs so far, or else set *err. LSN_FAILED on every rank where it fails on any. */
bool lsn_shared_take(const lsn_ranks *ranks, size_t bytes, bool ok, lsn_shared *shared, lsn_error *err);
/* Collective over the group. */
void lsn_shared_release(lsn_shared *shared);
/* Whether `ok` holds on every rank; what ranks wrote before, their group sees afterwards. */
bool lsn_shared_sync(const lsn_ranks *ranks, const lsn_shared *shared, bool ok);
/* Rank 0's contents to the memory of all groups, whose first ranks write; to be followed by lsn_shared_sync. */
bool lsn_shared_broadcast(const lsn_ranks *ranks, const lsn_shared *shared, lsn_error *err);

#endif
