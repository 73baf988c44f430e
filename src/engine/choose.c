/* How each convolution is computed, and what that costs. */
#include "engine/engine_internal.h"

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Tiles of an image with `side` outputs a side. */
static int tiles(const lsn_layer *layer, int side)
{
    return ceil_div(layer->h, side) * ceil_div(layer->w, side);
}

/* What each Winograd method costs: a tile's elements times the products of all channels and filters and, in
 * multiply-adds, what the transforms take for each of them: fitted to the times of VGG-19's layers, each computed by
 * all three. */
typedef struct winograd {
    lsn_conv_method method;
    int side;
    double transform;
} winograd;

static const winograd winograds[] = {{LSN_CONV_F4, 4, 35}, {LSN_CONV_F6, 6, 48}, {LSN_CONV_F7, 7, 70}};

static double winograd_cost(const winograd *w, const lsn_layer *layer)
{
    const double c = layer->channels, f = layer->filters;
    return (double)tiles(layer, w->side) * (w->side + 2) * (w->side + 2) * (c * f + w->transform * (c + f));
}

/* Where pooling windows straddle the tiles, a block has to hold an image. */
static bool fits(const winograd *w, const lsn_layer *layer)
{
    return !layer->pool || w->side % 2 == 0 || tiles(layer, w->side) <= SWEEP_FULL_TILES;
}

/* The cheapest; NULL where the direct convolution is cheaper. */
static const winograd *choose_winograd(const lsn_layer *layer)
{
    if (layer->channels <= 4 || (layer->h <= 2 && layer->w <= 2))
        return NULL;
    const winograd *best = &winograds[0];
    for (size_t i = 1; i < sizeof winograds / sizeof *winograds; i++)
        if (fits(&winograds[i], layer) && winograd_cost(&winograds[i], layer) < winograd_cost(best, layer))
            best = &winograds[i];
    return best;
}

lsn_conv_method sweep_conv_method(const lsn_layer *layer)
{
    const winograd *best = choose_winograd(layer);
    return best == NULL ? LSN_CONV_DIRECT : best->method;
}

lsn_conv sweep_describe_conv(const lsn_layer *layer, int channels)
{
    return (lsn_conv){
        .method = channels == layer->channels ? sweep_conv_method(layer) : sweep_step_method(layer, channels),
        .height = layer->h,
        .width = layer->w,
        .channels = channels,
        .filters = layer->filters,
    };
}

double sweep_conv_cost(const lsn_layer *layer)
{
    const winograd *best = choose_winograd(layer);
    if (best != NULL)
        return winograd_cost(best, layer);
    const lsn_conv conv = sweep_describe_conv(layer, layer->channels);
    return lsn_conv_multiply_adds(&conv) + SWEEP_STEP_COST * layer->h * layer->w * layer->filters;
}

/* Few channels leave a Winograd step nothing but its output transform. */
lsn_conv_method sweep_step_method(const lsn_layer *layer, int channels)
{
    lsn_conv_method method = sweep_conv_method(layer);
    return channels <= 2 ? LSN_CONV_DIRECT : method;
}

/* Inputs after which a layer's kernel has full blocks. */
int sweep_full_stack(const lsn_layer *layer)
{
    if (layer->kind == LSN_FC)
        return SWEEP_MOST_STACK;
    lsn_conv_method method = sweep_conv_method(layer);
    int side = method == LSN_CONV_DIRECT ? 1 : method == LSN_CONV_F4 ? 4 : method == LSN_CONV_F6 ? 6 : 7;
    int grains = tiles(layer, side);
    int stack = ceil_div(2 * SWEEP_FULL_TILES, grains);
    return stack > SWEEP_MOST_STACK ? SWEEP_MOST_STACK : stack;
}
