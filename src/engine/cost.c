/* Predicted work. */
#include "engine/engine_internal.h"

/* Multiply-adds that a layer's kernel executes, with `channels` of its inputs. */
static double layer_madds(const lsn_layer *layer, int channels)
{
    if (layer->kind == LSN_FC)
        return (double)channels / layer->channels * lsn_layer_madds(layer);
    const lsn_conv conv = sweep_describe_conv(layer, channels);
    return lsn_conv_multiply_adds(&conv);
}

/* Channels (terms, of a fully connected layer) that the layer behind a mask has to compute: the removed ones, or the
 * kept ones if they are fewer. */
static int step_channels(const lsn_net *net, const lsn_ablation *ablation)
{
    const lsn_mask_part *part = &ablation->mask.parts[0];
    const lsn_layer *next = &net->layers[part->layer + 1];
    const int filters = net->layers[part->layer].filters, kept = filters - part->count;
    const int pixels = next->channels / filters; /* of the average-pooled map that a fully connected layer sees */
    const int fewest = ablation->mode == LSN_ZERO && kept < part->count ? (kept > 0 ? kept : 1) : part->count;
    return pixels * fewest;
}

double lsn_engine_madds(const lsn_net *net, const lsn_ablation *ablation)
{
    double madds = 0;
    int first = 0;
    if (ablation->mask.count > 0) {
        first = ablation->mask.parts[0].layer + 1;
        madds += layer_madds(&net->layers[first++], step_channels(net, ablation));
    }
    for (int l = first; l < net->n_layers; l++)
        madds += layer_madds(&net->layers[l], net->layers[l].channels);
    return madds;
}

/* ---- costs by layer ------------------------------------------------------------------------------------------ */

lsn_costs lsn_costs_predict(const lsn_net *net)
{
    lsn_costs costs = {.n_layers = net->n_layers};
    for (int l = 0; l < net->n_layers; l++) {
        const lsn_layer *layer = &net->layers[l];
        const bool conv = layer->kind == LSN_CONV;
        costs.layer[l] = conv ? sweep_conv_cost(layer) : lsn_layer_madds(layer);
        costs.step_channel[l] = costs.layer[l] / layer->channels;
        /* A step transforms all outputs, however few channels it reads. */
        if (conv && l > 0)
            costs.step[l] = SWEEP_STEP_COST * layer->h * layer->w * layer->filters;
    }
    return costs;
}

double lsn_costs_of(const lsn_costs *costs, const lsn_net *net, const lsn_ablation *ablation)
{
    double cost = 0;
    int first = 0;
    if (ablation->mask.count > 0) {
        first = ablation->mask.parts[0].layer + 1;
        cost += costs->step[first] + step_channels(net, ablation) * costs->step_channel[first];
        first++;
    }
    for (int l = first; l < costs->n_layers; l++)
        cost += costs->layer[l];
    return cost;
}
