/* Where weights and biases lie: in a file, converted, or moved to memory that processes share. */
#include "net/build.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16 }; /* floats: a cache line */

size_t lsn_net_aligned(size_t floats)
{
    return (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

size_t lsn_net_floats(const lsn_net *net)
{
    size_t floats = 0;
    for (int i = 0; i < net->n_nodes; i++)
        floats += lsn_net_aligned(net->nodes[i].weights.count) + lsn_net_aligned(net->nodes[i].bias.count);
    return floats;
}

static const float *use(lsn_constant *constant, const float *from)
{
    constant->values = constant->count == 0 ? NULL : from;
    return from + lsn_net_aligned(constant->count);
}

void lsn_net_use_weights(lsn_net *net, const float *from)
{
    for (int i = 0; i < net->n_nodes; i++)
        from = use(&net->nodes[i].bias, use(&net->nodes[i].weights, from));
}

static float *move(const lsn_constant *constant, float *to)
{
    if (constant->count > 0)
        memcpy(to, constant->values, constant->count * sizeof *to);
    return to + lsn_net_aligned(constant->count);
}

void lsn_net_move_weights(lsn_net *net, float *to)
{
    float *next = to;
    for (int i = 0; i < net->n_nodes; i++)
        next = move(&net->nodes[i].bias, move(&net->nodes[i].weights, next));
    lsn_net_use_weights(net, to);
    lsn_net_release_storage(net);
}

void lsn_net_release_storage(lsn_net *net)
{
    struct lsn_net_storage *storage = net->storage;
    if (storage == NULL)
        return;
    lsn_file_unmap(&storage->file);
    free(storage->converted);
    storage->converted = NULL;
    storage->converted_bytes = 0;
}

size_t lsn_net_private_bytes(const lsn_net *net)
{
    return net->storage->converted_bytes;
}
