/* Bootstrap intervals of what is kept for every image. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    int failed = fixture_set_up(state);
    fixture *f = *state;
    f->plan.metrics = (lsn_metrics){.images = true};
    return failed;
}

static void judge(lsn_store *store)
{
    lsn_error err = {0};
    if (!lsn_store_judge(store, &err))
        fail_msg("%s", err.text);
}

/* Singles of conv1, then all pairs of them. */
static void make_pairs(fixture *f)
{
    fixture_clear(f);
    fixture_experiment(f, "pairs");
    for (int32_t filter = 0; filter < 4; filter++)
        fixture_run_of_filters(f, 0, filter, 1, (double)NAN, -1);
    for (int32_t i = 0; i < 4; i++)
        for (int32_t j = i + 1; j < 4; j++) {
            const int32_t filters[2] = {i, j};
            const lsn_mask_part part = {0, 2, filters};
            fixture_job(f, &(lsn_mask){1, &part}, LSN_ZERO, (double)NAN, -1);
            fixture_last_job(f)->singles[0] = f->plan.jobs[1 + i].evaluation;
            fixture_last_job(f)->singles[1] = f->plan.jobs[1 + j].evaluation;
        }
}

/* What evaluation `e` does to the first n images: the damage to loss, and to top-1. */
static void damage(const fixture *f, int32_t e, int n, double *loss, double *top1)
{
    made_part base, made;
    fixture_part(f, 0, FIXTURE_IMAGES, 0, &base);
    fixture_part(f, e, FIXTURE_IMAGES, 0, &made);
    for (int i = 0; i < n; i++) {
        const int label = lsn_data_label(f->plan.data, i);
        loss[i] = (double)(lsn_fixed(made.verdicts[i].loss) - lsn_fixed(base.verdicts[i].loss)) / LSN_FIXED;
        top1[i] = (base.verdicts[i].prediction == label) - (made.verdicts[i].prediction == label);
    }
}

static lsn_interval interval_of(const double *row, int n)
{
    lsn_interval interval;
    const lsn_bootstrap how = {.seed = 1};
    assert_true(lsn_bootstrap_means(&how, &row, 1, (size_t)n, &interval, NULL));
    return interval;
}

static void expect_loss_intervals(const fixture *f)
{
    lsn_text expected = {0};
    for (int32_t e = 1; e < f->plan.n_evaluations; e++) {
        double loss[FIXTURE_IMAGES], top1[FIXTURE_IMAGES];
        damage(f, e, FIXTURE_IMAGES, loss, top1);
        const lsn_interval i = interval_of(loss, FIXTURE_IMAGES);
        lsn_text_add(&expected, "%d|%.12g|%.12g\n", e, i.low, i.high);
    }
    fixture_expect(f,
                   "SELECT evaluation, printf('%.12g', d_loss_low), printf('%.12g', d_loss_high) FROM evaluation WHERE "
                   "d_loss_low IS NOT NULL",
                   expected.data);
    lsn_text_finish(&expected);
}

static void every_loss_has_its_interval(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    fixture_fill(f, store);
    fixture_expect(f, "SELECT count(d_loss_low) FROM evaluation", "0\n");
    judge(store);
    expect_loss_intervals(f);
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(*) FROM job_result WHERE d_loss_low <= d_loss AND d_loss <= d_loss_high", "20\n");
    fixture_expect(f, "SELECT bootstrap_seed, bootstrap_draws FROM study", "1|9999\n");
}

/* However many runs it took. */
static void intervals_come_with_the_results(void **state)
{
    fixture *f = *state;
    for (int32_t done = 0; done <= f->plan.n_evaluations; done += 3) {
        lsn_store *store = fixture_store(f, 4);
        for (int32_t e = 0; e < done && e < f->plan.n_evaluations; e++)
            for (int32_t b = 0; b < 3; b++)
                fixture_add(f, store, e, b);
        if (done < f->plan.n_evaluations)
            fixture_add(f, store, done, 1); /* and some of the next */
        judge(store);                       /* commits */
        lsn_store_close(store);
        char answer[16];
        snprintf(answer, sizeof answer, "%d\n", done == 0 ? 0 : done - 1);
        fixture_expect(f, "SELECT count(d_loss_low) FROM evaluation", answer);
    }
    fixture_complete(f, 4);
    lsn_store *store = fixture_store(f, 4);
    judge(store);
    lsn_store_close(store);
    expect_loss_intervals(f);
}

static void what_is_there_is_not_computed_again(void **state)
{
    fixture *f = *state;
    make_pairs(f);
    lsn_store *store = fixture_store(f, 4);
    fixture_fill(f, store);
    judge(store);
    lsn_store_close(store);
    fixture_tamper(f->path, "UPDATE evaluation SET d_loss_low = -9 WHERE evaluation = 2; UPDATE pair_interval SET "
                            "loss_low = -8 WHERE job = 8");
    store = fixture_store(f, 4);
    judge(store);
    lsn_store_close(store);
    fixture_expect(f,
                   "SELECT d_loss_low, (SELECT loss_low FROM pair_interval WHERE job = 8) FROM evaluation WHERE "
                   "evaluation = 2",
                   "-9.0|-8.0\n");
}

static void pairs_have_theirs(void **state)
{
    fixture *f = *state;
    make_pairs(f);
    lsn_store *store = fixture_store(f, 3);
    fixture_fill(f, store);
    judge(store);
    lsn_store_close(store);
    lsn_text expected = {0};
    for (int32_t j = 5; j < f->plan.n_jobs; j++) {
        const lsn_job *job = &f->plan.jobs[j];
        double loss[3][FIXTURE_IMAGES], top1[3][FIXTURE_IMAGES], mean[6] = {0}, i_loss[FIXTURE_IMAGES],
                                                                 i_top1[FIXTURE_IMAGES];
        const int32_t of[3] = {job->singles[0], job->singles[1], job->evaluation};
        for (int k = 0; k < 3; k++) {
            damage(f, of[k], FIXTURE_IMAGES, loss[k], top1[k]);
            for (int i = 0; i < FIXTURE_IMAGES; i++) {
                mean[k] += top1[k][i] / FIXTURE_IMAGES;
                mean[3 + k] += loss[k][i] / FIXTURE_IMAGES;
            }
        }
        for (int i = 0; i < FIXTURE_IMAGES; i++) {
            i_loss[i] = loss[2][i] - loss[0][i] - loss[1][i];
            i_top1[i] = top1[2][i] - top1[0][i] - top1[1][i];
        }
        const lsn_interval l = interval_of(i_loss, FIXTURE_IMAGES), t = interval_of(i_top1, FIXTURE_IMAGES);
        lsn_text_add(&expected, "%d|%d|%.9f|%.9f|%.9f|%.9f|%.9f|%.9f|%.9f|", of[0] - 1, of[1] - 1, mean[0] + 0.0,
                     mean[1], mean[2], mean[0] + mean[1], mean[2] - mean[0] - mean[1] + 0.0, t.low, t.high);
        lsn_text_add(&expected, "%.9f|%.9f|%.9f|%.9f|%.9f|%.9f|%.9f\n", mean[3], mean[4], mean[5], mean[3] + mean[4],
                     mean[5] - mean[3] - mean[4], l.low, l.high);
    }
#define F(column) "printf('%.9f', " column "), "
    fixture_expect(f,
                   "SELECT filter_a, filter_b, " F("top1_a") F("top1_b") F("top1_both") F("top1_expected")
                       F("top1_interaction") F("top1_low") F("top1_high") F("loss_a") F("loss_b") F("loss_both")
                           F("loss_expected") F("loss_interaction") F("loss_low") "printf('%.9f', loss_high) FROM "
                                                                                  "pair_interaction",
                   expected.data);
    lsn_text_finish(&expected);
    fixture_expect(f, "SELECT DISTINCT experiment, layers, layer_a, layer_b, mode, mode_seed FROM pair_interaction",
                   "pairs|conv1|conv1|conv1|zero|\n");
}

static void pairs_without_images_have_no_interval(void **state)
{
    fixture *f = *state;
    make_pairs(f);
    f->plan.metrics.images = false;
    lsn_store *store = fixture_store(f, 3);
    fixture_fill(f, store);
    judge(store);
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(*), count(loss_interaction), count(loss_low) FROM pair_interaction", "6|6|0\n");
}

/* A pair of layers; and a pair whose single is not done yet does not show. */
static void pairs_wait_for_their_singles(void **state)
{
    fixture *f = *state;
    fixture_clear(f);
    fixture_experiment(f, "pairs");
    fixture_run_of_filters(f, 0, 2, 1, (double)NAN, -1);
    fixture_run_of_filters(f, 1, 0, 1, (double)NAN, -1);
    const int32_t first = 2, second = 0;
    const lsn_mask_part parts[] = {{0, 1, &first}, {1, 1, &second}};
    fixture_job(f, &(lsn_mask){2, parts}, LSN_ZERO, (double)NAN, -1);
    fixture_last_job(f)->singles[0] = 1;
    fixture_last_job(f)->singles[1] = 2;
    lsn_store *store = fixture_store(f, 10);
    for (int i = 0; i < 4; i++) {
        const int32_t order[] = {3, 0, 1, 2};
        fixture_add(f, store, order[i], 0);
        judge(store);
        fixture_expect(f, "SELECT layer_a, filter_a, layer_b, filter_b, loss_low < loss_high FROM pair_interaction",
                       i < 3 ? "" : "conv1|2|conv2|0|1\n");
    }
    lsn_store_close(store);
}

/* Races: a pair is judged on the images that all three have seen. */
static void races_have_intervals_of_what_they_saw(void **state)
{
    fixture *f = *state;
    make_pairs(f);
    f->plan.stop = (lsn_stopping){.half_width = 0.5, .confidence = 0.6};
    lsn_store *store = fixture_store(f, 1);
    fixture_fill(f, store);
    judge(store);
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(DISTINCT images) > 2 FROM evaluation WHERE evaluation > 0", "1\n");
    fixture_expect(
        f,
        "SELECT count(*) FROM pair_interval i JOIN job j USING (job) WHERE i.images = (SELECT min(images) FROM "
        "evaluation e WHERE e.evaluation IN (j.evaluation, j.single_a, j.single_b))",
        "6\n");
    lsn_text expected = {0};
    for (int32_t e = 1; e < f->plan.n_evaluations; e++) {
        char sql[80];
        double loss[FIXTURE_IMAGES], top1[FIXTURE_IMAGES];
        snprintf(sql, sizeof sql, "SELECT images FROM evaluation WHERE evaluation = %d", e);
        char *images = fixture_ask(f, sql);
        const int n = atoi(images);
        free(images);
        damage(f, e, n, loss, top1);
        const lsn_interval i = interval_of(loss, n);
        lsn_text_add(&expected, "%.12g|%.12g\n", i.low, i.high);
    }
    fixture_expect(f,
                   "SELECT printf('%.12g', d_loss_low), printf('%.12g', d_loss_high) FROM evaluation WHERE "
                   "evaluation > 0",
                   expected.data);
    lsn_text_finish(&expected);
}

/* More arms than go into one batch. */
static void many_evaluations(void **state)
{
    fixture *f = *state;
    enum { MANY = 300 };
    f->net->layers[0].filters = MANY;
    fixture_clear(f);
    fixture_experiment(f, "many");
    for (int i = 0; i < MANY; i++)
        fixture_run_of_filters(f, 0, i, 1, (double)NAN, -1);
    lsn_store *store = fixture_store(f, 10);
    fixture_fill(f, store);
    judge(store);
    lsn_store_close(store);
    expect_loss_intervals(f);
}

static void hostile_values_are_no_crash(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *act;
        bool refused;
    } acts[] = {
        {"UPDATE image_result SET loss = NULL", false},
        {"UPDATE image_result SET loss = 9e999 WHERE evaluation = 3", false},
        {"UPDATE image_result SET loss = -1e308, prediction = 9223372036854775807, rank = -1", false},
        {"DELETE FROM image_result WHERE image = 5 AND evaluation = 2", false},
        {"DELETE FROM image_result WHERE image = 9", false},
        {"UPDATE image_result SET image = image - 1", false},
        {"UPDATE evaluation SET images = 9223372036854775807", false},
        {"UPDATE evaluation SET images = 1 WHERE evaluation < 4", false},
        {"UPDATE evaluation SET lost = 9223372036854775807, gained = 9223372036854775807, loss_sum = "
         "-9223372036854775807",
         false},
        {"UPDATE job SET fraction = 9e999 - 9e999, seed = 1", false},
        {"UPDATE job SET fraction = -5 * job, seed = 1", false},
        {"UPDATE job SET single_a = evaluation, single_b = 0", false},
        {"UPDATE study SET bootstrap_draws = 0", true},
        {"UPDATE study SET bootstrap_draws = 99999999999", true},
    };
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        lsn_error err = {0};
        char act[400];
        snprintf(f->path, sizeof f->path, "%s/hostile%d.db", f->folder, (int)i);
        make_pairs(f);
        fixture_complete(f, 4);
        snprintf(act, sizeof act, "PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1; %s", acts[i].act);
        fixture_tamper(f->path, act);
        lsn_store *store = lsn_store_open(f->path, &f->plan, 4, false, &err);
        if (store == NULL) /* seen at once: jobs that are not the study's */
            continue;
        const bool ok = lsn_store_judge(store, &err);
        if (ok == acts[i].refused)
            fail_msg("%s: %s", acts[i].act, ok ? "passed" : err.text);
        assert_true(lsn_store_run_note(store, "complete", NULL) || !ok);
        lsn_store_close(store);
        static const char *const views[] = {"curve",        "degradation",   "degradation_band", "pair_interaction",
                                            "score_damage", "filter_damage", "image_view",       "job_result"};
        for (size_t v = 0; v < sizeof views / sizeof *views; v++) {
            char sql[64];
            snprintf(sql, sizeof sql, "SELECT * FROM %s", views[v]);
            free(fixture_ask(f, sql));
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_loss_has_its_interval),           TEST(intervals_come_with_the_results),
        TEST(what_is_there_is_not_computed_again),   TEST(pairs_have_theirs),
        TEST(pairs_without_images_have_no_interval), TEST(pairs_wait_for_their_singles),
        TEST(races_have_intervals_of_what_they_saw), TEST(many_evaluations),
        TEST(hostile_values_are_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
