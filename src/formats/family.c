#include "formats/family.h"

#include <stdio.h>
#include <string.h>

/* A network of five blocks bears the names of Simonyan & Zisserman's; others are numbered through. */
static void name_layers(lsn_net *net)
{
    int pools = 0;
    uint8_t block = 1, place = 0; /* below LSN_MAX_LAYERS */
    for (int i = 0; i < net->n_conv; i++)
        pools += net->layers[i].pool;
    for (int i = 0; i < net->n_layers; i++) {
        lsn_layer *layer = &net->layers[i];
        int fc = i - net->n_conv;
        if (fc >= 0)
            snprintf(layer->name, sizeof layer->name, "fc%d", pools == 5 ? 6 + fc : 1 + fc);
        else if (pools != 5)
            snprintf(layer->name, sizeof layer->name, "conv%d", i + 1);
        else {
            snprintf(layer->name, sizeof layer->name, "conv%d_%d", block, ++place);
            if (layer->pool) {
                place = 0;
                block++;
            }
        }
    }
}

/* Whether anything in the file is a convolution, or is named like one of the family's. */
static bool has_convolutions(const lsn_modules *modules)
{
    for (size_t i = 0; i < modules->count; i++) {
        const lsn_module *module = &modules->items[i];
        if ((module->weight != NULL && module->weight->rank > 2) || lsn_module_number(module, "features") >= 0)
            return true;
    }
    return false;
}

bool lsn_family_infer(lsn_net *net, const lsn_weights *weights, const lsn_modules *modules,
                      lsn_layer_tensors *tensors, lsn_error *err)
{
    net->layers = lsn_array(LSN_MAX_LAYERS, sizeof *net->layers, err);
    lsn_row row = {.weights = weights, .layers = net->layers, .tensors = tensors};
    if (net->layers == NULL || !(has_convolutions(modules) ? lsn_vgg_infer(net, &row, modules, err)
                                                             : lsn_chain_infer(net, &row, modules, err)))
        return false;
    net->n_layers = row.count;
    net->layers[row.count - 1].logits = true;
    net->classes = net->layers[row.count - 1].filters;
    for (int i = 0; i < row.count; i++)
        net->n_folded += tensors[i].norm != NULL;
    name_layers(net);
    return true;
}
