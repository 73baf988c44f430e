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

bool sweep_allocate(void *pointer, size_t bytes, lsn_error *err)
{
    void *memory = big_array(bytes, err);
    memcpy(pointer, &memory, sizeof memory);
    return memory != NULL;
}

/* ---- sharing the memory out ---------------------------------------------------------------------------------- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Floats that an image needs. */
typedef struct needs {
    size_t rolled;
    size_t largest_in, largest_out, largest_z;
} needs;

static needs find_needs(const lsn_engine *engine)
{
    needs need = {0};
    for (int l = 0; l < engine->n_layers; l++) {
        need.largest_in = larger(need.largest_in, engine->layers[l].in_floats);
        need.largest_out =
            larger(need.largest_out, larger(engine->layers[l].out_floats,
                                            l + 1 < engine->n_layers ? engine->layers[l + 1].in_floats : 0));
        need.largest_z = larger(need.largest_z, engine->layers[l].z_floats);
    }
    need.rolled = 2 * need.largest_out + need.largest_z;
    return need;
}

/* Stacks never shrink from layer to layer, so that a layer's outputs fit into the next one's queue. */
static void plan_queues(lsn_engine *engine, int most)
{
    int before = 0;
    for (int l = 0; l < engine->n_layers; l++) {
        sweep_queue *queue = &engine->layers[l].queue;
        int stack = sweep_full_stack(&engine->net->layers[l]);
        stack = stack > most ? most : stack;
        queue->stack = stack < before ? before : stack;
        queue->room = queue->stack + queue->stack;
        before = queue->stack;
    }
}

/* Workspace of a convolution with any number of its channels, listed or not. */
static size_t conv_workspace(lsn_conv conv)
{
    size_t bytes = 0;
    for (conv.channels = 1; conv.channels <= conv.w_channels; conv.channels++) {
        conv.rows = conv.columns = NULL;
        bytes = larger(bytes, lsn_conv_workspace_bytes(&conv, SWEEP_MOST_STACK));
        conv.rows = conv.columns = &(int){0};
        bytes = larger(bytes, lsn_conv_workspace_bytes(&conv, SWEEP_MOST_STACK));
    }
    return bytes;
}

static size_t dense_workspace(lsn_dense dense)
{
    size_t bytes = lsn_dense_workspace_bytes(&dense, SWEEP_MOST_STACK);
    dense.rows = dense.columns = &(int){0};
    return larger(bytes, lsn_dense_workspace_bytes(&dense, SWEEP_MOST_STACK));
}

/* Workspace of one thread: that of the layer, in full or as a step, that needs most. */
static size_t find_workspace(const lsn_engine *engine)
{
    size_t bytes = 0;
    for (int l = 0; l < engine->n_layers; l++) {
        const sweep_layer *layer = &engine->layers[l];
        if (layer->fc)
            bytes = larger(bytes, dense_workspace(layer->dense));
        else
            bytes = larger(bytes, larger(conv_workspace(layer->conv), l > 0 ? conv_workspace(layer->step) : 0));
    }
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
    return taken->count_only || sweep_allocate(pointer, count * size, err);
}

/* Nothing branches off before layer 1, into layer 2. */
static bool take_queues(lsn_engine *engine, ledger *taken, lsn_error *err)
{
    for (int l = 2; l < engine->n_layers; l++) {
        sweep_queue *queue = &engine->layers[l].queue;
        if (!take(taken, &queue->in, (size_t)queue->room, engine->layers[l].in_floats * sizeof(float), err) ||
            !take(taken, &queue->pairs, (size_t)queue->room, sizeof *queue->pairs, err))
            return false;
    }
    return true;
}

/* Intact outputs of all layers. */
static bool take_kept(lsn_engine *engine, ledger *taken, lsn_error *err)
{
    const size_t block = (size_t)engine->sub_block;
    for (int l = 0; l < engine->n_layers; l++) {
        if (!take(taken, &engine->layers[l].norms, block, sizeof(double), err))
            return false;
        if (l + 1 < engine->n_layers &&
            !take(taken, &engine->layers[l].kept, block, engine->layers[l + 1].in_floats * sizeof(float), err))
            return false;
    }
    return true;
}

/* Lists of filters and terms, a layer's biases. */
static bool take_lists(lsn_engine *engine, ledger *taken, lsn_error *err)
{
    size_t terms = 0, filters = 0;
    for (int l = 0; l < engine->n_layers; l++) {
        terms = larger(terms, (size_t)engine->net->layers[l].channels);
        filters = larger(filters, (size_t)engine->net->layers[l].filters);
    }
    for (int i = 0; i < SWEEP_LISTS; i++)
        if (!take(taken, &engine->list[i], larger(terms, filters), sizeof(int), err))
            return false;
    return take(taken, &engine->bias, filters, sizeof(float), err);
}

static bool take_all(lsn_engine *engine, const needs *need, ledger *taken, lsn_error *err)
{
    const size_t block = (size_t)engine->sub_block, one = sizeof(float);
    const size_t images = larger(SWEEP_MOST_STACK, block);
    bool ok = take(taken, &engine->workspace, (size_t)engine->threads, engine->workspace_bytes, err) &&
              take(taken, &engine->z, block, one * need->largest_z, err) &&
              take(taken, &engine->gathered, block, one * need->largest_in, err) &&
              take(taken, &engine->images, images, sizeof *engine->images, err) &&
              take(taken, &engine->rows, images, sizeof *engine->rows, err) && take_lists(engine, taken, err) &&
              take_queues(engine, taken, err);
    for (int i = 0; ok && i < 2; i++)
        ok = take(taken, &engine->intact[i], block, one * need->largest_out, err);
    for (int i = 0; ok && i < 3; i++)
        ok = take(taken, &engine->solo[i], block, one * larger(need->largest_out, need->largest_z), err);
    for (int i = 0; ok && engine->resample && i < 3; i++)
        ok = take(taken, &engine->donor[i], block, one * need->largest_out, err);
    ok = ok && (!engine->drift || take_kept(engine, taken, err));
    if (!ok || !engine->average)
        return ok;
    const sweep_layer *last = &engine->layers[engine->net->n_conv - 1];
    engine->map_images = last->queue.stack > engine->sub_block ? last->queue.stack : engine->sub_block;
    return take(taken, &engine->map, (size_t)engine->map_images, one * last->out_floats, err);
}

/* What does not depend on how much is computed at a time. */
static size_t fixed_bytes(const lsn_engine *engine, const lsn_engine_options *options)
{
    return options->besides_bytes + (options->weights == NULL ? lsn_engine_weights_bytes(engine->net) : 0);
}

/* All that is taken with stacks of at most `most`, and as many images rolled. */
static size_t count_bytes(lsn_engine *engine, const lsn_engine_options *options, const needs *need, int most,
                          int rolled)
{
    ledger taken = {.count_only = true, .bytes = fixed_bytes(engine, options)};
    plan_queues(engine, most);
    engine->sub_block = rolled;
    take_all(engine, need, &taken, NULL);
    return taken.bytes;
}

/* The largest stacks and sub-block that the memory has room for. What drift needs grows with the sub-block alone, which
 * then shrinks first. */
static bool plan_memory(lsn_engine *engine, const lsn_engine_options *options, const needs *need, lsn_error *err)
{
    const lsn_net *net = engine->net;
    const int wanted = (int)larger(CACHE_BYTES / (sizeof(float) * (need->rolled / 2)), LEAST_SUB_BLOCK);
    size_t bytes = 0;
    for (int most = SWEEP_MOST_STACK; most >= 1; most /= 2) {
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
                    options->memory_bytes, net->path == NULL ? "the network" : net->path, net->input_h, net->input_w,
                    bytes, fixed_bytes(engine, options));
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

bool engine_plan_memory(lsn_engine *engine, const lsn_engine_options *options, lsn_error *err)
{
    const lsn_net *net = engine->net;
    const lsn_layer *last = net->n_conv > 0 ? &net->layers[net->n_conv - 1] : NULL;
    engine->average = last != NULL && (last->out_h != net->grid || last->out_w != net->grid);
    engine->isa = lsn_isa_choose();
    if (engine->isa == NULL)
        return lsn_fail(err, LSN_USAGE,
                        "LESION_ISA=%s: should be avx512, avx2 or portable, as far as this processor has them, or openblas",
                        getenv("LESION_ISA"));
    engine->layers = lsn_array((size_t)engine->n_layers, sizeof *engine->layers, err);
    if (engine->layers == NULL)
        return false;
    sweep_describe_layers(engine);
    engine->workspace_bytes = find_workspace(engine);
    const needs need = find_needs(engine);
    return plan_memory(engine, options, &need, err);
}

bool engine_take_memory(lsn_engine *engine, const void *weights, lsn_error *err)
{
    const lsn_net *net = engine->net;
    const needs need = find_needs(engine);
    if (!take_all(engine, &need, &(ledger){0}, err))
        return false;
    if (weights == NULL) {
        if (!sweep_allocate(&engine->weights, lsn_engine_weights_bytes(net), err))
            return false;
        lsn_engine_pack(net, engine->weights, 0, 1);
    }
    sweep_use_weights(engine, weights == NULL ? engine->weights : weights);
    return true;
}
