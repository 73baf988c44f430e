#include "network.h"

#include "net/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const network_plan small_plan = {.h = 11,
                                 .w = 9,
                                 .channels = 3,
                                 .grid = 2,
                                 .conv = {5, 7, 9, 8},
                                 .pool = {false, true, false, true},
                                 .fc = {13, 11, 6}};

const network_plan deep_plan = {.h = 32,
                                .w = 32,
                                .channels = 1,
                                .grid = 1,
                                .conv = {8, 8, 12, 16, 16, 13, 16, 8, 8, 16, 9},
                                .pool = {false, true, false, true, false, true, false, true, false, false, true},
                                .fc = {24, 17, 10}};

const network_plan chain_plan = {.h = 5, .w = 4, .channels = 2, .fc = {17, 13, 11, 6}};

float *random_floats(uint64_t seed, size_t count, float scale)
{
    float *floats = lsn_array(count, sizeof *floats, NULL);
    lsn_random random;
    lsn_random_init(&random, seed, 0);
    for (size_t i = 0; floats != NULL && i < count; i++)
        floats[i] = scale * ((float)(lsn_random_next(&random) >> 40) / 8388608.0f - 1.0f);
    return floats;
}

/* Random weights and biases for the node, and its layer. */
static void fill_layer(lsn_net *net, int index, const char *name, uint64_t seed)
{
    const int l = net->n_layers, terms = (int)lsn_net_node_terms(&net->nodes[index]);
    lsn_net_node *node = &net->nodes[index];
    node->weights.values = random_floats(2 * seed + 2 * l, node->weights.count, (float)sqrt(6.0 / terms));
    node->bias.values = random_floats(2 * seed + 2 * l + 1, node->bias.count, 0.3f);
    lsn_net_add_layer(net, index, (lsn_layer_names){.name = name}, NULL);
}

/* Returns the last node, and the channels that it has. */
static int add_convs(lsn_net *net, const network_plan *plan, uint64_t seed, int *channels)
{
    int value = lsn_net_add_input(net, plan->channels, NULL);
    *channels = plan->channels;
    for (int i = 0; i < PLAN_LAYERS && plan->conv[i] > 0; i++) {
        const char name[] = {'c', 'o', 'n', 'v', (char)('a' + i), '\0'};
        const lsn_net_window kernel = {.kernel = {3, 3}, .padding = {1, 1, 1, 1}}, half = {{2, 2}, .stride = {2, 2}};
        value = lsn_net_add_conv(net, value, plan->conv[i], *channels, kernel, NULL);
        fill_layer(net, value, name, seed);
        value = lsn_net_add_plain(net, LSN_OP_RELU, value, NULL);
        if (plan->pool[i])
            value = lsn_net_add_max_pool(net, value, half, NULL);
        *channels = plan->conv[i];
    }
    return value;
}

lsn_net *network_build(const network_plan *plan, uint64_t seed)
{
    lsn_net *net = lsn_net_create("hand-built", NULL);
    int channels, value = add_convs(net, plan, seed, &channels);
    if (net->n_layers > 0) {
        value = lsn_net_add_average_grid(net, value, plan->grid, plan->grid, NULL);
        channels *= plan->grid * plan->grid;
    } else
        channels *= plan->h * plan->w;
    value = lsn_net_add_plain(net, LSN_OP_FLATTEN, value, NULL);
    for (int i = 0; i < PLAN_LAYERS && plan->fc[i] > 0; i++) {
        const char name[] = {'f', 'c', (char)('a' + i), '\0'};
        if (i > 0)
            value = lsn_net_add_plain(net, LSN_OP_RELU, value, NULL);
        value = lsn_net_add_dense(net, value, plan->fc[i], channels, NULL);
        fill_layer(net, value, name, seed);
        channels = plan->fc[i];
    }
    lsn_net_complete(net, NULL);
    lsn_net_set_input(net, plan->h, plan->w, plan->channels, NULL);
    return net;
}

void network_free(lsn_net *net)
{
    for (int l = 0; net != NULL && l < net->n_layers; l++) {
        free(network_weights(net, l));
        free(network_bias(net, l));
    }
    lsn_net_destroy(net);
}

size_t image_floats(const lsn_net *net)
{
    return (size_t)net->nodes[0].shape.h * net->nodes[0].shape.w * net->nodes[0].shape.channels;
}

float *random_images(const lsn_net *net, int n, uint64_t seed)
{
    return random_floats(seed, n * image_floats(net), 1.5f);
}

float *network_weights(lsn_net *net, int layer)
{
    return (float *)(uintptr_t)lsn_layer_node(net, layer)->weights.values;
}

float *network_bias(lsn_net *net, int layer)
{
    return (float *)(uintptr_t)lsn_layer_node(net, layer)->bias.values;
}
