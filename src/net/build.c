/* A network's life: created, built of checked nodes and layers, destroyed. */
#include "net/build.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_WINDOW = 1 << 20 };

lsn_net *lsn_net_create(const char *path, lsn_error *err)
{
    lsn_net *net = lsn_array(1, sizeof *net, err);
    if (net != NULL && (net->storage = lsn_array(1, sizeof *net->storage, err)) != NULL &&
        (net->path = lsn_strdup(path, err)) != NULL)
        return net;
    lsn_net_destroy(net);
    return NULL;
}

void lsn_net_destroy(lsn_net *net)
{
    if (net == NULL)
        return;
    for (int i = 0; i < net->n_nodes; i++) {
        free(net->nodes[i].inputs);
        free(net->nodes[i].consumers);
    }
    for (int i = 0; i < net->n_layers; i++) {
        lsn_layer *layer = &net->layers[i];
        free(layer->name);
        free(layer->alias);
        free(layer->weights_tensor);
        free(layer->bias_tensor);
        free(layer->norm);
    }
    lsn_net_release_storage(net);
    free(net->storage);
    free(net->nodes);
    free(net->layers);
    free(net->cuts);
    free(net->segments);
    free(net->path);
    free(net->dtype);
    free(net);
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int least_inputs, most_inputs;
} operators[LSN_N_OPERATORS] = {
    [LSN_OP_INPUT] = {"Input", 0, 0},
    [LSN_OP_CONV] = {"Conv", 1, 1},
    [LSN_OP_DENSE] = {"Gemm", 1, 1},
    [LSN_OP_ADD] = {"Add", 2, INT_MAX},
    [LSN_OP_RELU] = {"Relu", 1, 1},
    [LSN_OP_MAX_POOL] = {"MaxPool", 1, 1},
    [LSN_OP_AVERAGE_GRID] = {"AdaptiveAveragePool", 1, 1},
    [LSN_OP_FLATTEN] = {"Flatten", 1, 1},
};

const char *lsn_operator_name(lsn_operator op)
{
    return operators[op].name;
}

static bool refuse(const lsn_net *net, const lsn_net_node *node, const char *what, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, net->path, "node %d (%s) has %s", net->n_nodes, lsn_operator_name(node->op),
                       what);
}

static bool check_inputs(const lsn_net *net, const lsn_net_node *node, lsn_error *err)
{
    if (node->n_inputs < operators[node->op].least_inputs || node->n_inputs > operators[node->op].most_inputs ||
        (node->op == LSN_OP_INPUT) != (net->n_nodes == 0))
        return refuse(net, node, "not as many inputs as its operator takes", err);
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] < 0 || node->inputs[i] >= net->n_nodes)
            return refuse(net, node, "an input that is no node before it", err);
    return true;
}

static bool in_range(const int *sizes, int count, int least, int most)
{
    for (int i = 0; i < count; i++)
        if (sizes[i] < least || sizes[i] > most)
            return false;
    return true;
}

static bool check_window(const lsn_net_window *window)
{
    return in_range(window->kernel, 2, 1, LARGEST_WINDOW) && in_range(window->stride, 2, 1, LARGEST_WINDOW) &&
           in_range(window->dilation, 2, 1, LARGEST_WINDOW) && in_range(window->padding, 4, 0, LARGEST_WINDOW);
}

static bool check_sizes(const lsn_net_node *node)
{
    switch (node->op) {
    case LSN_OP_INPUT:
        return node->channels >= 0;
    case LSN_OP_CONV:
    case LSN_OP_DENSE:
        return node->filters >= 1 && node->channels >= 1 && node->groups >= 1 && node->channels % node->groups == 0 &&
               node->filters % node->groups == 0 && check_window(&node->window);
    case LSN_OP_MAX_POOL:
        return check_window(&node->window);
    case LSN_OP_AVERAGE_GRID:
        return in_range(node->grid, 2, 1, LARGEST_WINDOW);
    default:
        return true;
    }
}

/* How many weights and biases the node has; false where they cannot be addressed. */
static bool count_constants(lsn_net_node *node)
{
    if (node->op != LSN_OP_CONV && node->op != LSN_OP_DENSE)
        return true;
    size_t count = node->bias.count = (size_t)node->filters;
    if (__builtin_mul_overflow(count, (size_t)(node->channels / node->groups), &count) ||
        __builtin_mul_overflow(count, (size_t)node->window.kernel[0], &count) ||
        __builtin_mul_overflow(count, (size_t)node->window.kernel[1], &count) || count > SIZE_MAX / 64)
        return false;
    node->weights.count = count;
    return true;
}

static bool check_node(const lsn_net *net, lsn_net_node *node, lsn_error *err)
{
    if (node->op < 0 || node->op >= LSN_N_OPERATORS)
        return lsn_fail_at(err, LSN_INVALID, net->path, "node %d has no operator that there is", net->n_nodes);
    return check_inputs(net, node, err) && ((check_sizes(node) && count_constants(node) && net->n_nodes < INT_MAX) ||
                                            refuse(net, node, "a size that it cannot have", err));
}

int lsn_net_add(lsn_net *net, lsn_net_node node, lsn_error *err)
{
    if (!check_node(net, &node, err) ||
        !lsn_grow((void **)&net->nodes, (size_t)net->n_nodes, &net->storage->node_room, sizeof *net->nodes, err))
        return -1;
    int *inputs = lsn_array((size_t)node.n_inputs, sizeof *inputs, err);
    if (inputs == NULL)
        return -1;
    if (node.n_inputs > 0)
        memcpy(inputs, node.inputs, (size_t)node.n_inputs * sizeof *inputs);
    node.inputs = inputs;
    node.consumers = NULL;
    node.n_consumers = 0;
    node.shape = (lsn_net_shape){0};
    net->nodes[net->n_nodes] = node;
    return net->n_nodes++;
}

int lsn_net_add_input(lsn_net *net, int channels, lsn_error *err)
{
    return lsn_net_add(net, (lsn_net_node){.op = LSN_OP_INPUT, .channels = channels}, err);
}

static lsn_net_window ones(lsn_net_window window)
{
    for (int i = 0; i < 2; i++) {
        window.kernel[i] += window.kernel[i] == 0;
        window.stride[i] += window.stride[i] == 0;
        window.dilation[i] += window.dilation[i] == 0;
    }
    return window;
}

int lsn_net_add_conv(lsn_net *net, int input, int filters, int channels, lsn_net_window window, lsn_error *err)
{
    return lsn_net_add(net,
                       (lsn_net_node){.op = LSN_OP_CONV,
                                      .n_inputs = 1,
                                      .inputs = &input,
                                      .filters = filters,
                                      .channels = channels,
                                      .groups = 1,
                                      .window = ones(window)},
                       err);
}

int lsn_net_add_dense(lsn_net *net, int input, int filters, int channels, lsn_error *err)
{
    return lsn_net_add(net,
                       (lsn_net_node){.op = LSN_OP_DENSE,
                                      .n_inputs = 1,
                                      .inputs = &input,
                                      .filters = filters,
                                      .channels = channels,
                                      .groups = 1,
                                      .window = ones((lsn_net_window){.kernel = {1, 1}})},
                       err);
}

int lsn_net_add_max_pool(lsn_net *net, int input, lsn_net_window window, lsn_error *err)
{
    return lsn_net_add(
        net, (lsn_net_node){.op = LSN_OP_MAX_POOL, .n_inputs = 1, .inputs = &input, .window = ones(window)}, err);
}

int lsn_net_add_average_grid(lsn_net *net, int input, int h, int w, lsn_error *err)
{
    return lsn_net_add(net, (lsn_net_node){.op = LSN_OP_AVERAGE_GRID, .n_inputs = 1, .inputs = &input, .grid = {h, w}},
                       err);
}

int lsn_net_add_plain(lsn_net *net, lsn_operator op, int input, lsn_error *err)
{
    return lsn_net_add(net, (lsn_net_node){.op = op, .n_inputs = 1, .inputs = &input}, err);
}

/* ---- layers -------------------------------------------------------------------------------------------------- */

static bool copy_text(char **to, const char *from, lsn_error *err)
{
    return from == NULL || (*to = lsn_strdup(from, err)) != NULL;
}

static bool check_layer(const lsn_net *net, int node, const char *name, lsn_error *err)
{
    int64_t filters = 0;
    if (node < 0 || node >= net->n_nodes || name[0] == '\0' ||
        (net->nodes[node].op != LSN_OP_CONV && net->nodes[node].op != LSN_OP_DENSE) ||
        (net->n_layers > 0 && node <= net->layers[net->n_layers - 1].node))
        return lsn_fail_at(err, LSN_INVALID, net->path, "node %d cannot be the layer \"%s\"", node, name);
    for (int i = 0; i < net->n_layers; i++) {
        filters += net->layers[i].filters;
        if (strcmp(net->layers[i].name, name) == 0)
            return lsn_fail_at(err, LSN_INVALID, net->path, "two layers are called %s", name);
    }
    return filters + net->nodes[node].filters <= INT_MAX ||
           lsn_fail_at(err, LSN_INVALID, net->path, "has more than %d filters", INT_MAX);
}

bool lsn_net_add_layer(lsn_net *net, int node, lsn_layer_names names, lsn_error *err)
{
    if (!check_layer(net, node, names.name, err) ||
        !lsn_grow((void **)&net->layers, (size_t)net->n_layers, &net->storage->layer_room, sizeof *net->layers, err))
        return false;
    lsn_layer *layer = &net->layers[net->n_layers++];
    *layer = (lsn_layer){.kind = net->nodes[node].op == LSN_OP_CONV ? LSN_CONVOLUTION : LSN_CONNECTED,
                         .filters = net->nodes[node].filters,
                         .node = node};
    net->n_folded += names.norm != NULL;
    return copy_text(&layer->name, names.name, err) && copy_text(&layer->alias, names.alias, err) &&
           copy_text(&layer->weights_tensor, names.weights_tensor, err) &&
           copy_text(&layer->bias_tensor, names.bias_tensor, err) && copy_text(&layer->norm, names.norm, err);
}
