/* What a plan holds besides its jobs. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

static void the_plan_is_whole(void **state)
{
    (void)state;
    static const char study[] = ONE("conv1_1", "each", "zero");
    lsn_plan *plan = planned(study, NULL);
    assert_string_equal(plan->name, "tiny");
    assert_string_equal(plan->path, fixture_path("study.yaml"));
    assert_string_equal(plan->text, study);
    assert_string_equal(plan->overrides, "");
    assert_string_equal(plan->preprocess, "pad 2, mean 0.5, std 0.25");
    assert_string_equal(plan->model->path, fixture_path("weights.safetensors")); /* beside the study */
    assert_int_equal(plan->model->input_h, 32);
    assert_int_equal(plan->model->input_w, 32);
    assert_int_equal(lsn_data_count(plan->data), FIXTURE_IMAGES);
    assert_int_equal(plan->images.count, 6);
    assert_int_equal(plan->calibration.count, 4);
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 4; k++)
            assert_int_not_equal(plan->images.images[i], plan->calibration.images[k]);
    lsn_digest digest;
    assert_true(lsn_data_digest(plan->data, &plan->images, &digest, NULL));
    assert_memory_equal(&digest, &plan->images_digest, sizeof digest);
    assert_true(lsn_data_digest(plan->data, &plan->calibration, &digest, NULL));
    assert_memory_equal(&digest, &plan->calibration_digest, sizeof digest);
    assert_false(plan->metrics.per_class);
    assert_false(lsn_plan_needs_means(plan));
    lsn_plan_destroy(plan);
}

#define SHORT(data, rest)                                                                                             \
    "study: a\nmodel: {weights: weights.safetensors}\ndata: {format: idx, images: large.idx, labels: labels.idx" data \
    "}\nablate: []\n" rest

static void what_is_not_given_has_defaults(void **state)
{
    (void)state;
    fixture_images("large.idx", FIXTURE_IMAGES, 32, 0);
    lsn_plan *plan = planned(SHORT("", ""), NULL);
    assert_int_equal(plan->images.count, FIXTURE_IMAGES);
    assert_int_equal(plan->calibration.count, 0);
    assert_string_equal(plan->preprocess, "none");
    assert_false(plan->metrics.per_class);
    lsn_plan_destroy(plan);
    plan = planned(SHORT(", take: all", "metrics: per_class\n"), NULL);
    assert_int_equal(plan->images.count, FIXTURE_IMAGES);
    assert_true(plan->metrics.per_class);
    lsn_plan_destroy(plan);
}

static void preprocessing_is_put_in_words(void **state)
{
    (void)state;
    fixture_images("large.idx", FIXTURE_IMAGES, 32, 0);
    static const struct {
        const char *study, *words;
    } cases[] = {
        {SHORT(", preprocess: {pad: 3}", ""), "pad 3"},
        {SHORT(", preprocess: {mean: 0.2860}", ""), "mean 0.286, std 1"},
        {SHORT(", preprocess: {std: [0.229], pad: 1}", ""), "pad 1, mean 0, std 0.229"},
        {SHORT(", preprocess: {mean: -1.5e-3, std: .25}", ""), "mean -0.0015, std 0.25"},
        {SHORT(", preprocess: {mean: 0.123456789, std: 3}", ""), "mean 0.12345679, std 3"},
        {SHORT(", preprocess: {}", ""), "none"},
        {SHORT(", preprocess: {pad: 0}", ""), "none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lsn_plan *plan = planned(cases[i].study, NULL);
        assert_string_equal(plan->preprocess, cases[i].words);
        lsn_plan_destroy(plan);
    }
}

static void arrays_of_channels_are_read(void **state)
{
    (void)state;
    lsn_text npy = {0}; /* one 32 x 32 image of 1 channel, uint8: the header ends at byte 128 */
    lsn_text_add(&npy, "\x93NUMPY\x01");
    char file[128 + 1024] = {0}, labels[128 + 1] = {0};
    memcpy(file, npy.data, npy.length);
    lsn_text_finish(&npy);
    memcpy(labels, file, 7);
    file[8] = labels[8] = 118;
    memset(file + 10, ' ', 118);
    memset(labels + 10, ' ', 118);
    static const char of_images[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 32, 32, 1), }";
    static const char of_labels[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }";
    memcpy(file + 10, of_images, sizeof of_images - 1);
    memcpy(labels + 10, of_labels, sizeof of_labels - 1);
    file[127] = labels[127] = '\n';
    fixture_write("images.npy", file, sizeof file);
    fixture_write("labels.npy", labels, sizeof labels);
    lsn_plan *plan = planned("study: a\nmodel: {weights: weights.safetensors}\n"
                             "data: {format: npy, images: images.npy, labels: labels.npy}\nablate: []\n",
                             NULL);
    assert_int_equal(plan->images.count, 1);
    lsn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_is_whole),
        cmocka_unit_test(what_is_not_given_has_defaults),
        cmocka_unit_test(preprocessing_is_put_in_words),
        cmocka_unit_test(arrays_of_channels_are_read),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
