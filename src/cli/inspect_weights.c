/* inspect of a weights file: the network's layer table. */
#include "cli/inspect.h"

#include "cli/cli.h"
#include "lesion/formats.h"
#include "lesion/report.h"

#include <limits.h>
#include <stdio.h>

/* The file, what is computed from it, and the images. */
static void print_head(const lsn_net *net)
{
    char hex[LSN_HEX_BYTES];
    const lsn_net_shape *input = &net->nodes[0].shape;
    lsn_digest_hex(&net->digest, hex);
    printf("weights   %s (%s)\nsha256    %s\ninput     %d x %d, %d channel%s\nclasses   %d\n", net->path, net->dtype,
           hex, input->h, input->w, input->channels, input->channels == 1 ? "" : "s", net->classes);
    if (net->n_folded > 0)
        printf("folded    %d batch normalisation%s into the layer before it (epsilon %g)\n", net->n_folded,
               net->n_folded == 1 ? "" : "s, each", LSN_NORM_EPSILON);
    putchar('\n');
}

static void print_layer(const lsn_net *net, int l)
{
    char kernel[LSN_NUMBER_BYTES] = "-", size[LSN_NUMBER_BYTES], parameters[LSN_NUMBER_BYTES], madds[LSN_NUMBER_BYTES];
    const lsn_layer *layer = &net->layers[l];
    const lsn_net_node *node = &net->nodes[layer->node];
    const int pooling = lsn_layer_pooling(net, l);
    const lsn_net_shape *map = &net->nodes[pooling < 0 ? layer->output : pooling].shape;
    const bool conv = layer->kind == LSN_CONVOLUTION;
    if (conv)
        snprintf(kernel, sizeof kernel, "%dx%d", node->window.kernel[0], node->window.kernel[1]);
    snprintf(size, sizeof size, "%d x %d%s", map->h, map->w, pooling < 0 ? "" : " pooled");
    printf("%-9s %-5s %7d %6s  %-16s %12s %14s  %s%s%s\n", layer->name, conv ? "conv" : "fc", layer->filters, kernel,
           size, lsn_count_text(lsn_net_node_parameters(node), parameters),
           lsn_count_text((int64_t)lsn_net_node_madds(node), madds), layer->weights_tensor,
           layer->norm == NULL ? "" : " and ", layer->norm == NULL ? "" : layer->norm);
}

void lsn_print_layers(const lsn_net *net)
{
    char parameters[LSN_NUMBER_BYTES], madds[LSN_NUMBER_BYTES];
    int64_t all_parameters = 0;
    double all_madds = 0;
    print_head(net);
    printf("%-9s %-5s %7s %6s  %-16s %12s %14s  %s\n", "layer", "kind", "filters", "kernel", "output", "parameters",
           "multiply-adds", "tensor");
    for (int l = 0; l < net->n_layers; l++) {
        const lsn_net_node *node = lsn_layer_node(net, l);
        print_layer(net, l);
        all_parameters += lsn_net_node_parameters(node);
        all_madds += lsn_net_node_madds(node);
    }
    printf("%-9s %-5s %7d %6s  %-16s %12s %14s\n", "all", "", lsn_net_filters(net), "", "",
           lsn_count_text(all_parameters, parameters), lsn_count_text((int64_t)all_madds, madds));
    puts("(filters in all: those that can be ablated; multiply-adds of one image)");
}

/* A square image of `values`: grey, colour, or a row of grey values where neither fits. */
static void square_input(int values, int *h, int *w, int *channels)
{
    for (*channels = 1; *channels <= 3; *channels += 2)
        for (*h = *w = 1; values % *channels == 0 && *h <= values / *channels / *h; *w = ++*h)
            if (*h * *h == values / *channels)
                return;
    *channels = *h = 1;
    *w = values;
}

/* The side of square images whose last map is as large as the average-pooled one. */
static int natural_side(const lsn_net *net)
{
    int64_t side = 1;
    for (int i = net->n_nodes - 1; i > 0 && side <= INT_MAX; i--) {
        const lsn_net_node *node = &net->nodes[i];
        if (node->op == LSN_OP_AVERAGE_GRID)
            side = node->grid[0];
        else if (node->op == LSN_OP_CONV || node->op == LSN_OP_MAX_POOL)
            side *= node->window.stride[0];
    }
    return (int)(side < INT_MAX ? side : INT_MAX); /* beyond, it is refused as too small */
}

static bool set_input(lsn_net *net, const char *input, lsn_error *err)
{
    int h = 0, w = 0, end = 0, channels = net->nodes[0].channels;
    const int inputs = lsn_layer_node(net, 0)->channels;
    if (input != NULL && (sscanf(input, "%dx%d%n", &h, &w, &end) != 2 || input[end] != '\0' || h < 1 || w < 1))
        return lsn_fail(err, LSN_USAGE, "--input %s: should be HEIGHTxWIDTH, as in 224x224", input);
    if (input == NULL && channels > 0)
        h = w = natural_side(net);
    else if (input == NULL)
        square_input(inputs, &h, &w, &channels);
    else if (channels == 0) { /* a chain takes any that has so many values */
        channels = inputs / h / w;
        channels = channels < 1 ? 1 : channels;
    }
    return lsn_net_set_input(net, h, w, channels, err);
}

int lsn_inspect_weights(const char *path, const char *input)
{
    lsn_error err = {0};
    lsn_net *net = lsn_net_load(path, &err);
    bool ok = net != NULL && set_input(net, input, &err);
    if (ok)
        lsn_print_layers(net);
    lsn_net_destroy(net);
    return ok ? LSN_OK : lsn_exit_with(&err);
}
