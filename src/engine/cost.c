/* Predicted work. */
#include "engine/sweep/sweep.h"

#include <cblas.h>

/* Multiply-adds that a kernel of the method executes for a layer, with `channels` of its inputs. */
static double layer_madds(const lsn_layer *layer, lsn_method method, int channels)
{
    const double share = (double)channels / layer->channels;
    if (method != LSN_METHOD_WINOGRAD || layer->kind == LSN_FC)
        return share * lsn_layer_madds(layer);
    const lsn_conv conv = {
        .method = channels == layer->channels ? sweep_conv_method(layer) : sweep_step_method(layer, channels),
        .height = layer->h,
        .width = layer->w,
        .channels = channels,
        .filters = layer->filters,
    };
    return lsn_conv_multiply_adds(&conv);
}

/* Channels that the layer behind a mask has to compute: the removed ones, or the kept ones if they are fewer. */
static int step_channels(const lsn_model *model, const lsn_ablation *ablation)
{
    const lsn_mask_part *part = &ablation->mask.parts[0];
    const lsn_layer *next = &model->layers[part->layer + 1];
    const int filters = model->layers[part->layer].filters, kept = filters - part->count;
    const int pixels = next->channels / filters; /* of the average-pooled map that a fully connected layer sees */
    const int fewest = ablation->mode == LSN_ZERO && kept < part->count ? (kept > 0 ? kept : 1) : part->count;
    return pixels * fewest;
}

double lsn_engine_madds(const lsn_model *model, lsn_method method, const lsn_ablation *ablation)
{
    double madds = 0;
    int first = 0;
    if (ablation->mask.count > 0) {
        first = ablation->mask.parts[0].layer + 1;
        if (method == LSN_METHOD_WINOGRAD)
            madds += layer_madds(&model->layers[first++], method, step_channels(model, ablation));
    }
    for (int l = first; l < model->n_layers; l++)
        madds += layer_madds(&model->layers[l], method, model->layers[l].channels);
    return madds;
}

const char *lsn_engine_library(void)
{
    return openblas_get_config();
}
