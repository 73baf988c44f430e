#include "model/family.h"

#include <stdio.h>
#include <string.h>

/* A network of five blocks bears the names of Simonyan & Zisserman's; others are numbered through. */
static void name_layers(lsn_model *model)
{
    int pools = 0;
    uint8_t block = 1, place = 0; /* below LSN_MAX_LAYERS */
    for (int i = 0; i < model->n_conv; i++)
        pools += model->layers[i].pool;
    for (int i = 0; i < model->n_layers; i++) {
        lsn_layer *layer = &model->layers[i];
        int fc = i - model->n_conv;
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

bool lsn_family_infer(lsn_model *model, const lsn_weights *weights, const lsn_modules *modules,
                      lsn_layer_tensors *tensors, lsn_error *err)
{
    model->layers = lsn_array(LSN_MAX_LAYERS, sizeof *model->layers, err);
    lsn_row row = {.weights = weights, .layers = model->layers, .tensors = tensors};
    if (model->layers == NULL || !(has_convolutions(modules) ? lsn_vgg_infer(model, &row, modules, err)
                                                             : lsn_chain_infer(model, &row, modules, err)))
        return false;
    model->n_layers = row.count;
    model->layers[row.count - 1].logits = true;
    model->classes = model->layers[row.count - 1].filters;
    for (int i = 0; i < row.count; i++)
        model->n_folded += tensors[i].norm != NULL;
    name_layers(model);
    return true;
}
