/* A network of a weights file: what it is, and its weights, read where they stand or converted. */
#include "lesion/formats.h"

#include "formats/architecture.h"
#include "formats/convert.h"

#include <stdio.h>
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

static bool read_layer(reader *r, const lsn_row_layer *layer)
{
    lsn_net_node *node = &r->net->nodes[layer->node];
    const lsn_tensor *tensor = layer->module->weight;
    float *weights = r->room;
    if ((node->weights.values = read_values(r, tensor, layer->norm, tensor->count)) == NULL)
        return false;
    float *bias = r->room;
    if ((node->bias.values = read_values(r, layer->module->bias, layer->norm, (size_t)node->filters)) == NULL)
        return false;
    return layer->norm == NULL ||
           lsn_fold(layer->norm, weights, bias, node->filters, lsn_net_node_terms(node), r->fold, r->net->path, r->err);
}

static bool read_weights(reader *r, const lsn_row *row)
{
    lsn_net *net = r->net;
    size_t floats = 0, folded = 0; /* no overflow: the tensors' elements are no more than the file's bytes */
    for (int i = 0; i < row->count; i++) {
        const lsn_row_layer *layer = &row->layers[i];
        const size_t filters = (size_t)net->nodes[layer->node].filters;
        floats += converted_floats(layer->module->weight, layer->norm, layer->module->weight->count);
        floats += converted_floats(layer->module->bias, layer->norm, filters);
        folded = layer->norm != NULL && filters > folded ? filters : folded;
    }
    if (floats > 0 && (net->storage->converted = lsn_array(floats, sizeof(float), r->err)) == NULL)
        return false;
    net->storage->converted_bytes = sizeof(float) * floats;
    if ((r->fold = lsn_array(4 * folded, sizeof(float), r->err)) == NULL)
        return false;
    r->room = net->storage->converted;
    bool ok = true;
    for (int i = 0; ok && i < row->count; i++)
        ok = read_layer(r, &row->layers[i]);
    free(r->fold);
    return ok;
}

/* ---- layers -------------------------------------------------------------------------------------------------- */

static bool add_layer(lsn_net *net, const lsn_row_layer *layer, const char *name, lsn_error *err)
{
    const lsn_module *module = layer->module;
    char *alias = lsn_module_path(module, err), *norm = NULL;
    bool ok = alias != NULL && (layer->norm == NULL || (norm = lsn_module_name(layer->norm, err)) != NULL);
    const lsn_layer_names names = {.name = name,
                                   .alias = module->path_bytes == 0 ? NULL : alias,
                                   .weights_tensor = module->weight->name,
                                   .bias_tensor = module->bias == NULL ? NULL : module->bias->name,
                                   .norm = norm};
    ok = ok && lsn_net_add_layer(net, layer->node, names, err);
    free(alias);
    free(norm);
    return ok;
}

/* A network of five blocks bears the names of Simonyan & Zisserman's; others are numbered through. */
static bool name_layers(const lsn_row *row, lsn_error *err)
{
    int pools = 0, block = 1, place = 0, connected = 0;
    bool ok = true;
    for (int i = 0; i < row->count; i++)
        pools += row->layers[i].pooled;
    for (int i = 0; ok && i < row->count; i++) {
        const lsn_row_layer *layer = &row->layers[i];
        char name[32];
        if (row->net->nodes[layer->node].op == LSN_OP_DENSE)
            snprintf(name, sizeof name, "fc%d", (pools == 5 ? 6 : 1) + connected++);
        else if (pools != 5)
            snprintf(name, sizeof name, "conv%d", i + 1);
        else
            snprintf(name, sizeof name, "conv%d_%d", block, ++place);
        if (layer->pooled) {
            place = 0;
            block++;
        }
        ok = add_layer(row->net, layer, name, err);
    }
    return ok && lsn_net_complete(row->net, err);
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

/* Whether anything in the file is a convolution, or is named like one of the family's. */
static bool has_convolutions(const lsn_modules *modules)
{
    for (size_t i = 0; i < modules->count; i++) {
        const lsn_module *module = &modules->items[i];
        if ((module->weight != NULL && module->weight->rank > 2) || lsn_module_number(module, "features") >= 0)
            return true;
    }
    return false;
}

static bool read_network(lsn_row *row, lsn_weights *weights, const lsn_modules *modules, lsn_error *err)
{
    lsn_net *net = row->net;
    reader r = {.net = net, .err = err};
    if (!(has_convolutions(modules) ? lsn_vgg_infer : lsn_chain_infer)(row, modules, err) || !read_weights(&r, row) ||
        !name_layers(row, err) || !set_dtype(net, weights, err) || !set_digest(net, &weights->file, err))
        return false;
    if (r.in_place) { /* the mapped file is the network's from here on */
        net->storage->file = weights->file;
        weights->file = (lsn_file){0};
    }
    return true;
}

lsn_net *lsn_net_load(const char *path, lsn_error *err)
{
    lsn_weights weights = {0};
    lsn_modules modules = {0};
    lsn_row row = {.weights = &weights, .net = lsn_net_create(path, err)};
    const bool ok = row.net != NULL && lsn_weights_open(&weights, row.net->path, err) &&
                    lsn_modules_collect(&modules, &weights, err) && read_network(&row, &weights, &modules, err);
    free(row.layers);
    lsn_modules_finish(&modules);
    lsn_weights_close(&weights);
    if (ok)
        return row.net;
    lsn_net_destroy(row.net);
    return NULL;
}
