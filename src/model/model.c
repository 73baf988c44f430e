#include "lesion/model.h"

#include "model/convert.h"
#include "model/family.h"

#include <stdlib.h>
#include <string.h>

/* What the layers' weights point into. */
struct lsn_model_storage {
    lsn_file file;    /* empty where nothing is read in place */
    float *converted; /* NULL where everything is */
};

enum { ALIGNMENT = 16 }; /* floats between the beginnings of converted tensors: a cache line */

static size_t converted_floats(const lsn_tensor *tensor)
{
    return lsn_tensor_is_float(tensor) ? 0 : (tensor->count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The tensor's values: in the file where they are floats, otherwise converted to *room, which moves on. NULL where one
 * is not finite. */
static const float *read_values(const lsn_tensor *tensor, float **room, const char *path, lsn_error *err)
{
    const float *values = (const float *)(const void *)tensor->data;
    if (!lsn_tensor_is_float(tensor)) {
        lsn_tensor_convert(tensor, *room);
        values = *room;
        *room += converted_floats(tensor);
    }
    return lsn_tensor_check_finite(tensor, values, path, err) ? values : NULL;
}

static bool read_weights(lsn_model *model, const lsn_layer_tensors *tensors, lsn_error *err)
{
    size_t floats = 0; /* no overflow: at most two floats for each byte of the file, and the alignment's */
    for (int i = 0; i < model->n_layers; i++)
        floats += converted_floats(tensors[i].weights) + converted_floats(tensors[i].bias);
    if (floats > 0 && (model->storage->converted = lsn_array(floats, sizeof(float), err)) == NULL)
        return false;
    float *room = model->storage->converted;
    for (int i = 0; i < model->n_layers; i++) {
        lsn_layer *layer = &model->layers[i];
        if ((layer->weights = read_values(tensors[i].weights, &room, model->path, err)) == NULL ||
            (layer->bias = read_values(tensors[i].bias, &room, model->path, err)) == NULL ||
            (layer->weights_tensor = lsn_strdup(tensors[i].weights->name, err)) == NULL ||
            (layer->bias_tensor = lsn_strdup(tensors[i].bias->name, err)) == NULL)
            return false;
    }
    return true;
}

static bool set_dtype(lsn_model *model, const lsn_safetensors *file, lsn_error *err)
{
    const char *dtype = file->tensors[0].dtype->name;
    for (size_t i = 1; i < file->count; i++)
        if (strcmp(file->tensors[i].dtype->name, dtype) != 0)
            dtype = "mixed";
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

/* Hands the mapped file over to the model if its weights are read there. */
static void keep_file(lsn_model *model, lsn_safetensors *file)
{
    for (size_t i = 0; i < file->count; i++)
        if (lsn_tensor_is_float(&file->tensors[i])) {
            model->storage->file = file->file;
            file->file = (lsn_file){0};
            return;
        }
}

lsn_model *lsn_model_load(const char *path, lsn_error *err)
{
    lsn_safetensors file = {0};
    lsn_layer_tensors tensors[LSN_MAX_LAYERS];
    lsn_model *model = lsn_array(1, sizeof *model, err);
    if (model == NULL || (model->storage = lsn_array(1, sizeof *model->storage, err)) == NULL ||
        (model->path = lsn_strdup(path, err)) == NULL || !lsn_safetensors_open(&file, model->path, err))
        goto fail;
    if (!lsn_family_infer(model, &file, tensors, err) || !read_weights(model, tensors, err) ||
        !set_dtype(model, &file, err) || !set_digest(model, &file.file, err))
        goto fail;
    keep_file(model, &file);
    lsn_safetensors_close(&file);
    return model;
fail:
    lsn_safetensors_close(&file);
    lsn_model_destroy(model);
    return NULL;
}

void lsn_model_destroy(lsn_model *model)
{
    if (model == NULL)
        return;
    for (int i = 0; i < model->n_layers; i++) {
        free(model->layers[i].weights_tensor);
        free(model->layers[i].bias_tensor);
    }
    free(model->layers);
    if (model->storage != NULL) {
        lsn_file_unmap(&model->storage->file);
        free(model->storage->converted);
    }
    free(model->storage);
    free(model->path);
    free(model->dtype);
    free(model);
}
