/* A network of a weights file: what it is, and its weights, read where they stand or converted. */
#include "lesion/formats.h"

#include "formats/convert.h"
#include "formats/family.h"
#include "formats/fold.h"
#include "net/storage.h"

#include <stdlib.h>
#include <string.h>

/* While the weights are read. */
typedef struct reader {
    lsn_net *net;
    float *room; /* for the next converted array */
    float *fold; /* [4][filters] of the largest layer that is folded */
    bool in_place;
    lsn_error *err;
} reader;

/* Whether an array is read where it stands: not what a normalisation is folded into, nor what is not there. */
static bool is_in_place(const lsn_tensor *tensor, const lsn_module *norm)
{
    return tensor != NULL && norm == NULL && lsn_tensor_is_float(tensor);
}

static size_t converted_floats(const lsn_tensor *tensor, const lsn_module *norm, size_t count)
{
    return is_in_place(tensor, norm) ? 0 : lsn_net_aligned(count);
}

/* The array's values: in the file where that can be, otherwise converted to new room, zeros where there is no tensor.
 * NULL where one is not finite. */
static const float *read_values(reader *r, const lsn_tensor *tensor, const lsn_module *norm, size_t count)
{
    const float *values = r->room;
    if (is_in_place(tensor, norm)) {
        values = (const float *)(const void *)tensor->data;
        r->in_place = true;
    } else if (tensor != NULL)
        lsn_tensor_convert(tensor, r->room);
    size_t taken = converted_floats(tensor, norm, count);
    if (taken > 0) /* there is no room at all where everything is in place */
        r->room += taken;
    return tensor == NULL || lsn_tensor_check_finite(tensor, values, r->net->path, r->err) ? values : NULL;
}

static bool set_names(lsn_layer *layer, const lsn_layer_tensors *tensors, lsn_error *err)
{
    return (layer->weights_tensor = lsn_strdup(tensors->weights->name, err)) != NULL &&
           (tensors->bias == NULL || (layer->bias_tensor = lsn_strdup(tensors->bias->name, err)) != NULL) &&
           (tensors->norm == NULL || (layer->norm = lsn_module_name(tensors->norm, err)) != NULL);
}

static bool read_layer(reader *r, lsn_layer *layer, const lsn_layer_tensors *tensors)
{
    const size_t filters = (size_t)layer->filters;
    float *weights = r->room;
    if ((layer->weights = read_values(r, tensors->weights, tensors->norm, tensors->weights->count)) == NULL)
        return false;
    float *bias = r->room;
    if ((layer->bias = read_values(r, tensors->bias, tensors->norm, filters)) == NULL)
        return false;
    return (tensors->norm == NULL || lsn_fold(tensors->norm, weights, bias, layer->filters,
                                              tensors->weights->count / filters, r->fold, r->net->path, r->err)) &&
           set_names(layer, tensors, r->err);
}

static bool read_weights(reader *r, const lsn_layer_tensors *tensors)
{
    lsn_net *net = r->net;
    size_t floats = 0, folded = 0; /* no overflow: the tensors' elements are no more than the file's bytes */
    for (int i = 0; i < net->n_layers; i++) {
        const lsn_layer_tensors *of = &tensors[i];
        size_t filters = (size_t)net->layers[i].filters;
        floats += converted_floats(of->weights, of->norm, of->weights->count);
        floats += converted_floats(of->bias, of->norm, filters);
        folded = of->norm != NULL && filters > folded ? filters : folded;
    }
    if (floats > 0 && (net->storage->converted = lsn_array(floats, sizeof(float), r->err)) == NULL)
        return false;
    net->storage->converted_bytes = sizeof(float) * floats;
    if ((r->fold = lsn_array(4 * folded, sizeof(float), r->err)) == NULL)
        return false;
    r->room = net->storage->converted;
    bool ok = true;
    for (int i = 0; ok && i < net->n_layers; i++)
        ok = read_layer(r, &net->layers[i], &tensors[i]);
    free(r->fold);
    return ok;
}

/* The type that all weights have; "mixed" where they differ. */
static bool set_dtype(lsn_net *net, const lsn_weights *weights, lsn_error *err)
{
    const char *dtype = NULL;
    for (size_t i = 0; i < weights->count; i++) {
        const lsn_dtype *of = weights->tensors[i].dtype;
        if (of->weights)
            dtype = dtype == NULL || strcmp(dtype, of->name) == 0 ? of->name : "mixed";
    }
    net->dtype = lsn_strdup(dtype, err);
    return net->dtype != NULL;
}

static bool set_digest(lsn_net *net, const lsn_file *file, lsn_error *err)
{
    lsn_hasher *hasher = lsn_hasher_create(err);
    if (hasher == NULL)
        return false;
    lsn_hasher_add(hasher, file->data, file->bytes);
    bool ok = lsn_hasher_take(hasher, &net->digest, err);
    lsn_hasher_destroy(hasher);
    return ok;
}

static bool read_model(lsn_net *net, lsn_weights *weights, const lsn_modules *modules, lsn_error *err)
{
    lsn_layer_tensors tensors[LSN_MAX_LAYERS];
    reader r = {.net = net, .err = err};
    if (!lsn_family_infer(net, weights, modules, tensors, err) || !read_weights(&r, tensors) ||
        !set_dtype(net, weights, err) || !set_digest(net, &weights->file, err))
        return false;
    if (r.in_place) { /* the mapped file is the model's from here on */
        net->storage->file = weights->file;
        weights->file = (lsn_file){0};
    }
    return true;
}

lsn_net *lsn_net_load(const char *path, lsn_error *err)
{
    lsn_weights weights = {0};
    lsn_modules modules = {0};
    lsn_net *net = lsn_array(1, sizeof *net, err);
    bool ok = net != NULL && (net->storage = lsn_array(1, sizeof *net->storage, err)) != NULL &&
              (net->path = lsn_strdup(path, err)) != NULL && lsn_weights_open(&weights, net->path, err) &&
              lsn_modules_collect(&modules, &weights, err) && read_model(net, &weights, &modules, err);
    lsn_modules_finish(&modules);
    lsn_weights_close(&weights);
    if (ok)
        return net;
    lsn_net_destroy(net);
    return NULL;
}
