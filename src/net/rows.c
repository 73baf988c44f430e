/* A row's sizes beside its nodes, until nobody reads them any more. */
#include "net/build.h"

void lsn_net_fill_rows(lsn_net *net)
{
    net->n_conv = 0;
    net->input_channels = net->nodes[0].shape.channels != 0 ? net->nodes[0].shape.channels : net->nodes[0].channels;
    net->input_h = net->nodes[0].shape.h;
    net->input_w = net->nodes[0].shape.w;
    net->grid = 0;
    for (int i = 0; i < net->n_nodes; i++)
        if (net->nodes[i].op == LSN_OP_AVERAGE_GRID) {
            net->grid = net->nodes[i].grid[0];
            net->fixed_map = net->nodes[i].no_larger;
        }
    for (int l = 0; l < net->n_layers; l++) {
        lsn_layer *layer = &net->layers[l];
        const lsn_net_node *node = &net->nodes[layer->node];
        net->n_conv += layer->kind == LSN_CONVOLUTION;
        layer->channels = node->channels;
        layer->kernel = node->window.kernel[0];
        layer->pool = lsn_layer_pooling(net, l) >= 0;
        layer->weights = node->weights.values;
        layer->bias = node->bias.values;
        layer->h = node->shape.h;
        layer->w = node->shape.w;
        layer->out_h = layer->pool && layer->h > 0 ? layer->h / 2 : layer->h;
        layer->out_w = layer->pool && layer->w > 0 ? layer->w / 2 : layer->w;
    }
}
