/* What follows from a network's graph: which nodes read a value, what a mask replaces and how the next layer sees it,
 * and where a value stands alone. */
#include "net/build.h"

#include <stdlib.h>
#include <string.h>

static bool list_consumers(lsn_net *net, lsn_error *err)
{
    for (int i = 0; i < net->n_nodes; i++)
        for (int k = 0; k < net->nodes[i].n_inputs; k++)
            net->nodes[net->nodes[i].inputs[k]].n_consumers++;
    for (int i = 0; i < net->n_nodes; i++) {
        lsn_net_node *node = &net->nodes[i];
        if (node->n_consumers == 0 && i < net->n_nodes - 1)
            return lsn_fail_at(err, LSN_INVALID, net->path, "no node reads node %d (%s)", i,
                               lsn_operator_name(node->op));
        if ((node->consumers = lsn_array((size_t)node->n_consumers, sizeof *node->consumers, err)) == NULL)
            return false;
        node->n_consumers = 0;
    }
    for (int i = 0; i < net->n_nodes; i++)
        for (int k = 0; k < net->nodes[i].n_inputs; k++) {
            lsn_net_node *from = &net->nodes[net->nodes[i].inputs[k]];
            if (from->n_consumers == 0 || from->consumers[from->n_consumers - 1] != i) /* a repeated input */
                from->consumers[from->n_consumers++] = i;
        }
    return true;
}

/* ---- layers -------------------------------------------------------------------------------------------------- */

static bool is_activation(lsn_operator op)
{
    return op == LSN_OP_RELU;
}

static bool passes_channels(lsn_operator op)
{
    return op == LSN_OP_MAX_POOL || op == LSN_OP_AVERAGE_GRID || op == LSN_OP_FLATTEN;
}

/* The last of the nodes that follow one another from `node` on, each the only one that reads the one before, while they
 * are such ones. */
static int follow(const lsn_net *net, int node, bool (*such)(lsn_operator op), int most)
{
    for (; most > 0 && net->nodes[node].n_consumers == 1; most--) {
        const int next = net->nodes[node].consumers[0];
        if (!such(net->nodes[next].op))
            break;
        node = next;
    }
    return node;
}

static void complete_layers(lsn_net *net)
{
    for (int l = 0; l < net->n_layers; l++) {
        lsn_layer *layer = &net->layers[l];
        layer->output = follow(net, layer->node, is_activation, 1);
        layer->seen = follow(net, layer->output, passes_channels, net->n_nodes);
        layer->logits = l == net->n_layers - 1;
        for (int k = 0; layer->alias != NULL && k < net->n_layers; k++)
            if (strcmp(layer->alias, net->layers[k].name) == 0) {
                free(layer->alias);
                layer->alias = NULL;
            }
    }
    net->classes = net->layers[net->n_layers - 1].filters;
}

/* ---- where a value stands alone ------------------------------------------------------------------------------ */

static bool list_cuts(lsn_net *net, lsn_error *err)
{
    if ((net->cuts = lsn_array((size_t)net->n_nodes, sizeof *net->cuts, err)) == NULL)
        return false;
    int needed = 0; /* the last node that reads a value of a node before this one */
    for (int i = 0; i < net->n_nodes; i++) {
        const lsn_net_node *node = &net->nodes[i];
        if (needed <= i)
            net->cuts[net->n_cuts++] = i;
        if (node->n_consumers > 0 && node->consumers[node->n_consumers - 1] > needed)
            needed = node->consumers[node->n_consumers - 1];
    }
    return true;
}

static bool list_segments(lsn_net *net, lsn_error *err)
{
    if ((net->segments = lsn_array((size_t)net->n_layers, sizeof *net->segments, err)) == NULL)
        return false;
    net->segments[net->n_segments++] = (lsn_segment){.first = 1};
    for (int c = 1, l = 0, before = 0; c < net->n_cuts; c++, before = l) {
        const int first = net->cuts[c - 1] + 1, last = net->cuts[c];
        const bool has_layer = l < net->n_layers && net->layers[l].node <= last;
        if (has_layer && before > 0)
            net->segments[net->n_segments++] = (lsn_segment){.first = first};
        net->segments[net->n_segments - 1].last = last;
        for (; l < net->n_layers && net->layers[l].node <= last; l++)
            net->layers[l].segment = net->n_segments - 1;
    }
    return true;
}

bool lsn_net_complete(lsn_net *net, lsn_error *err)
{
    if (net->n_layers == 0)
        return lsn_fail_at(err, LSN_INVALID, net->path, "has no layer");
    if (!list_consumers(net, err))
        return false;
    complete_layers(net);
    if (!list_cuts(net, err) || !list_segments(net, err))
        return false;
    return true;
}
