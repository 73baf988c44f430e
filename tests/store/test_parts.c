/* Results: adding, completing, failing, and the runs they belong to. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All that a job's result is, but the time it took. */
static const char results[] =
    "SELECT key, images, top1, top5, lost, gained, agree, loss_sum, kl_sum, margin_sum, base_top5, base_loss_sum, "
    "d_loss_squared, d_loss_error, p, p_exact, balanced_accuracy, top1_low, top1_high FROM evaluation ORDER BY key";
static const char class_results[] = "SELECT * FROM class_result ORDER BY job, class";

static void results_do_not_depend_on_the_blocks(void **state)
{
    fixture *f = *state;
    char *whole = NULL, *whole_classes = NULL;
    for (int32_t block_images = FIXTURE_IMAGES + 5; block_images >= 1; block_images -= 2) {
        snprintf(f->path, sizeof f->path, "%s/%d.db", f->folder, block_images);
        fixture_complete(f, block_images);
        if (whole == NULL) {
            whole = fixture_ask(f, results);
            whole_classes = fixture_ask(f, class_results);
        }
        fixture_expect(f, results, whole);
        fixture_expect(f, class_results, whole_classes);
        fixture_expect(f, "SELECT count(*) FROM part", "0\n");
        fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'done'", "13\n");
    }
    free(whole);
    free(whole_classes);
}

static void parts_survive_in_any_order_over_many_runs(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 100);
    char *whole = fixture_ask(f, results), *whole_classes = fixture_ask(f, class_results);
    snprintf(f->path, sizeof f->path, "%s/parts.db", f->folder);
    const int32_t n = f->plan.n_evaluations, blocks = 5, total = n * blocks;
    lsn_random random;
    lsn_random_init(&random, 9, 0);
    int32_t order[128], next = 0;
    assert_true(total <= 128);
    for (int32_t i = 0; i < total; i++)
        order[i] = i;
    lsn_random_choose(&random, order, (size_t)total, (size_t)total);
    while (next < total) {
        lsn_store *store = fixture_store(f, 2);
        for (int32_t i = 0; i < total; i++) /* what was committed is there, nothing else */
            assert_true(lsn_store_has(store, order[i] / blocks, order[i] % blocks) == (i < next));
        int32_t committed = next;
        for (int i = 0; i < 9 && next < total; i++, next++) {
            fixture_add(f, store, order[next] / blocks, order[next] % blocks);
            assert_true(lsn_store_has(store, order[next] / blocks, order[next] % blocks));
            if (i == 6) {
                assert_true(lsn_store_commit(store, NULL));
                committed = next + 1;
            }
        }
        if (next == total) {
            assert_true(lsn_store_commit(store, NULL));
            committed = next;
        }
        next = committed; /* the rest is rolled back by closing, and added again */
        lsn_store_close(store);
    }
    fixture_expect(f, results, whole);
    fixture_expect(f, class_results, whole_classes);
    free(whole);
    free(whole_classes);
}

static void a_part_counts_once(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    for (int i = 0; i < 3; i++)
        fixture_add(f, store, 3, 0);
    lsn_error err = {0};
    lsn_tally other = {.images = 4, .top1 = 4, .top5 = 4, .base_top5 = 4, .agree = 4};
    const int32_t right[FIXTURE_CLASSES] = {4};
    assert_true(lsn_store_add(store, 3, 0, &(lsn_part){.tally = &other, .class_right = right}, NULL,
                              &err)); /* whatever it says: the first one stays */
    fixture_fill(f, store);
    fixture_add(f, store, 3, 0); /* complete by now */
    lsn_store_close(store);
    lsn_tally tally;
    int32_t class_right[FIXTURE_CLASSES];
    fixture_result(f, 3, 10, 0, &tally, class_right);
    char answer[128];
    snprintf(answer, sizeof answer, "10|%d|%d|%lld|%lld|0.75\n", (int)tally.top1, (int)tally.top5,
             (long long)tally.loss, (long long)tally.kl);
    fixture_expect(f, "SELECT images, top1, top5, loss_sum, kl_sum, seconds FROM evaluation WHERE evaluation = 3",
                   answer);
}

static void an_evaluation_is_complete_with_its_last_part(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    const int32_t order[] = {2, 0, 1};
    for (int i = 0; i < 3; i++) {
        assert_false(lsn_store_complete(store, 1));
        fixture_add(f, store, 1, order[i]);
    }
    assert_true(lsn_store_complete(store, 1));
    assert_false(lsn_store_complete(store, 2));
    fixture_expect(f, "SELECT count(*) FROM part", "0\n"); /* a reader sees what is committed only */
    fixture_expect(f, "SELECT status FROM evaluation WHERE evaluation = 1", "pending\n");
    assert_true(lsn_store_commit(store, NULL));
    fixture_expect(f, "SELECT status FROM evaluation WHERE evaluation = 1", "done\n");
    lsn_store_close(store);
}

static void commits_may_be_empty(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    assert_true(lsn_store_commit(store, NULL));
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
    lsn_store_close(NULL);
}

static void impossible_results_are_not_stored(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    static const lsn_tally tallies[] = {
        {.images = 3},
        {.images = 5},
        {.images = 4, .top1 = 2, .top5 = 1},
        {.images = 4, .top1 = 5, .top5 = 5},
        {.images = 4, .top1 = -1},
        {.images = 4, .top1 = 3, .top5 = 3, .lost = 2},
        {.images = 4, .gained = 1},
        {.images = 4, .seconds = -1},
        {.images = 4, .agree = 5},
        {.images = 4, .lost = 1, .agree = 4, .base_top5 = 1},
        {.images = 4, .lost = 1},
        {.images = 4, .loss = -1},
        {.images = 4, .d_loss_squared = -1},
        {.images = 4, .top1 = 1, .top5 = 1, .agree = 1, .base_top5 = 1}, /* but no class is right */
    };
    const int32_t none[FIXTURE_CLASSES] = {0};
    for (size_t i = 0; i < sizeof tallies / sizeof *tallies; i++) {
        lsn_error err = {0};
        assert_false(lsn_store_add(store, 1, 0, &(lsn_part){.tally = &tallies[i], .class_right = none}, NULL, &err));
        assert_int_equal(err.code, LSN_FAILED);
        assert_non_null(strstr(err.text, "block 0 of 4 images"));
        assert_false(lsn_store_has(store, 1, 0));
    }
    const lsn_tally one = {.images = 4, .top1 = 1, .top5 = 1, .agree = 1, .base_top5 = 1};
    const int32_t nobody[FIXTURE_CLASSES] = {[6] = 1}; /* a class without images */
    assert_false(lsn_store_add(store, 1, 0, &(lsn_part){.tally = &one, .class_right = nobody}, NULL, NULL));
    fixture_fill(f, store); /* it goes on */
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'done'", "13\n");
}

/* ---- states ---------------------------------------------------------------------------------------------------- */

static void a_failed_evaluation_may_be_taken_up_again(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    lsn_store *store = fixture_store(f, 4);
    fixture_add(f, store, 3, 1);
    assert_true(lsn_store_fail(store, 3, "its worker died twice", &err));
    assert_true(lsn_store_failed(store, 3));
    fixture_add(f, store, 0, 0);
    fixture_add(f, store, 0, 1);
    fixture_add(f, store, 0, 2);
    assert_true(lsn_store_fail(store, 0, "complete already", &err));
    assert_false(lsn_store_failed(store, 0));
    assert_true(lsn_store_commit(store, &err));
    lsn_store_close(store);
    fixture_expect(f, "SELECT experiment, layers, filters, reason FROM failures",
                   "every-filter|conv1|{\"conv1\":[2]}|its worker died twice\n");
    fixture_expect(f, "SELECT status, top1, loss, d_top1, p, q, seconds FROM job_result WHERE status = 'failed'",
                   "failed||||||\n");
    store = fixture_store(f, 4);
    assert_true(lsn_store_failed(store, 3));
    assert_true(lsn_store_has(store, 3, 1));
    assert_true(lsn_store_running(store, (const int32_t[]){3}, 1, &err));
    assert_false(lsn_store_failed(store, 3));
    fixture_fill(f, store);
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(*) FROM failures", "0\n");
    fixture_expect(f, "SELECT status, reason FROM evaluation WHERE evaluation = 3", "done|\n");
}

static void running_never_undoes_done(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    fixture_complete(f, 4);
    lsn_store *store = fixture_store(f, 4);
    assert_true(lsn_store_running(store, (const int32_t[]){1, 2, 3}, 3, &err));
    assert_true(lsn_store_commit(store, &err));
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'done'", "13\n");
}

static void nothing_runs_after_the_end_of_a_run(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    lsn_store *store = fixture_store(f, 4);
    assert_true(lsn_store_run_begin(store, &(lsn_run_record){.ranks = 1}, &err));
    for (int turn = 0; turn < 2; turn++) { /* may be taken up again by the same store */
        assert_true(lsn_store_running(store, (const int32_t[]){1, 2}, 2, &err));
        assert_true(lsn_store_run_note(store, NULL, &err));
        fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'running'", "2\n");
        assert_true(lsn_store_run_note(store, "stopped", &err));
        fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'running'", "0\n");
    }
    lsn_store_close(store);
}

/* ---- runs and means -------------------------------------------------------------------------------------------- */

static void runs_are_recorded(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    const lsn_run_record record = {.version = "1.2.3",
                                   .libraries = "SQLite 3",
                                   .command = "lesion run small.yaml",
                                   .hosts = "n1*4,n2*4",
                                   .slurm_job = NULL,
                                   .kernels = "openblas",
                                   .ranks = 8};
    lsn_store *store = fixture_store(f, 4);
    assert_true(lsn_store_run_begin(store, &record, &err));
    fixture_expect(f,
                   "SELECT run, version, libraries, command, hosts, slurm_job, method, ranks, length(study_sha256), "
                   "substr(weights_sha256, 1, 6), substr(images_sha256, 1, 6), calibration_sha256, pid > 0, "
                   "length(started), started = heartbeat, ended, how FROM run",
                   "1|1.2.3|SQLite 3|lesion run small.yaml|n1*4,n2*4||openblas|8|64|010203|040506||1|20|1||\n");
    fixture_add(f, store, 1, 0);
    assert_true(lsn_store_run_note(store, NULL, &err)); /* alive; makes what was added durable */
    fixture_expect(f, "SELECT (SELECT count(*) FROM part), ended, how FROM run", "1||\n");
    fixture_fill(f, store);
    assert_true(lsn_store_run_note(store, "complete", &err));
    fixture_expect(f, "SELECT ended = heartbeat, how FROM run", "1|complete\n");
    fixture_expect(f, "SELECT count(*) FROM evaluation WHERE run = 1", "13\n");
    lsn_store_close(store);
    store = fixture_store(f, 4);
    assert_true(lsn_store_run_begin(store, &(lsn_run_record){.ranks = 1}, &err));
    assert_true(lsn_store_run_note(store, "stopped", &err));
    lsn_store_close(store);
    fixture_expect(f, "SELECT run, how FROM run", "1|complete\n2|stopped\n");
    fixture_expect(f, "SELECT count(*) FROM evaluation WHERE run = 1", "13\n");
}

static void means_are_kept(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    lsn_activations a;
    assert_true(lsn_activations_init(&a, f->net, (lsn_activation_needs){.means = true}, &err));
    lsn_store *store = fixture_store(f, 4);
    *a.images = 1;
    for (int again = 0; again < 2; again++) {
        for (int i = 0; i < a.filters; i++)
            a.mean[i] = (again ? 2 : 1) * lsn_fixed(0.25 * (i + 1));
        assert_true(lsn_store_set_activations(store, &a, &err));
    }
    lsn_activations_finish(&a);
    assert_true(lsn_store_commit(store, &err));
    lsn_store_close(store);
    fixture_expect(f,
                   "SELECT name, filter, mean FROM filter_activation JOIN layer USING (layer) ORDER BY layer, filter",
                   "conv1|0|0.5\nconv1|1|1.0\nconv1|2|1.5\nconv1|3|2.0\nconv2|0|2.5\nconv2|1|3.0\nconv2|2|3.5\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(results_do_not_depend_on_the_blocks),
        TEST(parts_survive_in_any_order_over_many_runs),
        TEST(a_part_counts_once),
        TEST(an_evaluation_is_complete_with_its_last_part),
        TEST(commits_may_be_empty),
        TEST(impossible_results_are_not_stored),
        TEST(a_failed_evaluation_may_be_taken_up_again),
        TEST(running_never_undoes_done),
        TEST(nothing_runs_after_the_end_of_a_run),
        TEST(runs_are_recorded),
        TEST(means_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
