#include "store/store_internal.h"

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 1000 };

static void packs_and_adds_what_was_there(void **state)
{
    (void)state;
    int32_t counts[CLASSES] = {0};
    int64_t sums[CLASSES] = {0};
    unsigned char *packed = malloc(class_counts_room(CLASSES));
    assert_non_null(packed);
    const int32_t values[] = {1, 127, 128, 16384, INT32_MAX};
    for (int i = 0; i < 5; i++)
        counts[i * i * 62] = values[i];
    counts[CLASSES - 1] = 3;
    int bytes = class_counts_pack(counts, CLASSES, packed);
    assert_true(bytes < 24);
    for (int times = 0; times < 2; times++)
        assert_true(class_counts_add(packed, bytes, sums, CLASSES));
    for (int c = 0; c < CLASSES; c++)
        assert_int_equal(sums[c], 2 * (int64_t)counts[c]);
    free(packed);
}

static void the_fullest_fits(void **state)
{
    (void)state;
    int32_t counts[CLASSES];
    int64_t sums[CLASSES] = {0};
    unsigned char *packed = malloc(class_counts_room(CLASSES));
    assert_non_null(packed);
    for (int c = 0; c < CLASSES; c++)
        counts[c] = INT32_MAX;
    int bytes = class_counts_pack(counts, CLASSES, packed);
    assert_true((size_t)bytes <= class_counts_room(CLASSES));
    assert_true(class_counts_add(packed, bytes, sums, CLASSES));
    assert_int_equal(sums[CLASSES - 1], INT32_MAX);
    free(packed);
}

static void nothing_is_no_bytes(void **state)
{
    (void)state;
    const int32_t counts[3] = {0};
    int64_t sums[3] = {0};
    unsigned char packed[30];
    assert_int_equal(class_counts_pack(counts, 3, packed), 0);
    assert_true(class_counts_add(NULL, 0, sums, 3));
}

static void bad_bytes_are_refused(void **state)
{
    (void)state;
    static const struct {
        int bytes;
        unsigned char packed[8];
    } bad[] = {
        {1, {0}},                                     /* no count */
        {1, {0x80}},                                  /* cut short */
        {2, {0, 0x80}},                               /* likewise */
        {2, {3, 1}},                                  /* a class too many */
        {2, {0, 0}},                                  /* a count of nothing */
        {4, {2, 1, 0, 1}},                            /* a class too many after a good one */
        {7, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}}, /* a number without end */
        {6, {0xff, 0xff, 0xff, 0xff, 0x7f, 1}},       /* far away */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t sums[3] = {0};
        unsigned char *exact = malloc((size_t)bad[i].bytes); /* so that a sanitizer sees a byte too many */
        assert_non_null(exact);
        memcpy(exact, bad[i].packed, (size_t)bad[i].bytes);
        assert_false(class_counts_add(exact, bad[i].bytes, sums, 3));
        free(exact);
    }
}

static void drift_comes_back(void **state)
{
    (void)state;
    const int64_t sums[4] = {0, 1, INT64_MAX, 0x0123456789abcdef};
    int64_t added[4] = {5, 0, 0, 1};
    unsigned char packed[4 * DRIFT_BYTES];
    drift_pack(sums, 4, packed);
    assert_int_equal(packed[8], 1); /* the lowest byte comes first, on any machine */
    assert_int_equal(packed[24], 0xef);
    assert_true(drift_add(packed, added, 4));
    for (int i = 0; i < 4; i++)
        assert_true(added[i] == sums[i] + (i == 0 ? 5 : i == 3 ? 1 : 0));
}

static void drift_that_cannot_be_is_refused(void **state)
{
    (void)state;
    int64_t most = INT64_MAX, one = 1, negative = -1, sum = 1;
    unsigned char packed[DRIFT_BYTES];
    drift_pack(&negative, 1, packed);
    assert_false(drift_add(packed, &sum, 1));
    drift_pack(&most, 1, packed);
    assert_false(drift_add(packed, &sum, 1));
    drift_pack(&one, 1, packed);
    sum = INT64_MAX - 1;
    assert_true(drift_add(packed, &sum, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_and_adds_what_was_there),
        cmocka_unit_test(the_fullest_fits),
        cmocka_unit_test(nothing_is_no_bytes),
        cmocka_unit_test(bad_bytes_are_refused),
        cmocka_unit_test(drift_comes_back),
        cmocka_unit_test(drift_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
