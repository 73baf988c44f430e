/* What a study may ask to be measured besides: every image, and the drift of every layer. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    int failed = fixture_set_up(state);
    fixture *f = *state;
    f->plan.metrics.images = f->plan.metrics.drift = true;
    return failed;
}

/* ---- images ---------------------------------------------------------------------------------------------------- */

static const char image_rows[] =
    "SELECT job, image, class, base_prediction, prediction, base_right, right, rank, loss, "
    "d_loss FROM image_view ORDER BY job, image";

static void every_image_is_kept(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    lsn_text expected = {0};
    for (int32_t e = 0; e < f->plan.n_evaluations; e++) {
        made_part made;
        fixture_part(f, e, FIXTURE_IMAGES, 0, &made);
        for (int i = 0; i < FIXTURE_IMAGES; i++)
            lsn_text_add(&expected, "%d|%d|%d|%d|%lld\n", e, i, made.verdicts[i].prediction, made.verdicts[i].rank,
                         (long long)lsn_fixed(made.verdicts[i].loss));
    }
    fixture_expect(f,
                   "SELECT evaluation, image, prediction, rank, CAST(loss * 1073741824.0 AS INTEGER) FROM image_result "
                   "ORDER BY evaluation, image",
                   expected.data);
    lsn_text_finish(&expected);
    fixture_expect(f, "SELECT image, name, class FROM image WHERE image IN (0, 7, 9)",
                   "0|image 0|0\n7|image 7|1\n9|image 9|0\n");
    fixture_expect(f, "PRAGMA foreign_key_check", "");
}

/* Sums over the images are the sums of the evaluation, exactly. */
static void images_add_up(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 3);
    fixture_expect(f,
                   "SELECT count(*) FROM job_result r JOIN (SELECT job, count(*) AS n, sum(right) AS right, "
                   "sum(right AND NOT base_right) AS gained, sum(base_right AND NOT right) AS lost, sum(rank < 5) AS "
                   "top5, sum(prediction = base_prediction) AS agree, sum(loss) AS loss, sum(d_loss) AS d_loss FROM "
                   "image_view GROUP BY job) i USING (job) WHERE i.n = r.images AND i.gained = r.gained AND i.lost = "
                   "r.lost AND i.right * 1.0 / n = r.top1 AND i.top5 * 1.0 / n = r.top5 AND i.agree * 1.0 / n = "
                   "r.agreement AND i.loss / n = r.loss AND abs(i.d_loss / n - r.d_loss) < 1e-15",
                   "21\n");
}

static void images_survive_the_end_of_a_run(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 2);
    char *whole = fixture_ask(f, image_rows);
    snprintf(f->path, sizeof f->path, "%s/again.db", f->folder);
    const int32_t order[] = {4, 0, 3, 2, 1};
    for (int i = 0; i < 5; i++) { /* a run for each block, and what is not committed is lost with the run */
        lsn_store *store = fixture_store(f, 2);
        for (int32_t e = 0; e < f->plan.n_evaluations; e++)
            fixture_add(f, store, e, order[i]);
        assert_true(lsn_store_commit(store, NULL));
        char rows[16];
        snprintf(rows, sizeof rows, "%d\n", 13 * 2 * (i + 1));
        fixture_expect(f, "SELECT count(*) FROM image_result", rows);
        if (i < 4)
            fixture_expect(f, "SELECT count(*) FROM image_view", "0\n"); /* of evaluations that are done */
        if (i < 3)
            fixture_add(f, store, 1, order[i + 1]);
        lsn_store_close(store);
    }
    fixture_expect(f, image_rows, whole);
    free(whole);
}

static void what_is_no_number_is_null(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    made_part made;
    lsn_store *store = fixture_store(f, FIXTURE_IMAGES);
    fixture_add(f, store, 0, 0);
    memset(&made, 0, sizeof made);
    const float broken[FIXTURE_CLASSES] = {NAN}, infinite[FIXTURE_CLASSES] = {INFINITY}, fine[FIXTURE_CLASSES] = {1};
    for (int i = 0; i < FIXTURE_IMAGES; i++)
        lsn_tally_image(&made.tally, fine, i == 0 ? broken : infinite, FIXTURE_CLASSES, lsn_data_label(f->plan.data, i),
                        &(lsn_class_counts){made.right, made.predicted}, &made.verdicts[i]);
    const lsn_part part = {&made.tally, made.right, made.predicted, made.verdicts, made.drift};
    if (!lsn_store_add(store, 1, 0, &part, NULL, &err) || !lsn_store_judge(store, &err))
        fail_msg("%s", err.text);
    lsn_store_close(store);
    fixture_expect(f, "SELECT image, prediction, rank, loss FROM image_result WHERE evaluation = 1 AND image < 3",
                   "0|-1|7|\n1|0|1|65536.0\n2|0|2|65536.0\n");
    fixture_expect(
        f,
        "SELECT DISTINCT loss = 65536.0 * 8 / 10, d_loss_error IS NULL, d_loss_low > 0, d_loss_high > d_loss_low FROM "
        "job_result WHERE job = (SELECT key FROM evaluation WHERE evaluation = 1)",
        "1|1|1|1\n");
}

static void verdicts_that_contradict_the_counts_are_refused(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    for (int i = 0; i < 4; i++) {
        lsn_error err = {0};
        made_part made;
        fixture_part(f, 1, 4, 0, &made);
        const int label = lsn_data_label(f->plan.data, 0);
        int32_t *prediction = &made.verdicts[0].prediction;
        if (i == 0)
            *prediction = *prediction == label ? (label + 1) % FIXTURE_CLASSES : label;
        else if (i == 1)
            *prediction = FIXTURE_CLASSES;
        else if (i == 2)
            made.verdicts[0].rank = -1;
        else
            made.drift[2] = -1;
        assert_false(lsn_store_add(store, 1, 0, &made.part, NULL, &err));
        assert_int_equal(err.code, LSN_FAILED);
        assert_non_null(strstr(err.text, i < 3 ? "its images" : "its drift"));
    }
    fixture_fill(f, store);
    lsn_store_close(store);
}

/* ---- drift ----------------------------------------------------------------------------------------------------- */

static void drift_is_a_mean(void **state)
{
    fixture *f = *state;
    for (int32_t block_images = 1; block_images <= FIXTURE_IMAGES; block_images += 3) {
        snprintf(f->path, sizeof f->path, "%s/%d.db", f->folder, block_images);
        fixture_complete(f, block_images);
        lsn_text expected = {0};
        for (int e = 1; e < f->plan.n_evaluations; e++) /* the baseline has none */
            for (int l = 0; l < FIXTURE_LAYERS; l++)
                lsn_text_add(&expected, "%s|%d|%s|%.3f\n", f->plan.evaluations[e].key, l, f->net->layers[l].name,
                             0.125 * e * l + 4.5);
        fixture_expect(f,
                       "SELECT job, layer_index, d.layer, printf('%.3f', drift) FROM drift_view d JOIN evaluation ON "
                       "key = job ORDER BY evaluation, layer_index",
                       expected.data);
        lsn_text_finish(&expected);
    }
}

/* ---- asking for more, or less ---------------------------------------------------------------------------------- */

static void measures_cannot_be_added_to_results(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"measures images", "measures drift"};
    f->plan.metrics.images = f->plan.metrics.drift = false;
    lsn_store *store = fixture_store(f, 4);
    fixture_add(f, store, 3, 0);
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
    for (int m = 0; m < 2; m++) {
        f->plan.metrics.images = m == 0;
        f->plan.metrics.drift = m == 1;
        fixture_refused(f, false, LSN_INVALID, (const char *const[]){names[m], "1 results", "--fresh", NULL});
    }
    f->plan.metrics.images = f->plan.metrics.drift = false;
    fixture_complete(f, 4);
    for (int m = 0; m < 2; m++) {
        f->plan.metrics.images = m == 0;
        f->plan.metrics.drift = m == 1;
        fixture_refused(f, false, LSN_INVALID,
                        (const char *const[]){names[m], m == 0 ? "13 results" : "12 results", NULL});
    }
}

static void measures_may_be_added_while_there_is_nothing(void **state)
{
    fixture *f = *state;
    f->plan.metrics.images = f->plan.metrics.drift = false;
    lsn_store_close(fixture_store(f, 4));
    fixture_expect(f, "SELECT per_image, drift, (SELECT count(*) FROM image) FROM study", "0|0|0\n");
    f->plan.metrics.images = f->plan.metrics.drift = true;
    fixture_complete(f, 4);
    fixture_expect(f, "SELECT per_image, drift, (SELECT count(*) FROM image) FROM study", "1|1|10\n");
    fixture_expect(f, "SELECT count(*) FROM image_view", "130\n");
}

/* A study that no longer asks for images goes on without; it cannot ask for them again. */
static void measures_may_be_left_out(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    fixture_add(f, store, 0, 0);
    fixture_add(f, store, 1, 0);
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
    f->plan.metrics.images = f->plan.metrics.drift = false;
    store = fixture_store(f, 4);
    fixture_fill(f, store);
    assert_true(lsn_store_judge(store, NULL));
    lsn_store_close(store);
    fixture_expect(f, "SELECT per_image, drift FROM study", "0|0\n");
    fixture_expect(f, "SELECT count(d_loss_low) FROM evaluation", "0\n"); /* some of its images are not all */
    f->plan.metrics.images = true;
    fixture_refused(f, false, LSN_INVALID, (const char *const[]){"measures images", NULL});
}

static void without_them_nothing_is_written(void **state)
{
    fixture *f = *state;
    f->plan.metrics.images = f->plan.metrics.drift = false;
    lsn_store *store = fixture_store(f, 4);
    fixture_fill(f, store); /* the parts hold them all the same */
    assert_true(lsn_store_judge(store, NULL));
    lsn_store_close(store);
    fixture_expect(f,
                   "SELECT (SELECT count(*) FROM image), (SELECT count(*) FROM image_result), (SELECT count(*) FROM "
                   "drift), (SELECT count(d_loss_low) FROM evaluation)",
                   "0|0|0|0\n");
}

/* ---- modes ----------------------------------------------------------------------------------------------------- */

static void modes_that_draw_have_a_seed(void **state)
{
    fixture *f = *state;
    fixture_clear(f);
    fixture_experiment(f, "draws");
    for (int64_t seed = 0; seed < 2; seed++)
        fixture_mode_job(f, 0, 1, LSN_NOISE, seed);
    fixture_mode_job(f, 0, 1, LSN_RESAMPLE, 0);
    fixture_mode_job(f, 0, 1, LSN_ZERO, 0);
    f->plan.calibration = (lsn_sample){f->images, 3};
    fixture_complete(f, 4);
    fixture_complete(f, 4); /* found again */
    fixture_expect(f, "SELECT mode, mode_seed, status FROM job_result WHERE experiment = 'draws'",
                   "noise|0|done\nnoise|1|done\nresample|0|done\nzero||done\n");
    /* A rank for each draw of its own. */
    fixture_expect(f, "SELECT mode, mode_seed, rank, layer, filter FROM filter_rank WHERE experiment = 'draws'",
                   "noise|0|1|conv1|1\nnoise|1|1|conv1|1\nresample|0|1|conv1|1\nzero||1|conv1|1\n");
    fixture_expect(f, "SELECT mode, jobs FROM layer_sensitivity", "noise|2\nresample|1\nzero|1\n");
}

static void deviations_are_kept_where_measured(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    lsn_activations a;
    lsn_store *store = fixture_store(f, 4);
    const lsn_activation_needs needs[] = {{.zeros = true}, {.means = true, .deviations = true}};
    for (int n = 0; n < 2; n++) {
        assert_true(lsn_activations_init(&a, f->net, needs[n], &err));
        *a.images = 1;
        for (int i = 0; i < a.filters && n == 1; i++) {
            a.mean[i] = lsn_fixed(i);
            lsn_activations_add_square(&a, i, i * i + 0.25);
        }
        assert_true(lsn_store_set_activations(store, &a, &err));
        lsn_activations_finish(&a);
        assert_true(lsn_store_commit(store, &err));
        fixture_expect(f, "SELECT mean, deviation FROM filter_activation WHERE filter = 1 ORDER BY layer",
                       n == 0 ? "|\n|\n" : "1.0|0.5\n5.0|0.5\n");
    }
    lsn_store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_image_is_kept),
        TEST(images_add_up),
        TEST(images_survive_the_end_of_a_run),
        TEST(what_is_no_number_is_null),
        TEST(verdicts_that_contradict_the_counts_are_refused),
        TEST(drift_is_a_mean),
        TEST(measures_cannot_be_added_to_results),
        TEST(measures_may_be_added_while_there_is_nothing),
        TEST(measures_may_be_left_out),
        TEST(without_them_nothing_is_written),
        TEST(modes_that_draw_have_a_seed),
        TEST(deviations_are_kept_where_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
