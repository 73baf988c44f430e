#include "network.h"

#include "engine/engine_internal.h"

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

/* Each layer's output of the donor, [positions][F] before pooling. */
typedef struct donor_maps {
    const lsn_net *net;
    double *at[LSN_MAX_LAYERS];
} donor_maps;

static void keep_map(void *context, int layer, const double *activation, size_t positions)
{
    donor_maps *maps = context;
    const size_t count = positions * maps->net->layers[layer].filters;
    maps->at[layer] = lsn_array(count, sizeof(double), NULL);
    memcpy(maps->at[layer], activation, sizeof(double) * count);
}

/* A pass under way. */
typedef struct pass {
    const lsn_net *net;
    const lsn_ablation *ablation;
    const naive_substitutes *substitutes;
    donor_maps donor;
} pass;

/* What comes in place of a filter of layer l: map[positions]. */
static void replacement(const pass *p, int l, int filter, size_t positions, double *map)
{
    const lsn_layer *layer = &p->net->layers[l];
    const int at = lsn_net_filter_offset(p->net, l) + filter;
    float *noise = lsn_array(positions, sizeof(float), NULL);
    if (p->ablation->mode == LSN_NOISE)
        for (int row = 0; row < engine_noise_rows(layer->h, false); row++)
            engine_draw_noise(&(engine_noise){.seed = p->ablation->seed,
                                              .image = p->substitutes->id,
                                              .layer = l,
                                              .filter = filter,
                                              .deviation = 1},
                              layer->h, layer->w, false, row, noise, 1);
    for (size_t i = 0; i < positions; i++)
        switch (p->ablation->mode) {
        case LSN_MEAN:
            map[i] = p->substitutes->means[at];
            break;
        case LSN_RESAMPLE:
            map[i] = p->donor.at[l][i * layer->filters + filter];
            break;
        case LSN_NOISE:
            map[i] = p->substitutes->means[at] + (double)p->substitutes->deviations[at] * noise[i];
            break;
        default:
            map[i] = 0;
        }
    free(noise);
}

/* ReLU, then the ablation's part of layer l, on y[positions][F]. */
static void relu_mask(const pass *p, int l, size_t positions, double *y)
{
    size_t filters = p->net->layers[l].filters;
    double *map = lsn_array(positions, sizeof *map, NULL);
    for (size_t i = 0; i < positions * filters; i++)
        y[i] = fmax(y[i], 0);
    for (int i = 0; p->ablation != NULL && i < p->ablation->mask.count; i++) {
        const lsn_mask_part *part = &p->ablation->mask.parts[i];
        for (int k = 0; part->layer == l && k < part->count; k++) {
            replacement(p, l, part->filters[k], positions, map);
            for (size_t at = 0; at < positions; at++)
                y[at * filters + part->filters[k]] = map[at];
        }
    }
    free(map);
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
static size_t largest(const lsn_net *net)
{
    size_t most = image_floats(net);
    for (int l = 0; l < net->n_layers; l++) {
        const lsn_layer *layer = &net->layers[l];
        size_t outputs = (size_t)layer->h * layer->w * layer->filters;
        most = outputs > most ? outputs : most;
        most = (size_t)layer->channels > most ? (size_t)layer->channels : most;
    }
    return most;
}

/* An image [H][W][C] to [C][H][W]. */
static void flatten(const lsn_net *net, double *x, bounded *room)
{
    const int positions = net->input_h * net->input_w, channels = net->input_channels;
    for (int p = 0; p < positions; p++)
        for (int c = 0; c < channels; c++)
            room[c * positions + p].value = x[p * channels + c];
    for (int i = 0; i < positions * channels; i++)
        x[i] = room[i].value;
}

/* z: the layer before its ReLU. */
static void forward_layer(const lsn_net *net, int l, double *x, bounded *z)
{
    const lsn_layer *layer = &net->layers[l];
    if (layer->kind == LSN_CONV) {
        naive_conv(x, layer->h, layer->w, layer->channels, layer->filters, layer->weights, layer->bias, z);
        return;
    }
    if (l == 0) {
        flatten(net, x, z);
    } else if (l == net->n_conv) {
        const lsn_layer *map = &net->layers[l - 1];
        naive_average(x, map->out_h, map->out_w, map->filters, net->grid, z);
        for (int c = 0; c < layer->channels; c++)
            x[c] = z[c].value;
    }
    naive_fc(x, layer->channels, layer->filters, layer->weights, layer->bias, z);
}

void naive_forward(const lsn_net *net, const float *image, const lsn_ablation *ablation,
                   const naive_substitutes *substitutes, naive_see *see, void *context, double *logits)
{
    pass p = {net, ablation, substitutes, {.net = net}};
    if (ablation != NULL && ablation->mode == LSN_RESAMPLE)
        naive_forward(net, substitutes->donor, NULL, NULL, keep_map, &p.donor, logits);
    size_t room = largest(net);
    double *x = lsn_array(room, sizeof *x, NULL), *y = lsn_array(room, sizeof *y, NULL);
    bounded *z = lsn_array(room, sizeof *z, NULL);
    for (size_t i = 0; i < image_floats(net); i++)
        x[i] = image[i];
    for (int l = 0; l < net->n_layers; l++) {
        const lsn_layer *layer = &net->layers[l];
        size_t positions = (size_t)layer->h * layer->w;
        forward_layer(net, l, x, z);
        for (size_t i = 0; i < positions * layer->filters; i++)
            y[i] = z[i].value;
        if (!layer->logits) {
            relu_mask(&p, l, positions, y);
            if (see != NULL)
                see(context, l, y, positions);
        }
        if (layer->pool)
            pool(layer, y, x);
        else
            memcpy(x, y, sizeof *x * positions * layer->filters);
    }
    memcpy(logits, x, sizeof *logits * net->classes);
    for (int l = 0; l < net->n_layers; l++)
        free(p.donor.at[l]);
    free(x);
    free(y);
    free(z);
}
