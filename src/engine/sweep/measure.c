/* What each layer costs on this machine, by running it. */
#include "engine/sweep/sweep.h"

static const double RATE = 40e9; /* multiply-adds a second, for choosing how many images a trial has */
enum { LEAST_ROWS = 64 };        /* of a fully connected layer, which else would show the speed of memory */

/* Runs layer l on n images; `step`: as a linear step over one channel. */
static void run_trial(engine_sweep *sweep, int l, int n, const float *in, float *out, bool step)
{
    static const int first_channel = 0;
    const sweep_layer *layer = &sweep->layers[l];
    for (int i = 0; i < n && layer->fc; i++)
        sweep->rows[i] =
            (lsn_dense_row){.in = in + (size_t)i * layer->in_floats, .out = out + (size_t)i * layer->out_floats};
    for (int i = 0; i < n && !layer->fc; i++)
        sweep->images[i] = (lsn_conv_image){.in = in + (size_t)i * layer->in_floats,
                                            .out = out + (size_t)i * layer->out_floats,
                                            .base = step ? sweep->z + (size_t)i * layer->z_floats : NULL};
    if (layer->fc) {
        sweep_run_dense(sweep, &layer->dense, n);
        return;
    }
    lsn_conv conv = step ? layer->step : layer->conv;
    if (step) {
        conv.channels = 1;
        conv.rows = &first_channel;
        conv.subtract = true;
    }
    sweep_run_conv(sweep, &conv, n);
}

/* Seconds an image: the better of two runs, the first of which also warms up. */
static double time_trial(engine_sweep *sweep, int l, int n, const float *in, float *out, bool step)
{
    double best = 0;
    for (int i = 0; i < 2; i++) {
        double began = lsn_now_s();
        run_trial(sweep, l, n, in, out, step);
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

static place find_place(engine_sweep *sweep, int l)
{
    const int last_conv = sweep->engine->net->n_conv - 1;
    const sweep_queue *from = &sweep->layers[l].queue;
    const sweep_queue *to = l + 1 < sweep->n_layers ? &sweep->layers[l + 1].queue : NULL;
    place p = {sweep->gathered, sweep->intact[1], sweep->sub_block};
    if (l >= 2) {
        p.in = from->in;
        p.room = from->stack;
    }
    if (l == last_conv && sweep->average) {
        p.out = sweep->map;
        p.room = smaller(p.room, sweep->map_images);
    } else if (l >= 1 && to != NULL) {
        p.out = to->in;
        p.room = smaller(p.room, to->room);
    } else {
        p.room = smaller(p.room, sweep->sub_block);
    }
    return p;
}

void sweep_measure(engine_sweep *sweep, double seconds, lsn_costs *costs)
{
    const lsn_costs predicted = *costs;
    const lsn_engine_profile profile = sweep->profile;
    const lsn_conv_phases phases = sweep->phases;
    for (int l = 0; l < sweep->n_layers; l++) {
        const place p = find_place(sweep, l);
        const double wanted = seconds / (2 * sweep->n_layers) * RATE / predicted.layer[l];
        const int least = sweep->layers[l].fc ? smaller(LEAST_ROWS, p.room) : 1;
        const int n = wanted >= p.room ? p.room : wanted < least ? least : (int)wanted;
        costs->layer[l] = time_trial(sweep, l, n, p.in, p.out, false);
        costs->step_channel[l] = predicted.step_channel[l] * costs->layer[l] / predicted.layer[l];
        if (l > 0 && !sweep->layers[l].fc)
            costs->step[l] = time_trial(sweep, l, smaller(n, sweep->sub_block), p.in, p.out, true);
    }
    sweep->profile = profile;
    sweep->phases = phases;
}
