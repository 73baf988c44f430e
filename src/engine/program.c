/* Compiles a network: nodes into steps and values, then what follows from them. */
#include "engine/program.h"

#include "engine/ops/ops.h"

#include <stdlib.h>

enum { NOWHERE = -1 };

int engine_next_node(const lsn_net *net, int node, lsn_operator op)
{
    const lsn_net_node *from = &net->nodes[node];
    return from->n_consumers == 1 && net->nodes[from->consumers[0]].op == op ? from->consumers[0] : -1;
}

bool engine_reads(const engine_step *step, int value)
{
    for (int i = 0; i < step->n_inputs; i++)
        if (step->inputs[i] == value)
            return true;
    return false;
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

static int add_value(engine_program *program, int node, int producer)
{
    const lsn_net_shape *shape = &program->net->nodes[node].shape;
    const int index = program->n_values++;
    program->values[index] = (engine_value){
        .node = node,
        .pixels = shape->h * shape->w,
        .channels = shape->channels,
        .floats = (size_t)shape->h * (size_t)shape->w * (size_t)shape->channels,
        .producer = producer,
        .masked = -1,
        .seen = -1,
    };
    return index;
}

/* A node that changes nothing in memory. */
static bool is_view(const lsn_net *net, const lsn_net_node *node)
{
    const lsn_net_shape *in = &net->nodes[node->inputs[0]].shape;
    return node->op == LSN_OP_FLATTEN ||
           (node->op == LSN_OP_AVERAGE_GRID && in->h == node->shape.h && in->w == node->shape.w);
}

static bool set_inputs(engine_program *program, engine_step *step, const int *value_of, lsn_error *err)
{
    const lsn_net_node *node = step->source;
    step->inputs = lsn_array((size_t)node->n_inputs, sizeof *step->inputs, err);
    if (step->inputs == NULL)
        return false;
    for (step->n_inputs = 0; step->n_inputs < node->n_inputs; step->n_inputs++)
        step->inputs[step->n_inputs] = value_of[node->inputs[step->n_inputs]];
    const engine_value *in = &program->values[step->inputs[0]];
    step->in = program->net->nodes[in->node].shape; /* as it lies in memory, flattened or not */
    return true;
}

/* The step that begins with a node. The nodes that it computes are marked with its value. */
static bool add_step(engine_program *program, int index, int *value_of, lsn_error *err)
{
    const lsn_net *net = program->net;
    const int at = program->n_steps++;
    engine_step *step = &program->steps[at];
    *step = (engine_step){.source = &net->nodes[index], .node = index, .layer = -1, .map = net->nodes[index].shape};
    step->op = engine_operator_of(net->nodes[index].op);
    if (step->op == NULL)
        return lsn_fail(err, LSN_INVALID, "node %d (%s): the engine cannot compute it", index,
                        lsn_operator_name(net->nodes[index].op));
    if (!set_inputs(program, step, value_of, err) || !step->op->describe(net, step, err))
        return false;
    const int relu = step->relu ? engine_next_node(net, index, LSN_OP_RELU) : index;
    const int last = step->pool ? engine_next_node(net, relu, LSN_OP_MAX_POOL) : relu;
    step->output = add_value(program, last, at);
    value_of[index] = value_of[relu] = value_of[last] = step->output;
    return true;
}

static bool add_nodes(engine_program *program, int *value_of, lsn_error *err)
{
    const lsn_net *net = program->net;
    for (int i = 0; i < net->n_nodes; i++)
        value_of[i] = NOWHERE;
    value_of[0] = add_value(program, 0, -1);
    for (int i = 1; i < net->n_nodes; i++)
        if (value_of[i] == NOWHERE) {
            if (is_view(net, &net->nodes[i]))
                value_of[i] = value_of[net->nodes[i].inputs[0]];
            else if (!add_step(program, i, value_of, err))
                return false;
        }
    return true;
}

static bool list_consumers(engine_program *program, lsn_error *err)
{
    for (int v = 0; v < program->n_values; v++) {
        engine_value *value = &program->values[v];
        for (int i = 0; i < program->n_steps; i++)
            value->n_consumers += engine_reads(&program->steps[i], v);
        value->consumers = lsn_array((size_t)value->n_consumers, sizeof *value->consumers, err);
        if (value->consumers == NULL)
            return false;
        value->n_consumers = 0;
        for (int i = 0; i < program->n_steps; i++)
            if (engine_reads(&program->steps[i], v))
                value->consumers[value->n_consumers++] = i;
    }
    return true;
}

/* ---- segments ------------------------------------------------------------------------------------------------ */

/* A buffer for an inner value that step i writes: one whose last value nobody reads any more, or a new one. */
static int choose_buffer(engine_program *program, engine_value *value, int i, int *busy)
{
    int b = 0;
    while (b < program->n_buffers && busy[b] >= i)
        b++;
    if (b == program->n_buffers)
        program->buffer_floats[program->n_buffers++] = 0;
    busy[b] = value->consumers[value->n_consumers - 1];
    if (program->buffer_floats[b] < value->floats)
        program->buffer_floats[b] = value->floats;
    return b;
}

static void place_steps(engine_program *program, engine_segment *segment, int *busy)
{
    for (int i = segment->first; i < segment->end; i++) {
        engine_step *step = &program->steps[i];
        engine_value *value = &program->values[step->output];
        const int stack = step->op->stack(step);
        step->segment = (int)(segment - program->segments);
        step->z_offset = segment->z;
        segment->z += step->z_floats;
        segment->stack = stack > segment->stack ? stack : segment->stack;
        if (step->output == segment->output)
            continue;
        value->inner = true;
        value->offset = segment->inner;
        segment->inner += value->floats;
        value->buffer = choose_buffer(program, value, i, busy);
    }
}

static bool list_segments(engine_program *program, const int *value_of, lsn_error *err)
{
    const lsn_net *net = program->net;
    int *busy = lsn_array((size_t)program->n_values, sizeof *busy, err); /* the last step that reads a buffer */
    if (busy == NULL)
        return false;
    for (int s = 0, step = 0; s < net->n_segments; s++) {
        engine_segment *segment = &program->segments[program->n_segments++];
        *segment = (engine_segment){.first = step, .input = s == 0 ? 0 : program->segments[s - 1].output};
        segment->output = value_of[net->segments[s].last];
        while (step < program->n_steps && program->steps[step].node <= net->segments[s].last)
            step++;
        segment->end = step;
        place_steps(program, segment, busy);
    }
    free(busy);
    return true;
}

/* ---- layers -------------------------------------------------------------------------------------------------- */

/* Steps of a layer's branch that read what a mask changes, or what such a step gives. */
static bool list_affected(const engine_program *program, engine_layer *layer, lsn_error *err)
{
    const engine_segment *segment = &program->segments[layer->branch];
    layer->affected = lsn_array((size_t)(segment->end - segment->first), sizeof *layer->affected, err);
    if (layer->affected == NULL)
        return false;
    for (int i = segment->first; i < segment->end; i++) {
        bool affected = engine_reads(&program->steps[i], layer->seen);
        for (int k = 0; k < layer->n_affected; k++)
            affected |= engine_reads(&program->steps[i], program->steps[layer->affected[k]].output);
        if (affected)
            layer->affected[layer->n_affected++] = i;
    }
    return true;
}

static bool list_layers(engine_program *program, const int *value_of, lsn_error *err)
{
    const lsn_net *net = program->net;
    for (int l = 0, offset = 0; l < net->n_layers; l++) {
        engine_layer *layer = &program->layers[program->n_layers++];
        *layer = (engine_layer){.masked = value_of[net->layers[l].output],
                                .seen = value_of[net->layers[l].seen],
                                .branch = program->n_segments,
                                .filter_offset = offset};
        offset += net->layers[l].filters;
        engine_value *seen = &program->values[layer->seen];
        program->values[layer->masked].masked = seen->seen = l;
        program->steps[program->values[value_of[net->layers[l].node]].producer].layer = l;
        if (seen->n_consumers == 0)
            continue;
        layer->branch = program->steps[seen->consumers[0]].segment;
        if (!list_affected(program, layer, err))
            return false;
    }
    return true;
}

/* ---- all ----------------------------------------------------------------------------------------------------- */

static bool allocate(engine_program *program, lsn_error *err)
{
    const lsn_net *net = program->net;
    const size_t nodes = (size_t)net->n_nodes;
    return (program->steps = lsn_array(nodes, sizeof *program->steps, err)) != NULL &&
           (program->values = lsn_array(nodes, sizeof *program->values, err)) != NULL &&
           (program->segments = lsn_array((size_t)net->n_segments, sizeof *program->segments, err)) != NULL &&
           (program->layers = lsn_array((size_t)net->n_layers, sizeof *program->layers, err)) != NULL &&
           (program->buffer_floats = lsn_array(nodes, sizeof *program->buffer_floats, err)) != NULL;
}

engine_program *engine_compile(const lsn_net *net, lsn_error *err)
{
    if (net->nodes[0].shape.h < 1) {
        lsn_fail(err, LSN_INVALID, "the size of the network's input is not set");
        return NULL;
    }
    engine_program *program = lsn_array(1, sizeof *program, err);
    int *value_of = program == NULL ? NULL : lsn_array((size_t)net->n_nodes, sizeof *value_of, err);
    bool ok = value_of != NULL;
    if (ok) {
        program->net = net;
        ok = allocate(program, err) && add_nodes(program, value_of, err) && list_consumers(program, err) &&
             list_segments(program, value_of, err) && list_layers(program, value_of, err);
    }
    free(value_of);
    if (ok)
        return program;
    engine_program_destroy(program);
    return NULL;
}

void engine_program_destroy(engine_program *program)
{
    if (program == NULL)
        return;
    for (int i = 0; i < program->n_steps; i++)
        free(program->steps[i].inputs);
    for (int v = 0; v < program->n_values; v++)
        free(program->values[v].consumers);
    for (int l = 0; l < program->n_layers; l++)
        free(program->layers[l].affected);
    free(program->steps);
    free(program->values);
    free(program->segments);
    free(program->layers);
    free(program->buffer_floats);
    free(program);
}
