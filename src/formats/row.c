/* Layers one after another, whatever the network: sizes checked, nodes added. */
#include "formats/architecture.h"

#include <limits.h>

enum { LARGEST_LAYER = 1 << 20 }; /* filters */

static const char *expected_shape(int rank)
{
    return rank == 4 ? "[filters, channels, 3, 3], a convolution" : "[outputs, inputs], fully connected";
}

/* Reads F and C from the shape. */
static bool read_sizes(lsn_layer_sizes *sizes, const lsn_tensor *weights, int rank, const char *path, lsn_error *err)
{
    char shape[LSN_SHAPE_BYTES];
    lsn_tensor_shape(weights, shape);
    if (weights->rank != rank)
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s has shape %s; expected %s", weights->name, shape,
                           expected_shape(rank));
    int most[4] = {LARGEST_LAYER, rank == 4 ? LARGEST_LAYER : INT_MAX, LARGEST_LAYER, LARGEST_LAYER};
    for (int i = 0; i < rank; i++)
        if (weights->shape[i] < 1 || weights->shape[i] > most[i])
            return lsn_fail_at(err, LSN_INVALID, path, "tensor %s has shape %s; size %d must be from 1 to %d",
                               weights->name, shape, i, most[i]);
    *sizes = (lsn_layer_sizes){.filters = (int)weights->shape[0], .channels = (int)weights->shape[1]};
    return true;
}

/* A fully connected layer written as a convolution whose kernel covers the whole map. */
static bool flatten_kernel(lsn_layer_sizes *sizes, const lsn_tensor *weights, const char *path, lsn_error *err)
{
    const int64_t kernel = weights->rank == 4 ? weights->shape[2] : 1;
    if (kernel * kernel > INT_MAX / sizes->channels) /* below 2^40 */
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s has more than %d inputs", weights->name, INT_MAX);
    sizes->channels *= (int)(kernel * kernel);
    return true;
}

/* One value for each filter of `layer`. */
static bool check_vector(const lsn_tensor *vector, int filters, const lsn_tensor *layer, const char *path,
                         lsn_error *err)
{
    char shape[LSN_SHAPE_BYTES];
    return vector == NULL || (vector->rank == 1 && vector->shape[0] == filters) ||
           lsn_fail_at(err, LSN_INVALID, path, "tensor %s has shape %s; expected [%d], one for each filter of %s",
                       vector->name, lsn_tensor_shape(vector, shape), filters, layer->name);
}

/* The layer takes what the one before gives. */
static bool check_inputs(const lsn_row *row, bool conv, int channels, const lsn_tensor *weights, lsn_error *err)
{
    const lsn_row_layer *before = &row->layers[row->count - 1];
    const int given = row->net->nodes[before->node].filters;
    return channels == given ||
           lsn_fail_at(err, LSN_INVALID, row->weights->path, "tensor %s takes %d %s, but %s gives %d%s", weights->name,
                       channels, conv ? "channels" : "inputs", before->module->weight->name, given,
                       conv && given % channels == 0 ? ": grouped convolutions are not read" : "");
}

bool lsn_refuse_more_layers(const char *path, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, path, "has more than %d layers, the most that are read", LSN_MOST_LAYERS);
}

bool lsn_row_read(const lsn_row *row, lsn_layer_kind kind, const lsn_module *module, bool first, lsn_layer_sizes *sizes,
                  lsn_error *err)
{
    const char *path = row->weights->path;
    const lsn_tensor *weights = module->weight;
    const bool conv = kind == LSN_CONVOLUTION;
    if (row->count == LSN_MOST_LAYERS)
        return lsn_refuse_more_layers(path, err);
    if (!read_sizes(sizes, weights, conv || weights->rank == 4 ? 4 : 2, path, err) ||
        !check_vector(module->bias, sizes->filters, weights, path, err) ||
        (!conv && !flatten_kernel(sizes, weights, path, err)))
        return false;
    if (conv && (weights->shape[2] != 3 || weights->shape[3] != 3)) {
        char shape[LSN_SHAPE_BYTES];
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s has shape %s; the family's kernels are 3 x 3",
                           weights->name, lsn_tensor_shape(weights, shape));
    }
    return first || check_inputs(row, conv, sizes->channels, weights, err);
}

bool lsn_row_goes_on(lsn_row *row, int node)
{
    row->value = node;
    return node >= 0;
}

bool lsn_row_add(lsn_row *row, lsn_layer_kind kind, const lsn_module *module, lsn_layer_sizes sizes, lsn_error *err)
{
    const lsn_net_window window = {.kernel = {3, 3}, .padding = {1, 1, 1, 1}};
    if (!lsn_grow((void **)&row->layers, (size_t)row->count, &row->room, sizeof *row->layers, err) ||
        !lsn_row_goes_on(row, kind == LSN_CONVOLUTION
                                  ? lsn_net_add_conv(row->net, row->value, sizes.filters, sizes.channels, window, err)
                                  : lsn_net_add_dense(row->net, row->value, sizes.filters, sizes.channels, err)))
        return false;
    row->layers[row->count++] = (lsn_row_layer){.module = module, .node = row->value};
    return true;
}

bool lsn_row_add_norm(const lsn_row *row, lsn_row_layer *layer, const lsn_module *norm, lsn_error *err)
{
    const lsn_tensor *weights = layer->module->weight;
    const int filters = row->net->nodes[layer->node].filters;
    const char *path = row->weights->path;
    layer->norm = norm;
    return check_vector(norm->weight, filters, weights, path, err) &&
           check_vector(norm->bias, filters, weights, path, err) &&
           check_vector(norm->mean, filters, weights, path, err) &&
           check_vector(norm->var, filters, weights, path, err);
}
