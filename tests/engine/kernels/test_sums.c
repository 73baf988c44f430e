/* Sums in double precision on every instruction set: their definition in plain loops, to the bit. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PIXELS = 40, MOST_CHANNELS = 70, MOST_FLOATS = 500 };

static const char *const names[] = {"portable", "avx2", "avx512"};
enum { NAMES = sizeof names / sizeof *names };

/* Arrays end where memory does, for the sanitizer to see what is read or written beyond. */
static void *take(size_t count, size_t size)
{
    void *p = calloc(count == 0 ? 1 : count, size);
    assert_non_null(p);
    return p;
}

/* ReLU, so that there are zeros, of both signs. */
static float *random_map(uint64_t *seed, size_t n)
{
    float *map = take(n, sizeof *map);
    random_floats(seed, map, n);
    for (size_t i = 0; i < n; i++)
        map[i] *= map[i] < 0 ? 0.0f : 3.0f;
    return map;
}

static void check_channels(const lsn_isa *isa, const float *map, size_t pixels, int channels)
{
    double *sum = take((size_t)channels, sizeof *sum), *square = take((size_t)channels, sizeof *square);
    int32_t *zeros = take((size_t)channels, sizeof *zeros);
    lsn_channel_sums(isa, map, pixels, channels, sum, square, zeros);
    for (int c = 0; c < channels; c++) {
        double right_sum = 0, right_square = 0;
        int right_zeros = 0;
        for (size_t p = 0; p < pixels; p++) {
            const double x = (double)map[p * (size_t)channels + (size_t)c];
            right_sum += x;
            right_square += x * x;
            right_zeros += x == 0;
        }
        assert_true(sum[c] == right_sum && square[c] == right_square && zeros[c] == right_zeros);
    }
    free(sum), free(square), free(zeros);
}

static void channel_sums_are_loops(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 100; i++) {
        const size_t pixels = (size_t)random_int(&seed, MOST_PIXELS);
        const int channels = 1 + random_int(&seed, MOST_CHANNELS);
        float *map = random_map(&seed, pixels * (size_t)channels);
        for (int k = 0; k < NAMES; k++)
            if (lsn_isa_find(names[k]) != NULL)
                check_channels(lsn_isa_find(names[k]), map, pixels, channels);
        free(map);
    }
}

/* As the header says, b NULL or not. */
static double plain_distance(const float *a, const float *b, size_t n)
{
    double lanes[32] = {0};
    for (size_t i = 0; i < n; i++) {
        const float x = b == NULL ? a[i] : a[i] - b[i];
        lanes[i % 32] += (double)x * (double)x;
    }
    for (int k = 16; k > 0; k /= 2)
        for (int j = 0; j < k; j++)
            lanes[j] += lanes[j + k];
    return lanes[0];
}

static void distances_are_loops(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 100; i++) {
        const size_t n = i < 70 ? (size_t)i : (size_t)random_int(&seed, MOST_FLOATS);
        float *a = random_map(&seed, n), *b = random_map(&seed, n);
        for (int k = 0; k < NAMES; k++) {
            const lsn_isa *isa = lsn_isa_find(names[k]);
            if (isa == NULL)
                continue;
            assert_true(lsn_distance(isa, a, b, n) == plain_distance(a, b, n));
            assert_true(lsn_distance(isa, a, NULL, n) == plain_distance(a, NULL, n));
            assert_true(lsn_distance(isa, a, a, n) == 0);
        }
        free(a), free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(channel_sums_are_loops), cmocka_unit_test(distances_are_loops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
