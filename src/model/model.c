#include "lesion/model.h"

#include "model/convert.h"
#include "model/family.h"
#include "model/fold.h"

#include <stdlib.h>
#include <string.h>

/* What the layers' weights point into. */
struct lsn_model_storage {
    lsn_file file;    /* empty where nothing is read in place */
    float *converted; /* NULL where everything is */
    size_t converted_bytes;
};

enum { ALIGNMENT = 16 }; /* floats between the beginnings of converted or moved arrays: a cache line */

/* While the weights are read. */
typedef struct reader {
    lsn_model *model;
    float *room; /* for the next converted array */
    float *fold; /* [4][filters] of the largest layer that is folded */
    bool in_place;
    lsn_error *err;
} reader;

static size_t aligned(size_t floats)
{
    return (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Whether an array is read where it stands: not what a normalisation is folded into, nor what is not there. */
static bool is_in_place(const lsn_tensor *tensor, const lsn_module *norm)
{
    return tensor != NULL && norm == NULL && lsn_tensor_is_float(tensor);
}

static size_t converted_floats(const lsn_tensor *tensor, const lsn_module *norm, size_t count)
{
    return is_in_place(tensor, norm) ? 0 : aligned(count);
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
    return tensor == NULL || lsn_tensor_check_finite(tensor, values, r->model->path, r->err) ? values : NULL;
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
                                              tensors->weights->count / filters, r->fold, r->model->path, r->err)) &&
           set_names(layer, tensors, r->err);
}

static bool read_weights(reader *r, const lsn_layer_tensors *tensors)
{
    lsn_model *model = r->model;
    size_t floats = 0, folded = 0; /* no overflow: the tensors' elements are no more than the file's bytes */
    for (int i = 0; i < model->n_layers; i++) {
        const lsn_layer_tensors *of = &tensors[i];
        size_t filters = (size_t)model->layers[i].filters;
        floats += converted_floats(of->weights, of->norm, of->weights->count);
        floats += converted_floats(of->bias, of->norm, filters);
        folded = of->norm != NULL && filters > folded ? filters : folded;
    }
    if (floats > 0 && (model->storage->converted = lsn_array(floats, sizeof(float), r->err)) == NULL)
        return false;
    model->storage->converted_bytes = sizeof(float) * floats;
    if ((r->fold = lsn_array(4 * folded, sizeof(float), r->err)) == NULL)
        return false;
    r->room = model->storage->converted;
    bool ok = true;
    for (int i = 0; ok && i < model->n_layers; i++)
        ok = read_layer(r, &model->layers[i], &tensors[i]);
    free(r->fold);
    return ok;
}

/* The type that all weights have; "mixed" where they differ. */
static bool set_dtype(lsn_model *model, const lsn_weights *weights, lsn_error *err)
{
    const char *dtype = NULL;
    for (size_t i = 0; i < weights->count; i++) {
        const lsn_dtype *of = weights->tensors[i].dtype;
        if (of->weights)
            dtype = dtype == NULL || strcmp(dtype, of->name) == 0 ? of->name : "mixed";
    }
    model->dtype = lsn_strdup(dtype, err);
    return model->dtype != NULL;
}

static bool set_digest(lsn_model *model, const lsn_file *file, lsn_error *err)
{
    lsn_hasher *hasher = lsn_hasher_create(err);
    if (hasher == NULL)
        return false;
    lsn_hasher_add(hasher, file->data, file->bytes);
    bool ok = lsn_hasher_take(hasher, &model->digest, err);
    lsn_hasher_destroy(hasher);
    return ok;
}

static bool read_model(lsn_model *model, lsn_weights *weights, const lsn_modules *modules, lsn_error *err)
{
    lsn_layer_tensors tensors[LSN_MAX_LAYERS];
    reader r = {.model = model, .err = err};
    if (!lsn_family_infer(model, weights, modules, tensors, err) || !read_weights(&r, tensors) ||
        !set_dtype(model, weights, err) || !set_digest(model, &weights->file, err))
        return false;
    if (r.in_place) { /* the mapped file is the model's from here on */
        model->storage->file = weights->file;
        weights->file = (lsn_file){0};
    }
    return true;
}

lsn_model *lsn_model_load(const char *path, lsn_error *err)
{
    lsn_weights weights = {0};
    lsn_modules modules = {0};
    lsn_model *model = lsn_array(1, sizeof *model, err);
    bool ok = model != NULL && (model->storage = lsn_array(1, sizeof *model->storage, err)) != NULL &&
              (model->path = lsn_strdup(path, err)) != NULL && lsn_weights_open(&weights, model->path, err) &&
              lsn_modules_collect(&modules, &weights, err) && read_model(model, &weights, &modules, err);
    lsn_modules_finish(&modules);
    lsn_weights_close(&weights);
    if (ok)
        return model;
    lsn_model_destroy(model);
    return NULL;
}

/* ---- weights elsewhere --------------------------------------------------------------------------------------- */

static size_t weights_of(const lsn_layer *layer)
{
    return (size_t)layer->filters * (size_t)layer->channels * (size_t)(layer->kernel * layer->kernel);
}

size_t lsn_model_floats(const lsn_model *model)
{
    size_t floats = 0;
    for (int i = 0; i < model->n_layers; i++)
        floats += aligned(weights_of(&model->layers[i])) + aligned((size_t)model->layers[i].filters);
    return floats;
}

void lsn_model_use_weights(lsn_model *model, const float *from)
{
    for (int i = 0; i < model->n_layers; i++) {
        lsn_layer *layer = &model->layers[i];
        layer->weights = from;
        layer->bias = from + aligned(weights_of(layer));
        from = layer->bias + aligned((size_t)layer->filters);
    }
}

static void release_storage(struct lsn_model_storage *storage)
{
    if (storage == NULL)
        return;
    lsn_file_unmap(&storage->file);
    free(storage->converted);
    storage->converted = NULL;
    storage->converted_bytes = 0;
}

void lsn_model_move_weights(lsn_model *model, float *to)
{
    float *at = to;
    for (int i = 0; i < model->n_layers; i++) {
        const lsn_layer *layer = &model->layers[i];
        memcpy(at, layer->weights, sizeof(float) * weights_of(layer));
        at += aligned(weights_of(layer));
        memcpy(at, layer->bias, sizeof(float) * (size_t)layer->filters);
        at += aligned((size_t)layer->filters);
    }
    lsn_model_use_weights(model, to);
    release_storage(model->storage);
}

size_t lsn_model_private_bytes(const lsn_model *model)
{
    return model->storage == NULL ? 0 : model->storage->converted_bytes;
}

void lsn_model_destroy(lsn_model *model)
{
    if (model == NULL)
        return;
    for (int i = 0; model->layers != NULL && i < model->n_layers; i++) {
        free(model->layers[i].weights_tensor);
        free(model->layers[i].bias_tensor);
        free(model->layers[i].norm);
    }
    free(model->layers);
    release_storage(model->storage);
    free(model->storage);
    free(model->path);
    free(model->dtype);
    free(model);
}
