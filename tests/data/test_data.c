/* What all formats share: labels against images, class names, preprocessing, digests. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "image_files.h"

static lsn_data_spec spec;

/* 6 images of 3 x 4 x `channels`. */
static void use(int channels)
{
    spec = (lsn_data_spec){.format = LSN_NPY};
    spec.images = save("images.npy", npy_images(6, 3, 4, channels));
    spec.labels = save("labels.npy", npy_labels(6, 5));
}

static void formats_have_names(void **state)
{
    (void)state;
    assert_string_equal(lsn_data_format_name(LSN_IDX), "idx");
    assert_string_equal(lsn_data_format_name(LSN_NPY), "npy");
    assert_int_equal(lsn_data_format_find("idx"), LSN_IDX);
    assert_int_equal(lsn_data_format_find("npy"), LSN_NPY);
    assert_int_equal(lsn_data_format_find("cifar10"), LSN_CIFAR10);
    assert_int_equal(lsn_data_format_find("imagefolder"), LSN_IMAGEFOLDER);
    assert_int_equal(lsn_data_format_find("webdataset"), LSN_N_FORMATS);
    assert_int_equal(lsn_data_format_find(""), LSN_N_FORMATS);
}

static void labels_must_be_as_many_as_images(void **state)
{
    (void)state;
    use(1);
    for (int count = 5; count <= 7; count += 2) {
        char text[64];
        spec.labels = save("labels.npy", npy_labels(count, 5));
        snprintf(text, sizeof text, "has %d labels", count);
        not_opened(&spec, text, "images.npy has 6 images");
    }
}

static const char *write_names(const char *text)
{
    return scratch_write("classes.txt", text, strlen(text));
}

static void classes_are_named(void **state)
{
    (void)state;
    static const char *const texts[] = {"T-shirt\nBag of tea\nc\nd\ne\n", "T-shirt\r\nBag of tea\r\nc\r\nd\r\ne",
                                        "T-shirt\nBag of tea\nc\nd\ne\n\n\r\n"};
    use(1);
    for (int i = 0; i < 3; i++) {
        spec.classes = write_names(texts[i]);
        lsn_data *data = opened(&spec);
        assert_int_equal(lsn_data_classes(data), 5);
        assert_string_equal(lsn_data_class_name(data, 0), "T-shirt");
        assert_string_equal(lsn_data_class_name(data, 1), "Bag of tea");
        assert_string_equal(lsn_data_class_name(data, 4), "e");
        lsn_data_destroy(data);
    }
    spec.classes = write_names("a\nb\nc\nd\ne\nf\ng\n");
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_classes(data), 7);
    lsn_data_destroy(data);
}

static void unfit_class_names_are_refused(void **state)
{
    (void)state;
    use(1);
    spec.classes = write_names("a\nb\nc\nd\n"); /* the greatest label is 4, first of image 3 */
    not_opened(&spec, "classes.txt: names 4 classes", "label of image 3");
    spec.classes = write_names("a\n\nc\nd\ne\n");
    not_opened(&spec, "classes.txt:2: the name of class 1 is empty", "");
    spec.classes = write_names("");
    not_opened(&spec, "names no class", "one name a line");
    spec.classes = write_names("\n\n");
    not_opened(&spec, "names no class", "");
    spec.classes = scratch_write("classes.txt", "a\nb\0c\nd\ne\n", 10);
    not_opened(&spec, "classes.txt:2: a control character", "");
    spec.classes = write_names("a\nb\n\x1b[31mc\nd\ne\n");
    not_opened(&spec, "classes.txt:3: a control character", "");
    spec.classes = scratch_path("missing.txt");
    not_opened(&spec, "missing.txt", "No such file");
    char *many = malloc(2 * 65537 + 1);
    for (int i = 0; i < 65537; i++)
        memcpy(many + 2 * i, "n\n", 3);
    spec.classes = write_names(many);
    not_opened(&spec, "more than 65536 lines", "");
    many[2 * 65536] = '\0';
    spec.classes = write_names(many);
    lsn_data_destroy(opened(&spec));
    free(many);
}

static void preprocess_refused(lsn_preprocess preprocess, const char *text)
{
    use(3);
    spec.preprocess = preprocess;
    not_opened(&spec, text, "preprocess: ");
    assert_non_null(strstr(spec.images, "images.npy"));
}

static void unfit_preprocessing_is_refused(void **state)
{
    (void)state;
    preprocess_refused((lsn_preprocess){.pad = -1}, "pad is -1; expected 0 to 1024");
    preprocess_refused((lsn_preprocess){.pad = 1025}, "pad is 1025");
    preprocess_refused((lsn_preprocess){.channels = 2, .std = {1, 1}},
                       "2 means and stds are given, but the images have 3");
    preprocess_refused((lsn_preprocess){.channels = 4, .std = {1, 1, 1, 1}}, "give 1 or 3");
    preprocess_refused((lsn_preprocess){.channels = -1}, "give 1 or 3");
    preprocess_refused((lsn_preprocess){.channels = LSN_MAX_CHANNELS + 1}, "give 1 or 3");
    preprocess_refused((lsn_preprocess){.channels = 1, .std = {0}}, "std greater than 0");
    preprocess_refused((lsn_preprocess){.channels = 3, .std = {1, 1, -1}}, "std greater than 0");
    preprocess_refused((lsn_preprocess){.channels = 1, .std = {NAN}}, "std greater than 0");
    preprocess_refused((lsn_preprocess){.channels = 1, .std = {INFINITY}}, "must be finite");
    preprocess_refused((lsn_preprocess){.channels = 1, .mean = {NAN}, .std = {1}}, "must be finite");
    preprocess_refused((lsn_preprocess){.channels = 1, .std = {1e-45f}}, "infinite");
}

/* (float(p) / 255 - mean) / std, each step rounded to float; computed by another program. */
static void normalisation_equals_torchs(void **state)
{
    (void)state;
    static const unsigned char pixels[6] = {0, 1, 127, 128, 200, 255};
    static const struct {
        float mean, std, expected[6];
    } known[] = {
        {0.286f,
         0.353f,
         {-0x1.9ed252p-1f, -0x1.992236p-1f, 0x1.338c06p-1f, 0x1.393c26p-1f, 0x1.696222p+0f, 0x1.02e69ep+1f}},
        {0.485f,
         0.229f,
         {-0x1.0f177ap+1f, -0x1.0ce656p+1f, 0x1.d2734cp-5f, 0x1.2f5e64p-4f, 0x1.4e9a9ep+0f, 0x1.1fdc3ap+1f}},
        {0.456f,
         0.224f,
         {-0x1.049248p+1f, -0x1.02549ep+1f, 0x1.805bc8p-3f, 0x1.a43690p-3f, 0x1.773738p+0f, 0x1.36db6ep+1f}},
    };
    unsigned char items[18];
    for (int i = 0; i < 6; i++)
        memset(items + 3 * i, pixels[i], 3);
    use(3);
    spec.labels = save("labels.npy", npy_labels(1, 1));
    spec.images = save("known.npy", npy(1, "{'descr':'|u1','fortran_order':False,'shape':(1,1,6,3)}", items, 18));
    spec.preprocess.channels = 3;
    for (int c = 0; c < 3; c++) {
        spec.preprocess.mean[c] = known[c].mean;
        spec.preprocess.std[c] = known[c].std;
    }
    float out[18];
    lsn_data *data = opened(&spec);
    assert_true(lsn_data_load(data, (int32_t[]){0}, 1, out, NULL));
    for (int i = 0; i < 6; i++)
        for (int c = 0; c < 3; c++)
            assert_true(out[3 * i + c] == known[c].expected[i]);
    lsn_data_destroy(data);
}

static void one_mean_serves_all_channels(void **state)
{
    (void)state;
    use(3);
    spec.preprocess = (lsn_preprocess){.channels = 1, .mean = {0.25f, 9, 9}, .std = {0.5f, 9, 9}};
    float out[36], *at = out;
    lsn_data *data = opened(&spec);
    assert_true(lsn_data_load(data, (int32_t[]){2}, 1, out, NULL));
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 4; x++)
            for (int c = 0; c < 3; c++)
                assert_true(*at++ == ((float)pixel(2, y, x, c) / 255.0f - 0.25f) / 0.5f);
    lsn_data_destroy(data);
}

static void padding_is_of_zero_pixels(void **state)
{
    (void)state;
    use(2);
    spec.preprocess = (lsn_preprocess){.pad = 2, .channels = 2, .mean = {0.5f, 0.25f}, .std = {0.25f, 2}};
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_height(data), 7);
    assert_int_equal(lsn_data_width(data), 8);
    assert_int_equal(lsn_data_channels(data), 2);
    float out[2 * 7 * 8 * 2], *at = out;
    assert_true(lsn_data_load(data, (int32_t[]){5, 1}, 2, out, NULL));
    for (int i = 0; i < 2; i++)
        for (int y = -2; y < 5; y++)
            for (int x = -2; x < 6; x++)
                for (int c = 0; c < 2; c++) {
                    bool inside = y >= 0 && y < 3 && x >= 0 && x < 4;
                    float value = inside ? (float)pixel(i == 0 ? 5 : 1, y, x, c) / 255.0f : 0;
                    assert_true(*at++ == (value - (c == 0 ? 0.5f : 0.25f)) / (c == 0 ? 0.25f : 2));
                }
    lsn_data_destroy(data);
}

/* ---- digests ------------------------------------------------------------------------------------------------- */

/* The digest of some images of the data in use. */
static lsn_digest digest_of(int count, const int32_t *images)
{
    int32_t chosen[6];
    memcpy(chosen, images, (size_t)count * sizeof *images);
    lsn_sample sample = {chosen, count};
    lsn_digest digest;
    lsn_error err;
    lsn_data *data = opened(&spec);
    lsn_digest pixels[6];
    for (int i = 0; i < count; i++) {
        lsn_image_check check;
        assert_true(lsn_data_check(data, chosen[i], NULL, &check, &err));
        assert_true(check.readable);
        assert_false(check.odd_size);
        pixels[i] = check.digest;
    }
    assert_true(lsn_data_digest(data, &sample, pixels, &digest, &err));
    lsn_data_destroy(data);
    return digest;
}

#define SOME             \
    3, (const int32_t[]) \
    {                    \
        0, 2, 5          \
    }

static bool same(lsn_digest one, lsn_digest two)
{
    return memcmp(&one, &two, sizeof one) == 0;
}

static void digests_do_not_depend_on_the_format(void **state)
{
    (void)state;
    use(1);
    lsn_digest npy = digest_of(SOME);
    assert_true(same(npy, digest_of(SOME)));
    spec.format = LSN_IDX;
    spec.images = save("other-images", idx_images(6, 3, 4));
    spec.labels = save("other-labels", idx_labels(6, 5));
    assert_true(same(npy, digest_of(SOME)));
    bytes images = idx_images(6, 3, 4), labels = idx_labels(6, 5);
    spec.images = save("images.gz", gzipped(images));
    spec.labels = save("labels.gz", gzipped(labels));
    assert_true(same(npy, digest_of(SOME)));
    free(images.data);
    free(labels.data);
}

static void digests_depend_on_the_sample_only(void **state)
{
    (void)state;
    use(1);
    lsn_digest before = digest_of(SOME);
    assert_false(same(before, digest_of(2, (const int32_t[]){0, 2})));
    assert_false(same(before, digest_of(3, (const int32_t[]){0, 2, 4})));
    assert_false(same(before, digest_of(0, (const int32_t[]){0})));
    bytes images = npy_images(6, 3, 4, 1);
    images.data[images.count - 1 - 12] ^= 1; /* in image 4 */
    spec.images = save("changed.npy", images);
    assert_true(same(before, digest_of(SOME)));
}

static void digests_depend_on_pixels_labels_and_shape(void **state)
{
    (void)state;
    use(1);
    lsn_digest before = digest_of(SOME);
    bytes images = npy_images(6, 3, 4, 1), labels = npy_labels(6, 5);
    images.data[images.count - 1] ^= 1; /* in image 5 */
    spec.images = save("changed.npy", images);
    assert_false(same(before, digest_of(SOME)));
    use(1);
    labels.data[labels.count - 8] ^= 1;
    spec.labels = save("changed.npy", labels);
    assert_false(same(before, digest_of(SOME)));
    images = npy_images(6, 3, 4, 1);
    use(1);
    static const char *const shapes[] = {"6, 4, 3, 1", "6, 3, 2, 2", "6, 12, 1, 1"};
    for (int i = 0; i < 3; i++) {
        char header[128];
        snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%s)}", shapes[i]);
        spec.images = save("shape.npy", npy(1, header, images.data + images.count - 72, 72));
        assert_false(same(before, digest_of(SOME)));
    }
    spec.images = save("floats.npy", npy(1, "{'descr':'<f4','fortran_order':False,'shape':(6,1,3,1)}",
                                         images.data + images.count - 72, 72));
    assert_false(same(before, digest_of(SOME)));
    free(images.data);
}

static void digests_depend_on_preprocessing(void **state)
{
    (void)state;
    static const lsn_preprocess some[] = {
        {.pad = 1},
        {.pad = 2},
        {.channels = 1, .mean = {0.5f}, .std = {1}},
        {.channels = 1, .mean = {0}, .std = {0.5f}},
        {.channels = 2, .mean = {0.5f, 0}, .std = {1, 1}},
        {.channels = 2, .mean = {0, 0.5f}, .std = {1, 1}},
    };
    use(2);
    lsn_digest digests[7] = {digest_of(SOME)};
    for (int i = 1; i < 7; i++) {
        spec.preprocess = some[i - 1];
        digests[i] = digest_of(SOME);
        for (int k = 0; k < i; k++)
            assert_false(same(digests[k], digests[i]));
    }
    spec.preprocess = (lsn_preprocess){.channels = 2, .mean = {0.5f, 0.5f}, .std = {1, 1}};
    assert_true(same(digests[3], digest_of(SOME))); /* one mean for both channels is the same */
    spec.preprocess = (lsn_preprocess){.channels = 1, .mean = {0}, .std = {1}};
    assert_true(same(digests[0], digest_of(SOME))); /* as is a normalisation that changes nothing */
}

static void no_data_may_be_destroyed(void **state)
{
    (void)state;
    lsn_data_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(labels_must_be_as_many_as_images),
        cmocka_unit_test(classes_are_named),
        cmocka_unit_test(unfit_class_names_are_refused),
        cmocka_unit_test(unfit_preprocessing_is_refused),
        cmocka_unit_test(normalisation_equals_torchs),
        cmocka_unit_test(one_mean_serves_all_channels),
        cmocka_unit_test(padding_is_of_zero_pixels),
        cmocka_unit_test(digests_do_not_depend_on_the_format),
        cmocka_unit_test(digests_depend_on_the_sample_only),
        cmocka_unit_test(digests_depend_on_pixels_labels_and_shape),
        cmocka_unit_test(digests_depend_on_preprocessing),
        cmocka_unit_test(no_data_may_be_destroyed),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
