/* One copy of the weights for each node: rank 0 reads them, the nodes' first ranks receive them, and the ranks of a
 * node pack them together. */
#include "lesion/formats.h"
#include "mpi/node.h"

#include <stdlib.h>

/* ---- the model ----------------------------------------------------------------------------------------------- */

/* What rank 0 tells before the model: its code where it could not read it. */
typedef struct announcement {
    int64_t code, floats, bytes; /* of its weights moved, of its message */
} announcement;

typedef struct sharing {
    const lsn_ranks *ranks;
    bool done;
} sharing;

/* Rank 0's network to all ranks, whose window is taken; `message` is its bytes, of rank 0, or room for them. */
static lsn_net *distribute(const lsn_ranks *ranks, lsn_net *net, const char *path, void *message, size_t bytes,
                           lsn_error *err)
{
    const lsn_shared *weights = &ranks->node->weights;
    if (net != NULL)
        lsn_net_move_weights(net, weights->bytes);
    bool ok = lsn_broadcast(message, bytes, 0, MPI_COMM_WORLD, err) && lsn_shared_broadcast(ranks, weights, err);
    if (ok && net == NULL)
        net = lsn_net_read(message, bytes, path, weights->bytes, weights->size / sizeof(float), err);
    if (lsn_shared_sync(ranks, weights, ok && net != NULL))
        return net;
    if (ok && net != NULL)
        lsn_fail(err, LSN_FAILED, "another rank could not share the weights");
    lsn_net_destroy(net);
    return NULL;
}

/* Rank 0's model (NULL: it could not be read, for the reason in *err), on all ranks. Collective. */
static lsn_net *share_model(const lsn_ranks *ranks, lsn_net *net, const char *path, lsn_error *err)
{
    announcement said = {.code = LSN_OK};
    size_t bytes = 0;
    void *message = net == NULL ? NULL : lsn_net_write(net, &bytes, err);
    if (ranks->rank == 0)
        said = (announcement){.code = message == NULL ? (int64_t)err->code : LSN_OK,
                              .floats = net == NULL ? 0 : (int64_t)lsn_net_floats(net),
                              .bytes = (int64_t)bytes};
    if (!lsn_broadcast(&said, sizeof said, 0, MPI_COMM_WORLD, err) || said.code != LSN_OK) {
        if (ranks->rank != 0)
            lsn_fail(err, (lsn_code)said.code, "rank 0 could not read the weights; it says why above");
        free(message);
        lsn_net_destroy(net);
        return NULL;
    }
    lsn_net *shared = NULL;
    lsn_shared_release(&ranks->node->packed); /* of a model that is no more: another may lie at its address */
    lsn_shared_release(&ranks->node->weights);
    message = net == NULL ? lsn_array((size_t)said.bytes, 1, err) : message;
    if (lsn_shared_take(ranks, (size_t)said.floats * sizeof(float), message != NULL, &ranks->node->weights, err))
        shared = distribute(ranks, net, path, message, (size_t)said.bytes, err);
    else
        lsn_net_destroy(net);
    free(message);
    return shared;
}

static lsn_net *load(void *context, const char *path, lsn_error *err)
{
    sharing *s = context;
    s->done = true;
    return share_model(s->ranks, s->ranks->rank == 0 ? lsn_net_load(path, err) : NULL, path, err);
}

lsn_plan *lsn_ranks_read_plan(const lsn_ranks *ranks, const char *path, const char *const *overrides, int n_overrides,
                              lsn_problems *problems, lsn_error *err)
{
    if (ranks->node == NULL)
        return lsn_plan_create(path, overrides, n_overrides, problems, err);
    sharing s = {.ranks = ranks};
    const lsn_net_source source = {.load = load, .context = &s};
    lsn_plan *plan = lsn_plan_create_from(path, overrides, n_overrides, &source, problems, err);
    lsn_error unread = {.code = LSN_INVALID};
    if (!s.done) /* the study's file was in the way; the other ranks wait for this one all the same */
        lsn_net_destroy(share_model(ranks, NULL, "", &unread));
    return plan;
}

/* ---- packed weights ------------------------------------------------------------------------------------------ */

bool lsn_ranks_pack(const lsn_ranks *ranks, const lsn_net *net, const void **packed, lsn_error *err)
{
    lsn_node_ranks *node = ranks->node;
    *packed = NULL;
    if (node == NULL)
        return true;
    if (node->packed.bytes == NULL || node->packed_model != net) {
        const size_t bytes = lsn_engine_weights_bytes(net);
        const bool counted = bytes > 0 || lsn_fail(err, LSN_FAILED, "the weights could not be packed");
        lsn_shared_release(&node->packed);
        if (!lsn_shared_take(ranks, bytes, counted, &node->packed, err))
            return false;
        const bool done = lsn_engine_pack(net, node->packed.bytes, node->part, node->parts, err);
        if (!lsn_shared_sync(ranks, &node->packed, done))
            return !done ? false : lsn_fail(err, LSN_FAILED, "another rank could not share the packed weights");
        node->packed_model = net;
    }
    *packed = node->packed.bytes;
    return true;
}

size_t lsn_ranks_share(const lsn_ranks *ranks)
{
    const lsn_node_ranks *node = ranks->node;
    return node == NULL ? 0 : (node->weights.size + node->packed.size) / (size_t)node->parts;
}

int lsn_ranks_sharers(const lsn_ranks *ranks)
{
    return ranks->node == NULL ? 1 : ranks->node->parts;
}
