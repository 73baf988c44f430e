#include "lesion/net.h"

#include <assert.h>
#include <string.h>

/* The smallest side that leaves a map at the end: it is halved, rounding down, by every pooling. */
static int64_t smallest_side(const lsn_net *net)
{
    int64_t side = 1;
    for (int i = 0; i < net->n_conv; i++)
        if (net->layers[i].pool && side <= INT32_MAX)
            side *= 2;
    return side;
}

/* The convolution after which a side becomes empty. */
static const char *emptied_after(const lsn_net *net, int side)
{
    int i = 0;
    for (; i < net->n_conv - 1; i++) {
        side = net->layers[i].pool ? side / 2 : side;
        if (side < 1)
            break;
    }
    return net->layers[i].name;
}

/* Whether the maps fit the network's convolutions. */
static bool check_maps(const lsn_net *net, int h, int w, int channels, lsn_error *err)
{
    if (channels != net->input_channels)
        return lsn_fail(err, LSN_INVALID, "%s: the network takes images of %d channels, but the data's have %d",
                        net->path, net->input_channels, channels);
    int64_t least = smallest_side(net);
    int side = h < w ? h : w, most = h < w ? w : h;
    if (side < least)
        return lsn_fail(err, LSN_INVALID,
                        "%s: images of %d x %d are too small: the map is empty after %s; at least %lld x %lld is "
                        "needed (resize or pad the images)",
                        net->path, h, w, emptied_after(net, side), (long long)least, (long long)least);
    if (net->fixed_map && most / least > net->grid)
        return lsn_fail(err, LSN_INVALID,
                        "%s: images of %d x %d are too large: with timm's head the last map may have at most %d x %d "
                        "positions, so at most %lld x %lld pixels (crop or resize the images)",
                        net->path, h, w, net->grid, net->grid, (long long)(least * (net->grid + 1) - 1),
                        (long long)(least * (net->grid + 1) - 1));
    return true;
}

/* Whether the image has as many values as a chain's first layer takes. */
static bool check_values(const lsn_net *net, int h, int w, int channels, lsn_error *err)
{
    const int inputs = net->layers[0].channels;
    if (h > 0 && w > 0 && channels > 0 && inputs % channels == 0 && inputs / channels % h == 0 &&
        inputs / channels / h == w)
        return true;
    return lsn_fail(err, LSN_INVALID,
                    "%s: the network's first layer takes %d values, but the images are %d x %d with %d channel%s",
                    net->path, inputs, h, w, channels, channels == 1 ? "" : "s");
}

bool lsn_net_set_input(lsn_net *net, int h, int w, int channels, lsn_error *err)
{
    bool chain = net->n_conv == 0;
    if (!(chain ? check_values : check_maps)(net, h, w, channels, err))
        return false;
    net->input_h = h;
    net->input_w = w;
    net->input_channels = channels;
    for (int i = 0; i < net->n_layers; i++) {
        lsn_layer *layer = &net->layers[i];
        bool conv = layer->kind == LSN_CONV;
        layer->h = conv ? h : 1;
        layer->w = conv ? w : 1;
        layer->out_h = h = layer->pool ? layer->h / 2 : layer->h;
        layer->out_w = w = layer->pool ? layer->w / 2 : layer->w;
    }
    return true;
}

double lsn_layer_madds(const lsn_layer *layer)
{
    assert(layer->h > 0 && layer->w > 0);
    return (double)layer->filters * layer->channels * layer->kernel * layer->kernel * layer->h * layer->w;
}

int64_t lsn_layer_parameters(const lsn_layer *layer)
{
    return layer->filters * ((int64_t)layer->channels * layer->kernel * layer->kernel + 1);
}

int lsn_net_find(const lsn_net *net, const char *name)
{
    for (int i = 0; i < net->n_layers; i++)
        if (strcmp(net->layers[i].name, name) == 0)
            return i;
    return -1;
}

int lsn_net_filter_offset(const lsn_net *net, int layer)
{
    assert(layer >= 0 && layer < net->n_layers);
    int offset = 0;
    for (int i = 0; i < layer; i++)
        offset += net->layers[i].filters;
    return offset;
}

int lsn_net_filters(const lsn_net *net)
{
    return lsn_net_filter_offset(net, net->n_layers - 1);
}
