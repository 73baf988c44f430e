/* Scores of activations, and the jobs of studies that rank filters by them. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"

static const lsn_activation_needs everything = {.means = true, .deviations = true, .zeros = true, .by_class = true};

/* Numbers that no two filters share, of `images` images. */
static lsn_activations made_up(const lsn_plan *plan, int images)
{
    lsn_activations a;
    assert_true(lsn_activations_init(&a, plan->net, everything, NULL));
    *a.images = images;
    for (int f = 0; f < a.filters; f++) {
        a.mean[f] = (int64_t)((f * 37 % 101 + 1) * LSN_FIXED / 8);
        a.zeros[f] = f * 53 % 103;
        for (int c = 0; c < a.classes; c++)
            a.class_mean[c * a.filters + f] = (int64_t)((f * (c + 3) * 29 % 97 + 1) * LSN_FIXED / 8);
    }
    for (int c = 0; c < a.classes; c++)
        a.class_count[c] = c + 1;
    return a;
}

static double selectivity(int f, int classes)
{
    double most = 0, sum = 0;
    for (int c = 0; c < classes; c++) {
        double mean = (f * (c + 3) * 29 % 97 + 1) / 8.0 / (c + 1);
        most = fmax(most, mean);
        sum += mean;
    }
    const double rest = (sum - most) / (classes - 1);
    return (most - rest) / (most + rest);
}

#define BY(score) HEAD "ablate:\n  - {name: one, layers: [conv3_1, fc6], filters: {lowest: " score ", count: [1, 3]}}\n"

static void jobs_wait_for_activations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        lsn_activation_needs needs;
    } cases[] = {
        {BY("apoz"), {.zeros = true}},
        {BY("[l1, mean_activation]"), {.means = true}},
        {BY("[selectivity, apoz]"), {.zeros = true, .by_class = true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lsn_plan *plan = planned(cases[i].text, NULL);
        assert_false(plan->expanded);
        assert_true(plan->settled);
        assert_int_equal(plan->n_jobs, 0);
        assert_int_equal(plan->n_evaluations, 0);
        assert_int_equal(plan->n_experiments, 0);
        assert_memory_equal(&plan->needs, &cases[i].needs, sizeof plan->needs);
        lsn_plan_destroy(plan);
    }
    lsn_plan *plan = planned(BY("l1"), NULL);
    assert_true(plan->expanded);
    lsn_plan_destroy(plan);
}

/* The chosen filters are those with the least (or greatest) values, found one by one. */
static void check_choice(const lsn_plan *plan, int32_t job, const double *values, int sign)
{
    const lsn_mask_part *part = plan->evaluations[plan->jobs[job].evaluation].ablation.mask.parts;
    const int offset = lsn_net_filter_offset(plan->net, part->layer);
    bool taken[64] = {false};
    for (int n = 0; n < part->count; n++) {
        int best = -1;
        for (int f = 0; f < plan->net->layers[part->layer].filters; f++)
            if (!taken[f] && (best < 0 || sign * values[offset + f] < sign * values[offset + best]))
                best = f;
        taken[best] = true;
    }
    for (int n = 0; n < part->count; n++)
        assert_true(taken[part->filters[n]]);
}

static void check_scores(const lsn_plan *plan, const double *wanted, int32_t score)
{
    for (int l = 0; l < plan->net->n_layers - 1; l++) {
        const bool used =
            strcmp(plan->net->layers[l].name, "conv3_1") == 0 || strcmp(plan->net->layers[l].name, "fc6") == 0;
        for (int f = 0; f < plan->net->layers[l].filters; f++) {
            const int at = lsn_net_filter_offset(plan->net, l) + f;
            assert_int_equal(isnan(plan->scores[score].values[at]), !used);
            if (used)
                assert_true(!(fabs(plan->scores[score].values[at] - wanted[at]) > 1e-12));
        }
    }
}

static void filters_are_ranked_by_activations(void **state)
{
    (void)state;
    enum { IMAGES = 4 };
    lsn_plan *plan =
        planned(HEAD "ablate:\n"
                     "  - {name: a, layers: [conv3_1, fc6], filters: {lowest: [mean_activation, apoz, selectivity], "
                     "count: [1, 3]}}\n"
                     "  - {name: b, layers: fc6, filters: {highest: apoz, fraction: 0.25}}\n"
                     "  - {name: c, layers: fc6, filters: {cumulative: {order: selectivity, steps: 4}}}\n",
                NULL);
    lsn_activations a = made_up(plan, IMAGES);
    assert_true(lsn_plan_expand(plan, &a, NULL));
    assert_true(plan->expanded);
    assert_int_equal(plan->n_jobs, 1 + 12 + 1 + 4);
    double values[3][512];
    assert_in_range(a.filters, 1, 512);
    for (int l = 0; l < plan->net->n_layers - 1; l++)
        for (int i = 0; i < plan->net->layers[l].filters; i++) {
            const int f = lsn_net_filter_offset(plan->net, l) + i;
            const lsn_net_shape *map = &lsn_layer_node(plan->net, l)->shape;
            values[0][f] = (f * 37 % 101 + 1) / 8.0 / IMAGES;
            values[1][f] = (f * 53 % 103) / ((double)IMAGES * map->h * map->w);
            values[2][f] = selectivity(f, FIXTURE_CLASSES);
        }
    static const char *const names[] = {"mean_activation", "apoz", "selectivity"};
    for (int s = 0; s < 3; s++) {
        assert_string_equal(plan->scores[s].name, names[s]);
        check_scores(plan, values[s], s);
    }
    for (int32_t j = 1; j <= 12; j++) {
        assert_int_equal(plan->jobs[j].score, (j - 1) / 2 % 3);
        check_choice(plan, j, values[(j - 1) / 2 % 3], 1);
    }
    check_choice(plan, 13, values[1], -1);
    for (int32_t j = 14; j < 18; j++)
        check_choice(plan, j, values[2], 1);
    assert_int_equal(strlen(plan->evaluations[plan->n_evaluations - 1].key), LSN_KEY_BYTES - 1);
    lsn_activations_finish(&a);
    lsn_plan_destroy(plan);
}

/* Keys come with the later of settling and expanding, and are the same either way. */
static void settling_and_expanding_give_keys(void **state)
{
    (void)state;
    lsn_plan *first = planned(BY("apoz"), NULL), *last = unsettled(BY("apoz"), NULL);
    lsn_activations a = made_up(first, 4);
    lsn_image_checks found;
    assert_true(lsn_plan_expand(first, &a, NULL));
    assert_true(lsn_plan_expand(last, &a, NULL));
    assert_string_equal(last->evaluations[1].key, "");
    assert_true(lsn_plan_expand(last, NULL, NULL)); /* is expanded already */
    check_images(last, &found);
    assert_true(lsn_plan_settle(last, &found, &(lsn_problems){0}, NULL));
    assert_int_equal(first->n_evaluations, last->n_evaluations);
    for (int32_t e = 0; e < first->n_evaluations; e++)
        assert_string_equal(first->evaluations[e].key, last->evaluations[e].key);
    assert_true(lsn_plan_expand(first, &a, NULL));
    assert_int_equal(first->n_jobs, last->n_jobs);
    lsn_image_checks_finish(&found);
    lsn_activations_finish(&a);
    lsn_plan_destroy(first);
    lsn_plan_destroy(last);
}

static void known_plans_are_left_alone(void **state)
{
    (void)state;
    lsn_plan *plan = planned(BY("l1"), NULL);
    const lsn_job *jobs = plan->jobs;
    char key[LSN_KEY_BYTES];
    memcpy(key, plan->evaluations[2].key, sizeof key);
    assert_true(lsn_plan_expand(plan, NULL, NULL));
    assert_ptr_equal(plan->jobs, jobs);
    assert_string_equal(plan->evaluations[2].key, key);
    lsn_plan_destroy(plan);
}

/* So that `plan` can count: as many jobs as there will be. */
static void indices_stand_in(void **state)
{
    (void)state;
    lsn_plan *plan = unsettled(BY("[apoz, selectivity]"), NULL);
    assert_true(lsn_plan_expand(plan, NULL, NULL));
    assert_int_equal(plan->n_jobs, 1 + 2 * 2 * 2);
    assert_int_equal(plan->n_evaluations, plan->n_jobs); /* the scores do not choose the same */
    check_job(plan, 1, "{\"conv3_1\":[0]}", LSN_ZERO, (double)NAN, -1);
    check_job(plan, 2, "{\"conv3_1\":[0,1,2]}", LSN_ZERO, (double)NAN, -1);
    check_job(plan, 3, "{\"conv3_1\":[7]}", LSN_ZERO, (double)NAN, -1);
    assert_string_equal(plan->experiments[1].why, "2 layers x 2 scores x 2 counts");
    lsn_plan_destroy(plan);
}

/* What is left of the calibration images decides. */
static void settling_checks_what_is_left(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
        int left;
    } cases[] = {
        {BY("apoz"), "study.yaml: score apoz needs calibration images, but none of them can be read", 0},
        {BY("selectivity"), "score selectivity compares classes, but all calibration images (1) are of class ", 1},
        {ONE("fc6", "all", "resample"), "study.yaml: mode resample needs at least 2 calibration images, but this is 1",
         1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lsn_plan *plan = unsettled(cases[i].text, (const char *[]){"data.skip_broken=true", NULL});
        lsn_image_checks found;
        lsn_error err = {0};
        check_images(plan, &found);
        for (int k = 6 + cases[i].left; k < 10; k++)
            found.checks[k].readable = false;
        assert_false(lsn_plan_settle(plan, &found, &(lsn_problems){0}, &err));
        assert_int_equal(err.code, LSN_INVALID);
        assert_non_null(strstr(err.text, cases[i].said));
        lsn_image_checks_finish(&found);
        lsn_plan_destroy(plan);
    }
}

/* Before activations are known, too, ranks find out that they have different studies. */
static void outlines_tell_unexpanded_plans_apart(void **state)
{
    (void)state;
    static const char scores[] = "layer,filter,score\nfc6,0,1\n", other[] = "layer,filter,score\nfc6,0,2\n";
    static const char text[] = HEAD
        "ablate:\n  - {name: a, layers: fc6, filters: {lowest: [apoz, {file: s.csv}], count: \"${LSN_COUNT:-1}\"}}\n";
    char rows[1024];
    int length = 0;
    for (int f = 1; f < 16; f++)
        length += snprintf(rows + length, sizeof rows - (size_t)length, "fc6,%d,1\n", f);
    char file[2048];
    snprintf(file, sizeof file, "%s%s", scores, rows);
    fixture_write("s.csv", file, strlen(file));
    lsn_digest first, again;
    lsn_plan *plan = unsettled(text, NULL);
    assert_false(plan->expanded);
    assert_true(lsn_plan_outline(plan, &first, NULL));
    lsn_plan_destroy(plan);
    static const char *const overrides[] = {"study=b",
                                            "ablate.a.filters.lowest.0=selectivity",
                                            "ablate.a.mode=mean",
                                            "ablate.a.name=b",
                                            "ablate.a.filters.count=2",
                                            "stop.half_width=0.1",
                                            "metrics=[drift]",
                                            "metrics=[images]",
                                            "data.calibration.seed=5"};
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        plan = unsettled(text, (const char *[]){overrides[i], NULL});
        assert_true(lsn_plan_outline(plan, &again, NULL));
        assert_int_equal(memcmp(&first, &again, sizeof first) == 0, i == 0); /* a study's name changes nothing */
        lsn_plan_destroy(plan);
    }
    setenv("LSN_COUNT", "3", 1);
    plan = unsettled(text, NULL);
    unsetenv("LSN_COUNT");
    assert_true(lsn_plan_outline(plan, &again, NULL));
    assert_memory_not_equal(&first, &again, sizeof first);
    lsn_plan_destroy(plan);
    snprintf(file, sizeof file, "%s%s", other, rows);
    fixture_write("s.csv", file, strlen(file));
    plan = unsettled(text, NULL);
    assert_true(lsn_plan_outline(plan, &again, NULL));
    assert_memory_not_equal(&first, &again, sizeof first);
    lsn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_wait_for_activations),
        cmocka_unit_test(filters_are_ranked_by_activations),
        cmocka_unit_test(settling_and_expanding_give_keys),
        cmocka_unit_test(known_plans_are_left_alone),
        cmocka_unit_test(indices_stand_in),
        cmocka_unit_test(settling_checks_what_is_left),
        cmocka_unit_test(outlines_tell_unexpanded_plans_apart),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
