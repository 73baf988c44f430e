/* The numbers of LSN_NOISE: their bits, their distribution, and what they depend on. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_internal.h"
#include "network.h"

/* ---- words --------------------------------------------------------------------------------------------------- */

/* The known answers that the generator's authors publish with it (Random123, kat_vectors). */
static void philox_gives_the_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint64_t key;
        uint32_t counter[4], words[4];
    } known[] = {
        {0, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX,
         {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t words[4][ENGINE_LANES] = {{0}};
        for (int k = 0; k < 4; k++)
            words[k][i] = known[i].counter[k];
        engine_philox(known[i].key, words, i + 1);
        for (int k = 0; k < 4; k++)
            assert_int_equal(words[k][i], known[i].words[k]);
    }
}

/* ---- quantiles ----------------------------------------------------------------------------------------------- */

static double quantile(uint32_t word)
{
    double z;
    engine_quantiles(&word, 1, &z);
    return z;
}

/* The z <= 0 where the distribution function, erfc(-z / sqrt 2) / 2, is p <= 1/2: by bisection. */
static double bisect(double p)
{
    long double low = -7, high = 0;
    for (int i = 0; i < 80; i++) {
        const long double z = (low + high) / 2;
        if (0.5L * erfcl(-z / sqrtl(2)) < p)
            low = z;
        else
            high = z;
    }
    return (double)low;
}

static void check_quantile(uint32_t word)
{
    const double right = bisect(((double)word + 0.5) * 0x1p-32), z = quantile(word);
    if (!(fabs(z - right) <= 2e-15 * fabs(right) + 1e-18))
        fail_msg("%08x: %.17g instead of %.17g", word, z, right);
    assert_true(quantile(~word) == -z);
}

/* Measured over 100,000 words: 7.5e-16. */
static void quantiles_are_accurate(void **state)
{
    (void)state;
    for (uint32_t word = 0; word < 100; word++)
        check_quantile(word);
    for (uint32_t word = 100; word < 0x70000000u; word += word / 41)
        check_quantile(word);
    const uint32_t seam = 0x13333333u; /* 0.075, where one formula ends and the other begins */
    for (uint32_t word = seam - 20; word < seam + 20; word++)
        check_quantile(word);
    for (uint32_t word = 0x7FFFFFFFu; word > 0x7FFFFFFFu - 20; word--)
        check_quantile(word);
    assert_true(quantile(0) > -6.34 && quantile(0) < -6.33);
}

static void quantiles_rise(void **state)
{
    (void)state;
    lsn_random random;
    lsn_random_init(&random, 5, 0);
    for (int i = 0; i < 100000; i++) {
        const uint32_t word = (uint32_t)lsn_random_below(&random, UINT32_MAX);
        assert_true(quantile(word) < quantile(word + 1));
    }
    for (uint32_t word = 0; word < 1000; word++)
        assert_true(quantile(word) < quantile(word + 1));
    for (uint32_t word = 0x13333333u - 1000; word < 0x13333333u + 1000; word++)
        assert_true(quantile(word) < quantile(word + 1));
}

/* A whole map. */
static void draw_map(const engine_noise *noise, int h, int w, bool pool, float *to, size_t stride)
{
    for (int row = 0; row < engine_noise_rows(h, pool); row++)
        engine_draw_noise(noise, h, w, pool, row, to, stride);
}

/* ---- the distribution ---------------------------------------------------------------------------------------- */

enum { SIDE = 448, N = SIDE * SIDE };

static float drawn[N];

static void draw(uint64_t seed, uint32_t image, uint32_t layer, uint32_t filter, float *to)
{
    const engine_noise noise = {seed, image, layer, filter, 0.0f, 1.0f};
    draw_map(&noise, SIDE, SIDE, false, to, 1);
}

/* Each moment's estimate is within four of its standard errors of what it should be: E z^k and var z^k of the standard
 * normal are 0, 1, 0, 3 and 1, 2, 15, 96. */
static void moments_are_the_normals(void **state)
{
    (void)state;
    static const double right[] = {0, 1, 0, 3}, variance[] = {1, 2, 15, 96};
    double sums[4] = {0};
    draw(1, 2, 3, 4, drawn);
    for (int i = 0; i < N; i++) {
        const double z = (double)drawn[i];
        sums[0] += z;
        sums[1] += z * z;
        sums[2] += z * z * z;
        sums[3] += z * z * z * z;
    }
    for (int k = 0; k < 4; k++)
        if (!(fabs(sums[k] / N - right[k]) <= 4 * sqrt(variance[k] / N)))
            fail_msg("moment %d: %g instead of %g", k + 1, sums[k] / N, right[k]);
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: sqrt(n) sup |F_n - F| exceeds 1.95 with probability 0.001. */
static void the_distribution_is_the_normals(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        draw(seed, 0, 0, 0, drawn);
        qsort(drawn, N, sizeof *drawn, compare_floats);
        double furthest = 0;
        for (int i = 0; i < N; i++) {
            const double f = 0.5 * erfc(-(double)drawn[i] / sqrt(2));
            furthest = fmax(furthest, fmax(fabs(f - (double)i / N), fabs((double)(i + 1) / N - f)));
        }
        if (!(furthest * sqrt(N) <= 1.95))
            fail_msg("seed %d: %g", (int)seed, furthest * sqrt(N));
    }
}

/* As many beyond 3, 4 and 5 deviations as there should be, within five standard errors. */
static void tails_are_the_normals(void **state)
{
    (void)state;
    enum { MAPS = 100 };
    int beyond[3] = {0};
    for (uint32_t filter = 0; filter < MAPS; filter++) {
        draw(7, 1, 0, filter, drawn);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++)
                beyond[k] += fabsf(drawn[i]) > (float)(3 + k);
    }
    for (int k = 0; k < 3; k++) {
        const double expected = MAPS * (double)N * erfc((3 + k) / sqrt(2));
        if (!(fabs(beyond[k] - expected) <= 5 * sqrt(expected)))
            fail_msg("%d beyond %d instead of %g", beyond[k], 3 + k, expected);
    }
}

/* The correlation of x[n] and y[n], of squares too: 0, within four standard errors. */
static void check_independent(const char *what, const float *x, const float *y, int n)
{
    double plain = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        const double a = (double)x[i], b = (double)y[i];
        plain += a * b;
        squares += (a * a - 1) * (b * b - 1);
    }
    if (!(fabs(plain) <= 4 * sqrt(n)) || !(fabs(squares) <= 4 * 2 * sqrt(n)))
        fail_msg("%s: %g, squares %g", what, plain / sqrt(n), squares / (2 * sqrt(n)));
}

static void neighbours_are_independent(void **state)
{
    (void)state;
    static float other[N];
    draw(1, 2, 3, 4, drawn);
    check_independent("columns", drawn, drawn + 1, N - 1);
    check_independent("next columns", drawn, drawn + 2, N - 2);
    check_independent("rows", drawn, drawn + SIDE, N - SIDE);
    check_independent("next rows", drawn, drawn + 2 * SIDE, N - 2 * SIDE);
    check_independent("diagonals", drawn, drawn + SIDE + 1, N - SIDE - 1);
    static const struct {
        const char *what;
        uint64_t seed;
        uint32_t image, layer, filter;
    } others[] = {
        {"filters", 1, 2, 3, 5},
        {"images", 1, 3, 3, 4},
        {"layers", 1, 2, 4, 4},
        {"seeds", 2, 2, 3, 4},
        {"high seeds", 1ull << 32 | 1, 2, 3, 4},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        draw(others[i].seed, others[i].image, others[i].layer, others[i].filter, other);
        check_independent(others[i].what, drawn, other, N);
    }
}

/* ---- maps ---------------------------------------------------------------------------------------------------- */

/* Pooled noise is noise, pooled; at any stride; for maps with and without half windows, of several lots of lanes. */
static void pooling_is_pooling(void **state)
{
    (void)state;
    enum { STRIDE = 3 };
    static const int sizes[][2] = {{2, 2}, {3, 2}, {2, 3}, {7, 9}, {6, 140}, {5, 301}, {1, 1}, {1, 7}};
    static const engine_noise noise = {11, 5, 2, 9, 0.75f, 1.5f};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int h = sizes[i][0], w = sizes[i][1], pooled = (h / 2) * (w / 2);
        float *map = lsn_array(h * w, sizeof(float), NULL), *right = lsn_array(pooled, sizeof(float), NULL);
        float *strided = lsn_array(h * w * STRIDE, sizeof(float), NULL);
        draw_map(&noise, h, w, false, map, 1);
        draw_map(&noise, h, w, false, strided, STRIDE);
        for (int p = 0; p < h * w * STRIDE; p++)
            assert_true(strided[p] == (p % STRIDE == 0 ? map[p / STRIDE] : 0.0f));
        engine_max_pool(map, 1, h, w, 1, right);
        draw_map(&noise, h, w, true, strided, STRIDE);
        for (int p = 0; p < pooled; p++)
            assert_true(strided[p * STRIDE] == right[p]);
        free(map), free(right), free(strided);
    }
}

/* A number's place in a map is its place in the generator's: (row, column) is word (row % 2, column % 2) of its window.
 */
static void a_position_is_a_word(void **state)
{
    (void)state;
    enum { H = 5, W = 131, ACROSS = (W + 1) / 2 };
    static const engine_noise noise = {1ull << 40 | 3, 8, 1, 6, -2.0f, 0.25f};
    static float map[H * W];
    draw_map(&noise, H, W, false, map, 1);
    for (int row = 0; row < H; row++)
        for (int column = 0; column < W; column++) {
            uint32_t words[4][ENGINE_LANES] = {
                {(uint32_t)(row / 2 * ACROSS + column / 2)}, {noise.filter}, {noise.layer}, {noise.image}};
            engine_philox(noise.seed, words, 1);
            const double z = quantile(words[2 * (row % 2) + column % 2][0]);
            assert_true(map[row * W + column] == (float)(-2.0 + 0.25 * z));
        }
}

static void without_deviation_it_is_the_mean(void **state)
{
    (void)state;
    static const engine_noise noise = {3, 1, 1, 1, 0.3f, 0.0f};
    float map[7 * 5];
    draw_map(&noise, 7, 5, false, map, 1);
    for (int p = 0; p < 7 * 5; p++)
        assert_true(map[p] == 0.3f);
}

/* Bits as they have always been: of every machine, compiler and instruction set. FNV-1a over the floats' bits. */
static void bits_are_as_ever(void **state)
{
    (void)state;
    uint32_t digest = 2166136261u;
    draw(20260101, 4711, 15, 511, drawn);
    for (int i = 0; i < N; i++) {
        uint32_t bits;
        memcpy(&bits, &drawn[i], sizeof bits);
        digest = (digest ^ bits) * 16777619u;
    }
    assert_int_equal(digest, 0xd50132b7u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(quantiles_are_accurate),
        cmocka_unit_test(quantiles_rise),
        cmocka_unit_test(moments_are_the_normals),
        cmocka_unit_test(the_distribution_is_the_normals),
        cmocka_unit_test(tails_are_the_normals),
        cmocka_unit_test(neighbours_are_independent),
        cmocka_unit_test(pooling_is_pooling),
        cmocka_unit_test(a_position_is_a_word),
        cmocka_unit_test(without_deviation_it_is_the_mean),
        cmocka_unit_test(bits_are_as_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
