/* By which method a 3x3 convolution is computed, and what that costs. */
#include "engine/ops/ops.h"

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Tiles of an image with `side` outputs a side. */
static int tiles(const lsn_conv *conv, int side)
{
    return ceil_div(conv->height, side) * ceil_div(conv->width, side);
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

static double winograd_cost(const winograd *w, const lsn_conv *conv)
{
    const double c = conv->w_channels, f = conv->w_filters;
    return (double)tiles(conv, w->side) * (w->side + 2) * (w->side + 2) * (c * f + w->transform * (c + f));
}

/* Where pooling windows straddle the tiles, a block has to hold an image. */
static bool fits(const winograd *w, const lsn_conv *conv)
{
    return !conv->pool || w->side % 2 == 0 || tiles(conv, w->side) <= ENGINE_FULL_TILES;
}

/* The cheapest; NULL where the direct convolution is cheaper. */
static const winograd *choose_winograd(const lsn_conv *conv)
{
    if (conv->w_channels <= 4 || (conv->height <= 2 && conv->width <= 2))
        return NULL;
    const winograd *best = &winograds[0];
    for (size_t i = 1; i < sizeof winograds / sizeof *winograds; i++)
        if (fits(&winograds[i], conv) && winograd_cost(&winograds[i], conv) < winograd_cost(best, conv))
            best = &winograds[i];
    return best;
}

lsn_conv_method engine_conv_method(const lsn_conv *conv)
{
    const winograd *best = choose_winograd(conv);
    return best == NULL ? LSN_CONV_DIRECT : best->method;
}

double engine_conv_cost(const lsn_conv *conv)
{
    const winograd *best = choose_winograd(conv);
    if (best != NULL)
        return winograd_cost(best, conv);
    lsn_conv direct = *conv;
    direct.method = LSN_CONV_DIRECT;
    return lsn_conv_multiply_adds(&direct) + ENGINE_OUTPUT_COST * conv->height * conv->width * conv->w_filters;
}

/* Few channels leave a Winograd step nothing but its output transform. */
lsn_conv_method engine_few_method(const lsn_conv *conv, int channels)
{
    return channels <= 2 ? LSN_CONV_DIRECT : engine_conv_method(conv);
}

/* Inputs after which its kernel has full blocks. */
int engine_conv_stack(const lsn_conv *conv)
{
    const lsn_conv_method method = engine_conv_method(conv);
    const int side = method == LSN_CONV_DIRECT ? 1 : method == LSN_CONV_F4 ? 4 : method == LSN_CONV_F6 ? 6 : 7;
    const int stack = ceil_div(2 * ENGINE_FULL_TILES, tiles(conv, side));
    return stack > ENGINE_MOST_STACK ? ENGINE_MOST_STACK : stack;
}
