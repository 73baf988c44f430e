/* One copy of the weights for each node: rank 0 reads them, the nodes' first ranks receive them, and the ranks of a
 * node pack them together. */
#include "mpi/node.h"

#include <stdlib.h>

/* ---- the model ----------------------------------------------------------------------------------------------- */

/* What rank 0 tells before the model: its code where it could not read it. */
typedef struct announcement {
    int64_t code, floats;
} announcement;

typedef struct sharing {
    const lsn_ranks *ranks;
    bool done;
} sharing;

/* Rank 0's model to all ranks, whose window is taken. */
static lsn_model *distribute(const lsn_ranks *ranks, lsn_model *model, const char *path, void *table, lsn_error *err)
{
    const lsn_shared *weights = &ranks->node->weights;
    if (model != NULL) {
        lsn_model_write_table(model, table);
        lsn_model_move_weights(model, weights->bytes);
    }
    bool ok = lsn_broadcast(table, lsn_model_table_bytes(), 0, MPI_COMM_WORLD, err) &&
              lsn_shared_broadcast(ranks, weights, err);
    if (ok && model == NULL)
        model = lsn_model_read_table(table, path, weights->bytes, err);
    if (lsn_shared_sync(ranks, weights, ok && model != NULL))
        return model;
    if (ok && model != NULL)
        lsn_fail(err, LSN_FAILED, "another rank could not share the weights");
    lsn_model_destroy(model);
    return NULL;
}

/* Rank 0's model (NULL: it could not be read, for the reason in *err), on all ranks. Collective. */
static lsn_model *share_model(const lsn_ranks *ranks, lsn_model *model, const char *path, lsn_error *err)
{
    announcement said = {.code = LSN_OK};
    if (ranks->rank == 0) {
        said.code = model == NULL ? (int64_t)err->code : LSN_OK;
        said.floats = model == NULL ? 0 : (int64_t)lsn_model_floats(model);
    }
    if (!lsn_broadcast(&said, sizeof said, 0, MPI_COMM_WORLD, err) || said.code != LSN_OK) {
        if (ranks->rank != 0)
            lsn_fail(err, (lsn_code)said.code, "rank 0 could not read the weights; it says why above");
        return NULL;
    }
    lsn_model *shared = NULL;
    lsn_shared_release(&ranks->node->packed); /* of a model that is no more: another may lie at its address */
    lsn_shared_release(&ranks->node->weights);
    void *table = lsn_array(1, lsn_model_table_bytes(), err);
    if (lsn_shared_take(ranks, (size_t)said.floats * sizeof(float), table != NULL, &ranks->node->weights, err))
        shared = distribute(ranks, model, path, table, err);
    else
        lsn_model_destroy(model);
    free(table);
    return shared;
}

static lsn_model *load(void *context, const char *path, lsn_error *err)
{
    sharing *s = context;
    s->done = true;
    return share_model(s->ranks, s->ranks->rank == 0 ? lsn_model_load(path, err) : NULL, path, err);
}

lsn_plan *lsn_ranks_read_plan(const lsn_ranks *ranks, const char *path, const char *const *overrides, int n_overrides,
                              lsn_problems *problems, lsn_error *err)
{
    if (ranks->node == NULL)
        return lsn_plan_create(path, overrides, n_overrides, problems, err);
    sharing s = {.ranks = ranks};
    const lsn_model_source source = {.load = load, .context = &s};
    lsn_plan *plan = lsn_plan_create_from(path, overrides, n_overrides, &source, problems, err);
    lsn_error unread = {.code = LSN_INVALID};
    if (!s.done) /* the study's file was in the way; the other ranks wait for this one all the same */
        lsn_model_destroy(share_model(ranks, NULL, "", &unread));
    return plan;
}

/* ---- packed weights ------------------------------------------------------------------------------------------ */

bool lsn_ranks_pack(const lsn_ranks *ranks, const lsn_model *model, lsn_method method, const void **packed,
                    lsn_error *err)
{
    lsn_node_ranks *node = ranks->node;
    const size_t bytes = node == NULL ? 0 : lsn_engine_weights_bytes(model, method);
    *packed = NULL;
    if (bytes == 0)
        return true;
    if (node->packed.bytes == NULL || node->packed_model != model || node->packed_method != method) {
        lsn_shared_release(&node->packed);
        if (!lsn_shared_take(ranks, bytes, true, &node->packed, err))
            return false;
        lsn_engine_pack(model, method, node->packed.bytes, node->part, node->parts);
        if (!lsn_shared_sync(ranks, &node->packed, true))
            return lsn_fail(err, LSN_FAILED, "another rank could not share the packed weights");
        node->packed_model = model;
        node->packed_method = method;
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
