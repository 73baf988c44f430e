/* Fully connected layers with bias and ReLU fused into them. Their input is a map [pixels][channels], flattened or not:
 * the weights, which the file has for [channels][pixels], are packed in its order. */
#include "engine/engine_internal.h"

enum { MOST_PANELS = 64 }; /* of a block: products of 252 rows take 2 MB */

/* ---- the step ------------------------------------------------------------------------------------------------ */

static bool describe(const lsn_net *net, engine_step *step, lsn_error *err)
{
    (void)err;
    const lsn_net_node *node = step->source;
    step->relu = engine_next_node(net, step->node, LSN_OP_RELU) >= 0;
    step->z_floats = (size_t)node->filters;
    step->dense = (lsn_dense){
        .terms = node->channels,
        .filters = node->filters,
        .w_terms = node->channels,
        .w_filters = node->filters,
        .bias = node->bias.values,
        .relu = step->relu,
    };
    return true;
}

static int stack(const engine_step *step)
{
    (void)step;
    return ENGINE_MOST_STACK;
}

static int pixels_of(const engine_step *step)
{
    return step->in.h * step->in.w;
}

/* ---- costs --------------------------------------------------------------------------------------------------- */

static double cost(const engine_step *step)
{
    return (double)step->dense.filters * step->dense.terms;
}

static double linear_cost(const engine_step *step)
{
    (void)step;
    return 0;
}

static double madds(const engine_step *step, int channels)
{
    return (double)(channels * pixels_of(step)) / step->dense.terms * cost(step);
}

/* ---- weights ------------------------------------------------------------------------------------------------- */

static engine_weights weights(const engine_step *step, int which)
{
    if (which > 0)
        return (engine_weights){0};
    return (engine_weights){lsn_dense_weights_bytes(step->dense.terms, step->dense.filters),
                            lsn_conv_panels(step->dense.filters)};
}

static void pack(const engine_step *step, int which, float *to, int panel)
{
    (void)which;
    lsn_dense_pack(to, step->source->weights.values, step->in.channels, pixels_of(step), step->dense.filters, panel,
                   panel + 1);
}

static void use(engine_step *step, int which, const float *weights)
{
    (void)which;
    step->dense.weights = weights;
}

/* ---- running ------------------------------------------------------------------------------------------------- */

static size_t workspace(const engine_step *step)
{
    lsn_dense dense = step->dense;
    const size_t bytes = lsn_dense_workspace_bytes(&dense, ENGINE_MOST_STACK);
    dense.rows = dense.columns = &(int){0};
    return engine_larger(bytes, lsn_dense_workspace_bytes(&dense, ENGINE_MOST_STACK));
}

/* Panels of a block: some blocks for each thread, and products of a block that stay in a cache. */
static int block_panels(const engine_step *step, int threads)
{
    const int panels = lsn_conv_panels(step->dense.filters);
    const int most = threads == 1 ? MOST_PANELS : (panels + 2 * threads - 1) / (2 * threads);
    return most > MOST_PANELS ? MOST_PANELS : most;
}

/* The terms of some channels of the input. */
static void list_terms(const engine_step *step, engine_channels channels, int *terms)
{
    for (int p = 0; p < pixels_of(step); p++)
        for (int i = 0; i < channels.count; i++)
            *terms++ = p * step->in.channels + channels.list[i];
}

static void run(lsn_engine *engine, const engine_step *step, const engine_call *call)
{
    const engine_channels in = call->in->channels;
    lsn_dense dense = step->dense;
    dense.block_panels = block_panels(step, engine->threads);
    if (in.list != NULL) {
        list_terms(step, in, engine->terms);
        dense.terms = pixels_of(step) * in.count;
        dense.rows = engine->terms;
    }
    dense.filters = call->outputs.count;
    dense.columns = call->outputs.list;
    dense.bias = engine_bias_of(engine, dense.bias, call->outputs);
    dense.subtract = call->base != NULL;
    for (int i = 0; i < call->n; i++)
        engine->rows[i] = (lsn_dense_row){
            .in = call->in->data + (size_t)i * (size_t)dense.terms,
            .out = call->out + (size_t)i * (size_t)dense.filters,
            .base = call->base == NULL ? NULL : call->base + (size_t)i * step->z_floats,
            .pre = call->pre == NULL ? NULL : call->pre + (size_t)i * step->z_floats,
        };
    engine_run_dense(engine, &dense, call->n);
}

const engine_operator engine_dense = {
    .op = LSN_OP_DENSE,
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
