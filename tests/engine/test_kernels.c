/* Every method's kernels against sums in double precision, and against themselves in other batches. */
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

#include "engine/engine_internal.h"
#include "network.h"

/* A convolution with everything it needs. */
typedef struct conv_case {
    engine_conv_shape shape;
    int n;
    float *x, *weights, *packed, *bias, *y, *workspace;
} conv_case;

static conv_case make_conv(const engine_kernels *kernels, engine_conv_shape s, int n, uint64_t seed)
{
    size_t in = (size_t)s.h * s.w * s.channels;
    conv_case c = {.shape = s, .n = n};
    c.x = random_floats(seed, n * in, 1.0f);
    c.weights = random_floats(seed + 1, 9 * (size_t)s.channels * s.filters, 0.5f);
    c.bias = random_floats(seed + 2, s.filters, 0.5f);
    c.packed = lsn_array(9 * (size_t)s.channels * s.filters, sizeof(float), NULL);
    c.y = lsn_array(n * engine_conv_outputs(&s), sizeof(float), NULL);
    c.workspace = random_floats(seed + 3, kernels->conv_floats(&s), 1e6f); /* what an earlier layer left there */
    engine_pack_conv(c.weights, s.filters, s.channels, c.packed);
    return c;
}

static void free_conv(conv_case *c)
{
    free(c->x);
    free(c->weights);
    free(c->packed);
    free(c->bias);
    free(c->y);
    free(c->workspace);
}

static void check(double value, bounded right)
{
    double wrong = fabs(value - right.value);
    if (!(wrong <= right.bound + 1e-30))
        fail_msg("%.9g instead of %.9g, wrong by %.3g, the bound is %.3g", value, right.value, wrong, right.bound);
}

/* The value that ReLU, and pooling, make of z[H][W][F] at output (i, j, f). */
static bounded expected_at(const bounded *z, const engine_conv_shape *s, int i, int j, int f)
{
    bounded most = {0, 0};
    int side = s->pool ? 2 : 1;
    for (int k = 0; k < side * side; k++) {
        bounded at = z[((size_t)(side * i + k / side) * s->w + side * j + k % side) * s->filters + f];
        most.value = fmax(most.value, at.value);
        most.bound = fmax(most.bound, at.bound);
    }
    return most;
}

static void check_conv(const conv_case *c)
{
    const engine_conv_shape *s = &c->shape;
    size_t in = (size_t)s->h * s->w * s->channels;
    double *x = lsn_array(in, sizeof *x, NULL);
    bounded *z = lsn_array((size_t)s->h * s->w * s->filters, sizeof *z, NULL);
    const float *y = c->y;
    for (int image = 0; image < c->n; image++) {
        for (size_t i = 0; i < in; i++)
            x[i] = c->x[image * in + i];
        naive_conv(x, s->h, s->w, s->channels, s->filters, c->weights, c->bias, z);
        for (int i = 0; i < (s->pool ? s->h / 2 : s->h); i++)
            for (int j = 0; j < (s->pool ? s->w / 2 : s->w); j++)
                for (int f = 0; f < s->filters; f++)
                    check(*y++, expected_at(z, s, i, j, f));
    }
    free(x);
    free(z);
}

static const engine_conv_shape odd_shapes[] = {
    {1, 1, 1, 1, false},   {1, 1, 9, 5, false},  {2, 2, 3, 4, true},   {1, 7, 5, 3, false},  {7, 1, 5, 3, false},
    {3, 3, 1, 8, true},    {5, 4, 7, 9, true},   {8, 8, 16, 16, true}, {9, 8, 3, 17, true},  {16, 16, 8, 8, false},
    {17, 33, 5, 7, true},  {2, 65, 3, 3, true},  {33, 2, 3, 3, true},  {3, 70, 4, 2, false}, {2, 2, 64, 33, false},
    {4, 4, 31, 12, false}, {15, 5, 13, 1, true},
};

static void conv_is_the_sum(const engine_kernels *kernels)
{
    static const int counts[] = {1, 2, 5, 19};
    for (size_t i = 0; i < sizeof odd_shapes / sizeof *odd_shapes; i++) {
        conv_case c = make_conv(kernels, odd_shapes[i], counts[i % 4], 10 * i);
        kernels->conv(c.x, c.n, &c.shape, c.packed, c.bias, c.y, c.workspace);
        check_conv(&c);
        free_conv(&c);
    }
}

static void conv_of_random_shapes_is_the_sum(const engine_kernels *kernels)
{
    lsn_random random;
    lsn_random_init(&random, 5, 0);
    for (int i = 0; i < 25; i++) {
        engine_conv_shape s = {.h = 2 + (int)lsn_random_below(&random, 18),
                               .w = 2 + (int)lsn_random_below(&random, 18)};
        s.channels = 1 + (int)lsn_random_below(&random, 20);
        s.filters = 1 + (int)lsn_random_below(&random, 20);
        s.pool = lsn_random_below(&random, 2) == 1;
        conv_case c = make_conv(kernels, s, 1 + (int)lsn_random_below(&random, 4), 1000 + 10 * i);
        kernels->conv(c.x, c.n, &c.shape, c.packed, c.bias, c.y, c.workspace);
        check_conv(&c);
        free_conv(&c);
    }
}

static void fc_is_the_sum(const engine_kernels *kernels)
{
    static const engine_fc_shape shapes[] = {{1, 1, false},    {3, 10, true},   {127, 33, true},
                                             {128, 16, false}, {1000, 7, true}, {9, 100, false}};
    for (size_t i = 0; i < 6; i++) {
        engine_fc_shape s = shapes[i];
        int n = (int)(7 * i) + 1;
        float *x = random_floats(i, (size_t)n * s.channels, 1.0f), *bias = random_floats(i + 50, s.filters, 1.0f);
        float *weights = random_floats(i + 100, (size_t)s.channels * s.filters, 1.0f);
        float *workspace = lsn_array(kernels->fc_floats(&s), sizeof(float), NULL);
        float *y = lsn_array((size_t)n * s.filters, sizeof(float), NULL);
        double *in = lsn_array(s.channels, sizeof *in, NULL);
        bounded *out = lsn_array(s.filters, sizeof *out, NULL);
        kernels->fc(x, n, &s, weights, bias, y, workspace);
        for (int image = 0; image < n; image++) {
            for (int c = 0; c < s.channels; c++)
                in[c] = x[image * s.channels + c];
            naive_fc(in, s.channels, s.filters, weights, bias, out);
            for (int f = 0; f < s.filters; f++) {
                out[f].value = s.relu ? fmax(out[f].value, 0) : out[f].value;
                check(y[image * s.filters + f], out[f]);
            }
        }
        free(x), free(bias), free(weights), free(workspace), free(y), free(in), free(out);
    }
}

/* One image, put at every place of a batch among others, alone, and between images of infinities. */
static void conv_bits_do_not_depend_on_the_batch(const engine_kernels *kernels)
{
    enum { N = 37 };
    for (size_t i = 0; i < sizeof odd_shapes / sizeof *odd_shapes; i++) {
        conv_case c = make_conv(kernels, odd_shapes[i], N, 10 * i);
        size_t in = (size_t)c.shape.h * c.shape.w * c.shape.channels, out = engine_conv_outputs(&c.shape);
        float *alone = lsn_array(out, sizeof *alone, NULL);
        kernels->conv(c.x, 1, &c.shape, c.packed, c.bias, alone, c.workspace);
        for (int place = 1; place < N; place++)
            memcpy(c.x + place * in, c.x, sizeof(float) * in);
        for (int n = 1; n <= N; n += 6) {
            kernels->conv(c.x, n, &c.shape, c.packed, c.bias, c.y, c.workspace);
            for (int place = 0; place < n; place++)
                assert_memory_equal(c.y + place * out, alone, sizeof(float) * out);
        }
        for (size_t k = 0; k < N * in; k++)
            c.x[k] = k / in == 3 ? c.x[k] : INFINITY;
        kernels->conv(c.x, N, &c.shape, c.packed, c.bias, c.y, c.workspace);
        assert_memory_equal(c.y + 3 * out, alone, sizeof(float) * out);
        free(alone);
        free_conv(&c);
    }
}

static void fc_bits_do_not_depend_on_the_batch(const engine_kernels *kernels)
{
    enum { N = 37, C = 211, F = 45 };
    engine_fc_shape s = {C, F, true};
    float *x = random_floats(1, N * C, 1.0f), *weights = random_floats(2, C * F, 1.0f),
          *bias = random_floats(3, F, 1.0f);
    float *workspace = lsn_array(kernels->fc_floats(&s), sizeof(float), NULL);
    float *y = lsn_array(N * F, sizeof(float), NULL), alone[F];
    kernels->fc(x, 1, &s, weights, bias, alone, workspace);
    for (int place = 1; place < N; place++)
        memcpy(x + place * C, x, sizeof(float) * C);
    for (int n = 1; n <= N; n++) {
        kernels->fc(x, n, &s, weights, bias, y, workspace);
        for (int place = 0; place < n; place++)
            assert_memory_equal(y + place * F, alone, sizeof alone);
    }
    free(x), free(weights), free(bias), free(workspace), free(y);
}

static void test_conv(void **state)
{
    conv_is_the_sum(*state);
}

static void test_conv_random(void **state)
{
    conv_of_random_shapes_is_the_sum(*state);
}

static void test_fc(void **state)
{
    fc_is_the_sum(*state);
}

static void test_conv_bits(void **state)
{
    conv_bits_do_not_depend_on_the_batch(*state);
}

static void test_fc_bits(void **state)
{
    fc_bits_do_not_depend_on_the_batch(*state);
}

static void test_method_names(void **state)
{
    (void)state;
    assert_int_equal(lsn_method_find("reference"), LSN_METHOD_REFERENCE);
    assert_int_equal(lsn_method_find("blas"), LSN_METHOD_BLAS);
    assert_int_equal(lsn_method_find("BLAS"), LSN_N_METHODS);
    assert_int_equal(lsn_method_find(""), LSN_N_METHODS);
    for (int i = 0; i < LSN_N_METHODS; i++)
        assert_int_equal(lsn_method_find(lsn_method_name((lsn_method)i)), i);
}

#define FOR_BOTH(test)                                                                      \
    {#test " (reference)", test, NULL, NULL, (void *)(uintptr_t)&engine_reference_kernels}, \
    {                                                                                       \
#test " (blas)", test, NULL, NULL, (void *)(uintptr_t)&engine_blas_kernels          \
    }

/* OPENBLAS_CORETYPE makes OpenBLAS use another processor's kernels, which this one may not be able to run. */
static bool can_run_forced_kernels(void)
{
    const char *core = getenv("OPENBLAS_CORETYPE");
    if (core == NULL || strcmp(core, "Haswell") != 0)
        return true;
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

int main(void)
{
    if (!can_run_forced_kernels()) {
        printf("skipped: this processor does not run OpenBLAS's kernels for Haswell\n");
        return 77;
    }
    engine_blas_kernels.prepare();
    const struct CMUnitTest tests[] = {
        FOR_BOTH(test_conv),      FOR_BOTH(test_conv_random), FOR_BOTH(test_fc),
        FOR_BOTH(test_conv_bits), FOR_BOTH(test_fc_bits),     cmocka_unit_test(test_method_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
