/* Predicted work. */
#include "engine/sweep/sweep.h"

#include <cblas.h>
#include <stdlib.h>

/* Multiply-adds that a kernel of the method executes for a layer, with `channels` of its inputs. */
static double layer_madds(const lsn_layer *layer, lsn_method method, int channels)
{
    const double share = (double)channels / layer->channels;
    if (method != LSN_METHOD_WINOGRAD || layer->kind == LSN_FC)
        return share * lsn_layer_madds(layer);
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

double lsn_engine_madds(const lsn_net *net, lsn_method method, const lsn_ablation *ablation)
{
    double madds = 0;
    int first = 0;
    if (ablation->mask.count > 0) {
        first = ablation->mask.parts[0].layer + 1;
        if (method == LSN_METHOD_WINOGRAD)
            madds += layer_madds(&net->layers[first++], method, step_channels(net, ablation));
    }
    for (int l = first; l < net->n_layers; l++)
        madds += layer_madds(&net->layers[l], method, net->layers[l].channels);
    return madds;
}

/* ---- costs by layer ------------------------------------------------------------------------------------------ */

lsn_costs lsn_costs_predict(const lsn_net *net, lsn_method method)
{
    lsn_costs costs = {.n_layers = net->n_layers};
    for (int l = 0; l < net->n_layers; l++) {
        const lsn_layer *layer = &net->layers[l];
        const bool linear = method == LSN_METHOD_WINOGRAD, conv = layer->kind == LSN_CONV;
        costs.layer[l] = linear && conv ? sweep_conv_cost(layer) : lsn_layer_madds(layer);
        if (linear)
            costs.step_channel[l] = costs.layer[l] / layer->channels;
        else
            costs.step[l] = costs.layer[l];
        /* A step transforms all outputs, however few channels it reads. */
        if (linear && conv && l > 0)
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

/* All layers alike, by the time of whole passes. */
static bool measure_whole(lsn_engine *engine, double seconds, lsn_costs *costs, lsn_error *err)
{
    const lsn_net *net = engine->net;
    const size_t pixels = (size_t)net->input_h * (size_t)net->input_w * (size_t)net->input_channels;
    float *image = lsn_array(pixels, sizeof(float), err);
    float *logits = image == NULL ? NULL : lsn_array((size_t)net->classes, sizeof(float), err);
    bool ok = logits != NULL;
    int rounds = 0;
    double began = lsn_now_s(), took = 0;
    for (; ok && (rounds < 2 || took < seconds); rounds++) {
        ok = lsn_engine_run(engine, &(lsn_engine_request){.images = image, .n = 1, .baseline = logits}, err);
        took = lsn_now_s() - began;
    }
    free(logits);
    free(image);
    double all = 0;
    for (int l = 0; l < costs->n_layers; l++)
        all += costs->layer[l];
    for (int l = 0; ok && l < costs->n_layers; l++)
        costs->step[l] = costs->layer[l] *= took / rounds / all;
    return ok;
}

bool lsn_engine_measure(lsn_engine *engine, double seconds, lsn_costs *costs, lsn_error *err)
{
    *costs = lsn_costs_predict(engine->net, engine->method);
    if (engine->sweep == NULL)
        return measure_whole(engine, seconds, costs, err);
    sweep_measure(engine->sweep, seconds, costs);
    return true;
}

const char *lsn_engine_library(void)
{
    return openblas_get_config();
}
