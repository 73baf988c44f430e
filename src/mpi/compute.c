#include "mpi/mpi_internal.h"

#include <stdlib.h>
#include <string.h>

struct lsn_compute {
    const lsn_plan *plan;
    lsn_engine *engine;
    lsn_loader *loader;
    int32_t block_images;
    int32_t block;                  /* whose images are loaded; -1: none */
    int32_t n;                      /* images in it */
    float *images;                  /* [block_images][H][W][C] */
    float *logits;                  /* [1 + room][block_images][classes]: the baseline's, then the ablations' */
    const lsn_ablation **ablations; /* [room] */
    double *seconds;                /* [room] */
    int32_t *predicted;             /* [classes] scratch */
    int32_t room;                   /* ablations evaluated in one pass of the engine */
};

enum { LOGITS_BYTES = 64 << 20, LONGEST_PASS = 1024 };

/* Ablations in one pass: bounded, so that logits stay within LOGITS_BYTES. */
static int32_t pass_room(const lsn_plan *plan, int32_t block_images)
{
    size_t one = (size_t)block_images * (size_t)plan->model->classes * sizeof(float);
    size_t room = LOGITS_BYTES / one;
    return room < 16 ? 16 : room > LONGEST_PASS ? LONGEST_PASS : (int32_t)room;
}

lsn_compute *lsn_compute_create(const lsn_plan *plan, int32_t block_images, const lsn_engine_options *options,
                                lsn_error *err)
{
    const lsn_model *model = plan->model;
    lsn_compute *c = lsn_array(1, sizeof *c, err);
    if (c == NULL)
        return NULL;
    c->plan = plan;
    c->block = -1;
    c->block_images = block_images;
    c->room = pass_room(plan, block_images);
    const size_t pixels = (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_channels;
    size_t logits = (size_t)block_images * (size_t)model->classes;
    lsn_engine_options engine = *options;
    engine.besides_bytes = sizeof(float) * ((size_t)block_images * pixels + (size_t)(c->room + 1) * logits) +
                           lsn_loader_bytes(plan, block_images);
    c->images = lsn_array((size_t)block_images, pixels * sizeof(float), err);
    c->logits = c->images == NULL ? NULL : lsn_array((size_t)c->room + 1, logits * sizeof(float), err);
    c->ablations = c->logits == NULL ? NULL : lsn_array((size_t)c->room, sizeof *c->ablations, err);
    c->seconds = c->ablations == NULL ? NULL : lsn_array((size_t)c->room, sizeof *c->seconds, err);
    c->predicted = c->seconds == NULL ? NULL : lsn_array((size_t)model->classes, sizeof *c->predicted, err);
    c->engine = c->predicted == NULL ? NULL : lsn_engine_create(model, &engine, err);
    c->loader = c->engine == NULL ? NULL : lsn_loader_create(plan, block_images, err);
    if (c->loader == NULL) {
        lsn_compute_destroy(c);
        return NULL;
    }
    return c;
}

bool lsn_compute_measure(lsn_compute *c, double seconds, lsn_costs *costs, lsn_error *err)
{
    return lsn_engine_measure(c->engine, seconds, costs, err);
}

void lsn_compute_destroy(lsn_compute *c)
{
    if (c == NULL)
        return;
    lsn_loader_destroy(c->loader);
    lsn_engine_destroy(c->engine);
    free(c->predicted);
    free(c->seconds);
    free(c->ablations);
    free(c->logits);
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
    c->block = block;
    return true;
}

void lsn_compute_expect(lsn_compute *c, int32_t block)
{
    int32_t first = block * c->block_images < c->plan->images.count ? block * c->block_images : 0;
    const lsn_span span = block_at(c, false, first, c->plan->images.count);
    lsn_loader_expect(c->loader, &span);
}

/* One pass of the engine over at most `room` evaluations. */
static bool evaluate(lsn_compute *c, const int32_t *evaluations, int32_t count, lsn_tally *tallies,
                     int32_t *class_right, lsn_stop *stop, void *context, lsn_error *err)
{
    const int classes = c->plan->model->classes;
    const size_t one = (size_t)c->n * (size_t)classes; /* logits of one ablation */
    float *baseline = c->logits, *ablated = c->logits + one;
    for (int32_t i = 0; i < count; i++)
        c->ablations[i] = &c->plan->evaluations[evaluations[i]].ablation;
    if (!lsn_engine_run(c->engine,
                        &(lsn_engine_request){.images = c->images,
                                              .n = c->n,
                                              .ablations = c->ablations,
                                              .n_ablations = count,
                                              .baseline = baseline,
                                              .logits = ablated,
                                              .seconds = c->seconds,
                                              .stop = stop,
                                              .context = context},
                        err))
        return false;
    const int32_t *images = c->plan->images.images + (size_t)c->block * (size_t)c->block_images;
    for (int32_t i = 0; i < count; i++) {
        tallies[i] = (lsn_tally){.seconds = c->seconds[i]};
        int32_t *right = class_right == NULL ? NULL : class_right + (size_t)i * (size_t)classes;
        const lsn_class_counts counts = {right, c->predicted};
        if (right != NULL)
            memset(right, 0, (size_t)classes * sizeof *right);
        for (int32_t k = 0; k < c->n; k++)
            lsn_tally_image(&tallies[i], baseline + (size_t)k * (size_t)classes,
                            ablated + (size_t)i * one + (size_t)k * (size_t)classes, classes,
                            lsn_data_label(c->plan->data, images[k]), right == NULL ? NULL : &counts, NULL);
    }
    return true;
}

bool lsn_compute_unit(lsn_compute *c, int32_t block, const int32_t *evaluations, int32_t count, lsn_tally *tallies,
                      int32_t *class_right, lsn_stop *stop, void *context, lsn_error *err)
{
    if (!lsn_compute_load(c, block, err))
        return false;
    if (!c->plan->metrics.per_class)
        class_right = NULL;
    for (int32_t done = 0; done < count; done += c->room) {
        int32_t now = count - done < c->room ? count - done : c->room;
        int32_t *right = class_right == NULL ? NULL : class_right + (size_t)done * (size_t)c->plan->model->classes;
        if (!evaluate(c, evaluations + done, now, tallies + done, right, stop, context, err))
            return false;
    }
    return true;
}

/* ---- means over the calibration images ----------------------------------------------------------------------- */

bool lsn_compute_add_means(lsn_compute *c, int32_t first, int32_t end, int64_t *sums, lsn_stop *stop, void *context,
                           lsn_error *err)
{
    int64_t seen = 0;
    lsn_activations all = {.filters = lsn_model_filters(c->plan->model), .images = &seen, .mean = sums};
    c->block = -1; /* the images' place is used for calibration images */
    for (int32_t at = first; at < end; at += c->block_images) {
        const lsn_span span = block_at(c, true, at, end), next = block_at(c, true, at + span.n, end);
        if (!lsn_loader_load(c->loader, &span, c->images, err))
            return false;
        lsn_loader_expect(c->loader, &next);
        if (!lsn_engine_add_activations(c->engine, c->images, NULL, span.n, &all, stop, context, err))
            return false;
    }
    return true;
}

bool lsn_compute_set_means(lsn_compute *c, const float *means, lsn_error *err)
{
    return lsn_engine_set_means(c->engine, means, err);
}
