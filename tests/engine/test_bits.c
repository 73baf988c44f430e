/* The logits of an (ablation, image) pair are the same to the bit whatever they are evaluated with. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa.h"
#include "lesion/engine.h"
#include "network.h"

#ifdef __SANITIZE_ADDRESS__
static const bool SANITIZED = true;
#else
static const bool SANITIZED = false;
#endif
enum { IMAGES = 37, MASKS = 14 };

/* Maps of several bands, of one, and of a few positions; convd is one of 14 x 14 pixels and channels enough for tiles
 * of 7 x 7, which its pooling straddles. */
static const network_plan plan = {
    .h = 28,
    .w = 28,
    .channels = 1,
    .grid = 2,
    .conv = {4, 6, 30, 30, 9, 7, 5, 8},
    .pool = {false, true, false, true, false, true, false, true},
    .fc = {24, 17, 10},
};

static const char *const lines[MASKS] = {
    "zero conva:1",
    "zero convf:0,2..5",
    "mean convb:0..5",
    "zero conva:0 convg:4 fcb:3",
    "mean fca:2,3 fcb:1,5",
    "zero convh:0..7 fca:20..23",
    "mean convc:1,5..9 convd:0",
    "zero",
    "zero conva:1",
    "resample convf:2",
    "resample conva:1 convb:0..5 fca:3",
    "noise convb:3",
    "noise=5 convh:0..7",
    "noise=6 conva:2 convd:3,7 fcb:0..9",
};

/* A network, its images, their donors and ablations, and the logits of every pair evaluated on its own. */
typedef struct bench {
    lsn_net *net;
    float *images, *donors, *means, *deviations;
    int32_t ids[IMAGES];
    lsn_ablation *ablations[MASKS];
    float *baseline; /* [IMAGES][classes] */
    float *logits;   /* [MASKS][IMAGES][classes] */
} bench;

/* All sizes by the instruction set that the engine chooses, two by each that is forced and where sanitizers slow
 * everything down. */
static int sizes_step(void)
{
    return SANITIZED || getenv("LESION_ISA") != NULL ? 5 : 1;
}

static lsn_engine *make_engine(const bench *b, size_t memory_bytes)
{
    lsn_error err = {0};
    lsn_engine *engine =
        lsn_engine_create(b->net, &(lsn_engine_options){.memory_bytes = memory_bytes, .resample = true}, &err);
    if (engine == NULL)
        fail_msg("%s", err.text);
    assert_true(lsn_engine_set_means(engine, b->means, &err));
    assert_true(lsn_engine_set_deviations(engine, b->deviations, &err));
    return engine;
}

/* What is evaluated: images with their donors and ids. */
typedef struct block {
    const float *images, *donors;
    const int32_t *ids;
    int n;
} block;

static block block_of(const bench *b, int begin, int n)
{
    const size_t at = begin * image_floats(b->net);
    return (block){b->images + at, b->donors + at, b->ids + begin, n};
}

static void evaluate(lsn_engine *engine, block what, lsn_ablation *const *ablations, int count, float *baseline,
                     float *logits)
{
    lsn_error err = {0};
    if (!lsn_engine_run(engine,
                        &(lsn_engine_request){.images = what.images,
                                              .n = what.n,
                                              .ids = what.ids,
                                              .donors = what.donors,
                                              .ablations = (const lsn_ablation *const *)ablations,
                                              .n_ablations = count,
                                              .baseline = baseline,
                                              .logits = logits},
                        &err))
        fail_msg("%s", err.text);
}

static void set_up(bench *b)
{
    b->net = network_build(&plan, 11);
    b->images = random_images(b->net, IMAGES, 12);
    b->donors = random_images(b->net, IMAGES, 14);
    b->means = random_floats(13, 300, 1.0f);
    b->deviations = random_floats(15, 300, 1.0f);
    for (int i = 0; i < 300; i++)
        b->deviations[i] = fabsf(b->deviations[i]);
    for (int i = 0; i < IMAGES; i++)
        b->ids[i] = 100 - i;
    for (int a = 0; a < MASKS; a++)
        b->ablations[a] = mask_parse(b->net, lines[a]);
    int classes = b->net->classes;
    b->baseline = lsn_array(IMAGES * classes, sizeof(float), NULL);
    b->logits = lsn_array(MASKS * IMAGES * classes, sizeof(float), NULL);
    lsn_engine *engine = make_engine(b, 0);
    for (int image = 0; image < IMAGES; image++)
        for (int a = 0; a < MASKS; a++)
            evaluate(engine, block_of(b, image, 1), b->ablations + a, 1, b->baseline + image * classes,
                     b->logits + (a * IMAGES + image) * classes);
    lsn_engine_destroy(engine);
}

static void tear_down(bench *b)
{
    for (int a = 0; a < MASKS; a++)
        mask_free(b->ablations[a]);
    free(b->images), free(b->donors), free(b->means), free(b->deviations), free(b->baseline), free(b->logits);
    network_free(b->net);
}

/* Evaluates images begin .. begin+n-1 under the ablations `order`[count] at once, and compares. */
static void compare(const bench *b, lsn_engine *engine, int begin, int n, const int *order, int count)
{
    int classes = b->net->classes;
    size_t bytes = sizeof(float) * n * classes;
    float baseline[IMAGES * 10], logits[MASKS * IMAGES * 10];
    lsn_ablation *ablations[MASKS];
    for (int i = 0; i < count; i++)
        ablations[i] = b->ablations[order[i]];
    evaluate(engine, block_of(b, begin, n), ablations, count, baseline, logits);
    assert_memory_equal(baseline, b->baseline + begin * classes, bytes);
    for (int i = 0; i < count; i++)
        assert_memory_equal(logits + i * n * classes, b->logits + (order[i] * IMAGES + begin) * classes, bytes);
}

static const int in_order[MASKS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};

static void images_at_once_or_alone(void **state)
{
    bench *b = *state;
    lsn_engine *engine = make_engine(b, 0);
    compare(b, engine, 0, IMAGES, in_order, MASKS);
    static const int sizes[] = {2, 3, 7, 15, 16, 17, 33};
    for (int i = 0; i < 7; i += sizes_step())
        for (int begin = 0; begin < IMAGES; begin += sizes[i])
            compare(b, engine, begin, sizes[i] < IMAGES - begin ? sizes[i] : IMAGES - begin, in_order, MASKS);
    lsn_engine_destroy(engine);
}

static void ablations_in_any_order(void **state)
{
    bench *b = *state;
    lsn_engine *engine = make_engine(b, 0);
    lsn_random random;
    lsn_random_init(&random, 3, 0);
    for (int i = 0; i < 6; i++) {
        int32_t order[MASKS] = {13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
        int count = i == 0 ? MASKS : 1 + (int)lsn_random_below(&random, MASKS);
        if (i > 0)
            lsn_random_choose(&random, order, MASKS, count);
        compare(b, engine, 5, 11, order, count);
    }
    lsn_engine_destroy(engine);
}

/* The same image at every place of a block. */
static void an_image_at_any_place(void **state)
{
    bench *b = *state;
    lsn_engine *engine = make_engine(b, 0);
    size_t floats = image_floats(b->net), classes = b->net->classes;
    float *images = lsn_array(IMAGES * floats, sizeof(float), NULL);
    float *donors = lsn_array(IMAGES * floats, sizeof(float), NULL);
    float baseline[IMAGES * 10], logits[MASKS * IMAGES * 10];
    int32_t ids[IMAGES];
    for (int place = 0; place < IMAGES; place++) {
        memcpy(images + place * floats, b->images + 4 * floats, sizeof(float) * floats);
        memcpy(donors + place * floats, b->donors + 4 * floats, sizeof(float) * floats);
        ids[place] = b->ids[4];
    }
    evaluate(engine, (block){images, donors, ids, IMAGES}, b->ablations, MASKS, baseline, logits);
    for (int place = 0; place < IMAGES; place++)
        for (int a = 0; a < MASKS; a++)
            assert_memory_equal(logits + (a * IMAGES + place) * classes, b->logits + (a * IMAGES + 4) * classes,
                                sizeof(float) * classes);
    free(images), free(donors);
    lsn_engine_destroy(engine);
}

/* Sub-blocks of every size that a limit of memory leaves, from a single image on. */
static void any_limit_of_memory(void **state)
{
    bench *b = *state;
    lsn_error err = {0};
    assert_null(lsn_engine_create(b->net, &(lsn_engine_options){.memory_bytes = 1, .resample = true}, &err));
    const char *give = strstr(err.text, "give ");
    assert_non_null(give);
    size_t least = strtoul(give + 5, NULL, 10);
    for (int i = 0; i < 5; i += sizes_step()) {
        lsn_engine *engine = make_engine(b, least + least * i * i);
        compare(b, engine, 0, IMAGES, in_order, MASKS);
        lsn_engine_destroy(engine);
    }
}

static void activations_of_any_batch(void **state)
{
    bench *b = *state;
    lsn_error err = {0};
    const lsn_activation_needs all = {.means = true, .deviations = true, .zeros = true, .by_class = true};
    lsn_activations at_once, one_by_one;
    int32_t labels[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        labels[i] = i * i % b->net->classes;
    assert_true(lsn_activations_init(&at_once, b->net, all, &err));
    assert_true(lsn_activations_init(&one_by_one, b->net, all, &err));
    lsn_engine *engine = make_engine(b, 0);
    assert_true(lsn_engine_add_activations(engine, b->images, labels, IMAGES, &at_once, NULL, NULL, &err));
    for (int i = IMAGES - 1; i >= 0; i--)
        assert_true(lsn_engine_add_activations(engine, b->images + i * image_floats(b->net), labels + i, 1, &one_by_one,
                                               NULL, NULL, &err));
    assert_memory_equal(at_once.sums, one_by_one.sums, at_once.count * sizeof *at_once.sums);
    lsn_engine_destroy(engine);
    lsn_activations_finish(&at_once), lsn_activations_finish(&one_by_one);
}

int main(void)
{
    if (isa_is_lacking())
        return ISA_SKIPPED;
    bench b = {0};
#define WITH_BENCH(test) cmocka_unit_test_prestate(test, &b)
    const struct CMUnitTest tests[] = {
        WITH_BENCH(images_at_once_or_alone), WITH_BENCH(ablations_in_any_order),   WITH_BENCH(an_image_at_any_place),
        WITH_BENCH(any_limit_of_memory),     WITH_BENCH(activations_of_any_batch),
    };
    set_up(&b);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tear_down(&b);
    return failed;
}
