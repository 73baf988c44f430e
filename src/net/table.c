/* A network without its weights as plain bytes, which processes send each other. */
#include "lesion/net.h"

#include <assert.h>
#include <string.h>

enum { NAME_BYTES = 128 }; /* of a tensor's name in a file, its end included */

typedef struct table_row {
    lsn_layer layer; /* its pointers are NULL */
    char weights_tensor[NAME_BYTES], bias_tensor[NAME_BYTES], norm[NAME_BYTES];
} table_row;

typedef struct table {
    lsn_net net; /* its pointers are NULL */
    char dtype[16];
    table_row rows[LSN_MAX_LAYERS];
} table;

size_t lsn_net_table_bytes(void)
{
    return sizeof(table);
}

/* An empty text stands for none. */
static void put_text(char *to, size_t bytes, const char *text)
{
    const size_t length = text == NULL ? 0 : strlen(text);
    assert(length < bytes);
    if (length > 0)
        memcpy(to, text, length);
    to[length] = '\0';
}

static bool get_text(char **to, const char *text, lsn_error *err)
{
    *to = text[0] == '\0' ? NULL : lsn_strdup(text, err);
    return *to != NULL || text[0] == '\0';
}

void lsn_net_write_table(const lsn_net *net, void *bytes)
{
    table *to = bytes;
    memset(to, 0, sizeof *to);
    to->net = *net;
    to->net.layers = NULL;
    to->net.path = to->net.dtype = NULL;
    to->net.storage = NULL;
    put_text(to->dtype, sizeof to->dtype, net->dtype);
    for (int i = 0; i < net->n_layers; i++) {
        const lsn_layer *layer = &net->layers[i];
        table_row *row = &to->rows[i];
        row->layer = *layer;
        row->layer.weights = row->layer.bias = NULL;
        row->layer.weights_tensor = row->layer.bias_tensor = row->layer.norm = NULL;
        put_text(row->weights_tensor, sizeof row->weights_tensor, layer->weights_tensor);
        put_text(row->bias_tensor, sizeof row->bias_tensor, layer->bias_tensor);
        put_text(row->norm, sizeof row->norm, layer->norm);
    }
}

static bool read_row(lsn_layer *layer, const table_row *row, lsn_error *err)
{
    *layer = row->layer;
    return get_text(&layer->weights_tensor, row->weights_tensor, err) &&
           get_text(&layer->bias_tensor, row->bias_tensor, err) && get_text(&layer->norm, row->norm, err);
}

lsn_net *lsn_net_read_table(const void *bytes, const char *path, const float *weights, lsn_error *err)
{
    const table *from = bytes;
    assert(from->net.n_layers > 0 && from->net.n_layers <= LSN_MAX_LAYERS);
    lsn_net *net = lsn_array(1, sizeof *net, err);
    if (net == NULL)
        return NULL;
    *net = from->net;
    net->layers = lsn_array((size_t)net->n_layers, sizeof *net->layers, err);
    bool ok = net->layers != NULL && get_text(&net->path, path, err) && get_text(&net->dtype, from->dtype, err);
    for (int i = 0; ok && i < net->n_layers; i++)
        ok = read_row(&net->layers[i], &from->rows[i], err);
    if (!ok) {
        lsn_net_destroy(net);
        return NULL;
    }
    lsn_net_use_weights(net, weights);
    return net;
}
