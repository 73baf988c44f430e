/* Drift against its definition on a from-scratch forward pass, and the same to the bit whatever it is found with. */
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

enum { IMAGES = 11, SEEN_IMAGES = 2, MOST_MASKS = 24, MOST_LAYERS = 16, MOST_CLASSES = 10 };

/* The last map is not pooled, and averaged from 5x4 to overlapping cells. */
static const network_plan average_plan = {.h = 11,
                                          .w = 9,
                                          .channels = 3,
                                          .grid = 3,
                                          .conv = {5, 17, 9, 8},
                                          .pool = {false, true, false, false},
                                          .fc = {13, 11, 6}};

/* Maps so large that the engine does not roll all images together. */
static const network_plan large_plan = {
    .h = 64, .w = 64, .channels = 1, .grid = 1, .conv = {10, 4}, .pool = {false, true}, .fc = {9, 6}};

/* A network, the masks that are tried on it. */
typedef struct trial {
    const network_plan *plan;
    const char *masks[MOST_MASKS];
} trial;

static const trial trials[] = {
    {&small_plan,
     {"zero",
      "zero conva:0",
      "mean conva:4",
      "zero convb:0..5",
      "zero convc:0..8",
      "mean convd:0,3,7",
      "zero convd:2",
      "zero fca:0..10",
      "mean fca:12",
      "mean fcb:1,2,10",
      "zero fcb:0..10",
      "zero conva:1 convb:2,3 convc:0 convd:5 fca:1..11 fcb:3",
      "mean conva:1 convc:0..8 fcb:3",
      "zero convb:1 convc:0..8",
      "zero convd:1 fcb:0..5",
      "noise=1 convb:3,4",
      "noise convd:1 fcb:2",
      "resample=2 conva:0..4",
      "resample=2 convb:1 convd:2 fca:0..9",
      "resample=2 fcb:4"}},
    {&average_plan,
     {"zero conva:1,2", "zero convd:7", "zero convd:0..5", "mean convd:1,3", "zero convc:1 convd:0,5",
      "mean convb:1..3 convd:2", "zero convd:1..5 fca:0..8", "zero convb:16 convd:0..7", "mean fcb:0",
      "noise=4 convd:1,5", "noise convc:2 convd:0", "resample convd:0..3", "resample conva:0 convd:4,5"}},
    {&deep_plan,
     {"zero conva:0..3", "mean convb:2 convf:0..6 convk:1..3", "zero convj:0..12", "zero conve:0..7 fca:0..11",
      "zero convk:4"}},
    {&large_plan, {"zero conva:1", "mean conva:0,2 fca:1", "zero convb:1", "zero fca:2..8"}},
    {&chain_plan,
     {"zero fca:0", "mean fca:1..16", "zero fcb:2..12", "zero fca:0,3 fcc:1", "mean fcb:0 fcc:0..10", "noise fca:3",
      "resample fcb:1..7 fcc:2"}},
};

/* ---- the definition ------------------------------------------------------------------------------------------ */

/* Of two passes' values, as the layer behind sees them. */
static double drift_of(const lsn_net *net, double *const *intact, double *const *ablated, int l)
{
    const int seen = net->layers[l].seen;
    const lsn_net_shape *shape = &net->nodes[seen].shape;
    const size_t count = (size_t)shape->h * shape->w * shape->channels;
    double distance = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        const double a = intact[seen][i], d = ablated[seen][i] - a;
        norm += a * a;
        distance += d * d;
    }
    return norm > 0 ? sqrt(distance / norm) : distance > 0;
}

/* ---- what the engine finds ----------------------------------------------------------------------------------- */

typedef struct bench {
    lsn_net *net;
    float *images, *donors, *means, *deviations;
    int32_t ids[IMAGES];
    lsn_ablation *ablations[MOST_MASKS];
    int n_ablations;
} bench;

static bench make_bench(const trial *t)
{
    bench b = {.net = network_build(t->plan, 5)};
    b.images = random_images(b.net, IMAGES, 6);
    b.donors = random_images(b.net, IMAGES, 8);
    b.means = random_floats(7, lsn_net_filters(b.net) + 1, 1.0f);
    b.deviations = random_floats(9, lsn_net_filters(b.net) + 1, 1.0f);
    for (int f = 0; f < lsn_net_filters(b.net); f++)
        b.deviations[f] = fabsf(b.deviations[f]);
    for (int i = 0; i < IMAGES; i++)
        b.ids[i] = 100 - 3 * i;
    for (; b.n_ablations < MOST_MASKS && t->masks[b.n_ablations] != NULL; b.n_ablations++) {
        b.ablations[b.n_ablations] = mask_parse(b.net, t->masks[b.n_ablations]);
        assert_non_null(b.ablations[b.n_ablations]);
    }
    return b;
}

static void free_bench(bench *b)
{
    for (int a = 0; a < b->n_ablations; a++)
        mask_free(b->ablations[a]);
    free(b->images), free(b->donors), free(b->means), free(b->deviations);
    network_free(b->net);
}

static lsn_engine *make_engine(const bench *b, size_t memory_bytes, int threads, bool drift)
{
    lsn_error err = {0};
    const lsn_engine_options options = {
        .memory_bytes = memory_bytes, .threads = threads, .resample = true, .drift = drift};
    lsn_engine *engine = lsn_engine_create(b->net, &options, &err);
    if (engine == NULL)
        fail_msg("%s", err.text);
    assert_true(lsn_engine_set_means(engine, b->means, &err));
    assert_true(lsn_engine_set_deviations(engine, b->deviations, &err));
    return engine;
}

/* Results of ablations first .. first+count-1 on images begin .. begin+n-1. */
typedef struct results {
    float baseline[IMAGES * MOST_CLASSES], logits[MOST_MASKS * IMAGES * MOST_CLASSES];
    double drift[MOST_MASKS * MOST_LAYERS * IMAGES];
} results;

static void run(const bench *b, lsn_engine *engine, int first, int count, int begin, int n, bool drift, results *to)
{
    lsn_error err = {0};
    for (size_t i = 0; i < sizeof to->drift / sizeof *to->drift; i++)
        to->drift[i] = 42;
    if (!lsn_engine_run(engine,
                        &(lsn_engine_request){.images = b->images + begin * image_floats(b->net),
                                              .n = n,
                                              .ids = b->ids + begin,
                                              .donors = b->donors + begin * image_floats(b->net),
                                              .ablations = (const lsn_ablation *const *)b->ablations + first,
                                              .n_ablations = count,
                                              .baseline = to->baseline,
                                              .logits = to->logits,
                                              .drift = drift ? to->drift : NULL},
                        &err))
        fail_msg("%s", err.text);
}

/* ---- tests --------------------------------------------------------------------------------------------------- */

static void compare(const bench *b, const trial *t, int image, const double *drift)
{
    const double tolerance = 1e-4;
    const float *x = b->images + image * image_floats(b->net);
    const int layers = b->net->n_layers;
    const naive_substitutes substitutes = {.means = b->means,
                                           .deviations = b->deviations,
                                           .donor = b->donors + image * image_floats(b->net),
                                           .id = b->ids[image]};
    double **intact = naive_values(b->net, x, NULL, NULL);
    for (int a = 0; a < b->n_ablations; a++) {
        double **ablated = naive_values(b->net, x, b->ablations[a], &substitutes);
        const lsn_mask *mask = &b->ablations[a]->mask;
        const int first = mask->count == 0 ? layers : mask->parts[0].layer;
        for (int l = 0; l < layers; l++) {
            const double found = drift[((size_t)a * layers + l) * IMAGES + image];
            const double right = drift_of(b->net, intact, ablated, l);
            if (l < first ? found != 0 : !(fabs(found - right) <= tolerance * (1 + right)))
                fail_msg("%s: layer %d, image %d: %.9g instead of %.9g", t->masks[a], l, image, found, right);
        }
        naive_forget(b->net, ablated);
    }
    naive_forget(b->net, intact);
}

static void drift_is_its_definition(void **state)
{
    results *r = lsn_array(1, sizeof *r, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        const trial *t = &trials[i];
        bench b = make_bench(t);
        lsn_engine *engine = make_engine(&b, 0, 0, true);
        run(&b, engine, 0, b.n_ablations, 0, IMAGES, true, r);
        for (int image = 0; image < SEEN_IMAGES; image++)
            compare(&b, t, image * (IMAGES - 1), r->drift);
        lsn_engine_destroy(engine);
        free_bench(&b);
    }
    free(r);
}

static void logits_are_the_same_with_it(void **state)
{
    results *with = lsn_array(1, sizeof *with, NULL), *without = lsn_array(1, sizeof *without, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        const trial *t = &trials[i];
        bench b = make_bench(t);
        lsn_engine *engine = make_engine(&b, 0, 0, true), *plain = make_engine(&b, 0, 0, false);
        run(&b, plain, 0, b.n_ablations, 0, IMAGES, false, without);
        for (int drift = 0; drift < 2; drift++) {
            run(&b, engine, 0, b.n_ablations, 0, IMAGES, drift == 1, with);
            assert_memory_equal(with->baseline, without->baseline, sizeof with->baseline);
            assert_memory_equal(with->logits, without->logits, sizeof with->logits);
        }
        lsn_engine_destroy(engine), lsn_engine_destroy(plain);
        free_bench(&b);
    }
    free(with), free(without);
}

/* Ablations first .. and images begin .. of `part` are those of `whole`, to the bit. */
static void expect_same(const bench *b, const results *whole, const results *part, int first, int count, int begin,
                        int n)
{
    for (int row = 0; row < count * b->net->n_layers; row++)
        assert_memory_equal(part->drift + row * n, whole->drift + (first * b->net->n_layers + row) * IMAGES + begin,
                            n * sizeof(double));
}

/* The least memory that an engine can be made with. */
static size_t least_memory(const bench *b, bool drift)
{
    lsn_error err = {0};
    const lsn_engine_options options = {.memory_bytes = 1, .resample = true, .drift = drift};
    assert_null(lsn_engine_create(b->net, &options, &err));
    assert_non_null(strstr(err.text, "give "));
    return strtoul(strstr(err.text, "give ") + 5, NULL, 10);
}

static void check_bits(bench *b, results *whole, results *part)
{
    lsn_engine *engine = make_engine(b, 0, 0, true);
    run(b, engine, 0, b->n_ablations, 0, IMAGES, true, whole);
    for (int a = 0; a < b->n_ablations; a++) { /* alone, an image at a time */
        const int image = a % IMAGES;
        run(b, engine, a, 1, image, 1, true, part);
        expect_same(b, whole, part, a, 1, image, 1);
    }
    run(b, engine, 1, b->n_ablations - 1, 3, 5, true, part);
    expect_same(b, whole, part, 1, b->n_ablations - 1, 3, 5);
    lsn_engine_destroy(engine);
    const size_t least = least_memory(b, true);
    assert_true(least > least_memory(b, false));
    for (int i = 0; i < 3; i++) { /* sub-blocks of other sizes; and threads */
        engine = make_engine(b, least + least * i * i / 2, i == 2 ? 3 : 0, true);
        run(b, engine, 0, b->n_ablations, 0, IMAGES, true, part);
        expect_same(b, whole, part, 0, b->n_ablations, 0, IMAGES);
        lsn_engine_destroy(engine);
    }
}

static void any_block_gives_the_same_bits(void **state)
{
    results *whole = lsn_array(1, sizeof *whole, NULL), *part = lsn_array(1, sizeof *part, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        const trial *t = &trials[i];
        bench b = make_bench(t);
        check_bits(&b, whole, part);
        free_bench(&b);
    }
    free(whole), free(part);
}

/* Filter 2 of the second layer never fires, the third layer is silent. */
static void what_changes_nothing_is_zero(void **state)
{
    (void)state;
    static const trial silent = {&small_plan, {"zero convb:2", "mean convb:2", "zero convc:1,3", "mean convc:0..8"}};
    bench b = make_bench(&silent);
    const int layers = b.net->n_layers;
    memset(network_weights(b.net, 1) + 2 * 5 * 9, 0, 5 * 9 * sizeof(float));
    network_bias(b.net, 1)[2] = -1;
    memset(network_weights(b.net, 2), 0, 9 * 7 * 9 * sizeof(float));
    for (int f = 0; f < 9; f++)
        network_bias(b.net, 2)[f] = -1;
    b.means[5 + 7] = 0.5f;
    results *r = lsn_array(1, sizeof *r, NULL);
    lsn_engine *engine = make_engine(&b, 0, 0, true);
    run(&b, engine, 0, b.n_ablations, 0, IMAGES, true, r);
    for (int a = 0; a < b.n_ablations; a++)
        for (int l = 0; l < layers; l++)
            for (int i = 0; i < IMAGES; i++) {
                const double drift = r->drift[(a * layers + l) * IMAGES + i];
                if (a == 0 || a == 2 || l == 0 || (a == 1 && l > 1) || (a == 3 && l < 2))
                    assert_true(drift == 0);
                else if (a == 3 && l == 2)
                    assert_true(drift == 1); /* from nothing */
                else
                    assert_true(drift > 0);
            }
    lsn_engine_destroy(engine);
    free(r);
    free_bench(&b);
}

static void a_layer_that_is_gone_is_one(void **state)
{
    (void)state;
    static const trial gone = {&average_plan, {"zero conva:0..4", "zero convd:0..7", "zero fcb:0..10"}};
    bench b = make_bench(&gone);
    static const int layers[] = {0, 3, 5};
    results *r = lsn_array(1, sizeof *r, NULL);
    lsn_engine *engine = make_engine(&b, 0, 0, true);
    run(&b, engine, 0, b.n_ablations, 0, IMAGES, true, r);
    for (int a = 0; a < 3; a++)
        for (int i = 0; i < IMAGES; i++)
            assert_true(r->drift[(a * b.net->n_layers + layers[a]) * IMAGES + i] == 1);
    lsn_engine_destroy(engine);
    free(r);
    free_bench(&b);
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

static bool run_patiently(const bench *b, lsn_engine *engine, patience *p, results *to, lsn_error *err)
{
    return lsn_engine_run(engine,
                          &(lsn_engine_request){.images = b->images,
                                                .n = IMAGES,
                                                .ids = b->ids,
                                                .donors = b->donors,
                                                .ablations = (const lsn_ablation *const *)b->ablations,
                                                .n_ablations = b->n_ablations,
                                                .baseline = to->baseline,
                                                .logits = to->logits,
                                                .drift = to->drift,
                                                .stop = ask,
                                                .context = p},
                          err);
}

static void it_can_be_stopped(void **state)
{
    (void)state;
    bench b = make_bench(&trials[0]);
    results *right = lsn_array(1, sizeof *right, NULL), *r = lsn_array(1, sizeof *r, NULL);
    lsn_engine *engine = make_engine(&b, 0, 0, true);
    lsn_error err = {0};
    patience endless = {0, 1 << 30};
    assert_true(run_patiently(&b, engine, &endless, right, &err));
    for (int after = 0; after < endless.asked; after += 5) {
        patience p = {0, after};
        assert_false(run_patiently(&b, engine, &p, r, &err));
        assert_int_equal(err.code, LSN_STOPPED);
        assert_int_equal(p.asked, after + 1);
        run(&b, engine, 0, b.n_ablations, 0, IMAGES, true, r);
        expect_same(&b, right, r, 0, b.n_ablations, 0, IMAGES);
    }
    lsn_engine_destroy(engine);
    free(right), free(r);
    free_bench(&b);
}

static void an_engine_made_without_it_refuses(void **state)
{
    (void)state;
    bench b = make_bench(&trials[0]);
    lsn_error err = {0};
    results *r = lsn_array(1, sizeof *r, NULL);
    lsn_engine *engine = make_engine(&b, 0, 0, false);
    lsn_engine_request request = {.images = b.images, .n = 1, .baseline = r->baseline, .drift = r->drift};
    assert_false(lsn_engine_run(engine, &request, &err));
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, "drift"));
    lsn_engine_destroy(engine);
    free(r);
    free_bench(&b);
}

int main(void)
{
    if (isa_is_lacking())
        return ISA_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drift_is_its_definition),           cmocka_unit_test(logits_are_the_same_with_it),
        cmocka_unit_test(any_block_gives_the_same_bits),     cmocka_unit_test(what_changes_nothing_is_zero),
        cmocka_unit_test(a_layer_that_is_gone_is_one),       cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(an_engine_made_without_it_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
