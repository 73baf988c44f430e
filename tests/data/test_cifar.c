/* CIFAR's binary version: which files, which kind, which pixels. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image_files.h"

/* Records of `labels` bytes of labels, the last one being (first + n) % classes. */
static bytes records(int count, int labels, int first, int classes)
{
    size_t record = (size_t)labels + 3072;
    bytes file = {malloc((size_t)count * record), (size_t)count * record};
    assert_non_null(file.data);
    for (int n = 0; n < count; n++) {
        unsigned char *out = file.data + (size_t)n * record;
        memset(out, 3, (size_t)labels);
        out[labels - 1] = (unsigned char)((first + n) % classes);
        out += labels;
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < 32; y++)
                for (int x = 0; x < 32; x++)
                    *out++ = pixel(first + n, y, x, c);
    }
    return file;
}

static lsn_data_spec of(const char *path)
{
    return (lsn_data_spec){.format = LSN_CIFAR10, .path = path};
}

static void planes_become_pixels(void **state)
{
    (void)state;
    lsn_data_spec spec = of(save("any.bin", records(7, 1, 0, 10)));
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_count(data), 7);
    assert_int_equal(lsn_data_classes(data), 7);
    assert_int_equal(lsn_data_height(data), 32);
    assert_int_equal(lsn_data_channels(data), 3);
    assert_null(lsn_data_class_name(data, 0));
    assert_false(lsn_data_is_costly(data));
    unsigned char out[3072], *at = out;
    assert_true(lsn_data_fetch(data, 5, out, NULL));
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 32; x++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(*at++, pixel(5, y, x, c));
    assert_int_equal(lsn_data_label(data, 5), 5);
    lsn_image_check check;
    assert_true(lsn_data_check(data, 0, NULL, &check, NULL));
    assert_string_equal(check.form, "CIFAR-10");
    lsn_data_destroy(data);
}

static void fine_labels_are_taken(void **state)
{
    (void)state;
    lsn_data_spec spec = of(save("any.bin", records(5, 2, 95, 100)));
    lsn_data *data = opened(&spec);
    for (int i = 0; i < 5; i++)
        assert_int_equal(lsn_data_label(data, i), 95 + i);
    unsigned char out[3072];
    assert_true(lsn_data_fetch(data, 4, out, NULL));
    assert_int_equal(out[3 * 33 + 2], pixel(99, 1, 1, 2));
    lsn_data_destroy(data);
}

static char *folder_of(const char *path)
{
    char *folder = strdup(path);
    *strrchr(folder, '/') = '\0';
    return folder;
}

static void a_folder_gives_its_test_images(void **state)
{
    (void)state;
    save("data_batch_2.bin", records(3, 1, 30, 10));
    char *folder = folder_of(save("data_batch_1.bin", records(4, 1, 0, 10)));
    lsn_data_spec spec = of(folder);
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_count(data), 7); /* training images, there being no others */
    assert_int_equal(lsn_data_label(data, 3), 3);
    assert_int_equal(lsn_data_label(data, 4), 0);
    lsn_data_destroy(data);
    save("test_batch.bin", records(2, 1, 50, 10));
    scratch_write("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n", 21);
    data = opened(&spec);
    assert_int_equal(lsn_data_count(data), 2);
    assert_int_equal(lsn_data_classes(data), 10);
    assert_string_equal(lsn_data_class_name(data, 9), "j");
    lsn_data_destroy(data);
    spec.classes = scratch_write("mine.txt", "one\ntwo\n", 8);
    data = opened(&spec);
    assert_string_equal(lsn_data_class_name(data, 1), "two");
    lsn_data_destroy(data);
    save("data_batch_2.bin", records(3, 2, 30, 10));
    unlink(scratch_path("test_batch.bin"));
    not_opened(&spec, "data_batch_2.bin: is of CIFAR-100, but the files before it are of CIFAR-10", "keep them apart");
    free(folder);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    bytes cut = records(2, 1, 0, 10), wrong = records(2, 1, 0, 10), coarse = records(2, 2, 0, 100);
    cut.count--;
    wrong.data[3073] = 10;
    coarse.data[0] = 20;
    lsn_data_spec spec = of(save("any.bin", cut));
    not_opened(&spec, "any.bin: is not a file of the binary version", "not a whole number of records of 3073 or 3074");
    spec = of(save("any.bin", wrong));
    not_opened(&spec, "its labels are out of range", "");
    spec = of(save("any.bin", coarse));
    not_opened(&spec, "its labels are out of range", "");
    spec = of(scratch_write("any.bin", "", 0));
    not_opened(&spec, "is not a file of the binary version", "");
    spec = of(scratch_path("nowhere.bin"));
    not_opened(&spec, "nowhere.bin: cannot be opened: No such file", "");
    spec = of("/");
    not_opened(&spec, "has no test_batch.bin", "fetch the binary version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(planes_become_pixels, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(fine_labels_are_taken, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_folder_gives_its_test_images, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(other_files_are_refused, scratch_open, scratch_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
