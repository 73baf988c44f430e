/* How the memory is shared out: all of it is counted before any is taken. */
#include "engine/engine_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    CACHE_BYTES = 2 << 20, /* intact activations that the linear steps of many ablations read again and again */
    LEAST_SUB_BLOCK = 8,   /* images rolled together at least, if memory allows: the intact network needs stacks too */
    HUGE_PAGE = 2 << 20,
};

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* Backed by huge pages where the system has them; not zeroed; released with free(). */
static void *big_array(size_t bytes, lsn_error *err)
{
    void *memory = NULL;
    if (bytes < HUGE_PAGE)
        return lsn_array(bytes, 1, err);
    if (posix_memalign(&memory, HUGE_PAGE, bytes) != 0) {
        lsn_fail(err, LSN_FAILED, "out of memory: %zu bytes could not be had", bytes);
        return NULL;
    }
    madvise(memory, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return memory;
}

static bool allocate(void *pointer, size_t bytes, lsn_error *err)
{
    void *memory = big_array(bytes, err);
    memcpy(pointer, &memory, sizeof memory);
    return memory != NULL;
}

/* ---- sharing the memory out ---------------------------------------------------------------------------------- */

/* Floats that an image needs. */
typedef struct needs {
    size_t map; /* the largest value of a cut, the images' excepted */
    size_t value;
    size_t z, inner;        /* of a segment */
    size_t rolled;          /* all that the intact network needs */
    size_t channels, terms; /* most of a value, and of a row */
    size_t inputs;          /* most of a step; not floats */
} needs;

static needs find_needs(const engine_program *program)
{
    needs need = {0};
    for (int v = 0; v < program->n_values; v++) {
        need.value = engine_larger(need.value, program->values[v].floats);
        need.channels = engine_larger(need.channels, (size_t)program->values[v].channels);
    }
    for (int s = 0; s < program->n_segments; s++) {
        const engine_segment *segment = &program->segments[s];
        need.map = engine_larger(need.map, program->values[segment->output].floats);
        need.z = engine_larger(need.z, segment->z);
        need.inner = engine_larger(need.inner, segment->inner);
    }
    for (int i = 0; i < program->n_steps; i++) {
        need.terms = engine_larger(need.terms, (size_t)program->steps[i].dense.terms);
        need.inputs = engine_larger(need.inputs, (size_t)program->steps[i].n_inputs);
    }
    need.rolled = 2 * need.map + need.inner + need.z;
    return need;
}

/* The first segment that pairs can wait for: behind the first where something branches off, but not before the third,
 * for short stacks. */
static int find_first_queue(const engine_program *program)
{
    int first = 2;
    for (int l = 0; l < program->n_layers; l++)
        first = LSN_MIN(first, program->layers[l].branch + 1);
    return first;
}

/* Stacks never shrink from segment to segment, so that a segment's outputs fit into the next one's queue. */
static void plan_queues(lsn_engine *engine, int most)
{
    engine->buffer_images = engine->sub_block;
    for (int s = 0, before = 0; s < engine->program->n_segments; s++) {
        sweep_queue *queue = &engine->queues[s];
        const int stack = LSN_MIN(engine->program->segments[s].stack, most);
        queue->stack = stack < before ? before : stack;
        queue->room = 2 * queue->stack;
        before = queue->stack;
        engine->buffer_images = queue->stack > engine->buffer_images ? queue->stack : engine->buffer_images;
    }
}

/* Workspace of one thread: that of the step that needs most. */
static size_t find_workspace(const engine_program *program)
{
    size_t bytes = 0;
    for (int i = 0; i < program->n_steps; i++)
        if (program->steps[i].op->workspace != NULL)
            bytes = engine_larger(bytes, program->steps[i].op->workspace(&program->steps[i]));
    return (bytes + LSN_KERNEL_ALIGN - 1) / LSN_KERNEL_ALIGN * LSN_KERNEL_ALIGN;
}

/* All memory is taken through here; or only counted, with the same calls. */
typedef struct ledger {
    bool count_only;
    size_t bytes;
} ledger;

static bool take(ledger *taken, void *pointer, size_t count, size_t size, lsn_error *err)
{
    taken->bytes += count * size;
    return taken->count_only || allocate(pointer, count * size, err);
}

static bool take_floats(ledger *taken, void *pointer, size_t images, size_t floats, lsn_error *err)
{
    return take(taken, pointer, images, floats * sizeof(float), err);
}

static bool take_queues(lsn_engine *engine, ledger *taken, lsn_error *err)
{
    const engine_program *program = engine->program;
    for (int s = engine->first_queue; s < program->n_segments; s++) {
        sweep_queue *queue = &engine->queues[s];
        const size_t room = (size_t)queue->room;
        if (!take_floats(taken, &queue->in, room, program->values[program->segments[s].input].floats, err) ||
            !take(taken, &queue->pairs, room, sizeof *queue->pairs, err))
            return false;
    }
    return true;
}

/* What layers see in the intact network. */
static bool take_kept(lsn_engine *engine, const needs *need, ledger *taken, lsn_error *err)
{
    const engine_program *program = engine->program;
    const size_t block = (size_t)engine->sub_block;
    for (int l = 0; l < program->n_layers; l++) {
        if (!take(taken, &engine->norms[l], block, sizeof(double), err))
            return false;
        if (l + 1 < program->n_layers &&
            !take_floats(taken, &engine->kept[l], block, program->values[program->layers[l].seen].floats, err))
            return false;
    }
    return take_floats(taken, &engine->spread, 1, need->value, err);
}

static bool take_donors(lsn_engine *engine, const needs *need, ledger *taken, lsn_error *err)
{
    const size_t block = (size_t)engine->sub_block;
    bool ok = true;
    for (int i = 0; ok && i < 4; i++)
        ok = take_floats(taken, &engine->donor[i], block, need->map, err);
    for (int i = 0; ok && i < 2; i++)
        ok = take_floats(taken, &engine->donor_inner[i], block, need->inner, err);
    return ok;
}

static bool take_lists(lsn_engine *engine, const needs *need, ledger *taken, lsn_error *err)
{
    const size_t images = (size_t)engine->buffer_images, filters = (size_t)lsn_net_filters(engine->net);
    bool ok = take(taken, &engine->images, images, sizeof *engine->images, err) &&
              take(taken, &engine->rows, images, sizeof *engine->rows, err) &&
              take(taken, &engine->pairs, (size_t)engine->sub_block, sizeof *engine->pairs, err) &&
              take(taken, &engine->terms, need->terms, sizeof *engine->terms, err) &&
              take(taken, &engine->chosen, need->channels, sizeof *engine->chosen, err) &&
              take(taken, &engine->remaining, filters, sizeof *engine->remaining, err) &&
              take(taken, &engine->bias, need->channels, sizeof *engine->bias, err) &&
              take(taken, &engine->inputs, need->inputs, sizeof *engine->inputs, err);
    for (int i = 0; ok && i < ENGINE_FLOWS; i++)
        ok = take(taken, &engine->flow[i], (size_t)engine->program->n_values, sizeof *engine->flow[i], err);
    return ok;
}

static bool take_all(lsn_engine *engine, const needs *need, ledger *taken, lsn_error *err)
{
    const engine_program *program = engine->program;
    const size_t block = (size_t)engine->sub_block;
    bool ok = take(taken, &engine->workspace, (size_t)engine->threads, engine->workspace_bytes, err) &&
              take_floats(taken, &engine->inner, block, need->inner, err) &&
              take_floats(taken, &engine->z, block, need->z, err) &&
              take_floats(taken, &engine->gathered, block, need->value, err) &&
              take_floats(taken, &engine->logits, (size_t)engine->queues[program->n_segments - 1].stack,
                          (size_t)engine->net->classes, err) &&
              take_lists(engine, need, taken, err) && take_queues(engine, taken, err);
    for (int i = 0; ok && i < 2; i++)
        ok = take_floats(taken, &engine->rolled[i], block, need->map, err) &&
             take_floats(taken, &engine->branch[i], block, need->map, err);
    for (int b = 0; ok && b < program->n_buffers; b++)
        ok = take_floats(taken, &engine->buffers[b], (size_t)engine->buffer_images, program->buffer_floats[b], err);
    return ok && (!engine->resample || take_donors(engine, need, taken, err)) &&
           (!engine->drift || take_kept(engine, need, taken, err));
}

/* What does not depend on how much is computed at a time. */
static size_t fixed_bytes(const lsn_engine *engine, const lsn_engine_options *options)
{
    return options->besides_bytes + (options->weights == NULL ? engine_weights_bytes(engine->program) : 0);
}

/* All that is taken with stacks of at most `most`, and as many images rolled. */
static size_t count_bytes(lsn_engine *engine, const lsn_engine_options *options, const needs *need, int most,
                          int rolled)
{
    ledger taken = {.count_only = true, .bytes = fixed_bytes(engine, options)};
    engine->sub_block = rolled;
    plan_queues(engine, most);
    take_all(engine, need, &taken, NULL);
    return taken.bytes;
}

/* The largest stacks and sub-block that the memory has room for. What drift needs grows with the sub-block alone, which
 * then shrinks first. */
static bool plan_memory(lsn_engine *engine, const lsn_engine_options *options, const needs *need, lsn_error *err)
{
    const lsn_net *net = engine->net;
    const int wanted = (int)engine_larger(CACHE_BYTES / (sizeof(float) * (need->rolled / 2)), LEAST_SUB_BLOCK);
    size_t bytes = 0;
    for (int most = ENGINE_MOST_STACK; most >= 1; most /= 2) {
        int rolled = wanted < most ? wanted : most;
        bytes = count_bytes(engine, options, need, most, rolled);
        while (options->memory_bytes > 0 && bytes > options->memory_bytes && options->drift && rolled > 1)
            bytes = count_bytes(engine, options, need, most, rolled /= 2);
        engine->bytes = bytes;
        if (options->memory_bytes == 0 || bytes <= options->memory_bytes)
            return true;
    }
    return lsn_fail(err, LSN_USAGE,
                    "%zu bytes of memory are too few for %s at %dx%d: give %zu (%zu of them for weights and images)",
                    options->memory_bytes, net->path == NULL ? "the network" : net->path, net->nodes[0].shape.h,
                    net->nodes[0].shape.w, bytes, fixed_bytes(engine, options));
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

bool engine_plan_memory(lsn_engine *engine, const lsn_engine_options *options, lsn_error *err)
{
    const engine_program *program = engine->program;
    const size_t layers = (size_t)program->n_layers, segments = (size_t)program->n_segments;
    if ((engine->queues = lsn_array(segments, sizeof *engine->queues, err)) == NULL ||
        (engine->buffers = lsn_array((size_t)program->n_buffers, sizeof *engine->buffers, err)) == NULL ||
        (engine->kept = lsn_array(layers, sizeof *engine->kept, err)) == NULL ||
        (engine->norms = lsn_array(layers, sizeof *engine->norms, err)) == NULL)
        return false;
    engine->first_queue = find_first_queue(program);
    engine->workspace_bytes = find_workspace(program);
    const needs need = find_needs(program);
    return plan_memory(engine, options, &need, err);
}

bool engine_take_memory(lsn_engine *engine, const void *weights, lsn_error *err)
{
    const needs need = find_needs(engine->program);
    if (!take_all(engine, &need, &(ledger){0}, err))
        return false;
    if (weights == NULL) {
        if (!allocate(&engine->weights, engine_weights_bytes(engine->program), err))
            return false;
        engine_pack_weights(engine->program, engine->weights, 0, 1);
        weights = engine->weights;
    }
    engine_use_weights(engine->program, weights);
    return true;
}

/* Frees pointers[n]. */
static void free_all(void *const *pointers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(pointers[i]);
}

void engine_release_memory(lsn_engine *engine)
{
    const engine_program *program = engine->program;
    for (int s = 0; engine->queues != NULL && s < program->n_segments; s++)
        free_all((void *[]){engine->queues[s].in, engine->queues[s].pairs}, 2);
    for (int b = 0; engine->buffers != NULL && b < program->n_buffers; b++)
        free(engine->buffers[b]);
    for (int l = 0; engine->norms != NULL && l < program->n_layers; l++)
        free_all((void *[]){engine->kept[l], engine->norms[l]}, 2);
    for (int i = 0; i < 2; i++)
        free_all((void *[]){engine->rolled[i], engine->branch[i], engine->donor_inner[i]}, 3);
    for (int i = 0; i < 4; i++)
        free(engine->donor[i]);
    for (int i = 0; i < ENGINE_FLOWS; i++)
        free(engine->flow[i]);
    void *const others[] = {engine->queues, engine->buffers,   engine->kept,   engine->norms,   engine->weights,
                            engine->inner,  engine->z,         engine->logits, engine->spread,  engine->workspace,
                            engine->images, engine->rows,      engine->pairs,  engine->terms,   engine->chosen,
                            engine->inputs, engine->remaining, engine->bias,   engine->gathered};
    free_all(others, sizeof others / sizeof *others);
}
