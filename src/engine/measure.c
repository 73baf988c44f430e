/* What each step costs on this machine, by running it. */
#include "engine/engine_internal.h"

static const double RATE = 40e9; /* multiply-adds a second, for choosing how many images a trial has */
enum { LEAST_ROWS = 64 };        /* of a fully connected layer, which else would show the speed of memory */

/* A step's trial: where it reads and writes, and the images there is room for. */
typedef struct trial {
    const engine_step *step;
    const float *in;
    float *out;
    int room;
} trial;

static trial find_trial(lsn_engine *engine, const engine_step *step)
{
    const engine_program *program = engine->program;
    const engine_segment *segment = &program->segments[step->segment];
    const engine_value *input = &program->values[step->inputs[0]];
    const int next = step->segment + 1;
    trial t = {.step = step, .in = engine->gathered, .out = engine->rolled[1], .room = engine->sub_block};
    int room = engine->sub_block;
    if (input->inner) {
        t.in = engine->buffers[input->buffer];
        t.room = engine->buffer_images;
    } else if (step->segment >= engine->first_queue) {
        t.in = engine->queues[step->segment].in;
        t.room = engine->queues[step->segment].stack;
    }
    if (step->output != segment->output) {
        t.out = engine->buffers[program->values[step->output].buffer];
        room = engine->buffer_images;
    } else if (next == program->n_segments) {
        t.out = engine->logits;
        room = engine->queues[step->segment].stack;
    } else if (next >= engine->first_queue) {
        t.out = engine->queues[next].in;
        room = engine->queues[next].room;
    }
    t.room = LSN_MIN(t.room, room);
    return t;
}

/* In full, or as a linear step over one channel. */
static void run_trial(lsn_engine *engine, const trial *t, int n, bool linear)
{
    static const int first_channel = 0;
    const engine_step *step = t->step;
    const engine_tensor in = {t->in, linear ? (engine_channels){&first_channel, 1}
                                            : (engine_channels){NULL, step->in.channels}};
    const engine_call call = {
        .n = n,
        .in = &in,
        .out = t->out,
        .outputs = {NULL, engine->program->values[step->output].channels},
        .base = linear ? engine->z : NULL,
        .linear = linear,
    };
    step->op->run(engine, step, &call);
}

/* Seconds an image: the better of two runs, the first of which also warms up. */
static double time_trial(lsn_engine *engine, const trial *t, int n, bool linear)
{
    double best = 0;
    for (int i = 0; i < 2; i++) {
        const double began = lsn_now_s();
        run_trial(engine, t, n, linear);
        const double took = (lsn_now_s() - began) / n;
        best = i == 0 || took < best ? took : best;
    }
    return best;
}

void lsn_engine_measure(lsn_engine *engine, double seconds, lsn_costs *costs)
{
    const engine_program *program = engine->program;
    const lsn_engine_profile profile = engine->profile;
    const lsn_conv_phases phases = engine->phases;
    for (int i = 0; i < program->n_steps; i++) {
        engine_cost *cost = engine_cost_of(costs, i);
        if (!(cost->full > 0))
            continue;
        const trial t = find_trial(engine, &program->steps[i]);
        const double wanted = seconds / (2 * program->n_steps) * RATE / cost->full;
        const int least = t.step->dense.terms > 0 ? LSN_MIN(LEAST_ROWS, t.room) : 1;
        const int n = wanted >= t.room ? t.room : wanted < least ? least : (int)wanted;
        const double took = time_trial(engine, &t, n, false);
        cost->channel *= took / cost->full;
        cost->full = took;
        if (cost->linear > 0)
            cost->linear = time_trial(engine, &t, LSN_MIN(n, engine->sub_block), true);
    }
    engine->profile = profile;
    engine->phases = phases;
}
