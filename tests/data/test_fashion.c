/* The real Fashion-MNIST test images, where they are installed. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "image_files.h"

static char images[PATH_MAX], labels[PATH_MAX], classes[PATH_MAX];

/* 10,000 images, 1,000 of each class. Over them pixels have mean 0.2868 (the training images': 0.2860). */
static void the_test_images_are_read(void **state)
{
    (void)state;
    lsn_data_spec spec = {.format = LSN_IDX, .images = images, .labels = labels, .classes = classes};
    spec.preprocess = (lsn_preprocess){.pad = 2, .channels = 1, .mean = {0.286f}, .std = {0.353f}};
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_count(data), 10000);
    assert_int_equal(lsn_data_height(data), 32);
    assert_int_equal(lsn_data_width(data), 32);
    assert_int_equal(lsn_data_classes(data), 10);
    assert_non_null(lsn_data_class_name(data, 9));
    assert_int_equal(lsn_data_label(data, 0), 9);
    lsn_sample sample;
    lsn_error err;
    assert_true(lsn_data_take(data, &(lsn_take){LSN_TAKE_PER_CLASS, 1000, 1}, NULL, &sample, &err));
    assert_int_equal(sample.count, 10000);
    float out[32 * 32];
    double sum = 0;
    for (int32_t i = 0; i < sample.count; i++) {
        assert_true(lsn_data_load(data, &sample.images[i], 1, out, &err));
        for (int k = 0; k < 32 * 32; k++)
            sum += (double)out[k] * 0.353 + 0.286;
    }
    double difference = fabs(sum / 1e4 / (28 * 28) - 0.2868);
    assert_true(difference <= 5e-4);
    lsn_sample_finish(&sample);
    lsn_data_destroy(data);
}

static bool find(const char *folder)
{
    snprintf(images, sizeof images, "%s/t10k-images-idx3-ubyte.gz", folder);
    snprintf(labels, sizeof labels, "%s/t10k-labels-idx1-ubyte.gz", folder);
    return access(images, R_OK) == 0 && access(labels, R_OK) == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_test_images_are_read)};
    const char *source = getenv("LESION_SOURCE"), *folder = getenv("FASHION_MNIST");
    char models[PATH_MAX / 2];
    snprintf(models, sizeof models, "%s/models", source != NULL ? source : ".");
    snprintf(classes, sizeof classes, "%s/fashion-classes.txt", models);
    bool found = folder != NULL ? find(folder) : find(models) || find("/usr/share/datasets/fashion-mnist");
    if (!found || access(classes, R_OK) != 0) {
        printf("skipped: %s, %s and %s are needed (Debian: dataset-fashion-mnist)\n", images, labels, classes);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
