/* Memory that the ranks of a node have in common: windows of MPI-3, which are the first rank's, and the others map. */
#include "mpi/node.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };

/* ---- who shares with whom ------------------------------------------------------------------------------------ */

static bool find_leaders(lsn_node *node, const lsn_ranks *ranks, lsn_error *err)
{
    LSN_MPI(MPI_Comm_set_errhandler(node->comm, MPI_ERRORS_RETURN));
    LSN_MPI(MPI_Comm_rank(node->comm, &node->part));
    LSN_MPI(MPI_Comm_size(node->comm, &node->parts));
    LSN_MPI(MPI_Comm_split(MPI_COMM_WORLD, node->part == 0 ? 0 : MPI_UNDEFINED, ranks->rank, &node->leaders));
    return true;
}

bool lsn_node_begin(lsn_ranks *ranks, lsn_error *err)
{
    lsn_node *node = lsn_array(1, sizeof *node, err);
    if (node == NULL)
        return false;
    node->comm = node->leaders = MPI_COMM_NULL;
    ranks->node = node;
    LSN_MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, ranks->rank, MPI_INFO_NULL, &node->comm));
    if (!find_leaders(node, ranks, err))
        return false;
    ranks->on_node = node->parts;
    return true;
}

static void leave_group(lsn_node *node)
{
    if (node->comm != MPI_COMM_NULL)
        MPI_Comm_free(&node->comm);
    if (node->leaders != MPI_COMM_NULL)
        MPI_Comm_free(&node->leaders);
}

void lsn_node_end(lsn_ranks *ranks)
{
    lsn_node *node = ranks->node;
    if (node == NULL)
        return;
    lsn_shared_release(&node->packed);
    lsn_shared_release(&node->weights);
    leave_group(node);
    free(node);
    ranks->node = NULL;
}

/* From here on each rank is a group of its own. */
static bool go_apart(const lsn_ranks *ranks, lsn_error *err)
{
    leave_group(ranks->node);
    LSN_MPI(MPI_Comm_dup(MPI_COMM_SELF, &ranks->node->comm));
    return find_leaders(ranks->node, ranks, err);
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* Whether there is room where systems keep memory that processes share. MPI libraries find out too late. */
static bool has_room(const lsn_node *node, size_t bytes)
{
    struct statvfs status;
    char host[256] = "";
    if (node->parts == 1 || node->part > 0 || statvfs("/dev/shm", &status) != 0 ||
        status.f_bavail > bytes / status.f_frsize)
        return true;
    gethostname(host, sizeof host - 1);
    lsn_log_quiet(false);
    lsn_log("warning: /dev/shm of %s has no room for %zu bytes of weights, so that each rank keeps them for itself: "
            "make it larger (mount -o remount,size=SIZE /dev/shm, docker run --shm-size=SIZE)",
            host, bytes);
    return false;
}

/* Whether this process may map so much: where one of a group cannot, MPI libraries bring all of them down. */
static bool can_map(size_t bytes, lsn_error *err)
{
    void *tried = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (tried == MAP_FAILED)
        return lsn_fail(err, LSN_FAILED,
                        "out of memory: %zu bytes of weights, which the ranks of a node share, cannot be mapped: is "
                        "there a limit (ulimit -v)?",
                        bytes);
    munmap(tried, bytes);
    return true;
}

/* Collective over the group. */
static bool take(const lsn_node *node, size_t bytes, lsn_shared *shared, lsn_error *err)
{
    const size_t wanted = bytes + ALIGNMENT;
    MPI_Aint size = 0;
    int unit;
    void *base;
    LSN_MPI(MPI_Win_allocate_shared(node->part == 0 ? (MPI_Aint)wanted : 0, 1, MPI_INFO_NULL, node->comm, &base,
                                    &shared->window));
    LSN_MPI(MPI_Win_shared_query(shared->window, 0, &size, &unit, &base));
    LSN_MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, shared->window));
    /* Ranks map it at addresses that differ by whole pages, so that all align alike. */
    shared->bytes = (char *)base + (ALIGNMENT - (uintptr_t)base % ALIGNMENT) % ALIGNMENT;
    shared->size = bytes;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)base + page - 1) / page * page;
    madvise((void *)begin, wanted / page * page, MADV_HUGEPAGE); /* granted where /dev/shm is mounted with huge= */
    return true;
}

bool lsn_shared_take(const lsn_ranks *ranks, size_t bytes, bool ok, lsn_shared *shared, lsn_error *err)
{
    *shared = (lsn_shared){0};
    ok = ok && can_map(bytes + ALIGNMENT, err);
    bool all = lsn_ranks_agree(ranks, ok);
    if (all) {
        const bool room = lsn_ranks_agree(ranks, has_room(ranks->node, bytes));
        ok = (room || go_apart(ranks, err)) && take(ranks->node, bytes, shared, err);
        all = lsn_ranks_agree(ranks, ok);
    }
    if (all)
        return true;
    *shared = (lsn_shared){0}; /* a window is released by all of its group together, but some may have none */
    return ok ? lsn_fail(err, LSN_FAILED, "another rank could not share %zu bytes of memory; it says why above", bytes)
              : false;
}

void lsn_shared_release(lsn_shared *shared)
{
    if (shared->bytes != NULL) {
        MPI_Win_unlock_all(shared->window);
        MPI_Win_free(&shared->window);
    }
    *shared = (lsn_shared){0};
}

bool lsn_shared_sync(const lsn_ranks *ranks, const lsn_shared *shared, bool ok)
{
    ok = MPI_Win_sync(shared->window) == MPI_SUCCESS && ok;
    ok = lsn_ranks_agree(ranks, ok);
    return MPI_Win_sync(shared->window) == MPI_SUCCESS && ok;
}

bool lsn_shared_broadcast(const lsn_ranks *ranks, const lsn_shared *shared, lsn_error *err)
{
    const lsn_node *node = ranks->node;
    return node->leaders == MPI_COMM_NULL || lsn_broadcast(shared->bytes, shared->size, 0, node->leaders, err);
}
