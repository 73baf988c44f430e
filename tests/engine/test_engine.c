/* What an engine refuses, and how it stops. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lesion/engine.h"
#include "network.h"

enum { IMAGES = 3, CLASSES = 6 };

typedef struct bench {
    lsn_net *net;
    lsn_engine *engine;
    float *images;
    float baseline[IMAGES * CLASSES], logits[4 * IMAGES * CLASSES];
    double *drift; /* NULL: not wanted */
    lsn_activations sums;
    lsn_error err;
} bench;

static int set_up(void **state)
{
    bench *b = *state = lsn_array(1, sizeof *b, NULL);
    b->net = network_build(&small_plan, 1);
    b->images = random_images(b->net, IMAGES, 2);
    b->engine = lsn_engine_create(b->net, &(lsn_engine_options){0}, &b->err);
    return !lsn_activations_init(&b->sums, b->net, (lsn_activation_needs){.means = true, .by_class = true}, &b->err) ||
           b->engine == NULL;
}

static int tear_down(void **state)
{
    bench *b = *state;
    lsn_activations_finish(&b->sums);
    lsn_engine_destroy(b->engine);
    network_free(b->net);
    free(b->images);
    free(b);
    return 0;
}

static bool run(bench *b, const lsn_ablation *ablation)
{
    b->err = (lsn_error){0};
    return lsn_engine_run(b->engine,
                          &(lsn_engine_request){.images = b->images,
                                                .n = IMAGES,
                                                .ablations = &ablation,
                                                .n_ablations = 1,
                                                .baseline = b->baseline,
                                                .logits = b->logits},
                          &b->err);
}

static const int32_t labels[IMAGES] = {0};

static bool add_activations(bench *b, const int32_t *given, int n)
{
    b->err = (lsn_error){0};
    return lsn_engine_add_activations(b->engine, b->images, given, n, &b->sums, NULL, NULL, &b->err);
}

static void expect(const bench *b, lsn_code code, const char *words)
{
    assert_int_equal(b->err.code, code);
    if (strstr(b->err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", b->err.text, words);
}

/* A mask of one part is refused with these words. */
static void refuse(bench *b, int layer, int count, const int32_t *filters, const char *words)
{
    lsn_mask_part part = {layer, count, filters};
    assert_false(run(b, &(lsn_ablation){.mask = {1, &part}}));
    expect(b, LSN_INVALID, words);
}

static void masks_outside_the_network_are_refused(void **state)
{
    bench *b = *state;
    const int32_t first[] = {0}, below[] = {-1}, above[] = {5}, twice[] = {1, 1}, back[] = {2, 1};
    refuse(b, -1, 1, first, "layer -1");
    refuse(b, 6, 1, first, "layer 6"); /* the logits */
    refuse(b, 7, 1, first, "layer 7");
    refuse(b, 0, 0, first, "no filter of layer conva");
    refuse(b, 0, 1, below, "conva has the filters 0..4, not -1");
    refuse(b, 0, 1, above, "conva has the filters 0..4, not 5");
    refuse(b, 0, 2, twice, "filter 1 comes after 1");
    refuse(b, 0, 2, back, "filter 1 comes after 2");
}

static void layers_out_of_order_are_refused(void **state)
{
    bench *b = *state;
    const int32_t first[] = {0};
    const lsn_mask_part parts[] = {{2, 1, first}, {1, 1, first}, {1, 1, first}};
    assert_false(run(b, &(lsn_ablation){.mask = {2, parts}}));
    expect(b, LSN_INVALID, "convb comes after layer convc");
    assert_false(run(b, &(lsn_ablation){.mask = {2, parts + 1}}));
    expect(b, LSN_INVALID, "convb comes after layer convb");
    assert_false(run(b, &(lsn_ablation){.mask = {-1, parts}}));
    expect(b, LSN_INVALID, "-1 parts");
}

static void the_ablation_at_fault_is_named(void **state)
{
    bench *b = *state;
    lsn_ablation *good = mask_parse(b->net, "zero conva:0"), bad = {.mode = LSN_N_MODES};
    const lsn_ablation *both[] = {good, &bad};
    assert_false(lsn_engine_run(b->engine,
                                &(lsn_engine_request){.images = b->images,
                                                      .n = IMAGES,
                                                      .ablations = both,
                                                      .n_ablations = 2,
                                                      .baseline = b->baseline,
                                                      .logits = b->logits},
                                &b->err));
    expect(b, LSN_INVALID, "ablation 1: mode");
    mask_free(good);
}

static void mean_needs_means(void **state)
{
    bench *b = *state;
    lsn_ablation *mean = mask_parse(b->net, "mean conva:0"), *baseline = mask_parse(b->net, "mean");
    float *means = random_floats(3, lsn_net_filters(b->net), 1.0f);
    assert_false(run(b, mean));
    expect(b, LSN_INVALID, "means");
    assert_true(run(b, baseline)); /* nothing to replace */
    means[5 + 7 + 2] = NAN;
    assert_false(lsn_engine_set_means(b->engine, means, &b->err));
    expect(b, LSN_INVALID, "layer convc: the mean activation of filter 2");
    assert_false(run(b, mean));
    means[5 + 7 + 2] = 1;
    assert_true(lsn_engine_set_means(b->engine, means, &b->err));
    memset(means, 0, sizeof(float) * lsn_net_filters(b->net)); /* they were copied */
    assert_true(run(b, mean));
    float first[IMAGES * CLASSES];
    memcpy(first, b->logits, sizeof first);
    assert_true(lsn_engine_set_means(b->engine, means, &b->err));
    assert_true(run(b, mean));
    assert_memory_not_equal(b->logits, first, sizeof first);
    mask_free(mean), mask_free(baseline), free(means);
}

/* Evaluates lines[count] with donors (or NULL) and ids (or NULL). */
static bool run_lines(bench *b, lsn_engine *engine, const char *const *lines, int count, const float *donors,
                      const int32_t *ids)
{
    lsn_ablation *list[4];
    for (int a = 0; a < count; a++)
        list[a] = mask_parse(b->net, lines[a]);
    b->err = (lsn_error){0};
    bool ok = lsn_engine_run(engine,
                             &(lsn_engine_request){.images = b->images,
                                                   .n = IMAGES,
                                                   .ids = ids,
                                                   .donors = donors,
                                                   .ablations = (const lsn_ablation *const *)list,
                                                   .n_ablations = count,
                                                   .baseline = b->baseline,
                                                   .logits = b->logits,
                                                   .drift = b->drift},
                             &b->err);
    for (int a = 0; a < count; a++)
        mask_free(list[a]);
    return ok;
}

static void noise_needs_means_and_deviations(void **state)
{
    bench *b = *state;
    const char *noise = "noise conva:0", *baseline = "noise", *negative = "noise=-1 conva:0";
    const int filters = lsn_net_filters(b->net);
    float *numbers = random_floats(3, filters, 1.0f);
    for (int f = 0; f < filters; f++)
        numbers[f] = fabsf(numbers[f]);
    assert_false(run_lines(b, b->engine, &noise, 1, NULL, NULL));
    expect(b, LSN_INVALID, "ablation 0: mode noise needs the channels' means");
    assert_true(lsn_engine_set_means(b->engine, numbers, &b->err));
    assert_false(run_lines(b, b->engine, &noise, 1, NULL, NULL));
    expect(b, LSN_INVALID, "ablation 0: mode noise needs the channels' deviations");
    assert_true(run_lines(b, b->engine, &baseline, 1, NULL, NULL)); /* nothing to replace */
    numbers[5 + 7 + 2] = NAN;
    assert_false(lsn_engine_set_deviations(b->engine, numbers, &b->err));
    expect(b, LSN_INVALID, "layer convc: the activation's deviation of filter 2 is not a finite number");
    numbers[5 + 7 + 2] = -0.5f;
    assert_false(lsn_engine_set_deviations(b->engine, numbers, &b->err));
    expect(b, LSN_INVALID, "layer convc: the activation's deviation of filter 2 is negative");
    numbers[5 + 7 + 2] = 0;
    assert_false(run_lines(b, b->engine, &noise, 1, NULL, NULL)); /* nothing was set */
    assert_true(lsn_engine_set_deviations(b->engine, numbers, &b->err));
    assert_true(run_lines(b, b->engine, &noise, 1, NULL, NULL));
    assert_false(run_lines(b, b->engine, &negative, 1, NULL, NULL));
    expect(b, LSN_INVALID, "ablation 0: mode noise: seed -1");
    assert_false(run_lines(b, b->engine, &noise, 1, NULL, (const int32_t[]){4, -2, 5}));
    expect(b, LSN_INVALID, "image 1 of the block: its number is -2");
    free(numbers);
}

static void resample_needs_donors(void **state)
{
    bench *b = *state;
    lsn_engine_options options = {.resample = true};
    const char *const lines[] = {"zero conva:1", "resample=3 conva:0", "resample=4", "resample=4 fca:1"};
    const char *negative = "resample=-7 conva:0";
    lsn_engine *engine = lsn_engine_create(b->net, &options, &b->err);
    options.resample = false;
    lsn_engine *without = lsn_engine_create(b->net, &options, &b->err);
    assert_false(run_lines(b, engine, lines, 2, NULL, NULL));
    expect(b, LSN_INVALID, "ablation 1: mode resample needs donors");
    assert_false(run_lines(b, without, lines, 2, b->images, NULL));
    expect(b, LSN_INVALID, "ablation 1: mode resample: the engine has no memory for donors; set `resample`");
    assert_true(run_lines(b, without, lines + 2, 1, NULL, NULL)); /* nothing to replace */
    assert_true(run_lines(b, engine, lines, 3, b->images, NULL));
    assert_false(run_lines(b, engine, lines, 4, b->images, NULL));
    expect(b, LSN_INVALID, "ablation 3: mode resample: seed 4, but that of ablation 1 is 3");
    assert_false(run_lines(b, engine, &negative, 1, b->images, NULL));
    expect(b, LSN_INVALID, "ablation 0: mode resample: seed -7");
    lsn_engine_destroy(engine), lsn_engine_destroy(without);
}

static void negative_counts_are_refused(void **state)
{
    bench *b = *state;
    assert_false(lsn_engine_run(
        b->engine, &(lsn_engine_request){.images = b->images, .n = -1, .baseline = b->baseline, .logits = b->logits},
        &b->err));
    expect(b, LSN_INVALID, "-1 images");
    assert_false(lsn_engine_run(
        b->engine,
        &(lsn_engine_request){
            .images = b->images, .n = 1, .n_ablations = -2, .baseline = b->baseline, .logits = b->logits},
        &b->err));
    expect(b, LSN_INVALID, "-2 ablations");
    assert_false(add_activations(b, labels, -3));
    expect(b, LSN_INVALID, "-3 images");
}

static void an_image_of_nan_is_named(void **state)
{
    bench *b = *state;
    b->images[2 * image_floats(b->net) + 5] = NAN;
    assert_false(run(b, &(lsn_ablation){.mode = LSN_ZERO}));
    expect(b, LSN_INVALID, "image 2 of the block");
    assert_false(add_activations(b, labels, IMAGES));
    expect(b, LSN_INVALID, "image 2 of the block: layer conva");
}

static void activations_by_class_need_labels(void **state)
{
    bench *b = *state;
    assert_false(add_activations(b, NULL, IMAGES));
    expect(b, LSN_INVALID, "labels");
    assert_false(add_activations(b, (const int32_t[IMAGES]){0, 5, 6}, IMAGES));
    expect(b, LSN_INVALID, "image 2 of the block: label 6 is not one of the classes 0..5");
    assert_false(add_activations(b, (const int32_t[IMAGES]){0, -1, 5}, IMAGES));
    expect(b, LSN_INVALID, "image 1 of the block: label -1");
    assert_true(add_activations(b, (const int32_t[IMAGES]){0, 1, 5}, IMAGES));
    assert_false(add_activations(b, NULL, 0)); /* which does not depend on the images */
}

static void sums_of_another_network_are_refused(void **state)
{
    bench *b = *state;
    b->sums.filters--;
    assert_false(add_activations(b, labels, IMAGES));
    expect(b, LSN_INVALID, "sums of 52 filters' activations, of a network that has 53");
    b->sums.filters++, b->sums.classes--;
    assert_false(add_activations(b, labels, IMAGES));
    expect(b, LSN_INVALID, "sums of 6 classes");
}

static void weights_that_overflow_are_an_error(void **state)
{
    bench *b = *state;
    float *bias = network_bias(b->net, 6);
    bias[1] = INFINITY;
    assert_false(run(b, &(lsn_ablation){.mode = LSN_ZERO}));
    expect(b, LSN_INVALID, "image 0 of the block");
}

static void create_refuses(void **state)
{
    bench *b = *state;
    b->net->nodes[0].shape = (lsn_net_shape){0};
    assert_null(lsn_engine_create(b->net, &(lsn_engine_options){0}, &b->err));
    expect(b, LSN_INVALID, "input");
    lsn_engine_destroy(NULL);
}

/* What the C library has given away; 0 under the address sanitizer, which has its own. */
static size_t taken(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* The least memory, as the last error tells it. */
static size_t least_bytes(const bench *b)
{
    return strtoul(strstr(b->err.text, "give ") + 5, NULL, 10);
}

/* The least memory that an engine says it needs is enough for all that it takes, running included, with donors and
 * drift or without. */
static void memory_is_not_exceeded(void **state)
{
    (void)state;
    enum { BESIDES = 16 << 10 }; /* descriptions, and what alignment costs; every array of maps is larger */
    static const network_plan plan = {
        .h = 32, .w = 32, .channels = 3, .grid = 2, .conv = {12, 16, 12, 13}, .fc = {9, 7, CLASSES}};
    bench *b = &(bench){.net = network_build(&plan, 1)};
    b->images = random_images(b->net, IMAGES, 2);
    const char *const lines[] = {"zero convb:1 fca:2", "noise convb:1 fca:2", "noise convd:3",
                                 "resample convb:1 fca:2"};
    float *numbers = lsn_array(lsn_net_filters(b->net), sizeof(float), NULL);
    double drift[4 * 7 * IMAGES];
    for (int wanted = 0; wanted < 4; wanted++) {
        const int resample = wanted % 2;
        lsn_engine_options options = {.memory_bytes = 100, .resample = resample == 1, .drift = wanted >= 2};
        b->drift = options.drift ? drift : NULL;
        assert_null(lsn_engine_create(b->net, &options, &b->err));
        options.memory_bytes = least_bytes(b);
        size_t before = taken();
        lsn_engine *engine = lsn_engine_create(b->net, &options, &b->err);
        assert_non_null(engine);
        assert_true(lsn_engine_set_means(engine, numbers, &b->err));
        assert_true(lsn_engine_set_deviations(engine, numbers, &b->err));
        assert_true(run_lines(b, engine, lines, 3 + resample, b->images, NULL));
        if (!(taken() - before <= options.memory_bytes + BESIDES))
            fail_msg("%zu bytes taken of %zu", taken() - before, options.memory_bytes);
        lsn_engine_destroy(engine);
    }
    free(numbers), free(b->images);
    network_free(b->net);
}

/* Room for donors costs memory only where it is asked for: then theirs and no more. */
static void donors_take_memory_where_wanted(void **state)
{
    bench *b = *state;
    const size_t largest_map = 11 * 9 * 7; /* of four taken, at most */
    size_t bytes[2];
    for (int resample = 0; resample < 2; resample++) {
        lsn_engine_options options = {.memory_bytes = 100, .resample = resample == 1};
        assert_null(lsn_engine_create(b->net, &options, &b->err));
        bytes[resample] = least_bytes(b);
    }
    assert_true(bytes[1] > bytes[0]);
    assert_true(bytes[1] - bytes[0] <= 4 * sizeof(float) * largest_map);
}

static void too_little_memory_names_the_minimum(void **state)
{
    bench *b = *state;
    lsn_engine_options options = {.memory_bytes = 100};
    assert_null(lsn_engine_create(b->net, &options, &b->err));
    expect(b, LSN_USAGE, "100 bytes of memory are too few");
    options.memory_bytes = least_bytes(b) - 1;
    assert_null(lsn_engine_create(b->net, &options, &b->err));
    options.memory_bytes++;
    lsn_engine *engine = lsn_engine_create(b->net, &options, &b->err);
    assert_non_null(engine);
    lsn_engine_destroy(engine);
}

/* Stops when it was asked `after` times. */
typedef struct patience {
    int asked, after;
} patience;

static bool ask(void *context)
{
    patience *p = context;
    return p->asked++ >= p->after;
}

static void stop_stops(void **state)
{
    bench *b = *state;
    lsn_ablation *ablation = mask_parse(b->net, "zero conva:0");
    const lsn_ablation *list[] = {ablation, ablation, ablation};
    patience endless = {0, 1 << 30};
    assert_true(lsn_engine_run(b->engine,
                               &(lsn_engine_request){.images = b->images,
                                                     .n = IMAGES,
                                                     .ablations = list,
                                                     .n_ablations = 3,
                                                     .baseline = b->baseline,
                                                     .logits = b->logits,
                                                     .stop = ask,
                                                     .context = &endless},
                               &b->err));
    assert_true(endless.asked >= 3);
    for (int after = 0; after < endless.asked; after++) {
        patience p = {0, after};
        b->err = (lsn_error){0};
        assert_false(lsn_engine_run(b->engine,
                                    &(lsn_engine_request){.images = b->images,
                                                          .n = IMAGES,
                                                          .ablations = list,
                                                          .n_ablations = 3,
                                                          .baseline = b->baseline,
                                                          .logits = b->logits,
                                                          .stop = ask,
                                                          .context = &p},
                                    &b->err));
        expect(b, LSN_STOPPED, "stopped");
        assert_int_equal(p.asked, after + 1); /* never asked again */
    }
    patience none = {0, 0};
    assert_false(lsn_engine_add_activations(b->engine, b->images, labels, IMAGES, &b->sums, ask, &none, &b->err));
    expect(b, LSN_STOPPED, "stopped");
    mask_free(ablation);
}

/* An engine that was stopped, or refused, goes on as if nothing had been. */
static void a_stopped_engine_works_again(void **state)
{
    bench *b = *state;
    lsn_ablation *ablation = mask_parse(b->net, "zero convb:1,2 fcb:3");
    const lsn_ablation *list[] = {ablation};
    float right[IMAGES * CLASSES];
    patience p = {0, 4};
    assert_true(run(b, ablation));
    memcpy(right, b->logits, sizeof right);
    assert_false(lsn_engine_run(b->engine,
                                &(lsn_engine_request){.images = b->images,
                                                      .n = IMAGES,
                                                      .ablations = list,
                                                      .n_ablations = 1,
                                                      .baseline = b->baseline,
                                                      .logits = b->logits,
                                                      .stop = ask,
                                                      .context = &p},
                                &b->err));
    assert_true(run(b, ablation));
    assert_memory_equal(b->logits, right, sizeof right);
    mask_free(ablation);
}

/* Predicted or measured: positive, and less the later an ablation begins. */
static void costs_fall_from_layer_to_layer(void **state)
{
    bench *b = *state;
    lsn_ablation *list[] = {mask_parse(b->net, "zero"), mask_parse(b->net, "zero convd:1 fcb:3"),
                            mask_parse(b->net, "zero fca:1"), mask_parse(b->net, "mean fcb:0")};
    for (int measured = 0; measured < 2; measured++) {
        lsn_costs costs;
        assert_true(lsn_costs_predict(b->net, &costs, &b->err));
        lsn_engine *engine = lsn_engine_create(b->net, &(lsn_engine_options){0}, &b->err);
        assert_non_null(engine);
        if (measured == 1)
            lsn_engine_measure(engine, 0.01, &costs);
        lsn_engine_destroy(engine);
        double before = 0;
        for (int i = 3; i >= 0; i--) {
            double cost = lsn_costs_of(&costs, list[i]);
            assert_true(cost > before);
            before = cost;
        }
        lsn_costs_finish(&costs);
    }
    for (int i = 0; i < 4; i++)
        mask_free(list[i]);
}

/* A measurement leaves nothing behind. */
static void measuring_changes_no_result(void **state)
{
    bench *b = *state;
    lsn_costs costs;
    lsn_ablation *ablation = mask_parse(b->net, "zero convb:1");
    float right[sizeof b->logits / sizeof(float)];
    assert_true(run(b, ablation));
    memcpy(right, b->logits, sizeof right);
    assert_true(lsn_costs_predict(b->net, &costs, &b->err));
    lsn_engine_measure(b->engine, 0.01, &costs);
    lsn_costs_finish(&costs);
    assert_true(run(b, ablation));
    assert_memory_equal(b->logits, right, sizeof right);
    mask_free(ablation);
}

static void work_is_what_is_after_the_first_layer(void **state)
{
    bench *b = *state;
    lsn_ablation *nothing = mask_parse(b->net, "zero"), *last = mask_parse(b->net, "mean fcb:0");
    lsn_ablation *middle = mask_parse(b->net, "zero convd:1 fcb:3");
    const double fc = 13 * 11 + 11 * 6; /* convd is seen by fca as 2x2 positions */
    lsn_costs costs;
    assert_true(lsn_costs_predict(b->net, &costs, &b->err));
    assert_true(lsn_costs_madds(&costs, last) == 6);
    assert_true(lsn_costs_madds(&costs, middle) == 4 * 13 + fc);
    assert_true(lsn_costs_madds(&costs, nothing) > 32 * 13 + fc);
    lsn_costs_finish(&costs);
    assert_non_null(strstr(lsn_engine_library(), "OpenBLAS"));
    mask_free(nothing), mask_free(last), mask_free(middle);
}

int main(void)
{
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_BENCH(masks_outside_the_network_are_refused), WITH_BENCH(layers_out_of_order_are_refused),
        WITH_BENCH(the_ablation_at_fault_is_named),        WITH_BENCH(mean_needs_means),
        WITH_BENCH(noise_needs_means_and_deviations),      WITH_BENCH(resample_needs_donors),
        WITH_BENCH(negative_counts_are_refused),           WITH_BENCH(an_image_of_nan_is_named),
        WITH_BENCH(activations_by_class_need_labels),      WITH_BENCH(sums_of_another_network_are_refused),
        WITH_BENCH(weights_that_overflow_are_an_error),    WITH_BENCH(create_refuses),
        WITH_BENCH(too_little_memory_names_the_minimum),   WITH_BENCH(memory_is_not_exceeded),
        WITH_BENCH(donors_take_memory_where_wanted),       WITH_BENCH(stop_stops),
        WITH_BENCH(a_stopped_engine_works_again),          WITH_BENCH(work_is_what_is_after_the_first_layer),
        WITH_BENCH(costs_fall_from_layer_to_layer),        WITH_BENCH(measuring_changes_no_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
