/* The numbers are a contract: the same seed chooses the same images and filters on every machine, in every version.
 * The expected ones were computed by another implementation (Python, from the generators' papers). */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "lesion/base.h"

static void a_seed_gives_known_numbers(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, stream, numbers[4];
    } known[] = {
        {0, 0, {0xfb5405f7bd79c540, 0x780c98e26cea5883, 0x2a146e0980febc66, 0x4851477db8791fca}},
        {7, 0, {0x350aaf92305fb1bf, 0x6d396cec7d24ea67, 0x382148a1cc7bbe14, 0xe24745421a4f44b2}},
        {7, 1, {0x16cd47cafa1617c5, 0x64c0d3f44a9b8a46, 0x9b5c1db17119bfd0, 0xa28e6e2df96d73d3}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        lsn_random random;
        lsn_random_init(&random, known[i].seed, known[i].stream);
        for (int k = 0; k < 4; k++)
            assert_true(lsn_random_next(&random) == known[i].numbers[k]);
    }
}

static void below_gives_known_numbers(void **state)
{
    (void)state;
    static const uint64_t small[] = {2, 4, 2, 8, 4, 4, 8, 2, 2, 8, 8, 6};
    static const uint64_t large[] = {5136997668882151736u, 3705707586414528404u, 939333108565098410u,
                                     4481181261690018426u};
    lsn_random random;
    lsn_random_init(&random, 7, 0);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        assert_true(lsn_random_below(&random, 10) == small[i]);
    lsn_random_init(&random, 1, 0);
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) /* just above 2^63: half the draws are rejected */
        assert_true(lsn_random_below(&random, ((uint64_t)1 << 63) + 1) == large[i]);
}

static void below_stays_below(void **state)
{
    (void)state;
    lsn_random random;
    lsn_random_init(&random, 3, 0);
    for (uint64_t below = 1; below < 2000; below = below * 3 / 2 + 1)
        for (int i = 0; i < 500; i++)
            assert_true(lsn_random_below(&random, below) < below);
}

/* A chi-square test: of 20,000 draws from 10, and 9 degrees of freedom, 27.9 is exceeded once in a thousand. */
static void below_is_uniform(void **state)
{
    (void)state;
    lsn_random random;
    lsn_random_init(&random, 11, 0);
    double counts[10] = {0}, chi = 0;
    for (int i = 0; i < 20000; i++)
        counts[lsn_random_below(&random, 10)]++;
    for (int i = 0; i < 10; i++)
        chi += (counts[i] - 2000) * (counts[i] - 2000) / 2000;
    assert_true(chi < 27.9);
}

static void choose_gives_known_items(void **state)
{
    (void)state;
    int32_t items[10], expected[] = {2, 4, 3, 9};
    for (int32_t i = 0; i < 10; i++)
        items[i] = i;
    lsn_random random;
    lsn_random_init(&random, 7, 0);
    lsn_random_choose(&random, items, 10, 4);
    assert_memory_equal(items, expected, sizeof expected);
}

static void choose_permutes(void **state)
{
    (void)state;
    lsn_random random;
    lsn_random_init(&random, 5, 2);
    for (size_t take = 0; take <= 40; take += 8) {
        int32_t items[40];
        bool seen[40] = {false};
        for (int32_t i = 0; i < 40; i++)
            items[i] = i;
        lsn_random_choose(&random, items, 40, take);
        for (int i = 0; i < 40; i++) {
            assert_in_range(items[i], 0, 39);
            assert_false(seen[items[i]]);
            seen[items[i]] = true;
        }
    }
    lsn_random_choose(&random, NULL, 0, 0);
}

/* Each of 12 items is among 4 chosen with probability 1/3, in each of the 4 places with 1/12. 12,000 trials: five
 * standard deviations are 258 and 151. */
static void choose_is_uniform(void **state)
{
    (void)state;
    int chosen[12] = {0}, first[12] = {0};
    for (int trial = 0; trial < 12000; trial++) {
        int32_t items[12];
        for (int32_t i = 0; i < 12; i++)
            items[i] = i;
        lsn_random random;
        lsn_random_init(&random, (uint64_t)trial, 0);
        lsn_random_choose(&random, items, 12, 4);
        first[items[0]]++;
        for (int i = 0; i < 4; i++)
            chosen[items[i]]++;
    }
    for (int i = 0; i < 12; i++) {
        assert_in_range(chosen[i], 4000 - 258, 4000 + 258);
        assert_in_range(first[i], 1000 - 151, 1000 + 151);
    }
}

static void streams_and_seeds_differ(void **state)
{
    (void)state;
    uint64_t seen[200];
    for (uint64_t i = 0; i < 200; i++) {
        lsn_random random;
        lsn_random_init(&random, i / 20, i % 20);
        seen[i] = lsn_random_next(&random);
        for (uint64_t k = 0; k < i; k++)
            assert_true(seen[k] != seen[i]);
    }
}

static void fixed_point_rounds_and_clamps(void **state)
{
    (void)state;
    assert_true(lsn_fixed(0) == 0);
    assert_true(lsn_fixed(1) == (int64_t)1 << 30);
    assert_true(lsn_fixed(-1.5) == -((int64_t)3 << 29));
    assert_true(lsn_fixed(0.5 / LSN_FIXED) == 1);
    assert_true(lsn_fixed(-0.5 / LSN_FIXED) == -1);
    assert_true(lsn_fixed(0.49 / LSN_FIXED) == 0);
    int64_t limit = (int64_t)65536 << 30;
    assert_true(lsn_fixed(65536) == limit);
    assert_true(lsn_fixed(1e300) == limit);
    assert_true(lsn_fixed((double)INFINITY) == limit);
    assert_true(lsn_fixed((double)-INFINITY) == -limit);
    assert_true(lsn_fixed((double)NAN) == limit);
    assert_true(limit <= INT64_MAX / 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_known_numbers),
        cmocka_unit_test(below_gives_known_numbers),
        cmocka_unit_test(below_stays_below),
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(choose_gives_known_items),
        cmocka_unit_test(choose_permutes),
        cmocka_unit_test(choose_is_uniform),
        cmocka_unit_test(streams_and_seeds_differ),
        cmocka_unit_test(fixed_point_rounds_and_clamps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
