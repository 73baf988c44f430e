/* Every convolution method on every instruction set this processor has, against loops in double, on random layers; and
 * bit for bit against one another, whatever images are stacked and however the work is split. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const method_names[] = {"direct", "F4", "F6", "F7"};
static double worst[LSN_N_CONV_METHODS]; /* error as a share of its bound */

/* A random layer, its images' data and room for results. */
typedef struct trial {
    problem problem;
    int n;
    size_t in_floats, z_floats, out_floats; /* of an image */
    int *rows, *columns;
    float *packed, *bias, *in, *base;
    float *out[2], *pre; /* two results to compare */
    bool has_base, small_out;
} trial;

/* Allocates exactly, so that the address sanitizer sees any access beyond. */
static void *take(size_t bytes)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, LSN_KERNEL_ALIGN, bytes == 0 ? 1 : bytes), 0);
    memset(p, 0xff, bytes); /* NaN */
    return p;
}

static void make_weights(trial *t, uint64_t *seed)
{
    lsn_conv *conv = &t->problem.conv;
    size_t n = (size_t)conv->w_filters * conv->w_channels * 9;
    t->problem.w = take(n * sizeof(float));
    random_floats(seed, t->problem.w, n);
    t->packed = take(lsn_conv_weights_bytes(conv->method, conv->w_channels, conv->w_filters));
    int panels = lsn_conv_panels(conv->w_filters), cut = random_int(seed, panels + 1);
    lsn_conv_pack(conv->method, t->packed, t->problem.w, conv->w_channels, conv->w_filters, cut, panels);
    lsn_conv_pack(conv->method, t->packed, t->problem.w, conv->w_channels, conv->w_filters, 0, cut);
    conv->weights = t->packed;
    t->bias = take(conv->filters * sizeof(float));
    random_floats(seed, t->bias, conv->filters);
    conv->bias = random_int(seed, 4) == 0 ? NULL : t->bias;
}

static void make_images(trial *t, uint64_t *seed)
{
    const lsn_conv *conv = &t->problem.conv;
    t->in_floats = (size_t)conv->height * conv->width * conv->channels;
    t->z_floats = (size_t)conv->height * conv->width * conv->filters;
    t->out_floats = conv->pool ? (size_t)(conv->height / 2) * (conv->width / 2) * conv->filters : t->z_floats;
    t->in = take(t->n * t->in_floats * sizeof(float));
    t->base = take(t->n * t->z_floats * sizeof(float));
    t->pre = take(t->n * t->z_floats * sizeof(float));
    for (int i = 0; i < 2; i++)
        t->out[i] = take(t->n * t->out_floats * sizeof(float));
    random_floats(seed, t->in, t->n * t->in_floats);
    random_floats(seed, t->base, t->n * t->z_floats);
}

static void make_trial(trial *t, lsn_conv_method method, uint64_t *seed)
{
    static const int channels[] = {1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 48, 70, 530};
    static const int filters[] = {1, 3, 7, 8, 15, 16, 17, 20, 31, 32, 33, 48, 65, 100};
    *t = (trial){.n = 1 + random_int(seed, 4)};
    lsn_conv *conv = &t->problem.conv;
    int side = random_int(seed, 3) == 0 ? 2 : 15;
    conv->method = method;
    conv->w_channels = channels[random_int(seed, random_int(seed, 12) == 0 ? 14 : 12)];
    conv->w_filters = filters[random_int(seed, 14)];
    conv->height = 1 + random_int(seed, conv->w_channels > 100 ? 3 : side);
    conv->width = 1 + random_int(seed, conv->w_channels > 100 ? 3 : side);
    conv->channels = conv->w_channels;
    conv->filters = conv->w_filters;
    if (random_int(seed, 3) == 0) {
        conv->channels = 1 + random_int(seed, conv->w_channels);
        t->rows = take(conv->channels * sizeof(int));
        random_list(seed, t->rows, conv->channels, conv->w_channels);
    }
    if (random_int(seed, 3) == 0) {
        conv->filters = 1 + random_int(seed, conv->w_filters);
        t->columns = take(conv->filters * sizeof(int));
        random_list(seed, t->columns, conv->filters, conv->w_filters);
    }
    conv->rows = t->rows;
    conv->columns = t->columns;
    conv->relu = random_int(seed, 3) != 0;
    conv->pool = random_int(seed, 2) == 0;
    conv->subtract = random_int(seed, 2) == 0;
    t->has_base = random_int(seed, 3) == 0;
    make_weights(t, seed);
    make_images(t, seed);
}

static void free_trial(trial *t)
{
    void *all[] = {t->problem.w, t->rows, t->columns, t->packed, t->bias, t->in, t->base, t->out[0], t->out[1], t->pre};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* Runs images `first` to before `end`, blocks in a random split and order, into out (and pre, if not NULL). */
static void run(const trial *t, const lsn_isa *isa, int first, int end, float *out, float *pre, uint64_t *seed)
{
    lsn_conv conv = t->problem.conv;
    conv.isa = isa;
    lsn_conv_image images[64];
    assert_in_range(end - first, 0, 64);
    int n = end - first;
    for (int i = 0; i < n; i++) {
        size_t at = first + i;
        images[i] = (lsn_conv_image){t->in + at * t->in_floats, out == NULL ? NULL : out + at * t->out_floats,
                                     t->has_base ? t->base + at * t->z_floats : NULL,
                                     pre == NULL ? NULL : pre + at * t->z_floats};
    }
    int blocks = lsn_conv_blocks(&conv, n), cut = random_int(seed, blocks + 1);
    void *workspace = take(lsn_conv_workspace_bytes(&conv, n));
    lsn_conv_run(&conv, images, n, cut, blocks, workspace);
    lsn_conv_run(&conv, images, n, 0, cut, workspace);
    free(workspace);
}

static void describe(const trial *t, const char *what)
{
    const lsn_conv *c = &t->problem.conv;
    print_error("%s: %s %dx%dx%d(of %d) -> %d(of %d), images %d, bias %d relu %d pool %d base %d subtract %d\n", what,
                method_names[c->method], c->height, c->width, c->channels, c->w_channels, c->filters, c->w_filters,
                t->n, c->bias != NULL, c->relu, c->pool, t->has_base, c->subtract);
}

/* Compares the pre-activations with the reference. */
static void check_values(const trial *t)
{
    const lsn_conv *conv = &t->problem.conv;
    double *z = calloc(t->z_floats, sizeof *z), *bound = calloc(t->z_floats, sizeof *bound);
    for (int i = 0; i < t->n; i++) {
        lsn_conv_image image = {.in = t->in + i * t->in_floats, .base = t->has_base ? t->base + i * t->z_floats : NULL};
        reference_conv(&t->problem, &image, z, bound);
        for (size_t k = 0; k < t->z_floats; k++) {
            double error = fabs(t->pre[i * t->z_floats + k] - z[k]);
            if (!(error <= bound[k])) {
                describe(t, "wrong");
                fail_msg("image %d, element %zu: %.9g, not %.9g; error %.3g, bound %.3g", i, k,
                         t->pre[i * t->z_floats + k], z[k], error, bound[k]);
            }
            if (bound[k] > 0 && error / bound[k] > worst[conv->method])
                worst[conv->method] = error / bound[k];
        }
    }
    free(z);
    free(bound);
}

/* The activations must be what the pre-activations give, to the bit. */
static void check_finish(const trial *t)
{
    const lsn_conv *conv = &t->problem.conv;
    int step = conv->pool ? 2 : 1, height = conv->height / step, width = conv->width / step, f_end = conv->filters;
    for (int i = 0; i < t->n; i++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                for (int f = 0; f < f_end; f++) {
                    float most = -INFINITY;
                    for (int w = 0; w < step * step; w++) {
                        size_t at = ((size_t)(y * step + w / 2) * conv->width + x * step + w % 2) * f_end + f;
                        float z = t->pre[i * t->z_floats + at];
                        most = fmaxf(most, conv->relu && z < 0 ? 0 : z);
                    }
                    if (t->out[0][i * t->out_floats + ((size_t)y * width + x) * f_end + f] != most) {
                        describe(t, "wrong finish");
                        fail_msg("image %d, pixel (%d, %d), filter %d", i, y, x, f);
                    }
                }
}

static void check_same(const trial *t, const char *what)
{
    if (memcmp(t->out[0], t->out[1], t->n * t->out_floats * sizeof(float)) != 0) {
        describe(t, what);
        fail_msg("results differ in bits");
    }
}

/* The sets of one kind, of which `model` is one. */
static void check_kind(trial *t, const lsn_isa *model, uint64_t *seed)
{
    t->problem.split = !lsn_isa_is_own(model);
    run(t, model, 0, t->n, t->out[0], t->pre, seed);
    check_values(t);
    check_finish(t);
    for (int i = FIRST_ISA; i < N_ISAS; i++) {
        const lsn_isa *isa = lsn_isa_find(isa_names[i]);
        if (isa == NULL || lsn_isa_is_own(isa) != lsn_isa_is_own(model))
            continue;
        size_t bytes = t->n * t->out_floats * sizeof(float);
        memset(t->out[1], 0xff, bytes);
        run(t, isa, 0, t->n, t->out[1], NULL, seed);
        check_same(t, isa_names[i]);
        memset(t->out[1], 0xff, bytes);
        for (int image = t->n - 1; image >= 0; image--)
            run(t, isa, image, image + 1, t->out[1], NULL, seed);
        check_same(t, "one image at a time");
        float *pre = take(t->n * t->z_floats * sizeof(float));
        run(t, isa, 0, t->n, NULL, pre, seed);
        if (memcmp(pre, t->pre, t->n * t->z_floats * sizeof(float)) != 0) {
            describe(t, isa_names[i]);
            fail_msg("pre-activations differ in bits");
        }
        free(pre);
    }
}

static void check_trial(trial *t, uint64_t *seed)
{
    check_kind(t, lsn_isa_find("portable"), seed);
    check_kind(t, lsn_isa_find("openblas"), seed);
}

static void test_random_layers(void **state)
{
    const char *count = getenv("TRIALS");
    int trials = count == NULL ? 60 : atoi(count);
    (void)state;
    uint64_t seed = 1;
    for (int method = 0; method < LSN_N_CONV_METHODS; method++) {
        for (int i = 0; i < trials; i++) {
            trial t;
            make_trial(&t, method, &seed);
            check_trial(&t, &seed);
            free_trial(&t);
        }
        print_message("%s: largest error %.3f of its bound\n", method_names[method], worst[method]);
    }
}

/* Many images, so that there are several blocks and images lie across their borders. */
static void test_many_blocks(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 2 * LSN_N_CONV_METHODS; i++) {
        static const int images[LSN_N_CONV_METHODS] = {9, 11, 21,
                                                       29}; /* the larger the tiles, the fewer an image has */
        trial t = {.n = images[i % LSN_N_CONV_METHODS]};
        t.problem.conv = (lsn_conv){.method = i % LSN_N_CONV_METHODS,
                                    .height = 13,
                                    .width = 11,
                                    .channels = 18,
                                    .filters = 40,
                                    .w_channels = 18,
                                    .w_filters = 40,
                                    .relu = true,
                                    .pool = i / LSN_N_CONV_METHODS % 2 != 0};
        make_weights(&t, &seed);
        make_images(&t, &seed);
        check_trial(&t, &seed);
        free_trial(&t);
    }
}

/* The base may be overwritten by pre. */
static void test_base_in_place(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int method = 0; method < LSN_N_CONV_METHODS; method++) {
        trial t = {.n = 1, .has_base = true};
        t.problem.conv = (lsn_conv){.method = method,
                                    .height = 7,
                                    .width = 9,
                                    .channels = 4,
                                    .filters = 35,
                                    .w_channels = 4,
                                    .w_filters = 35,
                                    .relu = true,
                                    .isa = lsn_isa_choose()};
        make_weights(&t, &seed);
        make_images(&t, &seed);
        run(&t, t.problem.conv.isa, 0, 1, t.out[0], t.pre, &seed);
        run(&t, t.problem.conv.isa, 0, 1, t.out[1], t.base, &seed);
        check_same(&t, "base in place");
        assert_memory_equal(t.base, t.pre, t.z_floats * sizeof(float));
        free_trial(&t);
    }
}

static void test_gather_channels(void **state)
{
    (void)state;
    const float from[6] = {0, 1, 2, 3, 4, 5};
    const int list[2] = {2, 0};
    float to[4];
    lsn_gather_channels(to, from, 2, 3, list, 2);
    const float expected[4] = {2, 0, 5, 3};
    assert_memory_equal(to, expected, sizeof to);
}

static void test_choice(void **state)
{
    (void)state;
    assert_null(lsn_isa_find("mmx"));
    assert_non_null(lsn_isa_find("portable"));
    const char *forced = getenv("LESION_ISA");
    const lsn_isa *isa = lsn_isa_choose();
    if (forced != NULL && *forced != '\0' && lsn_isa_find(forced) == NULL)
        assert_null(isa);
    else
        assert_non_null(isa);
    if (forced != NULL && isa != NULL)
        assert_string_equal(lsn_isa_name(isa), forced);
}

/* A workspace for many images is enough for fewer. */
static void workspace_grows_with_the_images(void **state)
{
    (void)state;
    for (int method = 0; method < LSN_N_CONV_METHODS; method++)
        for (int channels = 1; channels <= 512; channels = channels * 3 / 2 + 1) {
            lsn_conv conv = {.method = (lsn_conv_method)method,
                             .isa = lsn_isa_choose(),
                             .height = 14,
                             .width = 10,
                             .channels = channels,
                             .filters = 96,
                             .w_channels = channels,
                             .w_filters = 96};
            size_t before = 0;
            for (int n = 1; n <= 300; n++) {
                size_t bytes = lsn_conv_workspace_bytes(&conv, n);
                assert_true(bytes >= before);
                before = bytes;
            }
        }
}

int main(void)
{
    if (openblas_is_out_of_place())
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workspace_grows_with_the_images),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_gather_channels),
        cmocka_unit_test(test_base_in_place),
        cmocka_unit_test(test_many_blocks),
        cmocka_unit_test(test_random_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
