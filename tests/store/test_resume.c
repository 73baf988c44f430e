/* Opening a database that holds part of a study, all of it, or another one. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

static void opening_again_changes_nothing(void **state)
{
    fixture *f = *state;
    static const char everything[] = "SELECT * FROM job NATURAL JOIN evaluation JOIN experiment USING (experiment) "
                                     "ORDER BY job";
    fixture_complete(f, 4);
    char *before = fixture_ask(f, everything);
    lsn_store *store = fixture_store(f, 4);
    for (int32_t e = 0; e < f->plan.n_evaluations; e++)
        assert_true(lsn_store_complete(store, e));
    lsn_store_close(store);
    fixture_expect(f, everything, before);
    free(before);
}

/* ---- more jobs ------------------------------------------------------------------------------------------------- */

static void new_experiments_are_added_where_they_stand(void **state)
{
    fixture *f = *state;
    fixture_clear(f);
    fixture_experiment(f, "last");
    fixture_run_of_filters(f, 0, 0, 1, (double)NAN, -1);
    fixture_complete(f, 4);
    fixture_clear(f);
    fixture_experiment(f, "first");
    fixture_run_of_filters(f, 1, 1, 1, (double)NAN, -1);
    fixture_run_of_filters(f, 0, 0, 1, (double)NAN, -1); /* is there already: computed for the other one */
    fixture_experiment(f, "last");
    fixture_run_of_filters(f, 0, 0, 1, (double)NAN, -1);
    lsn_store *store = fixture_store(f, 4);
    assert_true(lsn_store_complete(store, 0));
    assert_false(lsn_store_complete(store, 1));
    assert_true(lsn_store_complete(store, 2));
    fixture_fill(f, store);
    lsn_store_close(store);
    fixture_expect(f, "SELECT experiment, filters, status FROM job_result",
                   "baseline|{}|done\nfirst|{\"conv2\":[1]}|done\nfirst|{\"conv1\":[0]}|done\n"
                   "last|{\"conv1\":[0]}|done\n");
    fixture_expect(f, "SELECT count(*) FROM evaluation", "3\n");
    fixture_expect(f, "PRAGMA foreign_key_check", "");
}

static void new_jobs_are_added_between_the_old_ones(void **state)
{
    fixture *f = *state;
    for (int seeds = 1; seeds <= 3; seeds++) {
        fixture_clear(f);
        fixture_experiment(f, "control");
        for (int count = 1; count <= 2; count++)
            for (int seed = 0; seed < seeds; seed++)
                fixture_run_of_filters(f, 0, seed == 2 ? 0 : seed, count, 0.25 * count, seed);
        fixture_complete(f, 4);
    }
    fixture_expect(f, "SELECT fraction, seed, filters, status FROM job_result WHERE experiment = 'control'",
                   "0.25|0|{\"conv1\":[0]}|done\n0.25|1|{\"conv1\":[1]}|done\n0.25|2|{\"conv1\":[0]}|done\n"
                   "0.5|0|{\"conv1\":[0,1]}|done\n0.5|1|{\"conv1\":[1,2]}|done\n0.5|2|{\"conv1\":[0,1]}|done\n");
    fixture_expect(f, "SELECT count(*) FROM evaluation", "5\n");
}

static void the_order_of_the_study_is_followed(void **state)
{
    fixture *f = *state;
    for (int turned = 0; turned < 2; turned++) {
        fixture_clear(f);
        fixture_experiment(f, turned ? "b" : "a");
        fixture_run_of_filters(f, 0, turned, 1, (double)NAN, -1);
        fixture_run_of_filters(f, 0, !turned, 1, (double)NAN, -1);
        fixture_experiment(f, turned ? "a" : "b");
        fixture_run_of_filters(f, 0, !turned, 1, (double)NAN, -1);
        fixture_run_of_filters(f, 0, turned, 1, (double)NAN, -1);
        fixture_complete(f, 4);
        fixture_expect(f, "SELECT experiment || filters FROM job_result WHERE n_filters > 0",
                       turned ? "b{\"conv1\":[1]}\nb{\"conv1\":[0]}\na{\"conv1\":[0]}\na{\"conv1\":[1]}\n"
                              : "a{\"conv1\":[0]}\na{\"conv1\":[1]}\nb{\"conv1\":[1]}\nb{\"conv1\":[0]}\n");
    }
}

/* A study may ask for the same thing twice. */
static void equal_jobs_are_counted(void **state)
{
    fixture *f = *state;
    for (int times = 1; times <= 3; times++) {
        fixture_clear(f);
        fixture_experiment(f, "same");
        for (int i = 0; i < times; i++)
            fixture_run_of_filters(f, 0, 0, 1, 0.25, 4);
        fixture_complete(f, 4);
        char answer[16];
        snprintf(answer, sizeof answer, "%d\n", times);
        fixture_expect(f, "SELECT count(*) FROM job_result WHERE experiment = 'same' AND status = 'done'", answer);
    }
    fixture_clear(f);
    fixture_experiment(f, "same");
    fixture_run_of_filters(f, 0, 0, 1, 0.25, 4);
    fixture_refused(f, false, LSN_INVALID, WORDS("'same'", "2"));
}

static void the_study_is_recorded_as_it_is_now(void **state)
{
    fixture *f = *state;
    lsn_store_close(fixture_store(f, 4));
    free(f->plan.text);
    f->plan.text = strdup("study: small # with a remark\n");
    lsn_store_close(fixture_store(f, 4));
    fixture_expect(f, "SELECT text FROM study", "study: small # with a remark\n\n");
}

static void many_jobs_take_seconds(void **state)
{
    fixture *f = *state;
    enum { JOBS = 200000 };
    fixture_clear(f);
    f->net->layers[0].filters = INT32_MAX;
    fixture_experiment(f, "many");
    for (int i = 0; i < JOBS; i++)
        fixture_run_of_filters(f, 0, i, 1, (double)NAN, -1);
    for (int again = 0; again < 2; again++) {
        double began_s = lsn_now_s();
        lsn_store *store = fixture_store(f, 4);
        double took_s = lsn_now_s() - began_s;
        fixture_add(f, store, JOBS, 2);
        lsn_store_close(store);
        print_message("%d jobs %s in %.1f s\n", JOBS, again ? "found again" : "added", took_s);
        if (!(took_s < 60)) /* 2 s without a sanitizer on an idle core */
            fail_msg("a million would take minutes");
    }
    fixture_expect(f, "SELECT count(*), max(filter) FROM job JOIN evaluation USING (evaluation)", "200001|199999\n");
}

/* ---- what is not the same study ---------------------------------------------------------------------------------- */

static void fewer_jobs_are_refused(void **state)
{
    fixture *f = *state;
    lsn_store_close(fixture_store(f, 4));
    fixture_clear(f);
    fixture_experiment(f, "every-filter");
    for (int filter = 0; filter < 3; filter++)
        fixture_run_of_filters(f, 0, filter, 1, (double)NAN, -1);
    fixture_refused(f, false, LSN_INVALID, WORDS("'sensitivity'", "jobs: 4", "--fresh", "--db", ".old"));
    fixture_standard(f);
    f->plan.n_jobs--; /* both-layers has none */
    f->plan.experiments[4].n_jobs = 0;
    fixture_refused(f, false, LSN_INVALID,
                    WORDS("'both-layers'", "1, for example {\"conv1\":[0,2],\"conv2\":[0]}, mode zero"));
    fixture_standard(f);
    f->plan.jobs[9].fraction = 0.3;
    fixture_refused(f, false, LSN_INVALID, WORDS("'sensitivity'", "fraction 0.5", "asks for 4", "--fresh", "--db"));
    fixture_standard(f);
    f->plan.jobs[14].seed = 77;
    fixture_refused(f, false, LSN_INVALID, WORDS("'control'", "seed 0", "--fresh", "--db"));
    fixture_standard(f);
    strcpy(f->plan.evaluations[0].key, "0123456789abcdef0123456789abcdef");
    fixture_refused(f, false, LSN_INVALID, WORDS("'baseline'", "the baseline"));
    fixture_standard(f);
    lsn_store_close(fixture_store(f, 4)); /* no refusal has changed anything */
    fixture_expect(f, "SELECT count(*), count(DISTINCT experiment) FROM job", "21|5\n");
}

static void another_study_is_refused(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    free(f->plan.name);
    f->plan.name = strdup("large");
    fixture_refused(f, false, LSN_INVALID, WORDS("study.db", "'small', not 'large'", "--fresh", "--db", ".old"));
    f->net->digest.bytes[0] = 0xab;
    free(f->net->path);
    f->net->path = strdup("new.safetensors");
    f->plan.images_digest.bytes[0] = 0xcd;
    fixture_refused(f, false, LSN_INVALID,
                    WORDS("'small', not 'large'", "weights.safetensors (sha256 010203000000...)",
                          "new.safetensors (sha256 ab0203000000...)", "sha256 040506000000...",
                          "sha256 cd0506000000..."));
    free(f->plan.name);
    f->plan.name = strdup("small");
    fixture_refused(f, false, LSN_INVALID, WORDS("belongs to something else; its weights"));
}

static void the_same_weights_may_move(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    free(f->net->path);
    f->net->path = strdup("/elsewhere/weights.safetensors");
    lsn_store *store = fixture_store(f, 4);
    assert_true(lsn_store_complete(store, 3));
    lsn_store_close(store);
    fixture_expect(f, "SELECT weights_path FROM study", "/elsewhere/weights.safetensors\n");
}

static void calibration_matters_only_where_it_was_used(void **state)
{
    fixture *f = *state;
    int32_t calibration[] = {0, 1};
    fixture_complete(f, 4);
    f->plan.calibration = (lsn_sample){calibration, 2};
    f->plan.calibration_digest = (lsn_digest){{7}};
    fixture_experiment(f, "mean");
    const int32_t filter = 0;
    const lsn_mask_part part = {0, 1, &filter};
    fixture_job(f, &(lsn_mask){1, &part}, LSN_MEAN, (double)NAN, -1);
    fixture_complete(f, 4);
    fixture_expect(f, "SELECT mode FROM job_result WHERE experiment = 'mean'", "mean\n");
    fixture_expect(f, "SELECT substr(calibration_sha256, 1, 4), calibration_images FROM study", "0700|2\n");
    f->plan.calibration_digest = (lsn_digest){{8}};
    fixture_refused(f, false, LSN_INVALID, WORDS("calibration images", "sha256 070000000000...", "not 080000000000"));
    f->plan.calibration = (lsn_sample){0};
    fixture_refused(f, false, LSN_INVALID, WORDS("calibration images", "not none"));
}

static void classes_cannot_be_measured_afterwards(void **state)
{
    fixture *f = *state;
    f->plan.metrics.per_class = false;
    fixture_complete(f, 4);
    fixture_expect(f, "SELECT count(*) FROM class_result", "0\n");
    f->plan.metrics.per_class = true;
    fixture_refused(f, false, LSN_INVALID, WORDS("per_class", "13 results", "--fresh", "--db"));
}

static void parts_without_classes_count_too(void **state)
{
    fixture *f = *state;
    f->plan.metrics.per_class = false;
    lsn_store *store = fixture_store(f, 4);
    fixture_add(f, store, 2, 1);
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
    f->plan.metrics.per_class = true;
    fixture_refused(f, false, LSN_INVALID, WORDS("per_class", "1 results"));
}

static void classes_may_be_added_before_there_are_results(void **state)
{
    fixture *f = *state;
    f->plan.metrics.per_class = false;
    lsn_store_close(fixture_store(f, 4));
    f->plan.metrics.per_class = true;
    fixture_complete(f, 4);
    f->plan.metrics.per_class = false; /* the other way round is fine, */
    fixture_complete(f, 4);
    f->plan.metrics.per_class = true; /* and back where nothing was added meanwhile */
    fixture_complete(f, 4);
    fixture_expect(f, "SELECT count(*) FROM class_result", "78\n"); /* 13 evaluations, 6 classes that have images */
}

/* ---- what a dead run leaves ----------------------------------------------------------------------------------------
 */

static void running_is_pending_again(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    lsn_store *store = fixture_store(f, 4);
    assert_true(lsn_store_run_begin(store, &(lsn_run_record){.ranks = 2}, &err));
    assert_true(lsn_store_running(store, (const int32_t[]){1, 2}, 2, &err));
    assert_true(lsn_store_commit(store, &err));
    fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'running'", "2\n");
    lsn_store_close(store);
    fixture_expect(f, "SELECT how IS NULL FROM run", "1\n");
    lsn_store_close(fixture_store(f, 4));
    fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'running'", "0\n");
    fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'pending'", "13\n");
    fixture_expect(f, "SELECT how, ended = heartbeat FROM run", "died|1\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(opening_again_changes_nothing),
        TEST(new_experiments_are_added_where_they_stand),
        TEST(new_jobs_are_added_between_the_old_ones),
        TEST(the_order_of_the_study_is_followed),
        TEST(equal_jobs_are_counted),
        TEST(the_study_is_recorded_as_it_is_now),
        TEST(many_jobs_take_seconds),
        TEST(fewer_jobs_are_refused),
        TEST(another_study_is_refused),
        TEST(the_same_weights_may_move),
        TEST(calibration_matters_only_where_it_was_used),
        TEST(classes_cannot_be_measured_afterwards),
        TEST(parts_without_classes_count_too),
        TEST(classes_may_be_added_before_there_are_results),
        TEST(running_is_pending_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
