/* What the check of the images makes of a plan. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

static const char study[] = HEAD "ablate:\n"
                                 "  - {name: one, layers: conv1_1, filters: [0, 2], mode: [zero, mean]}\n";

static const char *const skip[] = {"data.skip_broken=true", NULL};

/* A plan, and checks of its images of which those in `broken` (ended by -1) cannot be read. */
typedef struct checked {
    lsn_plan *plan;
    lsn_image_checks found;
} checked;

static checked check_with(const char *const *overrides, const int32_t *broken)
{
    checked c = {.plan = unsettled(study, overrides)};
    check_images(c.plan, &c.found);
    assert_int_equal(c.found.count, 10);
    for (; *broken >= 0; broken++) {
        char reason[64];
        snprintf(reason, sizeof reason, "file %d: is cut short", *broken);
        c.found.checks[*broken] = (lsn_image_check){.readable = false};
        c.found.reasons[*broken] = strdup(reason);
    }
    return c;
}

static void finish(checked *c)
{
    lsn_image_checks_finish(&c->found);
    lsn_plan_destroy(c->plan);
}

static void keys_are_known_once_settled(void **state)
{
    (void)state;
    checked c = check_with(NULL, (const int32_t[]){-1});
    assert_false(c.plan->settled);
    assert_string_equal(c.plan->evaluations[0].key, "");
    for (int i = 0; i < 6; i++)
        assert_int_equal(lsn_plan_image(c.plan, i), c.plan->images.images[i]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(lsn_plan_image(c.plan, 6 + i), c.plan->calibration.images[i]);
    assert_true(lsn_plan_settle(c.plan, &c.found, &(lsn_problems){0}, NULL));
    assert_true(c.plan->settled);
    assert_int_equal(strlen(c.plan->evaluations[2].key), LSN_KEY_BYTES - 1);
    assert_int_equal(c.plan->n_skipped, 0);
    assert_memory_equal(&c.plan->pixels[5], &c.found.checks[5].digest, sizeof(lsn_digest));
    assert_memory_equal(&c.plan->calibration_pixels[3], &c.found.checks[9].digest, sizeof(lsn_digest));
    finish(&c);
}

static void broken_images_end_it(void **state)
{
    (void)state;
    lsn_problems problems = {0};
    lsn_error err = {0};
    checked c = check_with(NULL, (const int32_t[]){2, 7, -1});
    free(c.found.reasons[7]);
    c.found.reasons[7] = NULL; /* as on a rank that does not know */
    assert_false(lsn_plan_settle(c.plan, &c.found, &problems, &err));
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, "2 of 10 images cannot be read"));
    assert_non_null(strstr(err.text, "skip_broken: true"));
    assert_int_equal(problems.count, 2);
    assert_string_equal(problems.text[0], "file 2: is cut short");
    assert_false(c.plan->settled);
    assert_int_equal(c.plan->images.count, 6);
    lsn_problems_finish(&problems);
    finish(&c);
}

static void broken_images_are_left_out(void **state)
{
    (void)state;
    checked c = check_with(skip, (const int32_t[]){0, 3, 6, -1});
    int32_t images[10];
    for (int i = 0; i < 10; i++)
        images[i] = lsn_plan_image(c.plan, i);
    assert_true(lsn_plan_settle(c.plan, &c.found, &(lsn_problems){0}, NULL));
    assert_int_equal(c.plan->images.count, 4);
    assert_int_equal(c.plan->images.images[0], images[1]);
    assert_int_equal(c.plan->images.images[2], images[4]);
    assert_memory_equal(&c.plan->pixels[2], &c.found.checks[4].digest, sizeof(lsn_digest));
    assert_int_equal(c.plan->calibration.count, 3);
    assert_int_equal(c.plan->calibration.images[0], images[7]);
    assert_int_equal(c.plan->n_skipped, 3);
    assert_int_equal(c.plan->skipped[1].image, images[3]);
    assert_false(c.plan->skipped[1].calibration);
    assert_true(c.plan->skipped[2].calibration);
    assert_string_equal(c.plan->skipped[1].reason, "file 3: is cut short");
    assert_non_null(strstr(c.plan->skipped[1].name, "image "));
    finish(&c);
}

/* What is left decides the keys, not what it was left from. */
static void keys_are_of_what_is_left(void **state)
{
    (void)state;
    checked whole = check_with(skip, (const int32_t[]){-1}), less = check_with(skip, (const int32_t[]){9, -1});
    assert_true(lsn_plan_settle(whole.plan, &whole.found, &(lsn_problems){0}, NULL));
    assert_true(lsn_plan_settle(less.plan, &less.found, &(lsn_problems){0}, NULL));
    assert_string_equal(whole.plan->evaluations[1].key, less.plan->evaluations[1].key);     /* zero */
    assert_string_not_equal(whole.plan->evaluations[2].key, less.plan->evaluations[2].key); /* mean */
    finish(&less);
    less = check_with(skip, (const int32_t[]){5, -1});
    assert_true(lsn_plan_settle(less.plan, &less.found, &(lsn_problems){0}, NULL));
    assert_string_not_equal(whole.plan->evaluations[1].key, less.plan->evaluations[1].key);
    finish(&less);
    finish(&whole);
}

static void something_must_be_left(void **state)
{
    (void)state;
    lsn_error err = {0};
    checked c = check_with(skip, (const int32_t[]){0, 1, 2, 3, 4, 5, -1});
    assert_false(lsn_plan_settle(c.plan, &c.found, &(lsn_problems){0}, &err));
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, "none of the images can be read: the first, file 0: is cut short"));
    finish(&c);
    c = check_with(skip, (const int32_t[]){6, 7, 8, 9, -1});
    assert_false(lsn_plan_settle(c.plan, &c.found, &(lsn_problems){0}, &err));
    assert_non_null(strstr(err.text, "mode mean needs calibration images, but none of them can be read"));
    finish(&c);
}

static void odd_sizes_are_one_mistake(void **state)
{
    (void)state;
    lsn_error err = {0};
    lsn_problems problems = {0};
    checked c = check_with(skip, (const int32_t[]){-1});
    c.found.checks[4].odd_size = c.found.checks[5].odd_size = true;
    c.found.reasons[4] = strdup("file 4: has another size");
    assert_false(lsn_plan_settle(c.plan, &c.found, &problems, &err));
    assert_int_equal(err.code, LSN_INVALID);
    assert_int_equal(problems.count, 0);
    assert_non_null(strstr(err.text, "2 of 10 images differ in size from the others: file 4: has another size"));
    finish(&c);
}

static void outlines_tell_plans_apart(void **state)
{
    (void)state;
    static const char *const others[] = {"data.take.seed=8",
                                         "data.calibration.count=3",
                                         "metrics=[per_class]",
                                         "ablate.one.mode=zero",
                                         "ablate.one.filters=[0, 1]",
                                         "data.skip_broken=true",
                                         "data.preprocess.std=2",
                                         "ablate.one.layers=conv2_1",
                                         "ablate.one.mode=[zero, noise]",
                                         "ablate.one.mode=[zero, {noise: {seeds: 1}}]",
                                         "metrics=[drift]",
                                         "metrics=[images]",
                                         "stop.half_width=0.1",
                                         "stop={half_width: 0.1, confidence: 0.9}",
                                         "stop={half_width: 0.1, seed: 1}"};
    lsn_digest first, again, other;
    lsn_plan *plan = unsettled(study, NULL);
    assert_true(lsn_plan_outline(plan, &first, NULL));
    assert_true(lsn_plan_outline(plan, &again, NULL));
    assert_memory_equal(&first, &again, sizeof first);
    lsn_plan_destroy(plan);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        plan = unsettled(study, (const char *[]){others[i], NULL});
        assert_true(lsn_plan_outline(plan, &other, NULL));
        assert_memory_not_equal(&first, &other, sizeof first);
        lsn_plan_destroy(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_known_once_settled), cmocka_unit_test(broken_images_end_it),
        cmocka_unit_test(broken_images_are_left_out),  cmocka_unit_test(keys_are_of_what_is_left),
        cmocka_unit_test(something_must_be_left),      cmocka_unit_test(odd_sizes_are_one_mistake),
        cmocka_unit_test(outlines_tell_plans_apart),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
