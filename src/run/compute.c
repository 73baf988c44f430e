/* Computing a unit: the images of its block, the donors, and passes of the engine. */
#include "run/run_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct lsn_compute {
    const lsn_plan *plan;
    lsn_engine *engine;
    lsn_loader *loader;
    int32_t block_images;
    int32_t block;                  /* whose images are loaded; -1: none */
    int32_t n;                      /* images in it */
    size_t pixels;                  /* of an image */
    float *images;                  /* [block_images][H][W][C] */
    float *donors;                  /* likewise, for LSN_RESAMPLE; NULL where there is none */
    int32_t donor_block;            /* whose images they were drawn for, ... */
    int64_t donor_seed;             /* ... by this seed; -1: none yet */
    int32_t *labels;                /* [block_images] */
    int32_t *ids;                   /* [block_images] places of the images among the plan's, by which is drawn: keys
                                     * cover that order */
    float *logits;                  /* [1 + room][block_images][classes]: the baseline's, then the ablations' */
    double *drift;                  /* [room][layers][block_images]; NULL: not wanted */
    const lsn_ablation **ablations; /* [room] of the pass */
    int32_t *places;                /* [room] where they stand in the unit */
    double *seconds;                /* [room] */
    int32_t room;                   /* ablations evaluated in one pass of the engine */
};

enum { PASS_BYTES = 64 << 20, LONGEST_PASS = 1024 };

/* Bytes that one ablation takes in a pass. */
static size_t ablation_bytes(const lsn_plan *plan, int32_t block_images, bool drift)
{
    const size_t drifts = drift ? (size_t)plan->net->n_layers : 0;
    return (size_t)block_images * ((size_t)plan->net->classes * sizeof(float) + drifts * sizeof(double));
}

/* Ablations in one pass: bounded, so that what it gives stays within PASS_BYTES. */
static int32_t pass_room(size_t one)
{
    size_t room = PASS_BYTES / one;
    return room < 16 ? 16 : room > LONGEST_PASS ? LONGEST_PASS : (int32_t)room;
}

static bool allocate(lsn_compute *c, const lsn_engine_options *options, lsn_error *err)
{
    const lsn_net *net = c->plan->net;
    const size_t block = (size_t)c->block_images, room = (size_t)c->room;
    const size_t image = c->pixels * sizeof(float), logits = block * (size_t)net->classes * sizeof(float);
    c->images = lsn_array(block, image, err);
    c->labels = c->images == NULL ? NULL : lsn_array(block, sizeof *c->labels, err);
    c->ids = c->labels == NULL ? NULL : lsn_array(block, sizeof *c->ids, err);
    c->logits = c->ids == NULL ? NULL : lsn_array(room + 1, logits, err);
    c->ablations = c->logits == NULL ? NULL : lsn_array(room, sizeof *c->ablations, err);
    c->places = c->ablations == NULL ? NULL : lsn_array(room, sizeof *c->places, err);
    c->seconds = c->places == NULL ? NULL : lsn_array(room, sizeof *c->seconds, err);
    if (c->seconds != NULL && options->resample)
        c->donors = lsn_array(block, image, err);
    if (c->seconds != NULL && options->drift)
        c->drift = lsn_array(room, block * (size_t)net->n_layers * sizeof *c->drift, err);
    return c->seconds != NULL && (c->donors != NULL || !options->resample) && (c->drift != NULL || !options->drift);
}

static size_t image_floats(const lsn_net *net)
{
    const lsn_net_shape *input = &net->nodes[0].shape;
    return (size_t)input->h * (size_t)input->w * (size_t)input->channels;
}

/* The options with what is taken here besides the engine. */
static lsn_engine_options engine_of(const lsn_plan *plan, int32_t block_images, const lsn_engine_options *options)
{
    const size_t one = ablation_bytes(plan, block_images, options->drift);
    lsn_engine_options engine = *options;
    engine.besides_bytes +=
        (options->resample ? 2 : 1) * (size_t)block_images * image_floats(plan->net) * sizeof(float) +
        (size_t)(pass_room(one) + 1) * one + lsn_loader_bytes(plan, block_images);
    return engine;
}

bool lsn_compute_count(const lsn_plan *plan, int32_t block_images, const lsn_engine_options *options, size_t *bytes,
                       lsn_error *err)
{
    const lsn_engine_options engine = engine_of(plan, block_images, options);
    return lsn_engine_count(plan->net, &engine, bytes, err);
}

lsn_compute *lsn_compute_create(const lsn_plan *plan, int32_t block_images, const lsn_engine_options *options,
                                lsn_error *err)
{
    lsn_compute *c = lsn_array(1, sizeof *c, err);
    if (c == NULL)
        return NULL;
    *c = (lsn_compute){.plan = plan, .block = -1, .block_images = block_images, .donor_seed = -1};
    c->room = pass_room(ablation_bytes(plan, block_images, options->drift));
    c->pixels = image_floats(plan->net);
    const lsn_engine_options engine = engine_of(plan, block_images, options);
    bool ok = allocate(c, options, err);
    c->engine = ok ? lsn_engine_create(plan->net, &engine, err) : NULL;
    c->loader = c->engine == NULL ? NULL : lsn_loader_create(plan, block_images, err);
    if (c->loader == NULL) {
        lsn_compute_destroy(c);
        return NULL;
    }
    return c;
}

void lsn_compute_measure(lsn_compute *c, double seconds, lsn_costs *costs)
{
    lsn_engine_measure(c->engine, seconds, costs);
}

void lsn_compute_destroy(lsn_compute *c)
{
    if (c == NULL)
        return;
    lsn_loader_destroy(c->loader);
    lsn_engine_destroy(c->engine);
    free(c->drift);
    free(c->donors);
    free(c->seconds);
    free(c->places);
    free(c->ablations);
    free(c->logits);
    free(c->ids);
    free(c->labels);
    free(c->images);
    free(c);
}

/* The part of a sample that begins at `first`: a block, or what is left. */
static lsn_span block_at(const lsn_compute *c, bool calibration, int32_t first, int32_t end)
{
    int32_t left = end - first;
    return (lsn_span){calibration, first, left < c->block_images ? left : c->block_images};
}

bool lsn_compute_load(lsn_compute *c, int32_t block, lsn_error *err)
{
    if (c->block == block)
        return true;
    const lsn_span span = block_at(c, false, block * c->block_images, c->plan->images.count);
    c->block = -1;
    c->n = span.n;
    if (!lsn_loader_load(c->loader, &span, c->images, err))
        return false;
    for (int32_t k = 0; k < c->n; k++) {
        c->ids[k] = span.first + k;
        c->labels[k] = lsn_data_label(c->plan->data, c->plan->images.images[span.first + k]);
    }
    c->block = block;
    return true;
}

lsn_extent lsn_compute_extent(const lsn_compute *c)
{
    assert(c->block >= 0);
    return lsn_extent_of(c->plan, c->n);
}

void lsn_compute_expect(lsn_compute *c, int32_t block)
{
    int32_t first = block * c->block_images < c->plan->images.count ? block * c->block_images : 0;
    const lsn_span span = block_at(c, false, first, c->plan->images.count);
    lsn_loader_expect(c->loader, &span);
}

/* ---- donors -------------------------------------------------------------------------------------------------- */

/* Each image's donor is drawn from the calibration images by the seed and the image's place alone. */
static bool load_donors(lsn_compute *c, int64_t seed, lsn_error *err)
{
    if (c->donor_seed == seed && c->donor_block == c->block)
        return true;
    assert(c->donors != NULL && c->plan->calibration.count > 0);
    c->donor_seed = -1;
    for (int32_t k = 0; k < c->n; k++) {
        lsn_random random;
        lsn_random_init(&random, (uint64_t)seed, (uint64_t)c->ids[k]);
        int32_t donor = (int32_t)lsn_random_below(&random, (uint64_t)c->plan->calibration.count);
        if (!lsn_loader_pick(c->loader, &donor, 1, c->donors + (size_t)k * c->pixels, err))
            return false;
    }
    c->donor_block = c->block;
    c->donor_seed = seed;
    return true;
}

/* ---- a unit -------------------------------------------------------------------------------------------------- */

/* A unit that is being evaluated. */
typedef struct unit {
    const lsn_ablation *const *ablations;
    int32_t count;
    const lsn_outcome *outcome;
    float *logits; /* NULL: not wanted */
    lsn_stop *stop;
    void *context;
} unit;

/* What the i-th ablation of the pass did to the block's images. */
static void judge(const lsn_compute *c, const unit *u, int32_t i)
{
    const int classes = c->plan->net->classes;
    const size_t row = (size_t)classes, one = (size_t)c->n * row;
    const float *ablated = c->logits + (size_t)(i + 1) * one;
    const lsn_outcome own = lsn_outcome_from(u->outcome, c->places[i]);
    *own.tallies = (lsn_tally){.seconds = c->seconds[i]};
    lsn_class_counts counts = {own.class_right, own.class_predicted};
    for (int k = 0; own.class_right != NULL && k < classes; k++)
        own.class_right[k] = own.class_predicted[k] = 0;
    for (int32_t k = 0; k < c->n; k++)
        lsn_tally_image(own.tallies, c->logits + (size_t)k * row, ablated + (size_t)k * row, classes, c->labels[k],
                        own.class_right == NULL ? NULL : &counts, own.verdicts == NULL ? NULL : &own.verdicts[k]);
    for (int32_t l = 0; own.drift != NULL && l < own.extent.layers; l++) {
        const double *of = c->drift + ((size_t)i * (size_t)own.extent.layers + (size_t)l) * (size_t)c->n;
        own.drift[l] = 0;
        for (int32_t k = 0; k < c->n; k++)
            own.drift[l] += lsn_fixed(of[k]);
    }
    if (u->logits != NULL)
        memcpy(u->logits + (size_t)c->places[i] * one, ablated, one * sizeof(float));
}

/* One pass of the engine over the unit's ablations places[0 .. count-1], which share their donors. */
static bool pass(lsn_compute *c, const unit *u, int32_t count, lsn_error *err)
{
    for (int32_t i = 0; i < count; i++)
        c->ablations[i] = u->ablations[c->places[i]];
    const lsn_engine_request request = {
        .images = c->images,
        .n = c->n,
        .ids = c->ids,
        .donors = c->donor_seed >= 0 ? c->donors : NULL,
        .ablations = c->ablations,
        .n_ablations = count,
        .baseline = c->logits,
        .logits = c->logits + (size_t)c->n * (size_t)c->plan->net->classes,
        .seconds = c->seconds,
        .drift = u->outcome->drift == NULL ? NULL : c->drift,
        .stop = u->stop,
        .context = u->context,
    };
    if (!lsn_engine_run(c->engine, &request, err))
        return false;
    for (int32_t i = 0; i < count; i++)
        judge(c, u, i);
    return true;
}

/* The least seed above `seed` of which donors are wanted; -1: none. */
static int64_t next_seed(const unit *u, int64_t seed)
{
    int64_t next = -1;
    for (int32_t i = 0; i < u->count; i++) {
        const lsn_ablation *ablation = u->ablations[i];
        if (ablation->mode == LSN_RESAMPLE && ablation->seed > seed && (next < 0 || ablation->seed < next))
            next = ablation->seed;
    }
    return next;
}

/* The ablations that want the donors of that seed and, where `others`, those that want none. */
static bool evaluate(lsn_compute *c, const unit *u, int64_t seed, bool others, lsn_error *err)
{
    int32_t count = 0;
    if (seed >= 0 && !load_donors(c, seed, err))
        return false;
    for (int32_t i = 0; i < u->count; i++) {
        const lsn_ablation *ablation = u->ablations[i];
        if (ablation->mode == LSN_RESAMPLE ? ablation->seed != seed : !others)
            continue;
        c->places[count++] = i;
        if (count == c->room) {
            if (!pass(c, u, count, err))
                return false;
            count = 0;
        }
    }
    return count == 0 || pass(c, u, count, err);
}

bool lsn_compute_unit(lsn_compute *c, int32_t block, const lsn_ablation *const *ablations, int32_t count,
                      const lsn_outcome *outcome, float *logits, lsn_stop *stop, void *context, lsn_error *err)
{
    const unit u = {ablations, count, outcome, logits, stop, context};
    if (!lsn_compute_load(c, block, err))
        return false;
    int64_t seed = next_seed(&u, -1);
    bool ok = evaluate(c, &u, seed, true, err);
    while (ok && seed >= 0 && (seed = next_seed(&u, seed)) >= 0)
        ok = evaluate(c, &u, seed, false, err);
    return ok;
}

bool lsn_compute_evaluations(lsn_compute *c, int32_t block, const int32_t *evaluations, int32_t count,
                             const lsn_outcome *outcome, lsn_stop *stop, void *context, lsn_error *err)
{
    lsn_unit_log("begin", block, c->n, evaluations, count);
    const lsn_ablation **ablations = lsn_array((size_t)count, sizeof *ablations, err);
    bool ok = ablations != NULL;
    for (int32_t i = 0; ok && i < count; i++)
        ablations[i] = &c->plan->evaluations[evaluations[i]].ablation;
    ok = ok && lsn_compute_unit(c, block, ablations, count, outcome, NULL, stop, context, err);
    if (ok)
        lsn_unit_log("end", block, c->n, evaluations, count);
    free(ablations);
    return ok;
}

/* ---- calibration images -------------------------------------------------------------------------------------- */

bool lsn_compute_add_activations(lsn_compute *c, int32_t first, int32_t end, lsn_activations *sums, lsn_stop *stop,
                                 void *context, lsn_error *err)
{
    c->block = -1; /* the images' place is used for calibration images */
    for (int32_t at = first; at < end; at += c->block_images) {
        const lsn_span span = block_at(c, true, at, end), next = block_at(c, true, at + span.n, end);
        if (!lsn_loader_load(c->loader, &span, c->images, err))
            return false;
        lsn_loader_expect(c->loader, &next);
        for (int32_t k = 0; k < span.n; k++)
            c->labels[k] = lsn_data_label(c->plan->data, c->plan->calibration.images[at + k]);
        if (!lsn_engine_add_activations(c->engine, c->images, c->labels, span.n, sums, stop, context, err))
            return false;
    }
    return true;
}

bool lsn_compute_set_activations(lsn_compute *c, const lsn_activations *found, lsn_error *err)
{
    float *values = lsn_array((size_t)found->filters, sizeof *values, err);
    bool ok = values != NULL;
    for (int f = 0; ok && found->mean != NULL && f < found->filters; f++)
        values[f] = (float)lsn_activations_mean(found, f);
    if (ok && found->mean != NULL)
        ok = lsn_engine_set_means(c->engine, values, err);
    for (int f = 0; ok && found->square != NULL && f < found->filters; f++)
        values[f] = (float)lsn_activations_deviation(found, f);
    if (ok && found->square != NULL)
        ok = lsn_engine_set_deviations(c->engine, values, err);
    free(values);
    return ok;
}
