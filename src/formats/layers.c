/* Layers one after another, whatever the network. */
#include "formats/family.h"

#include <limits.h>

enum { LARGEST_LAYER = 1 << 20 }; /* filters: all layers' filters together stay countable in an int */

static const char *expected_shape(int rank)
{
    return rank == 4 ? "[filters, channels, 3, 3], a convolution" : "[outputs, inputs], fully connected";
}

/* Reads F, C and K from the shape. */
static bool read_sizes(lsn_layer *layer, const lsn_tensor *weights, int rank, const char *path, lsn_error *err)
{
    char shape[LSN_SHAPE_BYTES];
    lsn_tensor_shape(weights, shape);
    if (weights->rank != rank)
        return lsn_fail(err, LSN_INVALID, "%s: tensor %s has shape %s; expected %s", path, weights->name, shape,
                        expected_shape(rank));
    int most[4] = {LARGEST_LAYER, rank == 4 ? LARGEST_LAYER : INT_MAX, LARGEST_LAYER, LARGEST_LAYER};
    for (int i = 0; i < rank; i++)
        if (weights->shape[i] < 1 || weights->shape[i] > most[i])
            return lsn_fail(err, LSN_INVALID, "%s: tensor %s has shape %s; size %d must be from 1 to %d", path,
                            weights->name, shape, i, most[i]);
    layer->filters = (int)weights->shape[0];
    layer->channels = (int)weights->shape[1];
    layer->kernel = rank == 4 ? (int)weights->shape[2] : 1;
    return true;
}

/* A fully connected layer written as a convolution whose kernel covers the whole map. */
static bool flatten_kernel(lsn_layer *layer, const lsn_tensor *weights, const char *path, lsn_error *err)
{
    int64_t inputs = (int64_t)layer->kernel * layer->kernel; /* below 2^40 */
    if (inputs > INT_MAX / layer->channels)
        return lsn_fail(err, LSN_INVALID, "%s: tensor %s has more than %d inputs", path, weights->name, INT_MAX);
    layer->channels *= (int)inputs;
    layer->kernel = 1;
    return true;
}

/* One value for each filter of `of`. */
static bool check_vector(const lsn_tensor *vector, int filters, const lsn_tensor *of, const char *path, lsn_error *err)
{
    char shape[LSN_SHAPE_BYTES];
    return vector == NULL || (vector->rank == 1 && vector->shape[0] == filters) ||
           lsn_fail(err, LSN_INVALID, "%s: tensor %s has shape %s; expected [%d], one for each filter of %s", path,
                    vector->name, lsn_tensor_shape(vector, shape), filters, of->name);
}

/* The layer takes what the one before gives. */
static bool check_inputs(const lsn_row *row, const lsn_layer *layer, const lsn_tensor *weights, lsn_error *err)
{
    bool conv = layer->kind == LSN_CONV;
    int given = layer[-1].filters;
    return layer->channels == given ||
           lsn_fail(err, LSN_INVALID, "%s: tensor %s takes %d %s, but %s gives %d%s", row->weights->path, weights->name,
                    layer->channels, conv ? "channels" : "inputs", row->tensors[row->count - 1].weights->name, given,
                    conv && given % layer->channels == 0 ? ": grouped convolutions are not read" : "");
}

bool lsn_row_add(lsn_row *row, lsn_layer_kind kind, const lsn_module *module, bool first, lsn_error *err)
{
    const char *path = row->weights->path;
    const lsn_tensor *weights = module->weight;
    if (row->count == LSN_MAX_LAYERS)
        return lsn_fail(err, LSN_INVALID, "%s: has more than %d layers, the most that are read", path, LSN_MAX_LAYERS);
    lsn_layer *layer = &row->layers[row->count];
    int rank = kind == LSN_CONV || weights->rank == 4 ? 4 : 2;
    layer->kind = kind;
    if (!read_sizes(layer, weights, rank, path, err) ||
        !check_vector(module->bias, layer->filters, weights, path, err) ||
        (kind == LSN_FC && !flatten_kernel(layer, weights, path, err)))
        return false;
    if (kind == LSN_CONV && (weights->shape[2] != 3 || weights->shape[3] != 3)) {
        char shape[LSN_SHAPE_BYTES];
        return lsn_fail(err, LSN_INVALID, "%s: tensor %s has shape %s; the family's kernels are 3 x 3", path,
                        weights->name, lsn_tensor_shape(weights, shape));
    }
    if (!first && !check_inputs(row, layer, weights, err))
        return false;
    row->tensors[row->count++] = (lsn_layer_tensors){.weights = weights, .bias = module->bias};
    return true;
}

bool lsn_row_add_norm(lsn_row *row, const lsn_module *norm, lsn_error *err)
{
    lsn_layer_tensors *tensors = &row->tensors[row->count - 1];
    int filters = row->layers[row->count - 1].filters;
    const char *path = row->weights->path;
    tensors->norm = norm;
    return check_vector(norm->weight, filters, tensors->weights, path, err) &&
           check_vector(norm->bias, filters, tensors->weights, path, err) &&
           check_vector(norm->mean, filters, tensors->weights, path, err) &&
           check_vector(norm->var, filters, tensors->weights, path, err);
}
