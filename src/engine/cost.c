#include "lesion/engine.h"

#include <cblas.h>

double lsn_engine_madds(const lsn_model *model, const lsn_ablation *ablation)
{
    double madds = 0;
    int first = ablation->mask.count == 0 ? 0 : ablation->mask.parts[0].layer + 1;
    for (int l = first; l < model->n_layers; l++)
        madds += lsn_layer_madds(&model->layers[l]);
    return madds;
}

const char *lsn_engine_library(void)
{
    return openblas_get_config();
}
