/* A network's life, and its weights moved to memory that processes share. */
#include "net/storage.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16 }; /* floats: a cache line */

size_t lsn_net_aligned(size_t floats)
{
    return (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* ---- weights elsewhere --------------------------------------------------------------------------------------- */

static size_t weights_of(const lsn_layer *layer)
{
    return (size_t)layer->filters * (size_t)layer->channels * (size_t)(layer->kernel * layer->kernel);
}

size_t lsn_net_floats(const lsn_net *net)
{
    size_t floats = 0;
    for (int i = 0; i < net->n_layers; i++)
        floats += lsn_net_aligned(weights_of(&net->layers[i])) + lsn_net_aligned((size_t)net->layers[i].filters);
    return floats;
}

void lsn_net_use_weights(lsn_net *net, const float *from)
{
    for (int i = 0; i < net->n_layers; i++) {
        lsn_layer *layer = &net->layers[i];
        layer->weights = from;
        layer->bias = from + lsn_net_aligned(weights_of(layer));
        from = layer->bias + lsn_net_aligned((size_t)layer->filters);
    }
}

static void release_storage(struct lsn_net_storage *storage)
{
    if (storage == NULL)
        return;
    lsn_file_unmap(&storage->file);
    free(storage->converted);
    storage->converted = NULL;
    storage->converted_bytes = 0;
}

void lsn_net_move_weights(lsn_net *net, float *to)
{
    float *at = to;
    for (int i = 0; i < net->n_layers; i++) {
        const lsn_layer *layer = &net->layers[i];
        memcpy(at, layer->weights, sizeof(float) * weights_of(layer));
        at += lsn_net_aligned(weights_of(layer));
        memcpy(at, layer->bias, sizeof(float) * (size_t)layer->filters);
        at += lsn_net_aligned((size_t)layer->filters);
    }
    lsn_net_use_weights(net, to);
    release_storage(net->storage);
}

size_t lsn_net_private_bytes(const lsn_net *net)
{
    return net->storage == NULL ? 0 : net->storage->converted_bytes;
}

void lsn_net_destroy(lsn_net *net)
{
    if (net == NULL)
        return;
    for (int i = 0; net->layers != NULL && i < net->n_layers; i++) {
        free(net->layers[i].weights_tensor);
        free(net->layers[i].bias_tensor);
        free(net->layers[i].norm);
    }
    free(net->layers);
    release_storage(net->storage);
    free(net->storage);
    free(net->path);
    free(net->dtype);
    free(net);
}
