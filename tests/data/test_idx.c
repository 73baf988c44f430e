#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image_files.h"

static lsn_data_spec spec;

/* Images and labels of 20 images of 3 x 4, as named; either may be NULL: the sound file then. */
static void use(const char *images, const char *labels)
{
    spec = (lsn_data_spec){.format = LSN_IDX, .images = images, .labels = labels};
    if (images == NULL)
        spec.images = save("images", idx_images(20, 3, 4));
    if (labels == NULL)
        spec.labels = save("labels", idx_labels(20, 5));
}

static void check_contents(void)
{
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_count(data), 20);
    assert_int_equal(lsn_data_height(data), 3);
    assert_int_equal(lsn_data_width(data), 4);
    assert_int_equal(lsn_data_channels(data), 1);
    assert_int_equal(lsn_data_classes(data), 5);
    assert_null(lsn_data_class_name(data, 4));
    int32_t which[20];
    float out[20 * 12], *at = out;
    for (int i = 0; i < 20; i++) {
        which[i] = 19 - i;
        assert_int_equal(lsn_data_label(data, i), i * 3 % 5);
    }
    assert_true(lsn_data_load(data, which, 20, out, NULL));
    for (int i = 0; i < 20; i++)
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 4; x++)
                assert_true(*at++ == (float)pixel(19 - i, y, x, 0) / 255.0f);
    lsn_data_destroy(data);
}

static void plain_files_are_read(void **state)
{
    (void)state;
    use(NULL, NULL);
    check_contents();
}

static bytes zipped(bytes plain)
{
    bytes file = gzipped(plain);
    free(plain.data);
    return file;
}

static void compressed_files_are_read_whatever_their_name(void **state)
{
    (void)state;
    use(save("images.any", zipped(idx_images(20, 3, 4))), save("labels.any", zipped(idx_labels(20, 5))));
    check_contents();
    use(NULL, save("labels.gz", zipped(idx_labels(20, 5))));
    check_contents();
}

static void joined_gzip_members_are_read(void **state)
{
    (void)state;
    bytes whole = idx_images(20, 3, 4);
    bytes one = gzipped((bytes){whole.data, 9}), two = gzipped((bytes){whole.data + 9, whole.count - 9});
    bytes empty = gzipped((bytes){whole.data, 0}), both = joined(one, two);
    use(save("joined", joined(both, empty)), NULL);
    check_contents();
    use(save("joined", joined(both, two)), NULL);
    not_opened(&spec, "goes on after the 240 bytes", spec.images);
    free(whole.data);
    free(one.data);
    free(two.data);
    free(both.data);
    free(empty.data);
}

static void large_compressed_files_are_read(void **state)
{
    (void)state;
    use(save("images.gz", zipped(idx_images(3000, 28, 28))), save("labels.gz", zipped(idx_labels(3000, 5))));
    lsn_data *data = opened(&spec); /* 2.3 MB: room grows on the way */
    float out[784];
    assert_true(lsn_data_load(data, (int32_t[]){2999}, 1, out, NULL));
    for (int y = 0; y < 28; y++)
        for (int x = 0; x < 28; x++)
            assert_true(out[28 * y + x] == (float)pixel(2999, y, x, 0) / 255.0f);
    lsn_data_destroy(data);
}

static void wrong_kinds_are_refused(void **state)
{
    (void)state;
    use(save("swapped", idx_labels(20, 5)), NULL);
    not_opened(&spec, "is an idx file of labels, not of images", "swapped?");
    use(NULL, save("swapped", zipped(idx_images(20, 3, 4))));
    not_opened(&spec, "is an idx file of images, not of labels", "swapped?");
    use(scratch_write("jpeg", "\xff\xd8\xff\xe0 and so on, and on", 21), NULL);
    not_opened(&spec, "0xffd8ffe0 instead of 0x00000803", spec.images);
    use(NULL, scratch_write("floats", "\0\0\x0d\x01\0\0\0\x14", 8));
    not_opened(&spec, "0x00000d01 instead of 0x00000801", spec.labels);
    use(scratch_path("missing"), NULL);
    not_opened(&spec, "No such file", spec.images);
    use(NULL, scratch_write("empty", "", 0));
    not_opened(&spec, "0 bytes, too few", spec.labels);
}

/* Cuts the file to every length; each must be refused, and those after the header say how much is missing. */
static void cut_files(bytes whole, size_t header)
{
    char missing[128];
    for (size_t cut = 0; cut < whole.count; cut++) {
        use(scratch_write("cut", whole.data, cut), NULL);
        snprintf(missing, sizeof missing, "%zu of the %zu bytes", whole.count - cut, whole.count - header);
        not_opened(&spec, spec.images, cut >= header ? missing : "");
    }
    free(whole.data);
}

static void cut_files_say_how_much_is_missing(void **state)
{
    (void)state;
    cut_files(idx_images(20, 3, 4), 16);
    use(NULL, scratch_write("cut",
                            "\0\0\x08\x01\0\0\0\x14"
                            "1234567890123456789",
                            27));
    not_opened(&spec, "1 of the 20 bytes", spec.labels);
}

static void cut_compressed_files_are_refused(void **state)
{
    (void)state;
    bytes whole = zipped(idx_images(20, 3, 4));
    for (size_t cut = 0; cut < whole.count; cut++) {
        use(scratch_write("cut.gz", whole.data, cut), NULL);
        not_opened(&spec, spec.images, "");
    }
    use(scratch_write("cut.gz", whole.data, whole.count - 3), NULL);
    not_opened(&spec, "check sum at its end is missing", spec.images);
    free(whole.data);
    bytes plain = idx_images(20, 3, 4);
    plain.count -= 7;
    use(save("short.gz", zipped(plain)), NULL);
    not_opened(&spec, "7 of the 240 bytes", spec.images);
}

static void files_that_go_on_are_refused(void **state)
{
    (void)state;
    bytes plain = idx_images(20, 3, 4);
    plain.data[plain.count++] = 0; /* there is room for one more */
    bytes compressed = gzipped(plain);
    use(save("long", plain), NULL);
    not_opened(&spec, "goes on after the 240 bytes", spec.images);
    use(save("long", compressed), NULL);
    not_opened(&spec, "goes on after the 240 bytes", spec.images);
    compressed = zipped(idx_images(20, 3, 4));
    use(save("garbage", joined(compressed, (bytes){(unsigned char[]){"xxxxxxxxxxxxxxxxxxxx"}, 20})), NULL);
    not_opened(&spec, "damaged", spec.images);
    free(compressed.data);
}

/* 64 MB of zeros behind a header that promises 4 bytes; and a header that promises 2^61 bytes before nothing. */
static void bombs_are_refused(void **state)
{
    (void)state;
    bytes bomb = {calloc(1, (size_t)64 << 20), (size_t)64 << 20};
    assert_non_null(bomb.data);
    bytes head = idx_images(1, 2, 2);
    memcpy(bomb.data, head.data, 16);
    free(head.data);
    use(save("bomb.gz", zipped(bomb)), NULL);
    not_opened(&spec, "goes on after the 4 bytes", spec.images);
    unsigned char promise[20] = {0, 0, 8, 3, 127, 255, 255, 255, 0, 0, 127, 255, 0, 0, 127, 255, 1, 2, 3, 4};
    use(scratch_write("promise", promise, 20), NULL);
    not_opened(&spec, "are missing", spec.images);
    use(save("promise.gz", gzipped((bytes){promise, 20})), NULL);
    not_opened(&spec, "are missing", spec.images);
}

static void shape_refused(const unsigned char shape[12], const char *text)
{
    unsigned char file[20] = {0, 0, 8, 3};
    memcpy(file + 4, shape, 12);
    use(scratch_write("shape", file, sizeof file), NULL);
    not_opened(&spec, text, spec.images);
}

static void hostile_shapes_are_refused(void **state)
{
    (void)state;
    shape_refused((unsigned char[12]){0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2}, "0 images; expected 1 to 2147483647");
    shape_refused((unsigned char[12]){0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2}, "0 rows; expected 1 to 32768");
    shape_refused((unsigned char[12]){0, 0, 0, 1, 0, 0, 0, 2, 255, 255, 255, 255}, "4294967295 columns");
    shape_refused((unsigned char[12]){128, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2}, "2147483648 images");
    use(NULL, scratch_write("none", "\0\0\x08\x01\0\0\0\0", 8));
    not_opened(&spec, "holds no labels", spec.labels);
}

/* Changes bytes; whatever opens must be readable within its bounds, which the sanitizers watch. */
static int damage(bytes whole, bool images, int rounds)
{
    lsn_random random;
    lsn_random_init(&random, 99, 0);
    unsigned char *damaged = malloc(whole.count);
    int opens = 0;
    for (int round = 0; round < rounds; round++) {
        memcpy(damaged, whole.data, whole.count);
        for (uint64_t k = 0; k <= lsn_random_below(&random, 3); k++)
            damaged[lsn_random_below(&random, whole.count < 40 ? whole.count : 40)] =
                (unsigned char)lsn_random_below(&random, 256);
        const char *path = scratch_write("damaged", damaged, whole.count);
        use(images ? path : NULL, images ? NULL : path);
        lsn_error err = {0};
        lsn_data *data = lsn_data_open(&spec, &err);
        assert_true(data != NULL || (err.code == LSN_INVALID && strlen(err.text) > 0));
        if (data != NULL) {
            float out[12];
            opens++;
            assert_true(lsn_data_load(data, (int32_t[]){19}, 1, out, &err));
        }
        lsn_data_destroy(data);
    }
    free(damaged);
    free(whole.data);
    return opens;
}

static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    assert_true(damage(idx_images(20, 3, 4), true, 500) > 0);
    assert_true(damage(idx_labels(20, 5), false, 500) > 0);
    damage(zipped(idx_images(20, 3, 4)), true, 1000);
    damage(zipped(idx_labels(20, 5)), false, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_files_are_read),
        cmocka_unit_test(compressed_files_are_read_whatever_their_name),
        cmocka_unit_test(joined_gzip_members_are_read),
        cmocka_unit_test(large_compressed_files_are_read),
        cmocka_unit_test(wrong_kinds_are_refused),
        cmocka_unit_test(cut_files_say_how_much_is_missing),
        cmocka_unit_test(cut_compressed_files_are_refused),
        cmocka_unit_test(files_that_go_on_are_refused),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(hostile_shapes_are_refused),
        cmocka_unit_test(damaged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
