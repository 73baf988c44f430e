/* Keys are what results are found by: stable for equal inputs, different for different ones. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

enum { JOBS = 4 };

/* The baseline, a mask with mode zero, the same with mode mean, and another mask. */
static const char study[] = HEAD "ablate:\n"
                                 "  - {name: one, layers: conv1_1, filters: [0, 2], mode: [zero, mean]}\n"
                                 "  - {name: two, layers: conv2_1, filters: [0, 2]}\n";

typedef struct keys {
    char key[JOBS][LSN_KEY_BYTES];
} keys;

static keys keys_with(const char *override)
{
    lsn_plan *plan = planned(study, override == NULL ? NULL : (const char *[]){override, NULL});
    keys found;
    assert_int_equal(plan->n_jobs, JOBS);
    assert_int_equal(plan->n_evaluations, JOBS);
    for (int i = 0; i < JOBS; i++) {
        memcpy(found.key[i], plan->evaluations[i].key, LSN_KEY_BYTES);
        assert_int_equal(strlen(found.key[i]), LSN_KEY_BYTES - 1);
        assert_int_equal(strspn(found.key[i], "0123456789abcdef"), LSN_KEY_BYTES - 1);
    }
    lsn_plan_destroy(plan);
    return found;
}

/* The expected keys were computed from the files by another program. */
static void keys_do_not_change_from_version_to_version(void **state)
{
    (void)state;
    keys found = keys_with(NULL);
    assert_string_equal(found.key[0], "dc0237fb613fc6d66f202b523888a460");
    assert_string_equal(found.key[1], "2160ed10efb626e567db66f7a46f163a");
    assert_string_equal(found.key[2], "c441f6c01e86e64902331d8157657c83");
    assert_string_equal(found.key[3], "932cfa7919deb573835a7abd92a932f7");
}

/* Which of the jobs have other keys with an override than without. */
static void check_change(const char *override, bool others, bool mean)
{
    keys before = keys_with(NULL), after = keys_with(override);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(strcmp(before.key[i], after.key[i]) != 0, i == 2 ? mean : others);
    for (int i = 0; i < JOBS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(after.key[i], after.key[k]);
}

static void keys_tell_inputs_apart(void **state)
{
    (void)state;
    fixture_weights("other.safetensors", 2);
    fixture_weights("copy.safetensors", 1);
    fixture_images("other.idx", FIXTURE_IMAGES, 28, 1);
    fixture_labels("others.idx", FIXTURE_IMAGES, 2);
    check_change("model.weights=other.safetensors", true, true);
    check_change("data.images=other.idx", true, true);
    check_change("data.labels=others.idx", true, true);
    check_change("data.take.seed=8", true, true);
    check_change("data.take.count=5", true, true);
    check_change("data.preprocess.mean=0.25", true, true);
    check_change("data.preprocess={pad: 3, mean: 0.5, std: 0.25}", true, true);
    check_change("data.calibration.count=5", false, true); /* only mean activations come from these */
}

/* The baseline, a mask with mode resample and two seeds, with mode noise and the same two. */
static const char drawn[] = HEAD
    "ablate:\n"
    "  - {name: one, layers: conv1_1, filters: [0, 2], mode: [{resample: {seeds: 1..2}}, {noise: {seeds: 1..2}}]}\n";

static void check_drawn(const char *override, bool baseline, bool others)
{
    lsn_plan *before = planned(drawn, NULL), *after = planned(drawn, (const char *[]){override, NULL});
    assert_int_equal(before->n_evaluations, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(strcmp(before->evaluations[i].key, after->evaluations[i].key) != 0,
                         i == 0 ? baseline : others);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(after->evaluations[i].key, after->evaluations[k].key);
    }
    lsn_plan_destroy(before);
    lsn_plan_destroy(after);
}

static void keys_cover_what_is_drawn(void **state)
{
    (void)state;
    check_drawn("data.calibration.count=5", false, true);
    check_drawn("data.calibration.seed=9", false, true);
    check_drawn("metrics=[drift, images]", false, false);
}

/* Which images a job sees depends on when it may stop; the baseline sees all. The order of the images is part of what
 * they are. */
static void keys_cover_stopping(void **state)
{
    (void)state;
    static const char *const stops[] = {"stop={half_width: 0.1, seed: 1}", "stop={half_width: 0.2, seed: 1}",
                                        "stop={half_width: 0.1, seed: 1, confidence: 0.9}"};
    lsn_plan *plans[3];
    for (int i = 0; i < 3; i++)
        plans[i] = planned(study, (const char *[]){stops[i], NULL});
    for (int i = 1; i < 3; i++) {
        assert_string_equal(plans[i]->evaluations[0].key, plans[0]->evaluations[0].key);
        for (int e = 1; e < JOBS; e++)
            for (int k = 0; k < i; k++)
                assert_string_not_equal(plans[i]->evaluations[e].key, plans[k]->evaluations[e].key);
    }
    for (int i = 0; i < 3; i++)
        lsn_plan_destroy(plans[i]);
    check_change("stop={half_width: 0.1}", true, true);
    check_change("stop={half_width: 0.1, seed: 5}", true, true);
}

static void keys_do_not_depend_on_names(void **state)
{
    (void)state;
    fixture_weights("copy.safetensors", 1);
    check_change("model.weights=copy.safetensors", false, false);
    check_change("study=another", false, false);
    check_change("ablate.one.name=three", false, false);
    check_change("metrics=[per_class]", false, false);
}

static void equal_ablations_are_evaluated_once(void **state)
{
    (void)state;
    lsn_plan *plan = planned(HEAD "ablate:\n"
                                  "  - {name: a, layers: conv1_1, filters: each, mode: [zero, mean]}\n"
                                  "  - {name: b, layers: conv1_1, filters: {each: [1]}}\n"
                                  "  - {name: c, layers: conv1_1, filters: 1, mode: mean}\n"
                                  "  - {name: d, layers: conv1_1, filters: {lowest: l1, fraction: [0.2, 0.25]}}\n"
                                  "  - {name: e, layers: conv1_1, filters: {random: {fraction: 1, seeds: 0..9}}}\n"
                                  "  - {name: f, layers: conv1_1, filters: all}\n",
                             NULL);
    assert_int_equal(plan->n_jobs, 1 + 8 + 1 + 1 + 2 + 10 + 1);
    assert_int_equal(plan->n_evaluations, 1 + 8 + 1);
    assert_int_equal(plan->jobs[9].evaluation, plan->jobs[3].evaluation);  /* b: filter 1, zero */
    assert_int_equal(plan->jobs[10].evaluation, plan->jobs[4].evaluation); /* c: filter 1, mean */
    assert_int_equal(plan->jobs[11].evaluation, plan->jobs[12].evaluation);
    for (int32_t i = 13; i < plan->n_jobs; i++)
        assert_int_equal(plan->jobs[i].evaluation, plan->n_evaluations - 1);
    assert_int_equal(plan->jobs[14].seed, 1);
    for (int32_t i = 1; i < plan->n_jobs; i++)
        assert_int_not_equal(plan->jobs[i].evaluation, 0);
    lsn_plan_destroy(plan);
}

static void evaluations_are_found_by_their_keys(void **state)
{
    (void)state;
    lsn_key_index index;
    lsn_plan *plan = planned(study, NULL);
    assert_true(lsn_key_index_init(&index, plan, NULL));
    for (int32_t e = 0; e < plan->n_evaluations; e++)
        assert_int_equal(lsn_key_index_find(&index, plan->evaluations[e].key), e);
    assert_int_equal(lsn_key_index_find(&index, "ffffffffffffffffffffffffffffffff"), -1);
    assert_int_equal(lsn_key_index_find(&index, ""), -1);
    lsn_key_index_finish(&index);
    lsn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluations_are_found_by_their_keys),
        cmocka_unit_test(keys_do_not_change_from_version_to_version),
        cmocka_unit_test(keys_tell_inputs_apart),
        cmocka_unit_test(keys_cover_what_is_drawn),
        cmocka_unit_test(keys_cover_stopping),
        cmocka_unit_test(keys_do_not_depend_on_names),
        cmocka_unit_test(equal_ablations_are_evaluated_once),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
