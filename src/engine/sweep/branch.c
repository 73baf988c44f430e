/* An ablation's way off the intact network. In the segment of the steps that read its first masked value, those are
 * linear steps, what they change is computed in full, and all else is read from the intact images. An ablation of one
 * layer is at its end there. In one of several, a masked filter of a later layer is from there on neither computed (it
 * is left out of the step's outputs) nor read (it is left out of the next one's inputs). Where the mode is not zero, or
 * a layer loses all its filters, there is nothing to leave out: the step is computed in full and its filters are
 * overwritten. Donors go the same way with nothing removed, a segment ahead of the images, as long as masks are to
 * come.
 */
#include "engine/engine_internal.h"

#include <string.h>

const float *sweep_rolled(const lsn_engine *engine, const sweep_branch *b, int flow, int value)
{
    return engine->flow[flow][value].data + (size_t)(b->begin - engine->first) * engine->program->values[value].floats;
}

/* The mask that is to be applied to a value next; NULL where that is another's. */
static const lsn_mask_part *part_at(const lsn_engine *engine, const sweep_branch *b, int value)
{
    const lsn_mask *mask = &b->ablation->mask;
    const int layer = engine->program->values[value].masked;
    return layer >= 0 && b->part < mask->count && mask->parts[b->part].layer == layer ? &mask->parts[b->part] : NULL;
}

/* The channels of a step's output that are computed: those that its mask leaves, where computing only them is right. */
static engine_channels remaining(lsn_engine *engine, const sweep_branch *b, int value)
{
    const engine_value *v = &engine->program->values[value];
    const lsn_mask_part *part = part_at(engine, b, value);
    if (part == NULL || b->ablation->mode != LSN_ZERO || part->count == v->channels)
        return (engine_channels){NULL, v->channels};
    int *list = engine->remaining + engine->program->layers[v->masked].filter_offset, n = 0;
    for (int f = 0, r = 0; f < v->channels; f++) {
        if (r < part->count && part->filters[r] == f)
            r++;
        else
            list[n++] = f;
    }
    return (engine_channels){list, n};
}

/* The donors' value, at the branch's images. */
static const float *donors_of(const lsn_engine *engine, const sweep_branch *b, int value)
{
    if (b->ablation->mode != LSN_RESAMPLE)
        return NULL;
    const float *ahead = engine->flow[FLOW_BRANCH_DONORS][value].data;
    return ahead != NULL ? ahead : sweep_rolled(engine, b, FLOW_DONORS, value);
}

/* Puts the value's mask into it, where it has one, and notes how far it went. */
static void settle(lsn_engine *engine, sweep_branch *b, int value, float *data, engine_channels channels)
{
    const lsn_mask_part *part = part_at(engine, b, value);
    engine_tensor *computed = &engine->flow[FLOW_BRANCH][value];
    *computed = (engine_tensor){data, channels};
    if (part != NULL) {
        if (channels.list == NULL)
            engine_mask(engine, b->ablation, part, b->begin, b->count, donors_of(engine, b, value), data);
        b->part++;
    }
    sweep_drift(engine, value, engine->pairs, b->count, computed);
}

/* A step's inputs: what the ablation changed, and intact values. */
static const engine_tensor *inputs_of(lsn_engine *engine, const sweep_branch *b, const engine_step *step)
{
    for (int i = 0; i < step->n_inputs; i++) {
        const int value = step->inputs[i];
        engine->inputs[i] = engine->flow[FLOW_BRANCH][value];
        if (engine->inputs[i].data == NULL)
            engine->inputs[i] = (engine_tensor){sweep_rolled(engine, b, FLOW_INTACT, value),
                                                {NULL, engine->program->values[value].channels}};
    }
    return engine->inputs;
}

static bool is_changed(const lsn_engine *engine, const engine_step *step)
{
    for (int i = 0; i < step->n_inputs; i++)
        if (engine->flow[FLOW_BRANCH][step->inputs[i]].data != NULL)
            return true;
    return false;
}

static void run_linear(lsn_engine *engine, sweep_branch *b, const engine_step *step, const sweep_chosen *chosen,
                       float *out)
{
    const engine_tensor in = {engine->gathered, chosen->channels};
    const float *z =
        engine->z + (size_t)engine->sub_block * step->z_offset + (size_t)(b->begin - engine->first) * step->z_floats;
    const engine_channels all = {NULL, engine->program->values[step->output].channels};
    const engine_call call = {
        .n = b->count,
        .in = &in,
        .out = out,
        .outputs = all,
        .base = chosen->removed ? z : NULL,
        .linear = true,
    };
    step->op->run(engine, step, &call);
    settle(engine, b, step->output, out, all);
}

static void run_changed(lsn_engine *engine, sweep_branch *b, const engine_step *step, float *out)
{
    const engine_tensor *in = inputs_of(engine, b, step);
    engine_call call = {.n = b->count, .in = in, .out = out, .outputs = remaining(engine, b, step->output)};
    if (step->op->by_channel)
        call.outputs = in->channels;
    step->op->run(engine, step, &call);
    settle(engine, b, step->output, out, call.outputs);
}

/* A mask on what the ablation has not changed so far. */
static void mask_intact(lsn_engine *engine, sweep_branch *b, int value, float *out)
{
    const engine_value *v = &engine->program->values[value];
    memcpy(out, sweep_rolled(engine, b, FLOW_INTACT, value), (size_t)b->count * v->floats * sizeof *out);
    settle(engine, b, value, out, (engine_channels){NULL, v->channels});
}

/* The segment where it branches off (`chosen`: its linear steps' channels), or a later one. */
static void run_through(lsn_engine *engine, sweep_branch *b, int segment, const sweep_chosen *chosen, float *out)
{
    const engine_segment *s = &engine->program->segments[segment];
    for (int i = s->first; i < s->end; i++) {
        const engine_step *step = &engine->program->steps[i];
        float *to = engine_place(engine, &(engine_places){.out = out}, segment, step->output);
        if (chosen != NULL && engine_reads(step, b->layer->seen))
            run_linear(engine, b, step, chosen, to);
        else if (is_changed(engine, step))
            run_changed(engine, b, step, to);
        else if (part_at(engine, b, step->output) != NULL)
            mask_intact(engine, b, step->output, to);
    }
}

/* The donors through a segment, before the images. */
static void lead_donors(lsn_engine *engine, const sweep_branch *b, int segment, float *out)
{
    engine_tensor *flow = engine->flow[FLOW_BRANCH_DONORS];
    const int input = engine->program->segments[segment].input;
    if (b->ablation->mode != LSN_RESAMPLE || b->part == b->ablation->mask.count)
        return;
    engine_set(engine, flow, input, donors_of(engine, b, input));
    engine_run_segment(engine, segment, &(engine_places){.flow = flow, .out = out, .inner = engine->donor_inner[1]},
                       b->count);
}

/* Hands the whole input of a segment to its queue: from here on the ablation goes the way of all others. */
static bool join(lsn_engine *engine, const sweep_branch *b, int segment, lsn_error *err)
{
    const int input = engine->program->segments[segment].input, stack = engine->queues[segment].stack;
    const size_t floats = engine->program->values[input].floats;
    const float *from = engine->flow[FLOW_BRANCH][input].data;
    for (int at = 0; at < b->count; at += stack) {
        const int here = LSN_MIN(b->count - at, stack);
        sweep_pair *pairs;
        float *to = sweep_push(engine, segment, here, &pairs);
        memcpy(to, from + (size_t)at * floats, (size_t)here * floats * sizeof *to);
        memcpy(pairs, engine->pairs + at, (size_t)here * sizeof *pairs);
        if (!sweep_pushed(engine, segment, here, err))
            return false;
    }
    return true;
}

static sweep_branch begin_branch(lsn_engine *engine, int ablation, int begin, int count)
{
    const lsn_ablation *a = engine->request->ablations[ablation];
    for (int v = 0; v < engine->program->n_values; v++)
        engine->flow[FLOW_BRANCH][v].data = engine->flow[FLOW_BRANCH_DONORS][v].data = NULL;
    for (int i = 0; i < count; i++)
        engine->pairs[i] = (sweep_pair){ablation, begin + i};
    return (sweep_branch){.ablation = a,
                          .index = ablation,
                          .layer = &engine->program->layers[a->mask.parts[0].layer],
                          .begin = begin,
                          .count = count,
                          .part = 1};
}

/* An ablation of one layer, straight into the next queue. */
static bool branch_into_queue(lsn_engine *engine, sweep_branch *b, const sweep_chosen *chosen, lsn_error *err)
{
    sweep_pair *pairs;
    float *to = sweep_push(engine, b->layer->branch + 1, b->count, &pairs);
    run_through(engine, b, b->layer->branch, chosen, to);
    memcpy(pairs, engine->pairs, (size_t)b->count * sizeof *pairs);
    return sweep_pushed(engine, b->layer->branch + 1, b->count, err);
}

bool sweep_branch_off(lsn_engine *engine, int ablation, int begin, int count, lsn_error *err)
{
    const engine_program *program = engine->program;
    const lsn_engine_request *r = engine->request;
    sweep_branch b = begin_branch(engine, ablation, begin, count);
    const sweep_chosen chosen = sweep_gather(engine, &b);
    const int last = program->n_segments - 1;
    if (b.ablation->mask.count == 1 && b.layer->branch < last)
        return branch_into_queue(engine, &b, &chosen, err);
    int turn = 0;
    for (int s = b.layer->branch; engine_go_on(r->stop, r->context, err); s++, turn = !turn) {
        const engine_tensor *input = &engine->flow[FLOW_BRANCH][program->segments[s].input];
        const bool first = s == b.layer->branch;
        if (!first && b.part == b.ablation->mask.count && input->channels.list == NULL)
            return join(engine, &b, s, err);
        if (!first)
            lead_donors(engine, &b, s, engine->donor[2 + turn]);
        float *out = s == last ? sweep_logits(engine, engine->pairs[0]) : engine->branch[turn];
        run_through(engine, &b, s, first ? &chosen : NULL, out);
        if (s == last)
            return true;
    }
    return false;
}
