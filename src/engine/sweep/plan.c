/* How the memory is shared out: all of it is counted before any is taken. */
#include "engine/sweep/sweep.h"

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

static needs find_needs(const engine_sweep *sweep)
{
    needs need = {0};
    for (int l = 0; l < sweep->n_layers; l++) {
        need.largest_in = larger(need.largest_in, sweep->layers[l].in_floats);
        need.largest_out =
            larger(need.largest_out,
                   larger(sweep->layers[l].out_floats, l + 1 < sweep->n_layers ? sweep->layers[l + 1].in_floats : 0));
        need.largest_z = larger(need.largest_z, sweep->layers[l].z_floats);
    }
    need.rolled = 2 * need.largest_out + need.largest_z;
    return need;
}

/* Stacks never shrink from layer to layer, so that a layer's outputs fit into the next one's queue. */
static void plan_queues(engine_sweep *sweep, int most)
{
    int before = 0;
    for (int l = 0; l < sweep->n_layers; l++) {
        sweep_queue *queue = &sweep->layers[l].queue;
        int stack = sweep_full_stack(&sweep->engine->net->layers[l]);
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
static size_t find_workspace(const engine_sweep *sweep)
{
    size_t bytes = 0;
    for (int l = 0; l < sweep->n_layers; l++) {
        const sweep_layer *layer = &sweep->layers[l];
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
static bool take_queues(engine_sweep *sweep, ledger *taken, lsn_error *err)
{
    for (int l = 2; l < sweep->n_layers; l++) {
        sweep_queue *queue = &sweep->layers[l].queue;
        if (!take(taken, &queue->in, (size_t)queue->room, sweep->layers[l].in_floats * sizeof(float), err) ||
            !take(taken, &queue->pairs, (size_t)queue->room, sizeof *queue->pairs, err))
            return false;
    }
    return true;
}

/* Intact outputs of all layers. */
static bool take_kept(engine_sweep *sweep, ledger *taken, lsn_error *err)
{
    const size_t block = (size_t)sweep->sub_block;
    for (int l = 0; l < sweep->n_layers; l++) {
        if (!take(taken, &sweep->layers[l].norms, block, sizeof(double), err))
            return false;
        if (l + 1 < sweep->n_layers &&
            !take(taken, &sweep->layers[l].kept, block, sweep->layers[l + 1].in_floats * sizeof(float), err))
            return false;
    }
    return true;
}

/* Lists of filters and terms, a layer's biases. */
static bool take_lists(engine_sweep *sweep, ledger *taken, lsn_error *err)
{
    size_t terms = 0, filters = 0;
    for (int l = 0; l < sweep->n_layers; l++) {
        terms = larger(terms, (size_t)sweep->engine->net->layers[l].channels);
        filters = larger(filters, (size_t)sweep->engine->net->layers[l].filters);
    }
    for (int i = 0; i < SWEEP_LISTS; i++)
        if (!take(taken, &sweep->list[i], larger(terms, filters), sizeof(int), err))
            return false;
    return take(taken, &sweep->bias, filters, sizeof(float), err);
}

static bool take_all(engine_sweep *sweep, const needs *need, ledger *taken, lsn_error *err)
{
    const size_t block = (size_t)sweep->sub_block, one = sizeof(float);
    const size_t images = larger(SWEEP_MOST_STACK, block);
    bool ok = take(taken, &sweep->workspace, (size_t)sweep->threads, sweep->workspace_bytes, err) &&
              take(taken, &sweep->z, block, one * need->largest_z, err) &&
              take(taken, &sweep->gathered, block, one * need->largest_in, err) &&
              take(taken, &sweep->images, images, sizeof *sweep->images, err) &&
              take(taken, &sweep->rows, images, sizeof *sweep->rows, err) && take_lists(sweep, taken, err) &&
              take_queues(sweep, taken, err);
    for (int i = 0; ok && i < 2; i++)
        ok = take(taken, &sweep->intact[i], block, one * need->largest_out, err);
    for (int i = 0; ok && i < 3; i++)
        ok = take(taken, &sweep->solo[i], block, one * larger(need->largest_out, need->largest_z), err);
    for (int i = 0; ok && sweep->resample && i < 3; i++)
        ok = take(taken, &sweep->donor[i], block, one * need->largest_out, err);
    ok = ok && (!sweep->engine->drift || take_kept(sweep, taken, err));
    if (!ok || !sweep->average)
        return ok;
    const sweep_layer *last = &sweep->layers[sweep->engine->net->n_conv - 1];
    sweep->map_images = last->queue.stack > sweep->sub_block ? last->queue.stack : sweep->sub_block;
    return take(taken, &sweep->map, (size_t)sweep->map_images, one * last->out_floats, err);
}

/* What does not depend on how much is computed at a time. */
static size_t fixed_bytes(const engine_sweep *sweep, const lsn_engine_options *options)
{
    return options->besides_bytes + (options->weights == NULL ? sweep_weights_bytes(sweep->engine->net) : 0);
}

/* All that is taken with stacks of at most `most`, and as many images rolled. */
static size_t count_bytes(engine_sweep *sweep, const lsn_engine_options *options, const needs *need, int most,
                          int rolled)
{
    ledger taken = {.count_only = true, .bytes = fixed_bytes(sweep, options)};
    plan_queues(sweep, most);
    sweep->sub_block = rolled;
    take_all(sweep, need, &taken, NULL);
    return taken.bytes;
}

/* The largest stacks and sub-block that the memory has room for. What drift needs grows with the sub-block alone, which
 * then shrinks first. */
static bool plan_memory(engine_sweep *sweep, const lsn_engine_options *options, const needs *need, lsn_error *err)
{
    const lsn_net *net = sweep->engine->net;
    const int wanted = (int)larger(CACHE_BYTES / (sizeof(float) * (need->rolled / 2)), LEAST_SUB_BLOCK);
    size_t bytes = 0;
    for (int most = SWEEP_MOST_STACK; most >= 1; most /= 2) {
        int rolled = wanted < most ? wanted : most;
        bytes = count_bytes(sweep, options, need, most, rolled);
        while (options->memory_bytes > 0 && bytes > options->memory_bytes && options->drift && rolled > 1)
            bytes = count_bytes(sweep, options, need, most, rolled /= 2);
        sweep->engine->bytes = bytes;
        if (options->memory_bytes == 0 || bytes <= options->memory_bytes)
            return true;
    }
    return lsn_fail(err, LSN_USAGE,
                    "%zu bytes of memory are too few for %s at %dx%d: give %zu (%zu of them for weights and images)",
                    options->memory_bytes, net->path == NULL ? "the network" : net->path, net->input_h,
                    net->input_w, bytes, fixed_bytes(sweep, options));
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static bool plan(engine_sweep *sweep, const lsn_engine_options *options, lsn_error *err)
{
    const lsn_net *net = sweep->engine->net;
    const lsn_layer *last = net->n_conv > 0 ? &net->layers[net->n_conv - 1] : NULL;
    sweep->average = last != NULL && (last->out_h != net->grid || last->out_w != net->grid);
    sweep_describe_layers(sweep);
    sweep->workspace_bytes = find_workspace(sweep);
    const needs need = find_needs(sweep);
    return plan_memory(sweep, options, &need, err);
}

engine_sweep *sweep_create(lsn_engine *engine, const lsn_engine_options *options, lsn_error *err)
{
    engine_sweep *sweep = lsn_array(1, sizeof *sweep, err);
    if (sweep == NULL)
        return NULL;
    sweep->engine = engine;
    sweep->n_layers = engine->net->n_layers;
    sweep->threads = options->threads > 0 ? options->threads : 1;
    sweep->resample = options->resample;
    sweep->isa = lsn_isa_choose();
    sweep->layers = lsn_array((size_t)sweep->n_layers, sizeof *sweep->layers, err);
    if (sweep->isa == NULL)
        lsn_fail(err, LSN_USAGE, "LESION_ISA=%s: should be avx512, avx2 or portable, as far as this processor has them",
                 getenv("LESION_ISA"));
    if (sweep->isa == NULL || sweep->layers == NULL || !plan(sweep, options, err)) {
        sweep_destroy(sweep);
        return NULL;
    }
    return sweep;
}

bool sweep_take(engine_sweep *sweep, const void *weights, lsn_error *err)
{
    const lsn_net *net = sweep->engine->net;
    const needs need = find_needs(sweep);
    if (!take_all(sweep, &need, &(ledger){0}, err))
        return false;
    if (weights == NULL) {
        if (!sweep_allocate(&sweep->weights, sweep_weights_bytes(net), err))
            return false;
        sweep_pack_weights(net, sweep->weights, 0, 1);
    }
    sweep_use_weights(sweep, weights == NULL ? sweep->weights : weights);
    return true;
}

void sweep_destroy(engine_sweep *sweep)
{
    if (sweep == NULL)
        return;
    for (int l = 0; sweep->layers != NULL && l < sweep->n_layers; l++) {
        free(sweep->layers[l].queue.in);
        free(sweep->layers[l].queue.pairs);
        free(sweep->layers[l].kept);
        free(sweep->layers[l].norms);
    }
    free(sweep->layers);
    free(sweep->weights);
    for (int i = 0; i < 2; i++)
        free(sweep->intact[i]);
    for (int i = 0; i < 3; i++)
        free(sweep->solo[i]);
    for (int i = 0; i < 3; i++)
        free(sweep->donor[i]);
    for (int i = 0; i < SWEEP_LISTS; i++)
        free(sweep->list[i]);
    free(sweep->workspace);
    free(sweep->z);
    free(sweep->gathered);
    free(sweep->map);
    free(sweep->images);
    free(sweep->rows);
    free(sweep->bias);
    free(sweep);
}
