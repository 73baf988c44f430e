/* Checks that the model tests share; to be included after cmocka.h. */
#ifndef LESION_TESTS_MODEL_CHECK_H
#define LESION_TESTS_MODEL_CHECK_H

#include <string.h>

#include "lesion/formats.h"
#include "network_file.h"

/* The file must not load, for the reason that the texts tell. */
static inline void refused(const char *path, const char *text, const char *also)
{
    lsn_error err = {0};
    lsn_net *net = lsn_net_load(path, &err);
    if (net != NULL || strstr(err.text, text) == NULL || strstr(err.text, also) == NULL)
        print_error("expected \"%s\" and \"%s\" in: %s\n", text, also, net == NULL ? err.text : "(it loaded)");
    assert_null(net);
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, also));
    assert_true(strlen(err.text) < LSN_ERROR_BYTES - 1);
    assert_null(strchr(err.text, '\n'));
    assert_null(lsn_net_load(path, NULL));
}

/* The file must load. */
static inline lsn_net *loaded(const char *path)
{
    lsn_error err = {0};
    lsn_net *net = lsn_net_load(path, &err);
    if (net == NULL)
        print_error("%s\n", err.text);
    assert_non_null(net);
    return net;
}

static inline const float *layer_weights(const lsn_net *net, int layer)
{
    return lsn_layer_node(net, layer)->weights.values;
}

static inline const float *layer_bias(const lsn_net *net, int layer)
{
    return lsn_layer_node(net, layer)->bias.values;
}

static inline int count_convolutions(const lsn_net *net)
{
    int count = 0;
    for (int i = 0; i < net->n_layers; i++)
        count += net->layers[i].kind == LSN_CONVOLUTION;
    return count;
}

/* The adaptive average pooling; NULL where the network has none. */
static inline const lsn_net_node *average_grid(const lsn_net *net)
{
    for (int i = 0; i < net->n_nodes; i++)
        if (net->nodes[i].op == LSN_OP_AVERAGE_GRID)
            return &net->nodes[i];
    return NULL;
}

/* Every weight and bias is what network_file.h writes. */
static inline void has_written_values(const lsn_net *net)
{
    for (int i = 0; i < net->n_layers; i++) {
        const lsn_net_node *node = lsn_layer_node(net, i);
        for (size_t k = 0; k < node->weights.count; k++)
            assert_true(node->weights.values[k] == network_value((int64_t)k));
        for (size_t k = 0; k < node->bias.count; k++)
            assert_true(node->bias.values[k] == network_value((int64_t)k));
    }
}

/* Two blocks of two convolutions, grid 2, two fully connected layers. */
static inline void small_network(network_file *network, const char *dtype)
{
    network_init(network, dtype, 3, (const int[]){4, 5, 0, 6, 7, -1}, 2, (const int[]){9, 10, -1});
}

#endif
