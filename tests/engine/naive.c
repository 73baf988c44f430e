/* The masked forward pass from its definition, in double precision: what the engine is compared with. */
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

/* ---- a network, node by node; a value is [h][w][channels] ------------------------------------------------------ */

static size_t count_of(const lsn_net_node *node)
{
    return (size_t)node->shape.h * node->shape.w * node->shape.channels;
}

static void keep_values(const bounded *z, size_t count, double *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = z[i].value;
}

static void pool(const lsn_net_shape *in, const lsn_net_shape *out, const double *x, double *y)
{
    const size_t channels = in->channels, row = in->w * channels;
    for (int i = 0; i < out->h; i++)
        for (int j = 0; j < out->w; j++)
            for (size_t c = 0; c < channels; c++) {
                const double *at = x + 2 * i * row + 2 * j * channels + c;
                *y++ = fmax(fmax(at[0], at[channels]), fmax(at[row], at[row + channels]));
            }
}

/* [h][w][channels] of [channels][h][w], or the other way round. */
static void transpose(const double *x, size_t rows, size_t columns, double *y)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            y[j * rows + i] = x[i * columns + j];
}

static void average(const lsn_net_shape *in, const lsn_net_node *node, const double *x, double *y)
{
    const size_t count = count_of(node), cells = count / in->channels;
    bounded *z = lsn_array(count, sizeof *z, NULL);
    double *by_channel = lsn_array(count, sizeof *by_channel, NULL);
    naive_average(x, in->h, in->w, in->channels, node->grid[0], z);
    keep_values(z, count, by_channel);
    transpose(by_channel, in->channels, cells, y);
    free(by_channel);
    free(z);
}

/* Convolutions of 3 x 3 and fully connected layers. */
static void linear(const lsn_net_shape *in, const lsn_net_node *node, const double *x, double *y)
{
    bounded *z = lsn_array(count_of(node), sizeof *z, NULL);
    if (node->op == LSN_OP_CONV)
        naive_conv(x, in->h, in->w, node->channels, node->filters, node->weights.values, node->bias.values, z);
    else
        naive_fc(x, node->channels, node->filters, node->weights.values, node->bias.values, z);
    keep_values(z, count_of(node), y);
    free(z);
}

static void compute(const lsn_net *net, int index, double **values)
{
    const lsn_net_node *node = &net->nodes[index];
    const lsn_net_shape *in = &net->nodes[node->inputs[0]].shape;
    const double *x = values[node->inputs[0]];
    double *y = values[index];
    switch (node->op) {
    case LSN_OP_RELU:
        for (size_t i = 0; i < count_of(node); i++)
            y[i] = fmax(x[i], 0);
        break;
    case LSN_OP_MAX_POOL:
        pool(in, &node->shape, x, y);
        break;
    case LSN_OP_AVERAGE_GRID:
        average(in, node, x, y);
        break;
    case LSN_OP_FLATTEN:
        transpose(x, (size_t)in->h * in->w, in->channels, y);
        break;
    default:
        linear(in, node, x, y);
    }
}

/* What comes in place of a filter of layer l: map[positions]; `donor` is its layer's value of the donor. */
static void replacement(const lsn_net *net, const lsn_ablation *ablation, const naive_substitutes *substitutes,
                        const double *donor, int l, int filter, double *map)
{
    const lsn_net_shape *shape = &net->nodes[net->layers[l].output].shape;
    const size_t positions = (size_t)shape->h * shape->w;
    const int at = lsn_net_filter_offset(net, l) + filter;
    float *noise = lsn_array(positions, sizeof(float), NULL);
    if (ablation->mode == LSN_NOISE)
        for (int row = 0; row < engine_noise_rows(shape->h, false); row++)
            engine_draw_noise(
                &(engine_noise){
                    .seed = ablation->seed, .image = substitutes->id, .layer = l, .filter = filter, .deviation = 1},
                shape->h, shape->w, false, row, noise, 1);
    for (size_t i = 0; i < positions; i++)
        switch (ablation->mode) {
        case LSN_MEAN:
            map[i] = substitutes->means[at];
            break;
        case LSN_RESAMPLE:
            map[i] = donor[i * shape->channels + filter];
            break;
        case LSN_NOISE:
            map[i] = substitutes->means[at] + (double)substitutes->deviations[at] * noise[i];
            break;
        default:
            map[i] = 0;
        }
    free(noise);
}

/* The part of a layer on its output y. */
static void mask(const lsn_net *net, const lsn_ablation *ablation, const naive_substitutes *substitutes,
                 const lsn_mask_part *part, const double *donor, double *y)
{
    const lsn_net_shape *shape = &net->nodes[net->layers[part->layer].output].shape;
    const size_t positions = (size_t)shape->h * shape->w;
    double *map = lsn_array(positions, sizeof *map, NULL);
    for (int k = 0; k < part->count; k++) {
        replacement(net, ablation, substitutes, donor, part->layer, part->filters[k], map);
        for (size_t at = 0; at < positions; at++)
            y[at * shape->channels + part->filters[k]] = map[at];
    }
    free(map);
}

double **naive_values(const lsn_net *net, const float *image, const lsn_ablation *ablation,
                      const naive_substitutes *substitutes)
{
    const bool resample = ablation != NULL && ablation->mode == LSN_RESAMPLE;
    double **donor = resample ? naive_values(net, substitutes->donor, NULL, NULL) : NULL;
    double **values = lsn_array(net->n_nodes, sizeof *values, NULL);
    for (int i = 0; i < net->n_nodes; i++) {
        values[i] = lsn_array(count_of(&net->nodes[i]), sizeof **values, NULL);
        for (size_t k = 0; i == 0 && k < image_floats(net); k++)
            values[0][k] = image[k];
        if (i > 0)
            compute(net, i, values);
        for (int p = 0; ablation != NULL && p < ablation->mask.count; p++) {
            const lsn_mask_part *part = &ablation->mask.parts[p];
            if (net->layers[part->layer].output == i)
                mask(net, ablation, substitutes, part, resample ? donor[i] : NULL, values[i]);
        }
    }
    naive_forget(net, donor);
    return values;
}

void naive_forget(const lsn_net *net, double **values)
{
    for (int i = 0; values != NULL && i < net->n_nodes; i++)
        free(values[i]);
    free(values);
}

void naive_forward(const lsn_net *net, const float *image, const lsn_ablation *ablation,
                   const naive_substitutes *substitutes, double *logits)
{
    double **values = naive_values(net, image, ablation, substitutes);
    memcpy(logits, values[net->n_nodes - 1], sizeof *logits * net->classes);
    naive_forget(net, values);
}
