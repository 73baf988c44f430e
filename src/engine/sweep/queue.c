/* The layers' queues. A layer runs when its stack is full and pushes its outputs to the next; the last ones in run
 * first, so that nothing is moved. Invariant: between calls every queue holds fewer than its stack. */
#include "engine/engine_internal.h"

#include <assert.h>
#include <string.h>

float *sweep_push(lsn_engine *engine, int l, int n, sweep_pair **pairs)
{
    sweep_queue *queue = &engine->layers[l].queue;
    assert(queue->count + n <= queue->room);
    *pairs = queue->pairs + queue->count;
    return queue->in + (size_t)queue->count * engine->layers[l].in_floats;
}

float *sweep_logits(const lsn_engine *engine, sweep_pair pair)
{
    const lsn_engine_request *r = engine->request;
    const size_t classes = (size_t)engine->net->classes;
    if (pair.ablation == SWEEP_INTACT)
        return r->baseline + (size_t)pair.image * classes;
    return r->logits + ((size_t)pair.ablation * (size_t)r->n + (size_t)pair.image) * classes;
}

/* The last n inputs of layer l, a convolution, into layer l + 1's queue. */
static void run_conv(lsn_engine *engine, int l, int n)
{
    sweep_layer *layer = &engine->layers[l], *next = &engine->layers[l + 1];
    sweep_pair *pairs;
    float *to = sweep_push(engine, l + 1, n, &pairs);
    const float *in = layer->queue.in + (size_t)(layer->queue.count - n) * layer->in_floats;
    for (int i = 0; i < n; i++)
        engine->images[i] = (lsn_conv_image){
            .in = in + (size_t)i * layer->in_floats,
            .out = sweep_output_place(engine, l, i, to + (size_t)i * next->in_floats),
        };
    sweep_run_conv(engine, &layer->conv, n);
    for (int i = 0; i < n; i++)
        sweep_finish_output(engine, l, i, to + (size_t)i * next->in_floats);
    memcpy(pairs, layer->queue.pairs + layer->queue.count - n, (size_t)n * sizeof *pairs);
    sweep_drift_pairs(engine, l, pairs, n, to);
}

/* The same for a fully connected layer; the last one's outputs are logits and go to their place. */
static void run_dense(lsn_engine *engine, int l, int n)
{
    sweep_layer *layer = &engine->layers[l];
    const sweep_pair *from = layer->queue.pairs + layer->queue.count - n;
    const float *in = layer->queue.in + (size_t)(layer->queue.count - n) * layer->in_floats;
    bool last = l == engine->n_layers - 1;
    sweep_pair *pairs = NULL;
    float *to = last ? NULL : sweep_push(engine, l + 1, n, &pairs);
    for (int i = 0; i < n; i++)
        engine->rows[i] = (lsn_dense_row){
            .in = in + (size_t)i * layer->in_floats,
            .out = last ? sweep_logits(engine, from[i]) : to + (size_t)i * layer->out_floats,
        };
    sweep_run_dense(engine, &layer->dense, n);
    sweep_drift_pairs(engine, l, from, n, to);
    if (!last)
        memcpy(pairs, from, (size_t)n * sizeof *pairs);
}

/* Runs layer l on at most a stack of its inputs. */
static bool run_layer(lsn_engine *engine, int l, lsn_error *err)
{
    sweep_layer *layer = &engine->layers[l];
    int n = layer->queue.count < layer->queue.stack ? layer->queue.count : layer->queue.stack;
    if (!engine_go_on(engine->request->stop, engine->request->context, err))
        return false;
    if (layer->fc)
        run_dense(engine, l, n);
    else
        run_conv(engine, l, n);
    layer->queue.count -= n;
    return l == engine->n_layers - 1 || sweep_pushed(engine, l + 1, n, err);
}

bool sweep_pushed(lsn_engine *engine, int l, int n, lsn_error *err)
{
    sweep_queue *queue = &engine->layers[l].queue;
    queue->count += n;
    while (queue->count >= queue->stack)
        if (!run_layer(engine, l, err))
            return false;
    return true;
}

bool sweep_flush(lsn_engine *engine, lsn_error *err)
{
    for (int l = 0; l < engine->n_layers; l++)
        while (engine->layers[l].queue.count > 0)
            if (!run_layer(engine, l, err))
                return false;
    return true;
}
