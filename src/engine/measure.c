/* What each layer costs on this machine, by running it. */
#include "engine/engine_internal.h"

static const double RATE = 40e9; /* multiply-adds a second, for choosing how many images a trial has */
enum { LEAST_ROWS = 64 };        /* of a fully connected layer, which else would show the speed of memory */

/* Runs layer l on n images; `step`: as a linear step over one channel. */
static void run_trial(lsn_engine *engine, int l, int n, const float *in, float *out, bool step)
{
    static const int first_channel = 0;
    const sweep_layer *layer = &engine->layers[l];
    for (int i = 0; i < n && layer->fc; i++)
        engine->rows[i] =
            (lsn_dense_row){.in = in + (size_t)i * layer->in_floats, .out = out + (size_t)i * layer->out_floats};
    for (int i = 0; i < n && !layer->fc; i++)
        engine->images[i] = (lsn_conv_image){.in = in + (size_t)i * layer->in_floats,
                                             .out = out + (size_t)i * layer->out_floats,
                                             .base = step ? engine->z + (size_t)i * layer->z_floats : NULL};
    if (layer->fc) {
        sweep_run_dense(engine, &layer->dense, n);
        return;
    }
    lsn_conv conv = step ? layer->step : layer->conv;
    if (step) {
        conv.channels = 1;
        conv.rows = &first_channel;
        conv.subtract = true;
    }
    sweep_run_conv(engine, &conv, n);
}

/* Seconds an image: the better of two runs, the first of which also warms up. */
static double time_trial(lsn_engine *engine, int l, int n, const float *in, float *out, bool step)
{
    double best = 0;
    for (int i = 0; i < 2; i++) {
        double began = lsn_now_s();
        run_trial(engine, l, n, in, out, step);
        double took = (lsn_now_s() - began) / n;
        best = i == 0 || took < best ? took : best;
    }
    return best;
}

/* Where layer l's trial reads and writes, and the images there is room for. */
typedef struct place {
    const float *in;
    float *out;
    int room;
} place;

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static place find_place(lsn_engine *engine, int l)
{
    const int last_conv = engine->net->n_conv - 1;
    const sweep_queue *from = &engine->layers[l].queue;
    const sweep_queue *to = l + 1 < engine->n_layers ? &engine->layers[l + 1].queue : NULL;
    place p = {engine->gathered, engine->intact[1], engine->sub_block};
    if (l >= 2) {
        p.in = from->in;
        p.room = from->stack;
    }
    if (l == last_conv && engine->average) {
        p.out = engine->map;
        p.room = smaller(p.room, engine->map_images);
    } else if (l >= 1 && to != NULL) {
        p.out = to->in;
        p.room = smaller(p.room, to->room);
    } else {
        p.room = smaller(p.room, engine->sub_block);
    }
    return p;
}

void lsn_engine_measure(lsn_engine *engine, double seconds, lsn_costs *costs)
{
    const lsn_costs predicted = *costs = lsn_costs_predict(engine->net);
    const lsn_engine_profile profile = engine->profile;
    const lsn_conv_phases phases = engine->phases;
    for (int l = 0; l < engine->n_layers; l++) {
        const place p = find_place(engine, l);
        const double wanted = seconds / (2 * engine->n_layers) * RATE / predicted.layer[l];
        const int least = engine->layers[l].fc ? smaller(LEAST_ROWS, p.room) : 1;
        const int n = wanted >= p.room ? p.room : wanted < least ? least : (int)wanted;
        costs->layer[l] = time_trial(engine, l, n, p.in, p.out, false);
        costs->step_channel[l] = predicted.step_channel[l] * costs->layer[l] / predicted.layer[l];
        if (l > 0 && !engine->layers[l].fc)
            costs->step[l] = time_trial(engine, l, smaller(n, engine->sub_block), p.in, p.out, true);
    }
    engine->profile = profile;
    engine->phases = phases;
}
