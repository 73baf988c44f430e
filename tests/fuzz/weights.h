/* What the targets of weights files do with the bytes. */
#ifndef LESION_TESTS_FUZZ_WEIGHTS_H
#define LESION_TESTS_FUZZ_WEIGHTS_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lesion/formats.h"

/* Every weight of a model that loads can be read and is finite. */
static inline void read_weights(const lsn_net *net)
{
    for (int l = 0; l < net->n_layers; l++) {
        const lsn_net_node *node = lsn_layer_node(net, l);
        float sum = 0;
        for (size_t i = 0; i < node->weights.count; i++)
            sum += 0 * node->weights.values[i];
        for (size_t f = 0; f < node->bias.count; f++)
            sum += 0 * node->bias.values[f];
        assert(sum == 0);
    }
}

static inline void load_weights(const uint8_t *data, size_t size)
{
    lsn_error err = {0};
    const char *path = fuzz_path(0, data, size);
    fuzz_allow(1 << 20, 128, size);
    lsn_net *net = lsn_net_load(path, &err);
    if (net != NULL)
        read_weights(net);
    else
        assert(err.code == LSN_INVALID && err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
    lsn_net_destroy(net);
    fuzz_allow_end();
}

#endif
