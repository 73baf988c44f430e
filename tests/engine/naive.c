#include "network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A sum in the making. */
typedef struct total {
    double value, magnitude;
    int terms;
} total;

static void add_term(total *sum, double weight, double x)
{
    sum->value += weight * x;
    sum->magnitude += fabs(weight * x);
    sum->terms++;
}

static bounded end_sum(const total *sum)
{
    double k = sum->terms * 0x1p-24;
    return (bounded){sum->value, k / (1 - k) * sum->magnitude};
}

static bounded conv_at(const double *x, int h, int w, int channels, int i, int j, const float *weights, float bias)
{
    total sum = {0};
    for (int c = 0; c < channels; c++)
        for (int k = 0; k < 9; k++) {
            int row = i + k / 3 - 1, column = j + k % 3 - 1;
            bool inside = row >= 0 && row < h && column >= 0 && column < w;
            add_term(&sum, weights[c * 9 + k], inside ? x[((size_t)row * w + column) * channels + c] : 0);
        }
    add_term(&sum, bias, 1);
    return end_sum(&sum);
}

void naive_conv(const double *x, int h, int w, int channels, int filters, const float *weights, const float *bias,
                bounded *y)
{
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            for (int f = 0; f < filters; f++)
                *y++ = conv_at(x, h, w, channels, i, j, weights + (size_t)f * channels * 9, bias[f]);
}

void naive_fc(const double *x, int channels, int filters, const float *weights, const float *bias, bounded *y)
{
    for (int f = 0; f < filters; f++) {
        total sum = {0};
        for (int c = 0; c < channels; c++)
            add_term(&sum, weights[(size_t)f * channels + c], x[c]);
        add_term(&sum, bias[f], 1);
        y[f] = end_sum(&sum);
    }
}

void naive_average(const double *x, int h, int w, int channels, int grid, bounded *y)
{
    for (int c = 0; c < channels; c++)
        for (int cell = 0; cell < grid * grid; cell++, y++) {
            int gy = cell / grid, gx = cell % grid;
            int top = (int)floor((double)gy * h / grid), bottom = (int)ceil((double)(gy + 1) * h / grid);
            int left = (int)floor((double)gx * w / grid), right = (int)ceil((double)(gx + 1) * w / grid);
            total sum = {.terms = 1}; /* the division */
            for (int i = top; i < bottom; i++)
                for (int j = left; j < right; j++)
                    add_term(&sum, 1.0 / ((bottom - top) * (right - left)), x[((size_t)i * w + j) * channels + c]);
            *y = end_sum(&sum);
        }
}

/* ReLU, then the ablation's part of layer l, on y[positions][F]. */
static void relu_mask(const lsn_model *model, int l, const lsn_ablation *ablation, const float *means, size_t positions,
                      double *y)
{
    size_t filters = model->layers[l].filters, offset = 0;
    for (int i = 0; i < l; i++)
        offset += model->layers[i].filters;
    for (size_t i = 0; i < positions * filters; i++)
        y[i] = fmax(y[i], 0);
    for (int p = 0; ablation != NULL && p < ablation->mask.count; p++) {
        const lsn_mask_part *part = &ablation->mask.parts[p];
        for (int k = 0; part->layer == l && k < part->count; k++)
            for (size_t i = 0; i < positions; i++)
                y[i * filters + part->filters[k]] = ablation->mode == LSN_MEAN ? means[offset + part->filters[k]] : 0;
    }
}

static void pool(const lsn_layer *layer, const double *x, double *y)
{
    size_t row = (size_t)layer->w * layer->filters;
    for (int i = 0; i < layer->h / 2; i++)
        for (int j = 0; j < layer->w / 2; j++)
            for (int c = 0; c < layer->filters; c++) {
                const double *at = x + 2 * i * row + 2 * (size_t)j * layer->filters + c;
                *y++ = fmax(fmax(at[0], at[layer->filters]), fmax(at[row], at[row + layer->filters]));
            }
}

/* Numbers in the largest activation. */
static size_t largest(const lsn_model *model)
{
    size_t most = image_floats(model);
    for (int l = 0; l < model->n_layers; l++) {
        const lsn_layer *layer = &model->layers[l];
        size_t outputs = (size_t)layer->h * layer->w * layer->filters;
        most = outputs > most ? outputs : most;
        most = (size_t)layer->channels > most ? (size_t)layer->channels : most;
    }
    return most;
}

/* z: the layer before its ReLU. */
static void forward_layer(const lsn_model *model, int l, double *x, bounded *z)
{
    const lsn_layer *layer = &model->layers[l];
    if (layer->kind == LSN_CONV) {
        naive_conv(x, layer->h, layer->w, layer->channels, layer->filters, layer->weights, layer->bias, z);
        return;
    }
    if (l == model->n_conv) {
        const lsn_layer *map = &model->layers[l - 1];
        naive_average(x, map->out_h, map->out_w, map->filters, model->grid, z);
        for (int c = 0; c < layer->channels; c++)
            x[c] = z[c].value;
    }
    naive_fc(x, layer->channels, layer->filters, layer->weights, layer->bias, z);
}

void naive_forward(const lsn_model *model, const float *image, const lsn_ablation *ablation, const float *means,
                   naive_see *see, void *context, double *logits)
{
    size_t room = largest(model);
    double *x = lsn_array(room, sizeof *x, NULL), *y = lsn_array(room, sizeof *y, NULL);
    bounded *z = lsn_array(room, sizeof *z, NULL);
    for (size_t i = 0; i < image_floats(model); i++)
        x[i] = image[i];
    for (int l = 0; l < model->n_layers; l++) {
        const lsn_layer *layer = &model->layers[l];
        size_t positions = (size_t)layer->h * layer->w;
        forward_layer(model, l, x, z);
        for (size_t i = 0; i < positions * layer->filters; i++)
            y[i] = z[i].value;
        if (!layer->logits) {
            relu_mask(model, l, ablation, means, positions, y);
            if (see != NULL)
                see(context, l, y, positions);
        }
        if (layer->pool)
            pool(layer, y, x);
        else
            memcpy(x, y, sizeof *x * positions * layer->filters);
    }
    memcpy(logits, x, sizeof *logits * model->classes);
    free(x);
    free(y);
    free(z);
}
