/* How a network is computed: each layer's method, its packed weights, and how the memory is shared out. */
#include "engine/sweep/sweep.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    FULL_TILES = 112,      /* Winograd tiles, or pixels of tiny maps, that fill a kernel's block */
    FULL_ROWS = 256,       /* rows for which a fully connected layer reads its weights once */
    DENSE_PANELS = 64,     /* panels of 252 rows' products take 2 MB */
    MOST_STACK = 256,      /* inputs stacked at most */
    CACHE_BYTES = 2 << 20, /* intact activations that the linear steps of many ablations read again and again */
    LEAST_SUB_BLOCK = 8,   /* images rolled together at least, if memory allows: the intact network needs stacks too */
    HUGE_PAGE = 2 << 20,
};

/* ---- methods ------------------------------------------------------------------------------------------------- */

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Tiles of an image with `side` outputs a side. */
static int tiles(const lsn_layer *layer, int side)
{
    return ceil_div(layer->h, side) * ceil_div(layer->w, side);
}

/* What each Winograd method costs: a tile's elements times the products of all channels and filters and, in
 * multiply-adds, what the transforms take for each of them. Measured on VGG-19's layers, where the choice that follows
 * was also the fastest of the three, or within 4 % of it. */
typedef struct winograd {
    lsn_conv_method method;
    int side;
    double transform;
} winograd;

static const winograd winograds[] = {{LSN_CONV_F4, 4, 35}, {LSN_CONV_F6, 6, 48}, {LSN_CONV_F7, 7, 70}};

static double winograd_cost(const winograd *w, const lsn_layer *layer)
{
    const double c = layer->channels, f = layer->filters;
    return (double)tiles(layer, w->side) * (w->side + 2) * (w->side + 2) * (c * f + w->transform * (c + f));
}

/* Where pooling windows straddle the tiles, a block has to hold an image. */
static bool fits(const winograd *w, const lsn_layer *layer)
{
    return !layer->pool || w->side % 2 == 0 || tiles(layer, w->side) <= FULL_TILES;
}

/* The cheapest; NULL where the direct convolution is cheaper. */
static const winograd *choose_winograd(const lsn_layer *layer)
{
    if (layer->channels <= 4 || (layer->h <= 2 && layer->w <= 2))
        return NULL;
    const winograd *best = &winograds[0];
    for (size_t i = 1; i < sizeof winograds / sizeof *winograds; i++)
        if (fits(&winograds[i], layer) && winograd_cost(&winograds[i], layer) < winograd_cost(best, layer))
            best = &winograds[i];
    return best;
}

lsn_conv_method sweep_conv_method(const lsn_layer *layer)
{
    const winograd *best = choose_winograd(layer);
    return best == NULL ? LSN_CONV_DIRECT : best->method;
}

lsn_conv sweep_describe_conv(const lsn_layer *layer, int channels)
{
    return (lsn_conv){
        .method = channels == layer->channels ? sweep_conv_method(layer) : sweep_step_method(layer, channels),
        .height = layer->h,
        .width = layer->w,
        .channels = channels,
        .filters = layer->filters,
    };
}

double sweep_conv_cost(const lsn_layer *layer)
{
    const winograd *best = choose_winograd(layer);
    if (best != NULL)
        return winograd_cost(best, layer);
    const lsn_conv conv = sweep_describe_conv(layer, layer->channels);
    return lsn_conv_multiply_adds(&conv) + SWEEP_STEP_COST * layer->h * layer->w * layer->filters;
}

/* Few channels leave a Winograd step nothing but its output transform. */
lsn_conv_method sweep_step_method(const lsn_layer *layer, int channels)
{
    lsn_conv_method method = sweep_conv_method(layer);
    return channels <= 2 ? LSN_CONV_DIRECT : method;
}

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

/* ---- layers -------------------------------------------------------------------------------------------------- */

static bool pack_conv(lsn_conv *conv, const lsn_layer *layer, float **weights, lsn_error *err)
{
    if (!allocate(weights, lsn_conv_weights_bytes(conv->method, layer->channels, layer->filters), err))
        return false;
    lsn_conv_pack(conv->method, *weights, layer->weights, layer->channels, layer->filters, 0,
                  lsn_conv_panels(layer->filters));
    conv->weights = *weights;
    return true;
}

static bool prepare_conv(engine_sweep *sweep, int l, lsn_error *err)
{
    const lsn_layer *layer = &sweep->engine->model->layers[l];
    sweep_layer *to = &sweep->layers[l];
    to->conv = (lsn_conv){
        .method = sweep_conv_method(layer),
        .isa = sweep->isa,
        .height = layer->h,
        .width = layer->w,
        .channels = layer->channels,
        .filters = layer->filters,
        .w_channels = layer->channels,
        .w_filters = layer->filters,
        .bias = layer->bias,
        .relu = true,
        .pool = layer->pool,
        .phases = &sweep->phases,
    };
    to->step = to->conv;
    to->step.method = LSN_CONV_DIRECT;
    to->in_pixels = layer->h * layer->w;
    to->channels = layer->channels;
    to->z_floats = (size_t)to->in_pixels * (size_t)layer->filters;
    to->out_floats = (size_t)layer->out_h * (size_t)layer->out_w * (size_t)layer->filters;
    if (!pack_conv(&to->conv, layer, &to->weights, err))
        return false;
    if (to->conv.method == LSN_CONV_DIRECT)
        to->step.weights = to->weights;
    return l == 0 || to->conv.method == LSN_CONV_DIRECT || pack_conv(&to->step, layer, &to->step_weights, err);
}

/* Panels of a fully connected layer's block: some blocks for each thread, and products of a block that stay in a cache.
 */
static int dense_block(int panels, int threads)
{
    int most = threads == 1 ? DENSE_PANELS : ceil_div(panels, 2 * threads);
    return most > DENSE_PANELS ? DENSE_PANELS : most;
}

static bool prepare_dense(engine_sweep *sweep, int l, lsn_error *err)
{
    const lsn_model *model = sweep->engine->model;
    const lsn_layer *layer = &model->layers[l];
    sweep_layer *to = &sweep->layers[l];
    to->fc = true;
    to->in_pixels = l > model->n_conv ? 1 : l > 0 ? model->grid * model->grid : model->input_h * model->input_w;
    to->channels = layer->channels / to->in_pixels;
    to->z_floats = to->out_floats = (size_t)layer->filters;
    to->dense = (lsn_dense){
        .isa = sweep->isa,
        .terms = layer->channels,
        .filters = layer->filters,
        .w_terms = layer->channels,
        .w_filters = layer->filters,
        .bias = layer->bias,
        .relu = !layer->logits,
        .block_panels = dense_block(lsn_conv_panels(layer->filters), sweep->threads),
    };
    if (!allocate(&to->weights, lsn_dense_weights_bytes(layer->channels, layer->filters), err))
        return false;
    lsn_dense_pack(to->weights, layer->weights, to->channels, to->in_pixels, layer->filters, 0,
                   lsn_conv_panels(layer->filters));
    to->dense.weights = to->weights;
    return true;
}

/* Inputs after which a layer's kernel has full blocks. */
static int full_stack(const lsn_layer *layer)
{
    if (layer->kind == LSN_FC)
        return FULL_ROWS;
    lsn_conv_method method = sweep_conv_method(layer);
    int side = method == LSN_CONV_DIRECT ? 1 : method == LSN_CONV_F4 ? 4 : method == LSN_CONV_F6 ? 6 : 7;
    int grains = tiles(layer, side);
    int stack = ceil_div(2 * FULL_TILES, grains);
    return stack > MOST_STACK ? MOST_STACK : stack;
}

/* ---- sharing the memory out ---------------------------------------------------------------------------------- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Floats that one rolled image, and one image of a step, need. */
typedef struct needs {
    size_t rolled, step;
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
    need.step = need.largest_in + 3 * larger(need.largest_out, need.largest_z);
    if (sweep->average)
        need.step += sweep->layers[sweep->engine->model->n_conv - 1].out_floats;
    return need;
}

/* Stacks never shrink from layer to layer, so that a layer's outputs fit into the next one's queue. */
static void plan_queues(engine_sweep *sweep, int most)
{
    int before = 0;
    for (int l = 0; l < sweep->n_layers; l++) {
        sweep_queue *queue = &sweep->layers[l].queue;
        int stack = full_stack(&sweep->engine->model->layers[l]);
        stack = stack > most ? most : stack;
        queue->stack = stack < before ? before : stack;
        queue->room = queue->stack + queue->stack;
        before = queue->stack;
    }
}

static size_t queue_bytes(const engine_sweep *sweep)
{
    size_t bytes = 0;
    for (int l = 2; l < sweep->n_layers; l++) /* nothing branches off before layer 1, into layer 2 */
        bytes +=
            (size_t)sweep->layers[l].queue.room * (sweep->layers[l].in_floats * sizeof(float) + sizeof(sweep_pair));
    return bytes;
}

static size_t planned_bytes(const engine_sweep *sweep, const needs *need)
{
    return queue_bytes(sweep) +
           sizeof(float) * ((size_t)sweep->sub_block * need->rolled + (size_t)sweep->step_images * need->step);
}

/* The largest stacks and sub-block that the memory has room for. */
static bool plan_memory(engine_sweep *sweep, size_t memory_bytes, const needs *need, lsn_error *err)
{
    size_t image_bytes = sizeof(float) * (need->rolled / 2);
    int wanted = (int)larger(CACHE_BYTES / image_bytes, LEAST_SUB_BLOCK);
    size_t fixed = (size_t)sweep->threads * sweep->workspace_bytes;
    for (int most = MOST_STACK; most >= 1; most /= 2) {
        plan_queues(sweep, most);
        sweep->sub_block = wanted < most ? wanted : most;
        sweep->step_images = sweep->sub_block;
        if (memory_bytes == 0 || fixed + planned_bytes(sweep, need) <= memory_bytes)
            return true;
    }
    const lsn_model *model = sweep->engine->model;
    return lsn_fail(err, LSN_USAGE, "%zu bytes of memory are too few for %s at %dx%d: give %zu", memory_bytes,
                    model->path == NULL ? "the network" : model->path, model->input_h, model->input_w,
                    fixed + planned_bytes(sweep, need));
}

/* Workspace of a convolution with any number of its channels, listed or not. */
static size_t conv_workspace(lsn_conv conv)
{
    size_t bytes = 0;
    for (conv.channels = 1; conv.channels <= conv.w_channels; conv.channels++) {
        conv.rows = conv.columns = NULL;
        bytes = larger(bytes, lsn_conv_workspace_bytes(&conv, MOST_STACK));
        conv.rows = conv.columns = &(int){0};
        bytes = larger(bytes, lsn_conv_workspace_bytes(&conv, MOST_STACK));
    }
    return bytes;
}

static size_t dense_workspace(lsn_dense dense)
{
    size_t bytes = lsn_dense_workspace_bytes(&dense, MOST_STACK);
    dense.rows = dense.columns = &(int){0};
    return larger(bytes, lsn_dense_workspace_bytes(&dense, MOST_STACK));
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

static bool allocate_queues(engine_sweep *sweep, lsn_error *err)
{
    for (int l = 2; l < sweep->n_layers; l++) {
        sweep_queue *queue = &sweep->layers[l].queue;
        size_t room = (size_t)queue->room;
        if (!allocate(&queue->in, room * sweep->layers[l].in_floats * sizeof(float), err) ||
            !allocate(&queue->pairs, room * sizeof *queue->pairs, err))
            return false;
    }
    return true;
}

static bool allocate_all(engine_sweep *sweep, const needs *need, lsn_error *err)
{
    const lsn_model *model = sweep->engine->model;
    const size_t block = (size_t)sweep->sub_block * sizeof(float), step = (size_t)sweep->step_images * sizeof(float);
    size_t most_terms = 0;
    int most_filters = 0;
    for (int l = 0; l < model->n_layers; l++) {
        most_terms = larger(most_terms, (size_t)model->layers[l].channels);
        most_filters = model->layers[l].filters > most_filters ? model->layers[l].filters : most_filters;
    }
    sweep->most_images = MOST_STACK > sweep->sub_block ? MOST_STACK : sweep->sub_block;
    bool ok = allocate(&sweep->workspace, (size_t)sweep->threads * sweep->workspace_bytes, err) &&
              allocate(&sweep->z, block * need->largest_z, err) &&
              allocate(&sweep->gathered, step * need->largest_in, err) &&
              allocate(&sweep->images, (size_t)sweep->most_images * sizeof *sweep->images, err) &&
              allocate(&sweep->rows, (size_t)sweep->most_images * sizeof *sweep->rows, err) &&
              allocate(&sweep->bias, (size_t)most_filters * sizeof(float), err) && allocate_queues(sweep, err);
    for (int i = 0; ok && i < 2; i++)
        ok = allocate(&sweep->intact[i], block * need->largest_out, err);
    for (int i = 0; ok && i < 3; i++)
        ok = allocate(&sweep->solo[i], step * larger(need->largest_out, need->largest_z), err);
    for (int i = 0; ok && i < SWEEP_LISTS; i++)
        ok = allocate(&sweep->list[i], most_terms * sizeof(int), err);
    if (ok && sweep->average)
        ok = allocate(&sweep->map,
                      (size_t)sweep->most_images * sweep->layers[model->n_conv - 1].out_floats * sizeof(float), err);
    return ok;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static bool prepare(engine_sweep *sweep, const lsn_engine_options *options, lsn_error *err)
{
    const lsn_model *model = sweep->engine->model;
    const lsn_layer *last = model->n_conv > 0 ? &model->layers[model->n_conv - 1] : NULL;
    sweep->average = last != NULL && (last->out_h != model->grid || last->out_w != model->grid);
    for (int l = 0; l < model->n_layers; l++) {
        if (!(l < model->n_conv ? prepare_conv : prepare_dense)(sweep, l, err))
            return false;
        sweep->layers[l].in_floats = (size_t)sweep->layers[l].in_pixels * (size_t)sweep->layers[l].channels;
    }
    sweep->workspace_bytes = find_workspace(sweep);
    const needs need = find_needs(sweep);
    return plan_memory(sweep, options->memory_bytes, &need, err) && allocate_all(sweep, &need, err);
}

engine_sweep *sweep_create(lsn_engine *engine, const lsn_engine_options *options, lsn_error *err)
{
    engine_sweep *sweep = lsn_array(1, sizeof *sweep, err);
    if (sweep == NULL)
        return NULL;
    sweep->engine = engine;
    sweep->n_layers = engine->model->n_layers;
    sweep->threads = options->threads > 0 ? options->threads : 1;
    sweep->isa = lsn_isa_choose();
    sweep->layers = lsn_array((size_t)sweep->n_layers, sizeof *sweep->layers, err);
    if (sweep->isa == NULL)
        lsn_fail(err, LSN_USAGE, "LESION_ISA=%s: should be avx512, avx2 or portable, as far as this processor has them",
                 getenv("LESION_ISA"));
    if (sweep->isa == NULL || sweep->layers == NULL || !prepare(sweep, options, err)) {
        sweep_destroy(sweep);
        return NULL;
    }
    return sweep;
}

void sweep_destroy(engine_sweep *sweep)
{
    if (sweep == NULL)
        return;
    for (int l = 0; sweep->layers != NULL && l < sweep->n_layers; l++) {
        free(sweep->layers[l].weights);
        free(sweep->layers[l].step_weights);
        free(sweep->layers[l].queue.in);
        free(sweep->layers[l].queue.pairs);
    }
    free(sweep->layers);
    for (int i = 0; i < 2; i++)
        free(sweep->intact[i]);
    for (int i = 0; i < 3; i++)
        free(sweep->solo[i]);
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
