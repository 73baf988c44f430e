#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "image_files.h"

static lsn_data_spec spec;

/* As named; either may be NULL: 6 images of 3 x 4 x 2 then, and their labels. */
static void use(const char *images, const char *labels)
{
    spec = (lsn_data_spec){.format = LSN_NPY, .images = images, .labels = labels};
    if (images == NULL)
        spec.images = save("images.npy", npy_images(6, 3, 4, 2));
    if (labels == NULL)
        spec.labels = save("labels.npy", npy_labels(6, 5));
}

/* Opens what is in use, and compares all pixels with pixel() / divisor. */
static void check_pixels(int channels, float divisor)
{
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_count(data), 6);
    assert_int_equal(lsn_data_height(data), 3);
    assert_int_equal(lsn_data_width(data), 4);
    assert_int_equal(lsn_data_channels(data), channels);
    float out[6 * 3 * 4 * LSN_MAX_CHANNELS], *at = out;
    assert_true(lsn_data_load(data, (int32_t[]){5, 0, 1, 4, 3, 2}, 6, out, NULL));
    for (int i = 0; i < 6; i++)
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 4; x++)
                for (int c = 0; c < channels; c++)
                    assert_true(*at++ == (float)pixel((int[]){5, 0, 1, 4, 3, 2}[i], y, x, c) / divisor);
    lsn_data_destroy(data);
}

static void bytes_are_read_channels_last(void **state)
{
    (void)state;
    for (int channels = 1; channels <= LSN_MAX_CHANNELS; channels += 5) {
        use(save("images.npy", npy_images(6, 3, 4, channels)), NULL);
        check_pixels(channels, 255);
    }
}

static void floats_are_read_channels_first(void **state)
{
    (void)state;
    for (int channels = 1; channels <= LSN_MAX_CHANNELS; channels += 5) {
        use(save("images.npy", npy_float_images(6, 3, 4, channels)), NULL);
        check_pixels(channels, 256);
    }
}

/* The images of `source` with another header. */
static void use_header(int version, const char *header, bytes source)
{
    size_t start = 10 + source.data[8];
    use(save("header.npy", npy(version, header, source.data + start, source.count - start)), NULL);
    free(source.data);
}

static void three_dimensions_are_one_channel(void **state)
{
    (void)state;
    use_header(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3, 4), }\n", npy_images(6, 3, 4, 1));
    check_pixels(1, 255);
}

static void all_versions_and_spellings_are_read(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3, 4, 2), }            \n",
        "{\"shape\":(6,3,4,2),\"fortran_order\":False,\"descr\":\"|u1\"}",
        "{ 'fortran_order' : False , 'shape' : ( 6 , 3 , 4 , 2 , ) , 'descr' : '|u1' , }\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3, 4, 2)}   ", /* moves the items off any alignment */
    };
    for (int version = 1; version <= 3; version++)
        for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
            use_header(version, headers[i], npy_images(6, 3, 4, 2));
            check_pixels(2, 255);
        }
    for (int spaces = 0; spaces < 4; spaces++) {
        char header[128];
        snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 2, 3, 4), }%*s", spaces,
                 "");
        use_header(1, header, npy_float_images(6, 3, 4, 2));
        check_pixels(2, 256);
    }
}

static void hostile_headers_are_refused(void **state)
{
    (void)state;
    static const char *const headers[][2] = {
        {"", "expected {"},
        {"[]", "expected {"},
        {"{", "a key"},
        {"{}", "each once"},
        {"{'descr': '|u1', 'fortran_order': False, }", "each once"},
        {"{'descr': '|u1', 'shape': (6, 3, 4), }", "each once"},
        {"{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (6, 3, 4), }", "each once"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3, 4), 'more': 1}", "each once"},
        {"{'a_key_that_is_much_too_long': 1}", "a key"},
        {"{descr: '|u1'}", "a key"},
        {"{'descr' '|u1'}", "a colon"},
        {"{'descr': |u1}", "plain number type"},
        {"{'descr': [('r', '|u1'), ('g', '|u1')], 'fortran_order': False, 'shape': (6,), }", "plain number type"},
        {"{'descr': '|u1", "end of the quoted text"},
        {"{'descr': '|u1\", 'fortran_order'", "a comma or }"},
        {"{'descr': '\\x7cu1'}", "plain number type"},
        {"{'descr': '|u1' 'fortran_order': False}", "a comma or }"},
        {"{'descr': '|u1', 'fortran_order': 0, 'shape': (6, 3, 4)}", "True or False"},
        {"{'descr': '|u1', 'fortran_order': 'False', 'shape': (6, 3, 4)}", "True or False"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': 72}", "a tuple"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': [6, 3, 4]}", "a tuple"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (72)}", "a comma"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6 3 4)}", "a comma"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3, 4", "a comma"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6, -3, 4)}", "a size"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3.0, 4)}", "a comma"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (,)}", "a size"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3, 18446744073709551616)}", "below 2^64"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "at most 8"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3, 4)} more", "nothing after"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3, 4), }}", "nothing after"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        use_header(1, headers[i][0], npy_images(6, 3, 4, 1));
        not_opened(&spec, headers[i][1], spec.images);
    }
}

static void unfit_images_are_refused(void **state)
{
    (void)state;
#define NPY(descr, order, shape) "{'descr': '" descr "', 'fortran_order': " order ", 'shape': (" shape "), }\n"
    static const char *const headers[][3] = {
        {NPY("|i1", "False", "6, 3, 4"), "type |i1", "astype"},
        {NPY("<f8", "False", "6, 3, 4"), "type <f8", "astype"},
        {NPY(">f4", "False", "6, 1, 3, 4"), "type >f4", "astype"},
        {NPY("|O", "False", "6, 3, 4"), "type |O", "astype"},
        {NPY("|u1", "True", "6, 3, 4"), "Fortran order", "ascontiguousarray"},
        {NPY("|u1", "False", "6, 12"), "2 dimensions", "uint8"},
        {NPY("|u1", "False", "6, 3, 4, 1, 1"), "5 dimensions", "uint8"},
        {NPY("|u1", "False", ""), "0 dimensions", "uint8"},
        {NPY("<f4", "False", "6, 3, 1"), "3 dimensions", "float32"},
        {NPY("|u1", "False", "0, 3, 4"), "0 images", "expected 1 to"},
        {NPY("|u1", "False", "6, 0, 4"), "0 rows", "expected 1 to 32768"},
        {NPY("|u1", "False", "1, 1, 40000"), "40000 columns", "expected 1 to 32768"},
        {NPY("|u1", "False", "1, 1, 1, 17"), "17 channels", "expected 1 to 16"},
        {NPY("<f4", "False", "1, 17, 1, 1"), "17 channels", "expected 1 to 16"},
        {NPY("|u1", "False", "18446744073709551615, 3, 4"), "18446744073709551615 images", ""},
        {NPY("|u1", "False", "7, 3, 4"), "12 of the 84 bytes", "missing"},
        {NPY("<f4", "False", "2, 1, 3, 4"), "24 of the 96 bytes", "missing"},
        {NPY("|u1", "False", "5, 3, 4"), "goes on after the 60 bytes", ""},
        {NPY("<f4", "False", "2147483647, 16, 32768, 32768"), "more pixels than can be addressed", ""},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        use_header(1, headers[i][0], npy_images(6, 3, 4, 1));
        not_opened(&spec, headers[i][1], headers[i][2]);
        assert_non_null(strstr(spec.images, "header.npy"));
    }
}

static void what_is_no_npy_file_is_refused(void **state)
{
    (void)state;
    use(scratch_write("empty", "", 0), NULL);
    not_opened(&spec, "is not an npy file", spec.images);
    use(scratch_write("zip", "PK\x03\x04 an npz file", 16), NULL);
    not_opened(&spec, "is not an npy file", "numpy.save");
    use(scratch_write("short", "\x93NUMPY\x01\0\x10\0", 10), NULL);
    not_opened(&spec, "cut short in its npy header", spec.images);
    use(scratch_write("short", "\x93NUMPY\x01\0\x10\0{}{}", 14), NULL);
    not_opened(&spec, "cut short in its npy header", spec.images);
    use(scratch_write("short", "\x93NUMPY\x01\0\x05\0{}{}", 14), NULL);
    not_opened(&spec, "cut short in its npy header", spec.images);
    use(scratch_write("new", "\x93NUMPY\x04\0\x10\0{}{}", 14), NULL);
    not_opened(&spec, "npy format 4.0", "1.0, 2.0 and 3.0");
    use(scratch_write("new", "\x93NUMPY\x01\x01\x10\0{}{}", 14), NULL);
    not_opened(&spec, "npy format 1.1", "");
    use(scratch_write("old", "\x93NUMPY\0\0\x10\0{}{}", 14), NULL);
    not_opened(&spec, "npy format 0.0", "");
    use(scratch_write("huge", "\x93NUMPY\x02\0\xff\xff\xff\xff{}", 14), NULL);
    not_opened(&spec, "header of 4294967295 bytes", "");
    bytes whole = npy_images(6, 3, 4, 2);
    for (size_t cut = 0; cut < whole.count; cut++) {
        use(scratch_write("cut.npy", whole.data, cut), NULL);
        not_opened(&spec, spec.images, "");
    }
    free(whole.data);
}

/* Six labels as `descr`, from the low bytes of `values`. */
static void use_labels(const char *descr, size_t each, const int64_t values[6])
{
    unsigned char items[48];
    char header[128];
    for (size_t i = 0; i < 6; i++)
        memcpy(items + i * each, &values[i], each);
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (6,), }\n", descr);
    use(NULL, save("labels.npy", npy(1, header, items, 6 * each)));
}

static void labels_of_every_type_are_read(void **state)
{
    (void)state;
    static const char *const types[] = {"|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8"};
    static const int64_t values[6] = {3, 0, 127, 2, 2, 9}, large[6] = {65535, 0, 1, 1, 1, 256};
    for (int t = 0; t < 8; t++) {
        use_labels(types[t], (size_t)1 << t / 2, values);
        lsn_data *data = opened(&spec);
        assert_int_equal(lsn_data_classes(data), 128);
        for (int i = 0; i < 6; i++)
            assert_int_equal(lsn_data_label(data, i), values[i]);
        lsn_data_destroy(data);
        if (t != 2 && t < 4)
            continue;
        use_labels(types[t], (size_t)1 << t / 2, large);
        data = opened(&spec);
        assert_int_equal(lsn_data_classes(data), 65536);
        assert_int_equal(lsn_data_label(data, 5), 256);
        lsn_data_destroy(data);
    }
}

static void labels_out_of_range_are_refused(void **state)
{
    (void)state;
    use_labels("|i1", 1, (int64_t[]){0, 0, -1, 0, 0, 0});
    not_opened(&spec, "label of image 2 is -1", "0 to 65535");
    use_labels("<i2", 2, (int64_t[]){0, 0, 0, 0, 0, -32768});
    not_opened(&spec, "label of image 5 is -32768", "");
    use_labels("<i4", 4, (int64_t[]){65536, 0, 0, 0, 0, 0});
    not_opened(&spec, "label of image 0 is 65536", spec.labels);
    use_labels("<i8", 8, (int64_t[]){0, INT64_MIN, 0, 0, 0, 0});
    not_opened(&spec, "label of image 1 is -9223372036854775808", "");
    use_labels("<u8", 8, (int64_t[]){0, -1, 0, 0, 0, 0});
    not_opened(&spec, "label of image 1 is 9223372036854775807", "");
    use_labels("<u4", 4, (int64_t[]){0, 0, 0, 4294967295, 0, 0});
    not_opened(&spec, "label of image 3 is 4294967295", "");
}

static void unfit_labels_are_refused(void **state)
{
    (void)state;
    static const char *const headers[][3] = {
        {NPY("<f4", "False", "6,"), "type <f4", "<i8"},
        {NPY(">i4", "False", "6,"), "type >i4", "astype"},
        {NPY("|b1", "False", "6,"), "type |b1", "astype"},
        {NPY("|u1", "False", "6, 1"), "2 dimensions", "[images]"},
        {NPY("|u1", "False", ""), "0 dimensions", "[images]"},
        {NPY("|u1", "False", "0,"), "goes on after the 0 bytes", ""},
        {NPY("|u1", "False", "7,"), "1 of the 7 bytes", "missing"},
        {NPY("<u2", "False", "9223372036854775808,"), "more labels than can be addressed", ""},
        {NPY("|u1", "False", "2147483648,"), "missing", ""},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        use(NULL, save("labels.npy", npy(1, headers[i][0], "\0\1\2\3\4\5", 6)));
        not_opened(&spec, headers[i][1], headers[i][2]);
    }
    use(NULL, save("labels.npy", npy(1, NPY("|u1", "False", "0,"), "", 0)));
    not_opened(&spec, "0 labels", spec.labels);
}

static void floats_take_no_preprocessing(void **state)
{
    (void)state;
    use(save("images.npy", npy_float_images(6, 3, 4, 2)), NULL);
    spec.preprocess.pad = 2;
    not_opened(&spec, "preprocessed already", "preprocess: holds float32 images");
    spec.preprocess = (lsn_preprocess){.channels = 1, .mean = {0}, .std = {1}};
    not_opened(&spec, "preprocessed already", spec.images);
}

static void infinite_pixels_are_named(void **state)
{
    (void)state;
    static const float odd[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 3; i++) {
        bytes file = npy_float_images(6, 3, 4, 2);
        memcpy(file.data + file.count - 4 * (24 + 5), &odd[i], 4); /* in image 4 */
        use(save("odd.npy", file), NULL);
        lsn_data *data = opened(&spec);
        float out[6 * 24];
        lsn_error err = {0};
        assert_true(lsn_data_load(data, (int32_t[]){0, 1, 2, 3, 5}, 5, out, &err));
        assert_false(lsn_data_load(data, (int32_t[]){5, 4, 3}, 3, out, &err));
        assert_int_equal(err.code, LSN_INVALID);
        assert_non_null(strstr(err.text, "odd.npy: image 4 "));
        lsn_data_destroy(data);
    }
}

/* Changes bytes, mostly of the header; whatever opens must be readable within its bounds, which the sanitizers watch.
 */
static int damage(bytes whole, bool images, int rounds)
{
    static const char alphabet[] = "0123456789'\"(),:{} <|uif\\TFe";
    lsn_random random;
    lsn_random_init(&random, 5, 0);
    unsigned char *damaged = malloc(whole.count);
    int opens = 0;
    for (int round = 0; round < rounds; round++) {
        memcpy(damaged, whole.data, whole.count);
        for (uint64_t k = 0; k <= lsn_random_below(&random, 3); k++) {
            uint64_t any = lsn_random_below(&random, 256);
            size_t at = lsn_random_below(&random, round % 8 == 0 ? whole.count : 90);
            damaged[at] = (unsigned char)(round % 2 == 0 ? any : (unsigned char)alphabet[any % sizeof alphabet]);
        }
        const char *path = scratch_write("damaged", damaged, whole.count);
        use(images ? path : NULL, images ? NULL : path);
        lsn_error err = {0};
        lsn_data *data = lsn_data_open(&spec, &err);
        assert_true(data != NULL || (err.code == LSN_INVALID && strlen(err.text) > 0));
        opens += data != NULL;
        for (int32_t i = 0; data != NULL && i < lsn_data_count(data); i++) {
            float out[6 * 24 * 4];
            lsn_data_load(data, &i, 1, out, &err);
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
    assert_true(damage(npy_images(6, 3, 4, 2), true, 1000) > 0);
    assert_true(damage(npy_float_images(6, 3, 4, 2), true, 1000) > 0);
    assert_true(damage(npy_labels(6, 5), false, 500) > 0);
}

static void written_arrays_are_read_back(void **state)
{
    (void)state;
    float values[6 * 12];
    for (int i = 0; i < 72; i++)
        values[i] = (float)(i - 30) / 7;
    const char *path = scratch_path("written.npy");
    assert_true(lsn_npy_write(path, values, 6, 12, NULL));
    lsn_file file;
    assert_true(lsn_file_map(&file, path, NULL));
    assert_int_equal(file.bytes, 128 + sizeof values);
    assert_memory_equal(file.data, "\x93NUMPY\x01\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (6, 12), }",
                        70);
    for (int i = 70; i < 127; i++)
        assert_int_equal(file.data[i], ' ');
    assert_int_equal(file.data[127], '\n');
    assert_memory_equal(file.data + 128, values, sizeof values);
    lsn_file_unmap(&file);
    assert_true(lsn_npy_write(path, values, 0, 12, NULL)); /* over a longer one */
    assert_true(lsn_file_map(&file, path, NULL));
    assert_int_equal(file.bytes, 128);
    lsn_file_unmap(&file);
}

static void what_cannot_be_written_is_told(void **state)
{
    (void)state;
    lsn_error err = {0};
    float values[4] = {0};
    const char *path = scratch_path("no/such/folder.npy");
    assert_false(lsn_npy_write(path, values, 2, 2, &err));
    assert_int_equal(err.code, LSN_FAILED);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "No such file"));
    assert_false(lsn_npy_write(scratch_path("negative.npy"), values, -2, 2, &err));
    assert_false(lsn_npy_write(scratch_path("huge.npy"), values, INT64_MAX, 4, &err));
    if (access("/dev/full", W_OK) != 0) {
        print_message("not checked: there is no /dev/full\n");
        return;
    }
    assert_false(lsn_npy_write("/dev/full", values, 2, 2, &err));
    assert_int_equal(err.code, LSN_FAILED);
    assert_non_null(strstr(err.text, "No space left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_read_channels_last),     cmocka_unit_test(floats_are_read_channels_first),
        cmocka_unit_test(three_dimensions_are_one_channel), cmocka_unit_test(all_versions_and_spellings_are_read),
        cmocka_unit_test(hostile_headers_are_refused),      cmocka_unit_test(unfit_images_are_refused),
        cmocka_unit_test(what_is_no_npy_file_is_refused),   cmocka_unit_test(labels_of_every_type_are_read),
        cmocka_unit_test(labels_out_of_range_are_refused),  cmocka_unit_test(unfit_labels_are_refused),
        cmocka_unit_test(floats_take_no_preprocessing),     cmocka_unit_test(infinite_pixels_are_named),
        cmocka_unit_test(damaged_files_do_no_harm),         cmocka_unit_test(written_arrays_are_read_back),
        cmocka_unit_test(what_cannot_be_written_is_told),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
