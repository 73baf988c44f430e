/* How far a study is, as other programs read it: counts by experiment, and the history of a run. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(call)                   \
    do {                              \
        lsn_error err = {0};          \
        if (!(call))                  \
            fail_msg("%s", err.text); \
    } while (0)

/* The stored counts against the evaluations' own rows. */
static const char counts_differ[] =
    "SELECT count(*) FROM experiment x JOIN (SELECT j.experiment, count(*) AS jobs, sum(e.status = 'done') AS done, "
    "sum(e.status = 'running') AS running, sum(e.status = 'failed') AS failed FROM job j JOIN evaluation e USING "
    "(evaluation) GROUP BY j.experiment) n ON n.experiment = x.experiment WHERE x.jobs <> n.jobs OR x.done <> n.done "
    "OR x.running <> n.running OR x.failed <> n.failed";

static void expect_counts(const fixture *f)
{
    fixture_expect(f, counts_differ, "0\n");
}

static void begin_run(lsn_store *store)
{
    const lsn_run_record record = {.kernels = "own", .hosts = "n1*3", .ranks = 3};
    CHECK(lsn_store_run_begin(store, &record, &err));
}

static void counts_are_those_of_the_rows(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    fixture_expect(f, "SELECT sum(jobs), sum(done), sum(work) FROM experiment", "21|0|0.0\n");
    begin_run(store);
    const int32_t some[] = {0, 1, 2, 3, 4};
    CHECK(lsn_store_running(store, some, 5, &err));
    CHECK(lsn_store_commit(store, &err));
    expect_counts(f);
    fixture_expect(f, "SELECT sum(running) > 4 FROM experiment", "1\n");
    for (int32_t block = 0; block < 3; block++)
        fixture_add(f, store, 1, block);
    fixture_add(f, store, 0, 0);
    CHECK(lsn_store_fail(store, 2, "no luck", &err));
    CHECK(lsn_store_commit(store, &err));
    expect_counts(f);
    fixture_expect(f, "SELECT done, failed, running FROM experiment WHERE name = 'every-filter'", "1|1|2\n");
    /* What is not committed is not counted. */
    fixture_add(f, store, 0, 1);
    fixture_add(f, store, 0, 2);
    lsn_store_close(store);
    fixture_expect(f, "SELECT done FROM experiment WHERE name = 'baseline'", "0\n");
    expect_counts(f);
    store = fixture_store(f, 4); /* a run that died has left rows that are marked as running */
    expect_counts(f);
    fixture_expect(f, "SELECT sum(running) FROM experiment", "0\n");
    fixture_fill(f, store);
    lsn_store_close(store);
    expect_counts(f);
    fixture_expect(f, "SELECT sum(done), min(work) FROM experiment", "21|1.0\n");
}

static void new_experiments_are_counted_at_once(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    fixture_experiment(f, "more");
    fixture_run_of_filters(f, 0, 0, 3, (double)NAN, -1);
    fixture_run_of_filters(f, 0, 0, 1, (double)NAN, -1); /* known already, by every-filter */
    lsn_store_close(fixture_store(f, 4));
    expect_counts(f);
    fixture_expect(f, "SELECT jobs, done, work FROM experiment WHERE name = 'more'", "2|1|0.5\n");
}

/* A part of a job counts as what its blocks are of all; a job as what it costs. */
static void work_is_weighed_by_cost(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    double *cost = calloc((size_t)f->plan.n_evaluations, sizeof *cost);
    assert_non_null(cost);
    for (int32_t e = 0; e < f->plan.n_evaluations; e++)
        cost[e] = e == 1 ? 4 : 1; /* the first of seven single filters is worth as much as four */
    CHECK(lsn_store_weigh(store, cost, &err));
    free(cost);
    for (int32_t block = 0; block < 3; block++)
        fixture_add(f, store, 1, block);
    fixture_add(f, store, 2, 0);
    CHECK(lsn_store_commit(store, &err));
    fixture_expect(f, "SELECT round(work, 9) FROM experiment WHERE name = 'every-filter'",
                   "0.433333333\n"); /* (4 + 1/3) / 10 */
    lsn_store_close(store);
}

static void note(lsn_store *store, double seconds)
{
    const lsn_run_progress far = {.seconds = seconds,
                                  .share = seconds / 1e5,
                                  .jobs_done = (int64_t)seconds,
                                  .images = (int64_t)(10 * seconds),
                                  .workers = 2,
                                  .computing = 1.5 * seconds,
                                  .left_s = seconds < 1 ? -1 : 7};
    CHECK(lsn_store_run_progress(store, &far, &err));
}

/* 20,000 seconds, one by one: never more than 1,000 rows, evenly spread, the first and the last among them. */
static void a_history_stays_short(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    begin_run(store);
    for (int second = 0; second <= 20000; second++) {
        note(store, second);
        if (second % 1000 == 7) {
            CHECK(lsn_store_commit(store, &err));
            char expected[64];
            snprintf(expected, sizeof expected, "1|%d.0\n", second);
            fixture_expect(f, "SELECT count(*) BETWEEN 1 AND 1000, max(seconds) FROM progress", expected);
        }
    }
    CHECK(lsn_store_commit(store, &err));
    fixture_expect(f, "SELECT count(*) BETWEEN 500 AND 1000, min(seconds), max(seconds), max(images) FROM progress",
                   "1|0.0|20000.0|200000\n");
    fixture_expect(f,
                   "SELECT max(gap) <= 64, min(gap) >= 32 FROM (SELECT seconds - lag(seconds) OVER (ORDER BY seconds) "
                   "AS gap, max(seconds) OVER () AS last, seconds FROM progress) WHERE seconds < last",
                   "1|1\n");
    fixture_expect(f, "SELECT left_s FROM progress WHERE seconds = 0", "\n");
    lsn_store_close(store);
}

static void each_run_has_its_own(void **state)
{
    fixture *f = *state;
    for (int run = 0; run < 2; run++) {
        lsn_store *store = fixture_store(f, 4);
        lsn_error err = {0};
        begin_run(store);
        for (int i = 0; i < 3; i++)
            note(store, 5 * i + run);
        if (!lsn_store_run_note(store, "stopped", &err))
            fail_msg("%s", err.text);
        lsn_store_close(store);
    }
    fixture_expect(f, "SELECT run, seconds FROM progress", "1|0.0\n1|5.0\n1|10.0\n2|1.0\n2|6.0\n2|11.0\n");
}

/* Moments that come closer than a step take each other's place. */
static void the_last_moment_is_always_there(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    begin_run(store);
    for (int i = 0; i <= 35; i++)
        note(store, 0.1 * i);
    CHECK(lsn_store_commit(store, &err));
    fixture_expect(f, "SELECT count(*) <= 6, round(max(seconds), 9) FROM progress", "1|3.5\n");
    lsn_store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(counts_are_those_of_the_rows), TEST(new_experiments_are_counted_at_once),
        TEST(work_is_weighed_by_cost),      TEST(a_history_stays_short),
        TEST(each_run_has_its_own),         TEST(the_last_moment_is_always_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
