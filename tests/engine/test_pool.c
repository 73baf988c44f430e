/* Pooling against the definitions. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ops/ops.h"
#include "network.h"

static void check_average(int h, int w, int channels, int grid)
{
    enum { N = 2 };
    size_t in = (size_t)h * w * channels, out = (size_t)grid * grid * channels;
    float *x = random_floats(17 * h + w, N * in, 1.0f), *y = lsn_array(N * out, sizeof *y, NULL);
    double *exact = lsn_array(in, sizeof *exact, NULL);
    bounded *right = lsn_array(out, sizeof *right, NULL);
    for (int image = 0; image < N; image++)
        engine_average_pool(x + image * in, h, w, channels, (const int[2]){grid, grid}, y + image * out);
    for (int image = 0; image < N; image++) {
        for (size_t i = 0; i < in; i++)
            exact[i] = x[image * in + i];
        naive_average(exact, h, w, channels, grid, right);
        for (size_t i = 0; i < out; i++)
            if (!(fabs(y[image * out + i % (grid * grid) * channels + i / (grid * grid)] - right[i].value) <=
                  right[i].bound))
                fail_msg("%dx%d to %d: %g instead of %g", h, w, grid,
                         y[image * out + i % (grid * grid) * channels + i / (grid * grid)], right[i].value);
    }
    free(x), free(y), free(exact), free(right);
}

static void average_pooling_is_the_definition(void **state)
{
    (void)state;
    check_average(7, 7, 5, 7);  /* a permutation */
    check_average(1, 1, 5, 7);  /* one position repeated */
    check_average(2, 3, 4, 7);  /* a map smaller than the grid */
    check_average(10, 9, 3, 7); /* cells that overlap */
    check_average(14, 21, 3, 7);
    check_average(5, 4, 2, 1);
    check_average(3, 8, 1, 5);
}

static void average_pooling_of_one_position_is_exact(void **state)
{
    (void)state;
    float x[3] = {0.1f, -2.5f, 3e30f}, y[12];
    engine_average_pool(x, 1, 1, 3, (const int[2]){2, 2}, y);
    for (int i = 0; i < 12; i++)
        assert_true(y[i] == x[i % 3]);
}

static void max_pooling_drops_the_odd_row_and_column(void **state)
{
    (void)state;
    enum { H = 3, W = 5, F = 2 };
    float x[H * W * F], y[4];
    for (int i = 0; i < H * W; i++) {
        x[2 * i] = (float)i;
        x[2 * i + 1] = (float)-i;
    }
    engine_max_pool(x, 1, H, W, F, y);
    const float right[4] = {6, 0, 8, -2};
    assert_memory_equal(y, right, sizeof y);
}

static void a_nan_is_not_lost(void **state)
{
    (void)state;
    for (int place = 0; place < 4; place++) {
        float x[4] = {1, 2, 3, 4}, y = 0;
        x[place] = NAN;
        engine_max_pool(x, 1, 2, 2, 1, &y);
        assert_true(isnan(y));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(average_pooling_is_the_definition),
        cmocka_unit_test(average_pooling_of_one_position_is_exact),
        cmocka_unit_test(max_pooling_drops_the_odd_row_and_column),
        cmocka_unit_test(a_nan_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
