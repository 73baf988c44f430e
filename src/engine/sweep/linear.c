/* What an ablation's linear steps compute: the removed channels of its first layer, less what replaces them. */
#include "engine/engine_internal.h"

#include <string.h>

static sweep_chosen choose(lsn_engine *engine, const sweep_branch *b)
{
    const lsn_mask_part *part = &b->ablation->mask.parts[0];
    const int all = engine->program->values[b->layer->seen].channels, kept = all - part->count;
    sweep_chosen c = {.channels = {part->filters, part->count}, .removed = true};
    /* What replaces a removed filter enters as a difference, so that only removed channels will do. */
    if (b->ablation->mode != LSN_ZERO || part->count <= kept)
        return c;
    int *list = engine->chosen, n = 0;
    for (int i = 0, r = 0; i < all; i++) {
        if (r < part->count && part->filters[r] == i)
            r++;
        else
            list[n++] = i;
    }
    c = (sweep_chosen){.channels = {list, n}, .removed = false};
    if (n == 0) {
        list[0] = 0;
        c.channels.count = 1;
        c.nothing = true;
    }
    return c;
}

/* What LSN_NOISE puts in place of the removed channels for an image, as other layers see it: to[pixels][count]. Steps
 * between the masked value and that take each channel by itself. */
static void draw_noise(lsn_engine *engine, const sweep_branch *b, int image, float *to)
{
    const engine_program *program = engine->program;
    const lsn_mask_part *part = &b->ablation->mask.parts[0];
    int at = b->layer->masked;
    float *map = at == b->layer->seen ? to : engine->buffers[program->values[at].buffer];
    engine_noise_maps(engine, b->ablation, part, image, true, map, (size_t)part->count);
    while (at != b->layer->seen) {
        const engine_step *step = &program->steps[program->values[at].consumers[0]];
        const engine_tensor in = {map, {NULL, part->count}};
        at = step->output;
        map = at == b->layer->seen ? to : engine->buffers[program->values[at].buffer];
        step->op->run(engine, step, &(engine_call){.n = 1, .in = &in, .out = map, .outputs = in.channels});
    }
}

static void subtract_means(engine_channels c, const float *means, int pixels, float *to)
{
    for (int p = 0; p < pixels; p++, to += c.count)
        for (int i = 0; i < c.count; i++)
            to[i] -= means[c.list[i]];
}

/* to[pixels][count] = the chosen channels of a[pixels][channels] - to. */
static void subtract_from(engine_channels c, const float *a, int pixels, int channels, float *to)
{
    for (int p = 0; p < pixels; p++, a += channels, to += c.count)
        for (int i = 0; i < c.count; i++)
            to[i] = a[c.list[i]] - to[i];
}

/* to[pixels][count]: the chosen channels of the branch's image i, as linear steps read them. */
static void gather_image(lsn_engine *engine, const sweep_branch *b, const sweep_chosen *chosen, int i, float *to)
{
    const lsn_mode mode = b->ablation->mode;
    const engine_value *value = &engine->program->values[b->layer->seen];
    const engine_channels c = chosen->channels;
    const float *a = sweep_rolled(engine, b, FLOW_INTACT, b->layer->seen) + (size_t)i * value->floats;
    if (chosen->nothing) {
        memset(to, 0, sizeof *to * (size_t)value->pixels * (size_t)c.count);
    } else if (mode == LSN_NOISE) {
        draw_noise(engine, b, b->begin + i, to);
        subtract_from(c, a, value->pixels, value->channels, to);
    } else if (mode == LSN_RESAMPLE) {
        const float *donor = sweep_rolled(engine, b, FLOW_DONORS, b->layer->seen) + (size_t)i * value->floats;
        lsn_gather_channels(to, donor, (size_t)value->pixels, value->channels, c.list, c.count);
        subtract_from(c, a, value->pixels, value->channels, to);
    } else {
        lsn_gather_channels(to, a, (size_t)value->pixels, value->channels, c.list, c.count);
        if (mode == LSN_MEAN)
            subtract_means(c, engine->means + b->layer->filter_offset, value->pixels, to);
    }
}

/* What is removed, for drift, where the linear steps may compute what is kept. */
static void gather_removed(lsn_engine *engine, const sweep_branch *b, size_t floats)
{
    const engine_value *value = &engine->program->values[b->layer->seen];
    const lsn_mask_part *part = &b->ablation->mask.parts[0];
    const float *a = sweep_rolled(engine, b, FLOW_INTACT, b->layer->seen);
    for (int i = 0; i < b->count; i++)
        lsn_gather_channels(engine->gathered + (size_t)i * floats, a + (size_t)i * value->floats, (size_t)value->pixels,
                            value->channels, part->filters, part->count);
}

sweep_chosen sweep_gather(lsn_engine *engine, const sweep_branch *b)
{
    const sweep_chosen c = choose(engine, b);
    const size_t pixels = (size_t)engine->program->values[b->layer->seen].pixels;
    const size_t floats = pixels * (size_t)c.channels.count;
    const size_t removed = pixels * (size_t)b->ablation->mask.parts[0].count;
    const bool drift = engine->request->drift != NULL, zero = b->ablation->mode == LSN_ZERO;
    if (drift && zero) {
        gather_removed(engine, b, removed);
        sweep_drift_masked(engine, b, engine->gathered, removed);
    }
    const double began = lsn_now_s();
    for (int i = 0; i < b->count; i++)
        gather_image(engine, b, &c, i, engine->gathered + (size_t)i * floats);
    engine->profile.branch_s += lsn_now_s() - began;
    if (drift && !zero)
        sweep_drift_masked(engine, b, engine->gathered, removed);
    return c;
}
