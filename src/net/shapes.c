/* The images' size and with it every node's shape; why an input does not fit. */
#include "net/build.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- one node ------------------------------------------------------------------------------------------------ */

typedef enum fit {
    FITS,
    EMPTY,     /* the map has no position */
    TOO_LARGE, /* it has more than it may */
    OTHER_ROW, /* a row has not as many values as the fully connected layer takes */
    MISFIT     /* what no input could mend: channels or maps that do not belong together */
} fit;

enum { UNCOUNTED = -1 }; /* channels of a row that is too long to be counted */

/* Positions of a window along one side; 0 where it does not fit. */
static int64_t positions(const lsn_net_window *window, int side, int size)
{
    const int64_t span = (int64_t)window->dilation[side] * (window->kernel[side] - 1) + 1;
    const int64_t padded = (int64_t)size + window->padding[side] + window->padding[side + 2];
    return padded < span ? 0 : (padded - span) / window->stride[side] + 1;
}

static fit slide(const lsn_net_window *window, int channels, const lsn_net_shape *in, lsn_net_shape *out)
{
    const int64_t h = positions(window, 0, in->h), w = positions(window, 1, in->w);
    if (h > INT_MAX || w > INT_MAX)
        return MISFIT;
    *out = (lsn_net_shape){channels, (int)h, (int)w};
    return h < 1 || w < 1 ? EMPTY : FITS;
}

static fit flatten(const lsn_net_shape *in, lsn_net_shape *out)
{
    int count;
    if (__builtin_mul_overflow(in->channels, in->h, &count) || __builtin_mul_overflow(count, in->w, &count))
        count = UNCOUNTED;
    *out = (lsn_net_shape){count, 1, 1};
    return FITS;
}

/* The shape of a node's value from those of its inputs. */
static fit node_shape(const lsn_net_node *node, const lsn_net_shape *shapes, lsn_net_shape *out)
{
    const lsn_net_shape *in = &shapes[node->inputs[0]];
    switch (node->op) {
    case LSN_OP_CONV:
        return in->channels != node->channels ? MISFIT : slide(&node->window, node->filters, in, out);
    case LSN_OP_DENSE:
        *out = (lsn_net_shape){node->filters, 1, 1};
        return in->h != 1 || in->w != 1 ? MISFIT : in->channels != node->channels ? OTHER_ROW : FITS;
    case LSN_OP_MAX_POOL:
        return slide(&node->window, in->channels, in, out);
    case LSN_OP_AVERAGE_GRID:
        *out = (lsn_net_shape){in->channels, node->grid[0], node->grid[1]};
        return node->no_larger && (in->h > node->grid[0] || in->w > node->grid[1]) ? TOO_LARGE : FITS;
    case LSN_OP_FLATTEN:
        return flatten(in, out);
    default:
        *out = *in;
        for (int i = 1; i < node->n_inputs; i++)
            if (memcmp(&shapes[node->inputs[i]], in, sizeof *in) != 0)
                return MISFIT;
        return FITS;
    }
}

/* All shapes for that input, and *at, the node where it does not fit. */
static fit all_shapes(const lsn_net *net, lsn_net_shape input, lsn_net_shape *shapes, int *at)
{
    *at = 0;
    shapes[0] = input;
    if (input.h < 1 || input.w < 1)
        return EMPTY;
    fit found = FITS;
    for (int i = 1; found == FITS && i < net->n_nodes; i++)
        found = node_shape(&net->nodes[ *at = i], shapes, &shapes[i]);
    return found;
}

/* ---- why an input does not fit ------------------------------------------------------------------------------- */

/* The first side, from 1 on, of square images for which all_shapes is `found` or is not; INT_MAX + 1 if none is. It is
 * taken to change once. */
static long long first_side(const lsn_net *net, int channels, fit found, bool is, lsn_net_shape *shapes)
{
    long long below = 0, side = (long long)INT_MAX + 1;
    while (side - below > 1) {
        const long long middle = (below + side) / 2;
        int at;
        if ((all_shapes(net, (lsn_net_shape){channels, (int)middle, (int)middle}, shapes, &at) == found) == is)
            side = middle;
        else
            below = middle;
    }
    return side;
}

/* The layer that gives what the node reads; the first layer where that is the input. */
static const char *layer_before(const lsn_net *net, int node)
{
    for (; node > 0; node = net->nodes[node].inputs[0])
        for (int l = 0; l < net->n_layers; l++)
            if (net->layers[l].node == node)
                return net->layers[l].name;
    return net->layers[0].name;
}

static bool refuse_row(const lsn_net *net, lsn_net_shape input, int node, lsn_error *err)
{
    const int first = net->layers[0].node;
    if (net->nodes[first].op == LSN_OP_DENSE)
        return lsn_fail_at(err, LSN_INVALID, net->path,
                           "the network's first layer takes %d values, but the images are %d x %d with %d channel%s",
                           net->nodes[first].channels, input.h, input.w, input.channels,
                           input.channels == 1 ? "" : "s");
    return lsn_fail_at(err, LSN_INVALID, net->path,
                       "%s takes %d values, which images of %d x %d do not give it (resize or crop the images)",
                       layer_before(net, node), net->nodes[node].channels, input.h, input.w);
}

static bool refuse(const lsn_net *net, lsn_net_shape input, fit found, int node, lsn_net_shape *shapes, lsn_error *err)
{
    long long side;
    switch (found) {
    case EMPTY:
        if (net->nodes[net->layers[0].node].op == LSN_OP_DENSE)
            return refuse_row(net, input, node, err);
        side = first_side(net, input.channels, EMPTY, false, shapes);
        return lsn_fail_at(err, LSN_INVALID, net->path,
                           "images of %d x %d are too small: the map is empty after %s; at least %lld x %lld is needed "
                           "(resize or pad the images)",
                           input.h, input.w, layer_before(net, node), side, side);
    case TOO_LARGE:
        side = first_side(net, input.channels, TOO_LARGE, true, shapes) - 1;
        return lsn_fail_at(err, LSN_INVALID, net->path,
                           "images of %d x %d are too large: with timm's head the last map may have at most %d x %d "
                           "positions, so at most %lld x %lld pixels (crop or resize the images)",
                           input.h, input.w, net->nodes[node].grid[0], net->nodes[node].grid[1], side, side);
    case OTHER_ROW:
        return refuse_row(net, input, node, err);
    default:
        return lsn_fail_at(err, LSN_INVALID, net->path, "node %d (%s) cannot take the maps that it gets from %s", node,
                           lsn_operator_name(net->nodes[node].op), layer_before(net, net->nodes[node].inputs[0]));
    }
}

bool lsn_net_set_input(lsn_net *net, int h, int w, int channels, lsn_error *err)
{
    if (net->nodes[0].channels != 0 && channels != net->nodes[0].channels)
        return lsn_fail_at(err, LSN_INVALID, net->path,
                           "the network takes images of %d channels, but the data's have %d", net->nodes[0].channels,
                           channels);
    lsn_net_shape *shapes = lsn_array((size_t)net->n_nodes, sizeof *shapes, err);
    if (shapes == NULL)
        return false;
    const lsn_net_shape input = {channels, h, w};
    int node;
    const fit found = all_shapes(net, input, shapes, &node);
    for (int i = 0; found == FITS && i < net->n_nodes; i++)
        net->nodes[i].shape = shapes[i];
    const bool fits = found == FITS || refuse(net, input, found, node, shapes, err);
    free(shapes);
    return fits;
}
