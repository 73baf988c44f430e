/* Curves, bands and scores against damage, on results made so that the numbers can be found by hand. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every other network of the fixture's: the baseline has 8 of 10 images right and a loss of 1 nat. */
static void give(const fixture *f, lsn_store *store, int32_t job, int lost, int gained, double d_loss)
{
    lsn_error err = {0};
    const int64_t base = 10 * lsn_fixed(1), n = FIXTURE_IMAGES;
    const lsn_tally tally = {.images = n,
                             .top1 = 8 - lost + gained,
                             .top5 = n,
                             .lost = lost,
                             .gained = gained,
                             .agree = n - lost - gained,
                             .loss = base + 10 * lsn_fixed(d_loss),
                             .base_top5 = n,
                             .base_loss = base};
    if (!lsn_store_add(store, f->plan.jobs[job].evaluation, 0, &(lsn_part){.tally = &tally}, NULL, &err))
        fail_msg("%s", err.text);
}

static void judge(lsn_store *store)
{
    lsn_error err = {0};
    if (!lsn_store_judge(store, &err))
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    int failed = fixture_set_up(state);
    fixture *f = *state;
    f->plan.metrics.per_class = false;
    fixture_clear(f);
    return failed;
}

static void near(const fixture *f, const char *sql, const double *expected, int count)
{
    char *answer = fixture_ask(f, sql), *at = answer;
    for (int i = 0; i < count; i++) {
        const double actual = *at == '|' || *at == '\n' ? (double)NAN : strtod(at, &at);
        if (isnan(expected[i]) ? !isnan(actual) : !(fabs(actual - expected[i]) <= 1e-12))
            fail_msg("%s gave %s: number %d is not %.17g", sql, answer, i, expected[i]);
        at += *at != '\0';
    }
    assert_string_equal(at, "");
    free(answer);
}

#define NEAR(f, sql, ...) \
    near(f, sql, (const double[]){__VA_ARGS__}, (int)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double)))

/* ---- curves ---------------------------------------------------------------------------------------------------- */

static lsn_filter_score scores[2];
static double values[2][7];

/* A job of a cumulative order (score 0, or random by seed) of conv1's four filters. */
static void step(fixture *f, int number, int count, int64_t seed)
{
    fixture_run_of_filters(f, 0, 0, count, count / 4.0, seed);
    fixture_last_job(f)->step = number;
    if (seed < 0)
        fixture_last_job(f)->score = 0;
}

static void use_scores(fixture *f, int count)
{
    static char l1[] = "l1", l2[] = "l2";
    scores[0] = (lsn_filter_score){.name = l1, .values = values[0]};
    scores[1] = (lsn_filter_score){.name = l2, .values = values[1]};
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 7; i++)
            values[s][i] = (double)NAN;
    f->plan.scores = scores;
    f->plan.n_scores = count;
}

static void a_curve_by_hand(void **state)
{
    fixture *f = *state;
    use_scores(f, 1);
    fixture_experiment(f, "cumulative");
    step(f, 1, 2, -1);
    step(f, 2, 4, -1);
    lsn_store *store = fixture_store(f, FIXTURE_IMAGES);
    judge(store); /* of nothing */
    fixture_expect(f, "SELECT count(*) FROM curve", "0\n");
    give(f, store, 0, 0, 0, 0);
    give(f, store, 1, 3, 1, 0.5);
    judge(store); /* one point is no curve */
    fixture_expect(f, "SELECT count(*) FROM curve", "0\n");
    give(f, store, 2, 6, 0, 2);
    judge(store);
    judge(store); /* again: the same */
    lsn_store_close(store);
    fixture_expect(f, "SELECT experiment, layers, ordering, seed, mode, mode_seed, points, asked, fraction FROM curve",
                   "cumulative|conv1|l1||zero||2|2|1.0\n");
    /* Top-1 is 0.8, 0.6, 0.2 at 0, 0.5, 1: the area is 0.35 + 0.2; chance is 1 / 7. Half of what is above chance is
     * lost at (0.8 + 1 / 7) / 2, between the last two. */
    NEAR(f, "SELECT area, half FROM curve", (0.55 - 1 / 7.0) / (0.8 - 1 / 7.0),
         0.5 + 0.5 * (0.6 - (0.8 + 1 / 7.0) / 2) / 0.4);
    NEAR(f, "SELECT step, fraction, n_filters, images, top1, loss, d_top1, d_loss FROM degradation", 1, 0.5, 2, 10, 0.6,
         1.5, -0.2, 0.5, 2, 1, 4, 10, 0.2, 3, -0.6, 2);
}

static void curves_are_told_apart(void **state)
{
    fixture *f = *state;
    use_scores(f, 2);
    fixture_experiment(f, "sweep"); /* by fractions, of two scores and two seeds, in two layers */
    for (int layer = 0; layer < 2; layer++)
        for (int order = 0; order < 4; order++)
            for (int count = 2; count >= 1; count--) { /* the fractions need not ascend */
                fixture_run_of_filters(f, layer, order == 3, count, 0.25 * count, order < 2 ? -1 : order);
                fixture_last_job(f)->score = order < 2 ? order : -1;
            }
    fixture_experiment(f, "groups"); /* groups of similar filters have fractions, but no order */
    for (int count = 1; count <= 2; count++)
        fixture_run_of_filters(f, 0, 0, count, 0.25 * count, -1);
    fixture_experiment(f, "single"); /* one fraction */
    fixture_run_of_filters(f, 0, 0, 2, 0.5, 7);
    lsn_store *store = fixture_store(f, FIXTURE_IMAGES);
    for (int32_t j = 0; j < f->plan.n_jobs; j++)
        give(f, store, j, j % 3, 0, 0.1);
    judge(store);
    lsn_store_close(store);
    fixture_expect(f, "SELECT curve, experiment, layers, ordering, seed, points, fraction FROM curve ORDER BY curve",
                   "1|sweep|conv1|l1||2|0.5\n2|sweep|conv1|l2||2|0.5\n3|sweep|conv1|random|2|2|0.5\n"
                   "4|sweep|conv1|random|3|2|0.5\n5|sweep|conv2|l1||2|0.5\n6|sweep|conv2|l2||2|0.5\n"
                   "7|sweep|conv2|random|2|2|0.5\n8|sweep|conv2|random|3|2|0.5\n");
    fixture_expect(f, "SELECT count(*) FROM degradation", "16\n");
    /* Two scores of one experiment are two rows of layer_sensitivity. */
    fixture_expect(f,
                   "SELECT layer, score, fraction, jobs FROM layer_sensitivity WHERE experiment = 'sweep' AND layer = "
                   "'conv1'",
                   "conv1||0.25|2\nconv1||0.5|2\nconv1|l1|0.25|1\nconv1|l1|0.5|1\nconv1|l2|0.25|1\nconv1|l2|0.5|1\n");
}

static void a_baseline_at_chance_has_no_curve(void **state)
{
    fixture *f = *state;
    use_scores(f, 1);
    fixture_experiment(f, "cumulative");
    step(f, 1, 2, -1);
    step(f, 2, 4, -1);
    lsn_store *store = fixture_store(f, FIXTURE_IMAGES);
    give(f, store, 1, 1, 0, 0);
    give(f, store, 2, 2, 0, 0);
    judge(store); /* without a baseline */
    fixture_expect(f, "SELECT points, area, half FROM curve", "2||\n");
    const lsn_tally bad = {.images = 10, .top1 = 1, .top5 = 1, .agree = 10, .base_top5 = 1};
    assert_true(lsn_store_add(store, 0, 0, &(lsn_part){.tally = &bad}, NULL, NULL));
    judge(store); /* 1 of 10 is less than 1 / 7 */
    fixture_expect(f, "SELECT points, area, half FROM curve", "2||\n");
    lsn_store_close(store);
}

static void the_band_is_of_the_random_orders(void **state)
{
    fixture *f = *state;
    enum { SEEDS = 7 };
    use_scores(f, 1);
    fixture_experiment(f, "random");
    for (int seed = 0; seed < SEEDS; seed++)
        for (int count = 1; count <= 2; count++) {
            int32_t filters[2] = {seed % 4, 3};
            filters[0] -= filters[0] == 3;
            const lsn_mask_part part = {0, count, filters};
            const lsn_mode mode = seed < 4 ? LSN_ZERO : LSN_MEAN; /* so that evaluations differ */
            fixture_job(f, &(lsn_mask){1, &part}, mode, 0.25 * count, seed);
            fixture_last_job(f)->step = count;
        }
    f->plan.calibration = (lsn_sample){f->images, 3};
    lsn_store *store = fixture_store(f, FIXTURE_IMAGES);
    give(f, store, 0, 0, 0, 0);
    for (int32_t j = 1; j < f->plan.n_jobs; j++)
        give(f, store, j, j * j % 7, j % 2, j * 5 % 11 / 4.0);
    judge(store);
    lsn_store_close(store);
    char *answer = fixture_ask(f, "SELECT mode, fraction FROM degradation_band ORDER BY mode, fraction");
    assert_string_equal(answer, "mean|0.25\nmean|0.5\nzero|0.25\nzero|0.5\n");
    free(answer);
    for (int which = 0; which < 4; which++) {
        const char *mode = which < 2 ? "mean" : "zero";
        char sql[512];
        double top1[SEEDS], loss[SEEDS];
        size_t n = 0;
        for (int32_t j = 1; j < f->plan.n_jobs; j++) {
            const lsn_job *job = &f->plan.jobs[j];
            const int32_t e = job->evaluation;
            if (job->step != 1 + which % 2 || strcmp(lsn_mode_name(f->plan.evaluations[e].ablation.mode), mode) != 0)
                continue;
            int32_t first = j; /* the first job of an evaluation gave it its result */
            for (int32_t k = j; k > 0; k--)
                if (f->plan.jobs[k].evaluation == e)
                    first = k;
            top1[n] = (8 - first * first % 7 + first % 2) / 10.0;
            loss[n++] = 1 + first * 5 % 11 / 4.0;
        }
        const lsn_band t = lsn_band_of(top1, n), l = lsn_band_of(loss, n);
        snprintf(
            sql, sizeof sql,
            "SELECT orders, top1_least, top1_lower, top1_median, top1_upper, top1_most, top1_mean, loss_least, "
            "loss_lower, loss_median, loss_upper, loss_most, loss_mean FROM degradation_band WHERE mode = '%s' AND "
            "fraction = %g",
            mode, 0.25 * (1 + which % 2));
        NEAR(f, sql, (double)n, t.least, t.lower, t.median, t.upper, t.most, t.mean, l.least, l.lower, l.median,
             l.upper, l.most, l.mean);
    }
}

/* ---- scores against damage ------------------------------------------------------------------------------------- */

static void singles(fixture *f)
{
    fixture_experiment(f, "each");
    for (int layer = 0; layer < 2; layer++)
        for (int filter = 0; filter < f->net->layers[layer].filters; filter++)
            fixture_run_of_filters(f, layer, filter, 1, (double)NAN, -1);
    fixture_run_of_filters(f, 0, 1, 1, (double)NAN, -1); /* asked for twice: counts once */
    fixture_run_of_filters(f, 0, 1, 2, (double)NAN, -1); /* no single filter */
}

static void scores_tell_damage(void **state)
{
    fixture *f = *state;
    use_scores(f, 2);
    singles(f);
    const double l1[7] = {1, 2, 3, 4, 10, 20, 30};
    memcpy(values[0], l1, sizeof l1);
    values[1][4] = 5; /* l2 of conv2 only, all the same */
    values[1][5] = 5;
    values[1][6] = 5;
    lsn_store *store = fixture_store(f, FIXTURE_IMAGES);
    give(f, store, 0, 0, 0, 0);
    const double d_loss[7] = {0.2, 0.1, 0.4, 0.3, 0.5, 0.6, 0.7};
    const int lost[7] = {3, 2, 1, 0, 4, 4, 4};
    for (int i = 0; i < 7; i++)
        give(f, store, 1 + i, lost[i], 0, d_loss[i]);
    judge(store);
    judge(store);
    lsn_store_close(store);
    fixture_expect(f, "SELECT experiment, score, layer, mode, mode_seed, n FROM score_damage ORDER BY score, layer",
                   "each|l1||zero||7\neach|l1|conv1|zero||4\neach|l1|conv2|zero||3\n"
                   "each|l2||zero||3\neach|l2|conv2|zero||3\n");
    /* conv1: loss ranks 2 1 4 3 against 1 2 3 4: 1 - 6 * 4 / (4 * 15) = 0.6; top-1 falls in the opposite order. Bonett
     * and Wright's interval: tanh(atanh 0.6 -+ 1.959964 sqrt(1 + 0.18)). */
    const double half = 1.9599639845400545 * sqrt(1.18);
    NEAR(f, "SELECT loss_rho, loss_low, loss_high, top1_rho FROM score_damage WHERE score = 'l1' AND layer = 'conv1'",
         0.6, tanh(atanh(0.6) - half), tanh(atanh(0.6) + half), -1);
    /* Of constant values there is none. */
    NEAR(f, "SELECT loss_rho, loss_low, top1_rho, top1_low FROM score_damage WHERE score = 'l1' AND layer = 'conv2'", 1,
         (double)NAN, (double)NAN, (double)NAN);
    NEAR(f, "SELECT loss_rho FROM score_damage WHERE score = 'l2' AND layer = 'conv2'", (double)NAN);
    /* All: loss ranks 2 1 4 3 5 6 7, 1 - 6 * 4 / (7 * 48); top-1 damage ranks 4 3 2 1 6 6 6 against 1 .. 7. */
    const double a[7] = {1, 2, 3, 4, 5, 6, 7}, b[7] = {4, 3, 2, 1, 6, 6, 6};
    lsn_correlation all;
    assert_true(lsn_spearman(a, b, 7, 0, &all, NULL));
    NEAR(f, "SELECT loss_rho, top1_rho, top1_low FROM score_damage WHERE score = 'l1' AND layer IS NULL",
         1 - 24 / 336.0, all.rho, all.interval.low);
    fixture_expect(f, "SELECT count(*) FROM filter_damage", "10\n");
}

static void a_score_may_be_infinite(void **state)
{
    fixture *f = *state;
    use_scores(f, 1);
    singles(f);
    for (int i = 0; i < 7; i++)
        values[0][i] = i;
    values[0][3] = (double)INFINITY;
    values[0][0] = -(double)INFINITY;
    lsn_store *store = fixture_store(f, FIXTURE_IMAGES);
    for (int i = 0; i < 8; i++)
        give(f, store, i, i % 3, 0, i * 0.1);
    judge(store);
    lsn_store_close(store);
    NEAR(f, "SELECT loss_rho FROM score_damage WHERE layer = 'conv1'", 1);
}

/* ---- classes --------------------------------------------------------------------------------------------------- */

static void the_worst_class_and_the_best(void **state)
{
    fixture *f = *state;
    f->plan.metrics.per_class = true; /* images by class: 3 2 2 1 1 1 0 */
    fixture_experiment(f, "each");
    fixture_run_of_filters(f, 0, 0, 1, (double)NAN, -1);
    fixture_run_of_filters(f, 0, 1, 1, (double)NAN, -1);
    fixture_run_of_filters(f, 0, 2, 1, (double)NAN, -1);
    static const int32_t right[4][FIXTURE_CLASSES] = {
        {3, 1, 1, 1, 0, 1, 0}, {1, 2, 0, 1, 0, 1, 0}, {3, 1, 1, 1, 0, 1, 0}, {0, 0, 0, 0, 0, 0, 0}};
    static const int32_t predicted[4][FIXTURE_CLASSES] = {
        {3, 2, 2, 1, 0, 2, 0}, {1, 5, 0, 2, 0, 1, 1}, {3, 1, 1, 1, 0, 1, 3}, {0, 0, 0, 0, 0, 0, 10}};
    lsn_store *store = fixture_store(f, FIXTURE_IMAGES);
    for (int e = 0; e < 4; e++) {
        lsn_tally tally = {.images = 10, .top5 = 10, .base_top5 = 10, .agree = 4};
        for (int c = 0; c < FIXTURE_CLASSES; c++) {
            tally.top1 += right[e][c];
            tally.lost += right[e][c] < right[0][c] ? right[0][c] - right[e][c] : 0;
            tally.gained += right[e][c] > right[0][c] ? right[e][c] - right[0][c] : 0;
        }
        tally.agree = tally.top1 - tally.gained;
        const lsn_part part = {.tally = &tally, .class_right = right[e], .class_predicted = predicted[e]};
        lsn_error err = {0};
        if (!lsn_store_add(store, e, 0, &part, NULL, &err))
            fail_msg("%s", err.text);
    }
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
    fixture_expect(f,
                   "SELECT filters, worst_class_name, worst_d_top1 < 0, best_class_name, best_d_top1 FROM class_damage",
                   "{\"conv1\":[0]}|ant|1|bee|0.5\n{\"conv1\":[1]}|ant|0|ant|0.0\n{\"conv1\":[2]}|ant|1|elk|0.0\n");
    NEAR(f, "SELECT class_damage FROM class_damage", 2 / 3.0, 0, 1);
    /* Class bee, 2 images, in the first ablation: both are right, and 3 of the 8 others are taken for it. */
    NEAR(f,
         "SELECT predicted, c.balanced_accuracy FROM class_result c JOIN evaluation ON key = job WHERE class = 1 ORDER "
         "BY "
         "evaluation",
         2, (0.5 + 7 / 8.0) / 2, 5, (1 + 5 / 8.0) / 2, 1, 0.75, 0, 0.5);
    for (int e = 0; e < 4; e++)
        for (int c = 0; c < 6; c++) {
            static const int32_t images[] = {3, 2, 2, 1, 1, 1};
            char sql[160];
            snprintf(sql, sizeof sql,
                     "SELECT c.balanced_accuracy FROM class_result c JOIN evaluation ON key = job WHERE class = %d AND "
                     "evaluation = %d",
                     c, e);
            NEAR(f, sql, lsn_balanced_accuracy(right[e][c], images[c], predicted[e][c], 10));
        }
    NEAR(f, "SELECT DISTINCT balanced_accuracy FROM job_result WHERE filters = '{\"conv1\":[0]}'",
         (1 / 3.0 + 1 + 0 + 1 + 0 + 1) / 6);
}

/* A result without the predicted classes is not judged by them. */
static void predictions_may_be_missing(void **state)
{
    fixture *f = *state;
    f->plan.metrics.per_class = true;
    lsn_store *store = fixture_store(f, 5);
    for (int b = 0; b < 2; b++) {
        made_part made;
        fixture_part(f, 0, 5, b, &made);
        if (b == 1)
            made.part.class_predicted = NULL;
        assert_true(lsn_store_add(store, 0, b, &made.part, NULL, NULL));
    }
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(*), count(top1), count(predicted), count(balanced_accuracy) FROM class_result",
                   "6|6|0|0\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_curve_by_hand),
        TEST(curves_are_told_apart),
        TEST(a_baseline_at_chance_has_no_curve),
        TEST(the_band_is_of_the_random_orders),
        TEST(scores_tell_damage),
        TEST(a_score_may_be_infinite),
        TEST(the_worst_class_and_the_best),
        TEST(predictions_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
