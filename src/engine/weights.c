/* Packed weights: one array, step after step. Panels are what is packed at a time. */
#include "engine/engine_internal.h"

#include <assert.h>

/* An operator's array of weights; of 0 bytes where there is none. */
static engine_weights weights_of(const engine_step *step, int which)
{
    return step->op->weights == NULL ? (engine_weights){0} : step->op->weights(step, which);
}

size_t engine_weights_bytes(const engine_program *program)
{
    size_t bytes = 0;
    for (int i = 0; i < program->n_steps; i++)
        for (int which = 0; which < ENGINE_MOST_WEIGHTS; which++)
            bytes += weights_of(&program->steps[i], which).bytes;
    return bytes;
}

void engine_pack_weights(const engine_program *program, void *to, int part, int parts)
{
    const size_t all = engine_weights_bytes(program);
    size_t at = 0;
    for (int i = 0; i < program->n_steps; i++)
        for (int which = 0; which < ENGINE_MOST_WEIGHTS; which++) {
            const engine_step *step = &program->steps[i];
            const engine_weights w = weights_of(step, which);
            for (int panel = 0; panel < w.panels; panel++)
                if ((at + w.bytes / (size_t)w.panels * (size_t)panel) * (size_t)parts / all == (size_t)part)
                    step->op->pack(step, which, (float *)(void *)((char *)to + at), panel);
            at += w.bytes;
        }
}

void engine_use_weights(engine_program *program, const void *packed)
{
    size_t at = 0;
    for (int i = 0; i < program->n_steps; i++)
        for (int which = 0; which < ENGINE_MOST_WEIGHTS; which++) {
            engine_step *step = &program->steps[i];
            const engine_weights w = weights_of(step, which);
            if (w.bytes > 0)
                step->op->use(step, which, (const float *)(const void *)((const char *)packed + at));
            at += w.bytes;
        }
}

size_t lsn_engine_weights_bytes(const lsn_net *net)
{
    engine_program *program = engine_compile(net, NULL);
    const size_t bytes = program == NULL ? 0 : engine_weights_bytes(program);
    engine_program_destroy(program);
    return bytes;
}

bool lsn_engine_pack(const lsn_net *net, void *to, int part, int parts, lsn_error *err)
{
    assert(part >= 0 && part < parts);
    engine_program *program = engine_compile(net, err);
    if (program != NULL)
        engine_pack_weights(program, to, part, parts);
    engine_program_destroy(program);
    return program != NULL;
}
