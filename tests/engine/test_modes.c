/* Every mode, on every kind of layer, against a from-scratch forward pass in double precision. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isa.h"
#include "lesion/engine.h"
#include "network.h"

enum { IMAGES = 2, MOST_ABLATIONS = 160, MOST_CLASSES = 8, SEED = 3 };

/* Of the greatest logit. Measured over 150 random networks and those below: 1.5e-5, of which Winograd makes most. */
static const double TOLERANCE = 5e-5;

/* ---- networks ------------------------------------------------------------------------------------------------ */

static const network_plan plans[] = {
    /* the last map is averaged: it is larger than the grid, smaller, of odd size; pooled and not */
    {.h = 12, .w = 10, .channels = 3, .grid = 2, .conv = {6, 7, 5}, .pool = {true, false, false}, .fc = {9, 7, 5}},
    {.h = 5, .w = 7, .channels = 1, .grid = 3, .conv = {8, 6}, .pool = {false, true}, .fc = {8, 5}},
    {.h = 13, .w = 11, .channels = 2, .grid = 2, .conv = {6, 5, 7}, .pool = {false, true, true}, .fc = {6}},
    /* it is not */
    {.h = 12, .w = 12, .channels = 3, .grid = 3, .conv = {5, 8, 6}, .pool = {true, false, true}, .fc = {9, 8, 4}},
    {.h = 4, .w = 4, .channels = 2, .grid = 4, .conv = {6, 7}, .pool = {false, false}, .fc = {6}},
    /* chains */
    {.h = 4, .w = 3, .channels = 2, .fc = {11, 9, 7, 5}},
    {.h = 1, .w = 9, .channels = 1, .fc = {7, 4}},
};

enum { PLANS = sizeof plans / sizeof *plans };

/* Any shape: small maps and large ones, odd ones, pooled as often as the map allows. */
static network_plan random_plan(lsn_random *random)
{
    network_plan plan = {.h = 1 + (int)lsn_random_below(random, 15),
                         .w = 1 + (int)lsn_random_below(random, 15),
                         .channels = 1 + (int)lsn_random_below(random, 3),
                         .grid = 1 + (int)lsn_random_below(random, 3)};
    int convs = (int)lsn_random_below(random, 5), fcs = 1 + (int)lsn_random_below(random, 3), h = plan.h, w = plan.w;
    for (int i = 0; i < convs; i++) {
        plan.conv[i] = 1 + (int)lsn_random_below(random, 9);
        plan.pool[i] = h >= 2 && w >= 2 && lsn_random_below(random, 2) == 0;
        h = plan.pool[i] ? h / 2 : h;
        w = plan.pool[i] ? w / 2 : w;
    }
    for (int i = 0; i < fcs; i++)
        plan.fc[i] = 2 + (int)lsn_random_below(random, 9);
    if (convs == 0 && fcs == 1)
        plan.fc[fcs++] = 5; /* something to ablate */
    plan.fc[fcs - 1] = 2 + (int)lsn_random_below(random, MOST_CLASSES - 1);
    return plan;
}

/* ---- ablations ----------------------------------------------------------------------------------------------- */

typedef struct bench {
    lsn_net *net;
    float *images, *donors, *means, *deviations; /* [IMAGES] */
    int32_t ids[IMAGES];
    lsn_random random;
    lsn_ablation ablations[MOST_ABLATIONS];
    int count;
} bench;

/* `count` filters of a layer, at random, ascending; to be freed. */
static int32_t *choose_filters(bench *b, int filters, int count)
{
    int32_t *chosen = lsn_array(count, sizeof *chosen, NULL);
    for (int f = 0, n = 0; f < filters; f++)
        if ((int)lsn_random_below(&b->random, filters - f) < count - n)
            chosen[n++] = f;
    return chosen;
}

/* All modes for a mask of the layers where `in`: one filter of each, several, or all. */
static void add_masks(bench *b, const bool *in, int how_many)
{
    int n = 0;
    lsn_mask_part *parts = lsn_array(b->net->n_layers, sizeof *parts, NULL);
    for (int l = 0; l < b->net->n_layers - 1; l++) {
        const int filters = b->net->layers[l].filters;
        const int count = how_many == 0 ? 1 : how_many == 1 ? (filters + 1) / 2 : filters;
        if (in[l])
            parts[n++] = (lsn_mask_part){l, count, choose_filters(b, filters, count)};
    }
    for (int mode = 0; mode < LSN_N_MODES; mode++) {
        assert_in_range(b->count, 0, MOST_ABLATIONS - 1);
        b->ablations[b->count++] = (lsn_ablation){{n, parts},
                                                  (lsn_mode)mode,
                                                  mode == LSN_RESAMPLE ? SEED
                                                  : mode == LSN_NOISE  ? how_many
                                                                       : 0};
    }
}

/* One, several and all filters of each layer, of each two neighbours, of the first and the last, and of all. */
static void add_all_masks(bench *b)
{
    const int layers = b->net->n_layers - 1;
    for (int first = 0; first < layers; first++)
        for (int how_many = 0; how_many < 3; how_many++) {
            bool in[2 * PLAN_LAYERS] = {false};
            in[first] = true;
            add_masks(b, in, how_many);
            if (first + 1 < layers && how_many < 2) {
                in[first + 1] = true;
                add_masks(b, in, how_many);
            }
        }
    bool ends[2 * PLAN_LAYERS] = {false}, all[2 * PLAN_LAYERS];
    ends[0] = ends[layers - 1] = true;
    memset(all, true, sizeof all);
    add_masks(b, ends, 0);
    add_masks(b, all, 0);
    add_masks(b, all, 1);
}

static float *positive_floats(uint64_t seed, int count)
{
    float *floats = random_floats(seed, count, 1.0f);
    for (int i = 0; i < count; i++)
        floats[i] = fabsf(floats[i]);
    return floats;
}

static void set_up(bench *b, const network_plan *plan, uint64_t seed)
{
    *b = (bench){.net = network_build(plan, seed), .ids = {1000003, 7}};
    lsn_random_init(&b->random, seed, 0);
    b->images = random_images(b->net, IMAGES, seed + 1);
    b->donors = random_images(b->net, IMAGES, seed + 2);
    b->means = positive_floats(seed + 3, lsn_net_filters(b->net));
    b->deviations = positive_floats(seed + 4, lsn_net_filters(b->net));
    add_all_masks(b);
}

static void tear_down(bench *b)
{
    for (int a = 0; a < b->count; a += LSN_N_MODES) { /* the modes share a mask */
        for (int p = 0; p < b->ablations[a].mask.count; p++)
            free((void *)(uintptr_t)b->ablations[a].mask.parts[p].filters);
        free((void *)(uintptr_t)b->ablations[a].mask.parts);
    }
    free(b->images), free(b->donors), free(b->means), free(b->deviations);
    network_free(b->net);
}

/* ---- evaluating ---------------------------------------------------------------------------------------------- */

typedef float logits[MOST_ABLATIONS * IMAGES * MOST_CLASSES];

static lsn_engine *make_engine(const bench *b)
{
    lsn_error err = {0};
    lsn_engine *engine = lsn_engine_create(b->net, &(lsn_engine_options){.resample = true}, &err);
    if (engine == NULL || !lsn_engine_set_means(engine, b->means, &err) ||
        !lsn_engine_set_deviations(engine, b->deviations, &err))
        fail_msg("%s", err.text);
    return engine;
}

static void evaluate(const bench *b, lsn_engine *engine, const float *donors, const int32_t *ids, float *baseline,
                     float *out)
{
    lsn_error err = {0};
    const lsn_ablation *list[MOST_ABLATIONS];
    for (int a = 0; a < b->count; a++)
        list[a] = &b->ablations[a];
    if (!lsn_engine_run(engine,
                        &(lsn_engine_request){.images = b->images,
                                              .n = IMAGES,
                                              .ids = ids,
                                              .donors = donors,
                                              .ablations = list,
                                              .n_ablations = b->count,
                                              .baseline = baseline,
                                              .logits = out},
                        &err))
        fail_msg("%s", err.text);
}

/* The same, on an engine of its own. */
static void evaluate_by(const bench *b, const float *donors, const int32_t *ids, float *baseline, float *out)
{
    lsn_engine *engine = make_engine(b);
    evaluate(b, engine, donors, ids, baseline, out);
    lsn_engine_destroy(engine);
}

static void naive_of(const bench *b, int image, const lsn_ablation *ablation, double *right)
{
    const size_t floats = image_floats(b->net);
    const naive_substitutes substitutes = {b->means, b->deviations, b->donors + image * floats, b->ids[image]};
    naive_forward(b->net, b->images + image * floats, ablation, &substitutes, right);
}

/* Fails, saying which ablation, unless got[classes] is within the tolerance. */
static void compare(const bench *b, int a, const double *right, const float *got, double scale)
{
    const lsn_ablation *ablation = &b->ablations[a];
    for (int c = 0; c < b->net->classes; c++)
        if (!(fabs(got[c] - right[c]) <= TOLERANCE * scale))
            fail_msg("%s, ablation %d, %d layers from %s on: logit %d is %.9g instead of %.9g",
                     lsn_mode_name(ablation->mode), a, ablation->mask.count,
                     b->net->layers[ablation->mask.parts[0].layer].name, c, got[c], right[c]);
}

/* All ablations; returns how many had an effect worth a test. */
static int check_all(const bench *b)
{
    const int classes = b->net->classes;
    static logits got;
    float baseline[IMAGES * MOST_CLASSES];
    int effective = 0;
    evaluate_by(b, b->donors, b->ids, baseline, got);
    for (int image = 0; image < IMAGES; image++) {
        double intact[MOST_CLASSES], right[MOST_CLASSES];
        naive_of(b, image, NULL, intact);
        for (int a = 0; a < b->count; a++) {
            double scale = 0, effect = 0;
            naive_of(b, image, &b->ablations[a], right);
            for (int c = 0; c < classes; c++) {
                scale = fmax(scale, fmax(fabs(right[c]), fabs(intact[c])));
                effect = fmax(effect, fabs(right[c] - intact[c]));
            }
            effective += effect > 1e-3 * scale;
            compare(b, a, right, got + (a * IMAGES + image) * classes, scale);
        }
    }
    return effective;
}

static void every_mode_on_every_kind_of_layer(void **state)
{
    (void)state;
    for (int i = 0; i < PLANS; i++) {
        bench b;
        set_up(&b, &plans[i], 100 + 10 * i);
        const int effective = check_all(&b);
        if (effective < b.count * IMAGES * 3 / 4)
            fail_msg("network %d: only %d of %d do anything", i, effective, b.count * IMAGES);
        tear_down(&b);
    }
}

static void every_mode_on_networks_of_any_shape(void **state)
{
    (void)state;
    lsn_random random;
    lsn_random_init(&random, 17, 0);
    const char *trials = getenv("TRIALS");
    for (int i = 0; i < (trials == NULL ? 10 : atoi(trials)); i++) {
        bench b;
        const network_plan plan = random_plan(&random);
        set_up(&b, &plan, 1000 + 10 * i);
        check_all(&b);
        tear_down(&b);
    }
}

/* ---- what follows from the definitions ----------------------------------------------------------------------- */

/* To the bit: what is subtracted in a linear step is 0. */
static void its_own_donor_is_the_baseline(void **state)
{
    (void)state;
    for (int i = 0; i < PLANS; i++) {
        bench b;
        set_up(&b, &plans[i], 300 + 10 * i);
        static logits got;
        float baseline[IMAGES * MOST_CLASSES];
        const size_t block = IMAGES * b.net->classes;
        evaluate_by(&b, b.images, NULL, baseline, got);
        for (int a = 0; a < b.count; a++)
            if (b.ablations[a].mode == LSN_RESAMPLE)
                assert_memory_equal(got + a * block, baseline, sizeof(float) * block);
        tear_down(&b);
    }
}

/* To the bit, but where the engine averages the noise and not the mean. */
static void noise_without_deviation_is_the_mean(void **state)
{
    (void)state;
    for (int i = 0; i < PLANS; i++) {
        bench b;
        set_up(&b, &plans[i], 500 + 10 * i);
        static logits got;
        float baseline[IMAGES * MOST_CLASSES];
        const int block = IMAGES * b.net->classes;
        memset(b.deviations, 0, sizeof(float) * lsn_net_filters(b.net));
        evaluate_by(&b, b.donors, b.ids, baseline, got);
        for (int a = 0; a < b.count; a += LSN_N_MODES) {
            const float *mean = got + (a + LSN_MEAN) * block, *noise = got + (a + LSN_NOISE) * block;
            float scale = 1;
            for (int k = 0; k < block; k++)
                scale = fmaxf(scale, fabsf(mean[k]));
            if (i >= 3)
                assert_memory_equal(mean, noise, sizeof(float) * block);
            for (int k = 0; k < block; k++)
                assert_true(fabsf(mean[k] - noise[k]) <= 1e-5f * scale);
        }
        tear_down(&b);
    }
}

/* Other ids, or other donors, and no logit of that mode is what it was; those of the other modes all are. */
static void ids_and_donors_matter_to_their_modes(void **state)
{
    (void)state;
    static logits first, second;
    float baseline[IMAGES * MOST_CLASSES];
    bench b;
    set_up(&b, &plans[0], 700);
    const int32_t in_order[IMAGES] = {0, 1};
    const size_t block = IMAGES * b.net->classes;
    lsn_engine *engine = make_engine(&b);
    evaluate(&b, engine, b.donors, in_order, baseline, first);
    evaluate(&b, engine, b.donors, NULL, baseline, second); /* NULL: in order */
    assert_memory_equal(first, second, sizeof(float) * b.count * block);
    int changed[LSN_N_MODES] = {0};
    evaluate(&b, engine, b.images, b.ids, baseline, second);
    for (int a = 0; a < b.count; a++)
        changed[b.ablations[a].mode] += memcmp(first + a * block, second + a * block, sizeof(float) * block) != 0;
    assert_int_equal(changed[LSN_ZERO] + changed[LSN_MEAN], 0);
    assert_in_range(changed[LSN_RESAMPLE], b.count / LSN_N_MODES * 3 / 4, b.count);
    assert_in_range(changed[LSN_NOISE], b.count / LSN_N_MODES * 3 / 4, b.count);
    lsn_engine_destroy(engine);
    tear_down(&b);
}

int main(void)
{
    if (isa_is_lacking())
        return ISA_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_on_every_kind_of_layer),    cmocka_unit_test(every_mode_on_networks_of_any_shape),
        cmocka_unit_test(its_own_donor_is_the_baseline),        cmocka_unit_test(noise_without_deviation_is_the_mean),
        cmocka_unit_test(ids_and_donors_matter_to_their_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
