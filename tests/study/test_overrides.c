/* --set key.path=value. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"

static const char study[] = "study: tiny\n"
                            "model: {weights: weights.safetensors}\n"
                            "data:\n"
                            "  format: idx\n"
                            "  images: images.idx\n"
                            "  labels: labels.idx\n"
                            "  preprocess: {pad: 2}\n"
                            "ablate:\n"
                            "  - {name: a, layers: conv1_1, filters: 0}\n"
                            "  - {name: a.b, layers: conv1_1, filters: 1}\n"
                            "  - {name: 0, layers: conv1_1, filters: 2}\n";

static lsn_plan *planned_with(const char *override)
{
    return planned(study, (const char *[]){override, NULL});
}

static void values_are_replaced_and_made(void **state)
{
    (void)state;
    lsn_plan *plan = planned_with("study=other");
    assert_string_equal(plan->name, "other");
    lsn_plan_destroy(plan);
    plan = planned_with("data.take.count=5"); /* take is absent */
    assert_int_equal(plan->images.count, 5);
    lsn_plan_destroy(plan);
    plan = planned(study, (const char *[]){"data.take=all", "data.take.count=5", "data.take.seed=3", NULL});
    assert_int_equal(plan->images.count, 5);
    lsn_plan_destroy(plan);
    plan = planned_with("data.take={first: 4}"); /* values are YAML */
    assert_int_equal(plan->images.count, 4);
    assert_int_equal(plan->images.images[3], 3);
    lsn_plan_destroy(plan);
    plan = planned_with("metrics=[per_class]");
    assert_true(plan->metrics.per_class);
    lsn_plan_destroy(plan);
    plan = planned(study, (const char *[]){"data.calibration.count=2", "data.take.count=9", "ablate.0.mode=[zero,mean]",
                                           "study=a=b", "study=z", NULL}); /* the last one counts */
    assert_string_equal(plan->name, "z");
    assert_string_equal(plan->overrides, "data.calibration.count=2\ndata.take.count=9\nablate.0.mode=[zero,mean]\n"
                                         "study=a=b\nstudy=z\n");
    assert_string_equal(plan->text, study);
    lsn_plan_destroy(plan);
}

static void elements_are_named_or_counted(void **state)
{
    (void)state;
    lsn_plan *plan = planned_with("ablate.a.filters=3");
    check_job(plan, 1, "{\"conv1_1\":[3]}", LSN_ZERO, NAN, -1);
    lsn_plan_destroy(plan);
    plan = planned_with("ablate.a.b.filters=3"); /* the longest name that fits */
    check_job(plan, 2, "{\"conv1_1\":[3]}", LSN_ZERO, NAN, -1);
    lsn_plan_destroy(plan);
    plan = planned_with("ablate.0.filters=3"); /* a name goes before an index */
    check_job(plan, 3, "{\"conv1_1\":[3]}", LSN_ZERO, NAN, -1);
    lsn_plan_destroy(plan);
    plan = planned_with("ablate.1.filters=3");
    check_job(plan, 2, "{\"conv1_1\":[3]}", LSN_ZERO, NAN, -1);
    lsn_plan_destroy(plan);
    plan = planned_with("ablate.a={name: x, layers: fc6, filters: 3}");
    check_job(plan, 1, "{\"fc6\":[3]}", LSN_ZERO, NAN, -1);
    assert_int_equal(plan->experiments[1].line, 0);
    lsn_plan_destroy(plan);
    plan = planned(study, (const char *[]){"ablate.a.filters.highest=l1", "ablate.a.filters.count=4", NULL});
    check_job(plan, 1, "{\"conv1_1\":[0,1,2,3]}", LSN_ZERO, NAN, -1);
    lsn_plan_destroy(plan);
}

static void check_one(const char *override, const char *part)
{
    char place[256];
    snprintf(place, sizeof place, "--set %s", override);
    refused(study, (const char *[]){override, NULL}, (const expected[]){{place, part}, {NULL, NULL}});
}

static void mistakes_name_their_option(void **state)
{
    (void)state;
    check_one("study", "expected key.path=value, such as data.take.count=100");
    check_one("", "expected key.path=value");
    check_one("=x", "expected key.path=value");
    check_one("data.=x", "expected key.path=value");
    check_one(".data=x", "expected key.path=value");
    check_one("data..take=x", "expected key.path=value");
    check_one("study=", "study is empty; give a text");
    check_one("study=[a", "YAML: did not find expected ',' or ']'");
    check_one("study=a: b: c", "YAML: mapping values are not allowed");
    refused(study, (const char *[]){"study=a\n---\nb", NULL},
            (const expected[]){{"--set study=a --- b", "a second document begins here"}, {NULL, NULL}});
    check_one("studi=a", "unknown key \"studi\" in the study; did you mean \"study\"?");
    check_one("data.take.cuont=1", "unknown key \"cuont\" in take; did you mean \"count\"?");
    check_one("data.take.count=x", "number of images is \"x\"");
    check_one("data.take.count=21", "20 images can be taken");
    check_one("data.labels=missing.idx", "missing.idx: cannot be opened");
    check_one("model.weights=missing.safetensors", "missing.safetensors: cannot be opened");
    check_one("ablate.a.layers=fc9", "the network has no layer \"fc9\"");
    check_one("ablate.a.filters=4", "there is no filter 4 in layer conv1_1");
    check_one("ablate.a.mode=mean", "add calibration: {count: 256, seed: 1} to data");
    check_one("ablate.3.mode=zero",
              "there is no element \"3\" in this list; give an index, 0..2, or a name: a, a.b, 0");
    check_one("ablate.c.mode=zero", "there is no element \"c\" in this list");
    check_one("ablate.-1.mode=zero", "there is no element \"-1\"");
    check_one("ablate.99999999999.mode=zero", "there is no element \"99999999999\"");
    check_one("ablate.a.b.name=a", "name \"a\" is taken by the experiment at line 9");
}

static void an_option_says_how_to_replace_a_map(void **state)
{
    (void)state;
    refused(ONE("conv1_1", "0", "zero"), (const char *[]){"data.take.first=9", NULL},
            (const expected[]){
                {"--set data.take.first=9", "the file gives count: to replace that, --set 'data.take={first: 9}'"},
                {NULL, NULL}});
    lsn_plan_destroy(planned(ONE("conv1_1", "0", "zero"), (const char *[]){"data.take={first: 9}", NULL}));
}

static void mistakes_of_the_file_come_first(void **state)
{
    (void)state;
    refused(ONE("fc9", "all", "zero"), (const char *[]){"zzz=1", "study=a b", "metrics=[a, b]", NULL},
            (const expected[]){{"13:13", "has no layer \"fc9\""},
                               {"--set zzz=1", "unknown key \"zzz\""},
                               {"--set study=a b", "use only the letters"},
                               {"--set metrics=[a, b]", "unknown metric \"a\""},
                               {"--set metrics=[a, b]", "unknown metric \"b\""},
                               {NULL, NULL}});
}

static void a_file_may_be_empty(void **state)
{
    (void)state;
    lsn_plan *plan = planned("", (const char *[]){"study=a", "model.weights=weights.safetensors", "data.format=idx",
                                                  "data.images=images.idx", "data.labels=labels.idx",
                                                  "data.preprocess.pad=2", "ablate=[]", NULL});
    assert_int_equal(plan->n_jobs, 1);
    assert_string_equal(plan->text, "");
    lsn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_replaced_and_made),    cmocka_unit_test(elements_are_named_or_counted),
        cmocka_unit_test(mistakes_name_their_option),      cmocka_unit_test(an_option_says_how_to_replace_a_map),
        cmocka_unit_test(mistakes_of_the_file_come_first), cmocka_unit_test(a_file_may_be_empty),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
