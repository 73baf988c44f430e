/* What results are found by: a key of an evaluation covers all that determines its result. */
#include "study/expand.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_VERSION "lesion evaluation 1" /* to be changed with anything that changes a result of equal inputs */

enum { STOP_BYTES = 96 };

typedef struct key_maker {
    const lsn_net *net;
    char weights[LSN_HEX_BYTES], images[LSN_HEX_BYTES], calibration[LSN_HEX_BYTES];
    char stop[STOP_BYTES]; /* empty where every job sees all images */
    lsn_hasher *hasher;
} key_maker;

/* Filters as four bytes each, the lowest first, on any machine. */
static void add_part(lsn_hasher *hasher, const lsn_net *net, const lsn_mask_part *part)
{
    unsigned char bytes[1024];
    size_t used = 0;
    lsn_hasher_text(hasher, "layer", net->layers[part->layer].name);
    lsn_hasher_number(hasher, "filters", part->count);
    for (int32_t i = 0; i < part->count; i++) {
        for (int shift = 0; shift < 32; shift += 8)
            bytes[used++] = (unsigned char)((uint32_t)part->filters[i] >> shift);
        if (used == sizeof bytes || i + 1 == part->count) {
            lsn_hasher_add(hasher, bytes, used);
            used = 0;
        }
    }
}

static bool set_key(key_maker *maker, lsn_evaluation *evaluation, lsn_error *err)
{
    lsn_hasher *hasher = maker->hasher;
    const lsn_ablation *ablation = &evaluation->ablation;
    lsn_hasher_text(hasher, "key", KEY_VERSION);
    lsn_hasher_text(hasher, "weights", maker->weights);
    lsn_hasher_text(hasher, "images", maker->images);
    lsn_hasher_text(hasher, "mode", lsn_mode_name(ablation->mode));
    if (ablation->mode != LSN_ZERO)
        lsn_hasher_text(hasher, "calibration", maker->calibration);
    if (ablation->mode == LSN_RESAMPLE || ablation->mode == LSN_NOISE)
        lsn_hasher_number(hasher, "seed", ablation->seed);
    if (maker->stop[0] != '\0' && ablation->mask.count > 0) /* the baseline sees all images */
        lsn_hasher_text(hasher, "stop", maker->stop);
    lsn_hasher_number(hasher, "layers", ablation->mask.count);
    for (int32_t p = 0; p < ablation->mask.count; p++)
        add_part(hasher, maker->net, &ablation->mask.parts[p]);
    lsn_digest digest;
    char hex[LSN_HEX_BYTES];
    if (!lsn_hasher_take(hasher, &digest, err))
        return false;
    lsn_digest_hex(&digest, hex);
    memcpy(evaluation->key, hex, LSN_KEY_BYTES - 1);
    evaluation->key[LSN_KEY_BYTES - 1] = '\0';
    return true;
}

static void describe_stop(const lsn_stopping *stop, char *text, size_t bytes)
{
    text[0] = '\0';
    if (stop->half_width > 0)
        snprintf(text, bytes, "top1 %.17g %.17g %" PRId64, stop->half_width, stop->confidence, stop->seed);
}

bool lsn_keys_set(lsn_plan *plan, lsn_error *err)
{
    key_maker maker = {.net = plan->net, .hasher = lsn_hasher_create(err)};
    lsn_digest_hex(&plan->net->digest, maker.weights);
    lsn_digest_hex(&plan->images_digest, maker.images);
    lsn_digest_hex(&plan->calibration_digest, maker.calibration);
    describe_stop(&plan->stop, maker.stop, sizeof maker.stop);
    bool ok = maker.hasher != NULL;
    for (int32_t e = 0; ok && e < plan->n_evaluations; e++)
        ok = set_key(&maker, &plan->evaluations[e], err);
    lsn_hasher_destroy(maker.hasher);
    return ok;
}

/* ---- before the images are read ------------------------------------------------------------------------------ */

static void outline_sample(lsn_hasher *hasher, const lsn_data *data, const lsn_sample *sample)
{
    char name[LSN_IMAGE_NAME_BYTES];
    lsn_hasher_number(hasher, "images", sample->count);
    for (int32_t i = 0; i < sample->count; i++) {
        lsn_hasher_number(hasher, "image", sample->images[i]);
        lsn_hasher_text(hasher, "name", lsn_data_image_name(data, sample->images[i], name));
        lsn_hasher_number(hasher, "label", lsn_data_label(data, sample->images[i]));
    }
}

/* What the study asks to be removed, variables and overrides put in. */
static void outline_node(lsn_hasher *hasher, const lsn_node *node)
{
    lsn_hasher_number(hasher, "kind", node->kind);
    lsn_hasher_number(hasher, "count", node->count);
    if (node->kind == LSN_SCALAR)
        lsn_hasher_text(hasher, "text", node->text);
    for (int i = 0; i < node->count; i++) {
        if (node->kind == LSN_MAP)
            lsn_hasher_text(hasher, "key", node->keys[i]->text);
        outline_node(hasher, node->items[i]);
    }
}

/* What determines the evaluations once activations are known. */
static void outline_unexpanded(lsn_hasher *hasher, const lsn_plan *plan)
{
    const size_t bytes = (size_t)lsn_net_filters(plan->net) * sizeof *plan->scores->values;
    outline_node(hasher, plan->storage->ablate);
    for (int32_t s = 0; s < plan->n_scores; s++) {
        lsn_hasher_text(hasher, "score", plan->scores[s].name);
        lsn_hasher_add(hasher, plan->scores[s].values, bytes); /* those of files; NaN where they are not known yet */
    }
}

static void outline_evaluations(lsn_hasher *hasher, const lsn_plan *plan)
{
    for (int32_t e = 0; e < plan->n_evaluations; e++) {
        const lsn_ablation *ablation = &plan->evaluations[e].ablation;
        lsn_hasher_number(hasher, "mode", ablation->mode);
        lsn_hasher_number(hasher, "seed", ablation->seed);
        for (int32_t p = 0; p < ablation->mask.count; p++)
            add_part(hasher, plan->net, &ablation->mask.parts[p]);
    }
}

bool lsn_plan_outline(const lsn_plan *plan, lsn_digest *digest, lsn_error *err)
{
    char weights[LSN_HEX_BYTES], stop[STOP_BYTES];
    lsn_hasher *hasher = lsn_hasher_create(err);
    bool ok = hasher != NULL;
    if (ok) {
        lsn_digest_hex(&plan->net->digest, weights);
        lsn_hasher_text(hasher, "weights", weights);
        lsn_hasher_text(hasher, "preprocess", plan->preprocess);
        describe_stop(&plan->stop, stop, sizeof stop);
        lsn_hasher_text(hasher, "stop", stop);
        lsn_hasher_number(hasher, "per_class", plan->metrics.per_class);
        lsn_hasher_number(hasher, "images", plan->metrics.images);
        lsn_hasher_number(hasher, "drift", plan->metrics.drift);
        lsn_hasher_number(hasher, "skip_broken", plan->skip_broken);
        outline_sample(hasher, plan->data, &plan->images);
        outline_sample(hasher, plan->data, &plan->calibration);
        if (plan->expanded)
            outline_evaluations(hasher, plan);
        else
            outline_unexpanded(hasher, plan);
        ok = lsn_hasher_take(hasher, digest, err);
    }
    lsn_hasher_destroy(hasher);
    return ok;
}

/* ---- the other way round ------------------------------------------------------------------------------------- */

typedef struct lsn_keyed {
    const char *key;
    int32_t evaluation;
} keyed;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const keyed *)a)->key, ((const keyed *)b)->key);
}

bool lsn_key_index_init(lsn_key_index *index, const lsn_plan *plan, lsn_error *err)
{
    *index = (lsn_key_index){.sorted = lsn_array((size_t)plan->n_evaluations, sizeof *index->sorted, err)};
    if (index->sorted == NULL)
        return false;
    for (int32_t e = 0; e < plan->n_evaluations; e++)
        index->sorted[e] = (keyed){plan->evaluations[e].key, e};
    index->count = plan->n_evaluations;
    qsort(index->sorted, (size_t)index->count, sizeof *index->sorted, by_key);
    return true;
}

int32_t lsn_key_index_find(const lsn_key_index *index, const char *key)
{
    const keyed *found = bsearch(&(keyed){.key = key}, index->sorted, (size_t)index->count, sizeof *found, by_key);
    return found == NULL ? -1 : found->evaluation;
}

void lsn_key_index_finish(lsn_key_index *index)
{
    free(index->sorted);
    *index = (lsn_key_index){0};
}
