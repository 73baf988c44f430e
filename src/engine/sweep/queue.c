/* The segments' queues. A segment runs when its stack is full and pushes its outputs to the next; the last ones in run
 * first, so that nothing is moved. Invariant: between calls every queue holds fewer than its stack. */
#include "engine/engine_internal.h"

#include <assert.h>
#include <string.h>

static size_t input_floats(const lsn_engine *engine, int segment)
{
    return engine->program->values[engine->program->segments[segment].input].floats;
}

float *sweep_push(lsn_engine *engine, int segment, int n, sweep_pair **pairs)
{
    sweep_queue *queue = &engine->queues[segment];
    assert(queue->count + n <= queue->room);
    *pairs = queue->pairs + queue->count;
    return queue->in + (size_t)queue->count * input_floats(engine, segment);
}

float *sweep_logits(const lsn_engine *engine, sweep_pair pair)
{
    const lsn_engine_request *r = engine->request;
    const size_t classes = (size_t)engine->net->classes;
    if (pair.ablation == SWEEP_INTACT)
        return r->baseline + (size_t)pair.image * classes;
    return r->logits + ((size_t)pair.ablation * (size_t)r->n + (size_t)pair.image) * classes;
}

/* Runs a segment on at most a stack of its inputs, the last that came. */
static bool run_stack(lsn_engine *engine, int segment, lsn_error *err)
{
    sweep_queue *queue = &engine->queues[segment];
    const engine_segment *s = &engine->program->segments[segment];
    const int n = LSN_MIN(queue->count, queue->stack), rest = queue->count - n;
    const bool last = segment == engine->program->n_segments - 1;
    const sweep_pair *from = queue->pairs + rest;
    if (!engine_go_on(engine->request->stop, engine->request->context, err))
        return false;
    sweep_pair *pairs = NULL;
    float *out = last ? engine->logits : sweep_push(engine, segment + 1, n, &pairs);
    engine_tensor *flow = engine->flow[FLOW_STACK];
    engine_set(engine, flow, s->input, queue->in + (size_t)rest * input_floats(engine, segment));
    engine_run_segment(engine, segment, &(engine_places){.flow = flow, .out = out, .pairs = from}, n);
    const size_t classes = (size_t)engine->net->classes;
    for (int i = 0; last && i < n; i++)
        memcpy(sweep_logits(engine, from[i]), out + (size_t)i * classes, classes * sizeof *out);
    if (!last)
        memcpy(pairs, from, (size_t)n * sizeof *pairs);
    queue->count = rest;
    return last || sweep_pushed(engine, segment + 1, n, err);
}

bool sweep_pushed(lsn_engine *engine, int segment, int n, lsn_error *err)
{
    sweep_queue *queue = &engine->queues[segment];
    queue->count += n;
    while (queue->count >= queue->stack)
        if (!run_stack(engine, segment, err))
            return false;
    return true;
}

bool sweep_flush(lsn_engine *engine, lsn_error *err)
{
    for (int s = engine->first_queue; s < engine->program->n_segments; s++)
        while (engine->queues[s].count > 0)
            if (!run_stack(engine, s, err))
                return false;
    return true;
}
