/* Layers by name, their filters, and what nodes cost. */
#include "lesion/net.h"

#include <assert.h>
#include <string.h>

int lsn_net_find(const lsn_net *net, const char *name)
{
    for (int i = 0; i < net->n_layers; i++)
        if (strcmp(net->layers[i].name, name) == 0)
            return i;
    for (int i = 0; i < net->n_layers; i++)
        if (net->layers[i].alias != NULL && strcmp(net->layers[i].alias, name) == 0)
            return i;
    return -1;
}

const lsn_net_node *lsn_layer_node(const lsn_net *net, int layer)
{
    return &net->nodes[net->layers[layer].node];
}

int lsn_layer_pooling(const lsn_net *net, int layer)
{
    for (int i = net->layers[layer].seen; i != net->layers[layer].output; i = net->nodes[i].inputs[0])
        if (net->nodes[i].op == LSN_OP_MAX_POOL)
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

size_t lsn_net_node_terms(const lsn_net_node *node)
{
    return node->filters == 0 ? 0 : node->weights.count / (size_t)node->filters;
}

double lsn_net_node_madds(const lsn_net_node *node)
{
    assert(node->shape.h > 0 && node->shape.w > 0);
    return (double)node->weights.count * node->shape.h * node->shape.w;
}

int64_t lsn_net_node_parameters(const lsn_net_node *node)
{
    return (int64_t)(node->weights.count + node->bias.count);
}
