/* 3x3 convolutions, stride 1, padding 1, with bias, ReLU and 2x2 max pooling fused into them. */
#include "engine/engine_internal.h"

#include <string.h>

/* ---- the step ------------------------------------------------------------------------------------------------ */

static bool has_kernel(const lsn_net_node *node)
{
    static const lsn_net_window same = {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    return node->groups == 1 && memcmp(&node->window, &same, sizeof same) == 0;
}

static bool is_half(const lsn_net_node *pool)
{
    static const lsn_net_window half = {{2, 2}, {2, 2}, {1, 1}, {0}};
    return memcmp(&pool->window, &half, sizeof half) == 0;
}

static bool describe(const lsn_net *net, engine_step *step, lsn_error *err)
{
    const lsn_net_node *node = step->source;
    if (!has_kernel(node))
        return lsn_fail(err, LSN_INVALID,
                        "node %d (Conv): the engine computes 3 x 3 convolutions of stride 1 and padding 1 only",
                        step->node);
    const int relu = engine_next_node(net, step->node, LSN_OP_RELU);
    const int pool = engine_next_node(net, relu < 0 ? step->node : relu, LSN_OP_MAX_POOL);
    step->relu = relu >= 0;
    step->pool = pool >= 0 && is_half(&net->nodes[pool]);
    step->z_floats = (size_t)step->map.h * (size_t)step->map.w * (size_t)node->filters;
    step->conv = (lsn_conv){
        .height = step->map.h,
        .width = step->map.w,
        .channels = node->channels,
        .filters = node->filters,
        .w_channels = node->channels,
        .w_filters = node->filters,
        .bias = node->bias.values,
        .relu = step->relu,
        .pool = step->pool,
    };
    step->conv.method = engine_conv_method(&step->conv);
    step->few = step->conv;
    step->few.method = LSN_CONV_DIRECT;
    return true;
}

static int stack(const engine_step *step)
{
    return engine_conv_stack(&step->conv);
}

/* ---- costs --------------------------------------------------------------------------------------------------- */

static double cost(const engine_step *step)
{
    return engine_conv_cost(&step->conv);
}

/* A linear step transforms all outputs, however few channels it reads. */
static double linear_cost(const engine_step *step)
{
    return ENGINE_OUTPUT_COST * step->conv.height * step->conv.width * step->conv.filters;
}

static double madds(const engine_step *step, int channels)
{
    lsn_conv conv = step->conv;
    conv.channels = channels;
    if (channels < conv.w_channels)
        conv.method = engine_few_method(&step->conv, channels);
    return lsn_conv_multiply_adds(&conv);
}

/* ---- weights ------------------------------------------------------------------------------------------------- */

/* Array 0 serves the convolution in full. A Winograd convolution's linear steps over few channels are direct: they have
 * weights of their own, array 1; but nobody takes steps over few channels of the images. */
static lsn_conv_method method_of(const engine_step *step, int which)
{
    return which == 0 ? step->conv.method : LSN_CONV_DIRECT;
}

static engine_weights weights(const engine_step *step, int which)
{
    const lsn_conv *conv = &step->conv;
    if (which == 1 && (conv->method == LSN_CONV_DIRECT || step->inputs[0] == 0))
        return (engine_weights){0};
    return (engine_weights){lsn_conv_weights_bytes(method_of(step, which), conv->w_channels, conv->w_filters),
                            lsn_conv_panels(conv->w_filters)};
}

static void pack(const engine_step *step, int which, float *to, int panel)
{
    lsn_conv_pack(method_of(step, which), to, step->source->weights.values, step->conv.w_channels, step->conv.w_filters,
                  panel, panel + 1);
}

static void use(engine_step *step, int which, const float *weights)
{
    step->few.weights = weights; /* array 0's, where there is no other */
    if (which == 0)
        step->conv.weights = weights;
}

/* ---- running ------------------------------------------------------------------------------------------------- */

/* Of any number of its channels, listed or not. */
static size_t any_workspace(lsn_conv conv)
{
    size_t bytes = 0;
    for (conv.channels = 1; conv.channels <= conv.w_channels; conv.channels++)
        for (int listed = 0; listed < 2; listed++) {
            conv.rows = conv.columns = listed == 0 ? NULL : &(int){0};
            bytes = engine_larger(bytes, lsn_conv_workspace_bytes(&conv, ENGINE_MOST_STACK));
        }
    return bytes;
}

static size_t workspace(const engine_step *step)
{
    lsn_conv unpooled = step->conv;
    unpooled.pool = false;
    return engine_larger(engine_larger(any_workspace(step->conv), any_workspace(step->few)), any_workspace(unpooled));
}

static void run(lsn_engine *engine, const engine_step *step, const engine_call *call)
{
    const engine_channels in = call->in->channels;
    const bool few = call->linear && engine_few_method(&step->conv, in.count) == LSN_CONV_DIRECT;
    lsn_conv conv = few ? step->few : step->conv;
    conv.channels = in.count;
    conv.rows = in.list;
    conv.filters = call->outputs.count;
    conv.columns = call->outputs.list;
    conv.bias = engine_bias_of(engine, conv.bias, call->outputs);
    conv.subtract = call->base != NULL;
    conv.pool = step->pool && !call->unpooled;
    const size_t pixels = (size_t)conv.height * (size_t)conv.width;
    const size_t out_pixels = conv.pool ? (size_t)(conv.height / 2) * (size_t)(conv.width / 2) : pixels;
    for (int i = 0; i < call->n; i++)
        engine->images[i] = (lsn_conv_image){
            .in = call->in->data + (size_t)i * pixels * (size_t)in.count,
            .out = call->out + (size_t)i * out_pixels * (size_t)conv.filters,
            .base = call->base == NULL ? NULL : call->base + (size_t)i * step->z_floats,
            .pre = call->pre == NULL ? NULL : call->pre + (size_t)i * step->z_floats,
        };
    engine_run_conv(engine, &conv, call->n);
}

const engine_operator engine_convolution = {
    .op = LSN_OP_CONV,
    .describe = describe,
    .stack = stack,
    .cost = cost,
    .linear_cost = linear_cost,
    .madds = madds,
    .weights = weights,
    .pack = pack,
    .use = use,
    .workspace = workspace,
    .run = run,
};
