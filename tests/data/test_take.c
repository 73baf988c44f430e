/* Which images a study takes is a contract: the expected ones were computed by another implementation. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image_files.h"

static lsn_data *data; /* 60 images, 12 of each of 5 classes; the classes' order is 0 3 1 4 2 */

static int open_data(void **state)
{
    if (scratch_open(state) != 0)
        return -1;
    lsn_data_spec spec = {.format = LSN_NPY};
    spec.images = save("images.npy", npy_images(60, 1, 1, 1));
    spec.labels = save("labels.npy", npy_labels(60, 5));
    data = lsn_data_open(&spec, NULL);
    return data == NULL ? -1 : 0;
}

static int close_data(void **state)
{
    lsn_data_destroy(data);
    return scratch_close(state);
}

static lsn_sample taken(lsn_take_kind kind, int64_t count, uint64_t seed, const lsn_sample *without)
{
    lsn_take take = {kind, count, seed};
    lsn_sample sample;
    lsn_error err = {0};
    bool ok = lsn_data_take(data, &take, without, &sample, &err);
    if (!ok)
        print_error("%s\n", err.text);
    assert_true(ok);
    for (int32_t i = 0; i < sample.count; i++) {
        assert_in_range(sample.images[i], 0, 59);
        assert_true(i == 0 || sample.images[i - 1] < sample.images[i]);
        for (int32_t k = 0; without != NULL && k < without->count; k++)
            assert_int_not_equal(sample.images[i], without->images[k]);
    }
    return sample;
}

static void check(lsn_sample sample, int count, const int32_t *expected)
{
    assert_int_equal(sample.count, count);
    assert_memory_equal(sample.images, expected, (size_t)count * sizeof *expected);
    lsn_sample_finish(&sample);
}

static void known_images_are_taken(void **state)
{
    (void)state;
    check(taken(LSN_TAKE_COUNT, 8, 7, NULL), 8, (const int32_t[]){1, 3, 12, 14, 21, 26, 30, 53});
    check(taken(LSN_TAKE_PER_CLASS, 2, 9, NULL), 10, (const int32_t[]){0, 6, 11, 13, 27, 29, 34, 37, 50, 53});
    check(taken(LSN_TAKE_FIRST, 4, 7, NULL), 4, (const int32_t[]){0, 1, 2, 3});
    lsn_sample all = taken(LSN_TAKE_ALL, 0, 0, NULL);
    assert_int_equal(all.count, 60);
    lsn_sample_finish(&all);
}

static void images_taken_already_are_left_out(void **state)
{
    (void)state;
    lsn_sample first = taken(LSN_TAKE_COUNT, 8, 7, NULL), none = {0};
    check(taken(LSN_TAKE_COUNT, 8, 7, &first), 8, (const int32_t[]){5, 13, 16, 24, 28, 29, 33, 54});
    check(taken(LSN_TAKE_FIRST, 4, 7, &first), 4, (const int32_t[]){0, 2, 4, 5});
    lsn_sample rest = taken(LSN_TAKE_ALL, 0, 0, &first), per_class = taken(LSN_TAKE_PER_CLASS, 5, 1, &first);
    assert_int_equal(rest.count, 52);
    assert_int_equal(per_class.count, 25);
    check(taken(LSN_TAKE_COUNT, 8, 7, &none), 8, first.images);
    lsn_sample_finish(&first);
    lsn_sample_finish(&rest);
    lsn_sample_finish(&per_class);
}

static void every_class_gives_the_same_number(void **state)
{
    (void)state;
    for (int count = 1; count <= 12; count++) {
        lsn_sample sample = taken(LSN_TAKE_PER_CLASS, count, 3, NULL);
        int of[5] = {0};
        for (int32_t i = 0; i < sample.count; i++)
            of[lsn_data_label(data, sample.images[i])]++;
        for (int c = 0; c < 5; c++)
            assert_int_equal(of[c], count);
        lsn_sample_finish(&sample);
    }
}

static void seeds_differ_and_repeat(void **state)
{
    (void)state;
    for (lsn_take_kind kind = LSN_TAKE_COUNT; kind <= LSN_TAKE_PER_CLASS; kind++) {
        lsn_sample one = taken(kind, 6, 1, NULL), again = taken(kind, 6, 1, NULL), other = taken(kind, 6, 2, NULL);
        assert_int_equal(one.count, other.count);
        assert_memory_equal(one.images, again.images, (size_t)one.count * sizeof *one.images);
        assert_memory_not_equal(one.images, other.images, (size_t)one.count * sizeof *one.images);
        lsn_sample_finish(&one);
        lsn_sample_finish(&again);
        lsn_sample_finish(&other);
    }
}

static void not_taken(lsn_take_kind kind, int64_t count, const lsn_sample *without, const char *text)
{
    lsn_take take = {kind, count, 1};
    lsn_sample sample = {(int32_t[]){0}, 1};
    lsn_error err = {0};
    assert_false(lsn_data_take(data, &take, without, &sample, &err));
    assert_int_equal(err.code, LSN_INVALID);
    if (strstr(err.text, text) == NULL)
        print_error("expected \"%s\" in: %s\n", text, err.text);
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, "images.npy"));
    assert_null(sample.images);
    assert_int_equal(sample.count, 0);
    assert_false(lsn_data_take(data, &take, without, &sample, NULL));
}

static void too_few_images_are_told(void **state)
{
    (void)state;
    not_taken(LSN_TAKE_COUNT, 61, NULL, "60 images can be taken");
    not_taken(LSN_TAKE_FIRST, 61, NULL, "61 are asked for");
    not_taken(LSN_TAKE_COUNT, INT64_MAX, NULL, "60 images can be taken");
    not_taken(LSN_TAKE_PER_CLASS, 13, NULL, "of class 0 12 images can be taken");
    not_taken(LSN_TAKE_PER_CLASS, INT64_MAX, NULL, "of class 0 12 images can be taken");
    not_taken(LSN_TAKE_COUNT, 0, NULL, "0 images are asked for");
    not_taken(LSN_TAKE_PER_CLASS, -1, NULL, "-1 images are asked for");
    lsn_sample all = taken(LSN_TAKE_ALL, 0, 0, NULL), most = taken(LSN_TAKE_COUNT, 55, 1, NULL);
    not_taken(LSN_TAKE_ALL, 0, &all, "0 images can be taken");
    not_taken(LSN_TAKE_COUNT, 6, &most, "5 images can be taken (of 60");
    not_taken(LSN_TAKE_PER_CLASS, 5, &most, "of class ");
    lsn_sample_finish(&all);
    lsn_sample_finish(&most);
}

static void a_class_without_images_is_named(void **state)
{
    (void)state;
    static const char names[] = "shirt\nshoe\nbag\ncoat\ndress\nhat\n";
    lsn_data *whole = data;
    lsn_data_spec spec = {
        .format = LSN_NPY, .images = scratch_path("images.npy"), .labels = scratch_path("labels.npy")};
    spec.classes = scratch_write("classes.txt", names, sizeof names - 1);
    data = opened(&spec);
    not_taken(LSN_TAKE_PER_CLASS, 1, NULL, "of class 5 (hat) 0 images can be taken");
    lsn_data_destroy(data);
    data = whole;
}

/* Each of 60 images is among 20 with probability 1/3: of 3,000 seeds 1,000; five standard deviations are 129. */
static void every_image_is_as_likely(void **state)
{
    (void)state;
    for (lsn_take_kind kind = LSN_TAKE_COUNT; kind <= LSN_TAKE_PER_CLASS; kind++) {
        int times[60] = {0};
        for (uint64_t seed = 0; seed < 3000; seed++) {
            lsn_sample sample = taken(kind, kind == LSN_TAKE_COUNT ? 20 : 4, seed, NULL);
            for (int32_t i = 0; i < sample.count; i++)
                times[sample.images[i]]++;
            lsn_sample_finish(&sample);
        }
        for (int i = 0; i < 60; i++)
            assert_in_range(times[i], 1000 - 129, 1000 + 129);
    }
}

static void finishing_twice_does_no_harm(void **state)
{
    (void)state;
    lsn_sample sample = taken(LSN_TAKE_FIRST, 1, 0, NULL);
    lsn_sample_finish(&sample);
    assert_null(sample.images);
    lsn_sample_finish(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_images_are_taken),
        cmocka_unit_test(images_taken_already_are_left_out),
        cmocka_unit_test(every_class_gives_the_same_number),
        cmocka_unit_test(seeds_differ_and_repeat),
        cmocka_unit_test(too_few_images_are_told),
        cmocka_unit_test(a_class_without_images_is_named),
        cmocka_unit_test(every_image_is_as_likely),
        cmocka_unit_test(finishing_twice_does_no_harm),
    };
    return cmocka_run_group_tests(tests, open_data, close_data);
}
