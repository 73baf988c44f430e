/* Memory that the ranks of a node have in common: windows of MPI-3, which are the first rank's, and the others map. A
 * mapping stays valid when the ranks that made it die. */
#include "mpi/node.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    ALIGNMENT = 64,
    HUGE_PAGE = 2 << 20,
    SPARE_BYTES = 8 << 20, /* of /dev/shm for each rank: Open MPI takes up to 4 MB for messages */
};

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* ---- who shares with whom ------------------------------------------------------------------------------------ */

static bool find_leaders(lsn_node_ranks *node, const lsn_ranks *ranks, lsn_error *err)
{
    LSN_MPI(MPI_Comm_set_errhandler(node->comm, MPI_ERRORS_RETURN));
    LSN_MPI(MPI_Comm_rank(node->comm, &node->part));
    LSN_MPI(MPI_Comm_size(node->comm, &node->parts));
    LSN_MPI(MPI_Comm_split(MPI_COMM_WORLD, node->part == 0 ? 0 : MPI_UNDEFINED, ranks->rank, &node->leaders));
    return true;
}

bool lsn_node_begin(lsn_ranks *ranks, lsn_error *err)
{
    lsn_node_ranks *node = lsn_array(1, sizeof *node, err);
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

static void leave_group(lsn_node_ranks *node)
{
    if (node->comm != MPI_COMM_NULL)
        MPI_Comm_free(&node->comm);
    if (node->leaders != MPI_COMM_NULL)
        MPI_Comm_free(&node->leaders);
}

void lsn_node_end(lsn_ranks *ranks)
{
    lsn_node_ranks *node = ranks->node;
    if (node == NULL)
        return;
    lsn_shared_release(&node->packed);
    lsn_shared_release(&node->weights);
    leave_group(node);
    free(node);
    ranks->node = NULL;
}

/* Where `apart`, this rank becomes a group of its own; all others of its group do the same. */
static bool regroup(const lsn_ranks *ranks, bool apart, lsn_error *err)
{
    lsn_node_ranks *node = ranks->node;
    if (node->leaders != MPI_COMM_NULL)
        LSN_MPI(MPI_Comm_free(&node->leaders));
    if (apart) {
        LSN_MPI(MPI_Comm_free(&node->comm));
        LSN_MPI(MPI_Comm_dup(MPI_COMM_SELF, &node->comm));
    }
    return find_leaders(node, ranks, err);
}

/* ---- memory of a group --------------------------------------------------------------------------------------- */

/* Whether there is room where systems keep memory that processes share, MPI's own included, which it takes as messages
 * flow: where that runs out, the process is killed by SIGBUS. To be asked by one rank of a group. */
static bool has_room(const lsn_node_ranks *node, size_t bytes, lsn_error *why)
{
    struct statvfs status;
    const size_t needed = bytes + (size_t)node->parts * SPARE_BYTES;
    if (access("/dev/shm", W_OK) != 0 || statvfs("/dev/shm", &status) != 0) /* MPI keeps it elsewhere */
        return true;
    const size_t free_bytes = (size_t)status.f_bavail * status.f_frsize;
    return free_bytes >= needed ||
           lsn_fail(why, LSN_FAILED,
                    "/dev/shm has no room for %zu bytes (%zu free): make it larger (mount -o remount,size=SIZE "
                    "/dev/shm, docker run --shm-size=SIZE)",
                    needed, free_bytes);
}

/* Collective over the group. */
static bool open_window(const lsn_node_ranks *node, size_t bytes, lsn_shared *shared, lsn_error *why)
{
    lsn_error *err = why;
    MPI_Aint size = 0;
    int unit;
    void *base;
    LSN_MPI(MPI_Win_allocate_shared(node->part == 0 ? (MPI_Aint)(bytes + ALIGNMENT) : 0, 1, MPI_INFO_NULL, node->comm,
                                    &base, &shared->window));
    LSN_MPI(MPI_Win_shared_query(shared->window, 0, &size, &unit, &base));
    LSN_MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, shared->window));
    /* Ranks map it at addresses that differ by whole pages, so that all align alike. */
    shared->bytes = (char *)base + (ALIGNMENT - (uintptr_t)base % ALIGNMENT) % ALIGNMENT;
    shared->size = bytes;
    return true;
}

/* Takes this rank's part of the pages now: a system that has too few says so here, and kills by SIGBUS later. A node's
 * ranks do so together, so that the pages are spread over its memory's banks as the ranks are. */
static bool populate(const lsn_node_ranks *node, const lsn_shared *shared, lsn_error *why)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)shared->bytes / page * page;
    const size_t pages = ((uintptr_t)shared->bytes + shared->size - begin + page - 1) / page;
    const size_t from = pages * (size_t)node->part / (size_t)node->parts,
                 to = pages * ((size_t)node->part + 1) / (size_t)node->parts;
    madvise((void *)begin, pages * page, MADV_HUGEPAGE); /* granted where /dev/shm is mounted with huge= */
    if (from == to || madvise((void *)(begin + from * page), (to - from) * page, MADV_POPULATE_WRITE) == 0 ||
        (errno != EFAULT && errno != ENOMEM)) /* Linux before 5.14 does not know it */
        return true;
    return lsn_fail(why, LSN_FAILED, "there is no room for %zu bytes where MPI keeps such memory, mostly /dev/shm",
                    shared->size);
}

/* Takes memory for the group together. False on all its ranks where it cannot be, with *why on those that know. */
static bool take_together(const lsn_node_ranks *node, size_t bytes, lsn_shared *shared, lsn_error *why)
{
    if (!lsn_agree(node->comm, node->part > 0 || has_room(node, bytes, why)))
        return false;
    if (!lsn_agree(node->comm, open_window(node, bytes, shared, why))) {
        *shared = (lsn_shared){0}; /* a window is released by all of its group together, but some may have none */
        return false;
    }
    if (lsn_agree(node->comm, populate(node, shared, why)))
        return true;
    lsn_shared_release(shared);
    return false;
}

/* ---- memory of a rank that is alone -------------------------------------------------------------------------- */

static bool take_alone(size_t bytes, lsn_shared *shared, lsn_error *err)
{
    const size_t rounded = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *own = aligned_alloc(HUGE_PAGE, rounded);
    if (own == NULL)
        return lsn_fail(err, LSN_FAILED, "out of memory (%zu bytes for weights)", bytes);
    madvise(own, rounded, MADV_HUGEPAGE);
    *shared = (lsn_shared){.bytes = own, .size = bytes, .own = own};
    return true;
}

/* The first rank that knows why its node's ranks cannot share says so. Collective. */
static void warn(const lsn_ranks *ranks, const lsn_error *why)
{
    char host[256] = "";
    int mine = why->code != LSN_OK ? ranks->rank : ranks->size, first = mine;
    MPI_Request request;
    lsn_error unsaid;
    if (MPI_Iallreduce(&mine, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request) != MPI_SUCCESS ||
        !lsn_mpi_wait(&request, 1, &unsaid) || first != ranks->rank)
        return;
    gethostname(host, sizeof host - 1);
    lsn_log_quiet(false);
    lsn_log("warning: the ranks on %s cannot share memory, so that each keeps the weights for itself: %s", host,
            why->text);
    lsn_log_quiet(ranks->rank != 0);
}

/* ---- either -------------------------------------------------------------------------------------------------- */

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

bool lsn_shared_take(const lsn_ranks *ranks, size_t bytes, bool ok, lsn_shared *shared, lsn_error *err)
{
    *shared = (lsn_shared){0};
    ok = ok && can_map(bytes + ALIGNMENT, err);
    bool all = lsn_ranks_agree(ranks, ok);
    if (all) {
        lsn_error why = {0};
        const bool apart = ranks->node->parts > 1 && !take_together(ranks->node, bytes, shared, &why);
        if (!lsn_ranks_agree(ranks, !apart)) {
            warn(ranks, &why);
            ok = regroup(ranks, apart, err);
        }
        ok = ok && (shared->bytes != NULL || take_alone(bytes, shared, err));
        all = lsn_ranks_agree(ranks, ok);
    }
    if (all)
        return true;
    lsn_shared_release(shared);
    return ok ? lsn_fail(err, LSN_FAILED, "another rank could not share %zu bytes of memory; it says why above", bytes)
              : false;
}

void lsn_shared_release(lsn_shared *shared)
{
    if (shared->bytes != NULL && shared->own == NULL) {
        MPI_Win_unlock_all(shared->window);
        MPI_Win_free(&shared->window);
    }
    free(shared->own);
    *shared = (lsn_shared){0};
}

static bool sync_window(const lsn_shared *shared)
{
    return shared->own != NULL || MPI_Win_sync(shared->window) == MPI_SUCCESS;
}

bool lsn_shared_sync(const lsn_ranks *ranks, const lsn_shared *shared, bool ok)
{
    ok = sync_window(shared) && ok;
    ok = lsn_ranks_agree(ranks, ok);
    return sync_window(shared) && ok;
}

bool lsn_shared_broadcast(const lsn_ranks *ranks, const lsn_shared *shared, lsn_error *err)
{
    const lsn_node_ranks *node = ranks->node;
    return node->leaders == MPI_COMM_NULL || lsn_broadcast(shared->bytes, shared->size, 0, node->leaders, err);
}
