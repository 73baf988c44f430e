/* What a plan holds besides its jobs. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "study/spec.h"

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
    assert_string_equal(plan->net->path, fixture_path("weights.safetensors")); /* beside the study */
    assert_int_equal(plan->net->nodes[0].shape.h, 32);
    assert_int_equal(plan->net->nodes[0].shape.w, 32);
    assert_int_equal(lsn_data_count(plan->data), FIXTURE_IMAGES);
    assert_int_equal(plan->images.count, 6);
    assert_int_equal(plan->calibration.count, 4);
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 4; k++)
            assert_int_not_equal(plan->images.images[i], plan->calibration.images[k]);
    lsn_digest digest;
    assert_true(plan->settled);
    assert_int_equal(plan->n_skipped, 0);
    assert_true(lsn_data_digest(plan->data, &plan->images, plan->pixels, &digest, NULL));
    assert_memory_equal(&digest, &plan->images_digest, sizeof digest);
    assert_true(lsn_data_digest(plan->data, &plan->calibration, plan->calibration_pixels, &digest, NULL));
    assert_memory_equal(&digest, &plan->calibration_digest, sizeof digest);
    assert_false(plan->metrics.per_class);
    assert_false(plan->needs.means);
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

/* A uint8 array of format 1.0 of at most 4096 items, all 0; the items begin at byte 128. */
static void write_array(const char *name, const char *shape, size_t items)
{
    char file[128 + 4096] = "\x93NUMPY\x01\0\x76";
    memset(file + 10, ' ', 117);
    file[127] = '\n';
    char header[118];
    int length = snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }", shape);
    memcpy(file + 10, header, (size_t)length);
    fixture_write(name, file, 128 + items);
}

static const char arrays[] = "study: a\nmodel: {weights: weights.safetensors}\n"
                             "data: {format: npy, images: images.npy, labels: labels.npy}\nablate: []\n";

static void arrays_are_read(void **state)
{
    (void)state;
    write_array("labels.npy", "1,", 1);
    write_array("images.npy", "1, 32, 32, 1", 1024);
    lsn_plan *plan = planned(arrays, NULL);
    assert_int_equal(plan->images.count, 1);
    lsn_plan_destroy(plan);
    write_array("images.npy", "1, 32, 32, 3", 3072);
    refused(
        arrays, NULL,
        (const expected[]){{"3:29", "the network takes images of 1 channels, but the data's have 3"}, {NULL, NULL}});
}

static void channels_are_put_in_words(void **state)
{
    (void)state;
    lsn_preprocess preprocess = {.channels = 3, .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};
    lsn_text text = {0};
    lsn_preprocess_words(&preprocess, &text);
    assert_string_equal(text.data, "mean 0.485 0.456 0.406, std 0.229 0.224 0.225");
    lsn_text_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_is_whole),
        cmocka_unit_test(what_is_not_given_has_defaults),
        cmocka_unit_test(preprocessing_is_put_in_words),
        cmocka_unit_test(channels_are_put_in_words),
        cmocka_unit_test(arrays_are_read),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
