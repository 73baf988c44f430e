/* A network without its weights as plain bytes, which processes send each other. */
#include "lesion/model.h"

#include "model/tensor.h"

#include <assert.h>
#include <string.h>

typedef struct table_row {
    lsn_layer layer; /* its pointers are NULL */
    char weights_tensor[LSN_TENSOR_NAME_BYTES], bias_tensor[LSN_TENSOR_NAME_BYTES], norm[LSN_TENSOR_NAME_BYTES];
} table_row;

typedef struct table {
    lsn_model model; /* its pointers are NULL */
    char dtype[16];
    table_row rows[LSN_MAX_LAYERS];
} table;

size_t lsn_model_table_bytes(void)
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

void lsn_model_write_table(const lsn_model *model, void *bytes)
{
    table *to = bytes;
    memset(to, 0, sizeof *to);
    to->model = *model;
    to->model.layers = NULL;
    to->model.path = to->model.dtype = NULL;
    to->model.storage = NULL;
    put_text(to->dtype, sizeof to->dtype, model->dtype);
    for (int i = 0; i < model->n_layers; i++) {
        const lsn_layer *layer = &model->layers[i];
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

lsn_model *lsn_model_read_table(const void *bytes, const char *path, const float *weights, lsn_error *err)
{
    const table *from = bytes;
    assert(from->model.n_layers > 0 && from->model.n_layers <= LSN_MAX_LAYERS);
    lsn_model *model = lsn_array(1, sizeof *model, err);
    if (model == NULL)
        return NULL;
    *model = from->model;
    model->layers = lsn_array((size_t)model->n_layers, sizeof *model->layers, err);
    bool ok = model->layers != NULL && get_text(&model->path, path, err) && get_text(&model->dtype, from->dtype, err);
    for (int i = 0; ok && i < model->n_layers; i++)
        ok = read_row(&model->layers[i], &from->rows[i], err);
    if (!ok) {
        lsn_model_destroy(model);
        return NULL;
    }
    lsn_model_use_weights(model, weights);
    return model;
}
