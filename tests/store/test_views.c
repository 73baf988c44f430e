/* The views against the same numbers computed another way. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS = 21 };

typedef struct answer {
    lsn_reader *reader;
    lsn_table table;
} answer;

static answer ask(const fixture *f, const char *sql)
{
    answer a;
    lsn_error err = {0};
    a.reader = lsn_reader_open(f->path, &err);
    assert_non_null(a.reader);
    if (!lsn_reader_query(a.reader, &a.table, sql, NULL, 0, &err))
        fail_msg("%s", err.text);
    return a;
}

static void finish(answer *a)
{
    lsn_table_finish(&a->table);
    lsn_reader_close(a->reader);
}

static const lsn_cell *cell(const answer *a, int64_t row, const char *name)
{
    for (int c = 0; c < a->table.columns; c++)
        if (strcmp(a->table.names[c], name) == 0)
            return lsn_table_cell(&a->table, row, c);
    fail_msg("there is no column %s", name);
    return NULL;
}

static void expect_real(const answer *a, int64_t row, const char *name, double expected)
{
    const lsn_cell *c = cell(a, row, name);
    if (c->kind != LSN_CELL_REAL || !(c->real == expected))
        fail_msg("row %d, %s: %s instead of %.17g", (int)row, name, c->text, expected);
}

static void expect_integer(const answer *a, int64_t row, const char *name, int64_t expected)
{
    const lsn_cell *c = cell(a, row, name);
    if (c->kind != LSN_CELL_INTEGER || c->integer != expected)
        fail_msg("row %d, %s: %s instead of %lld", (int)row, name, c->text, (long long)expected);
}

static void expect_text(const answer *a, int64_t row, const char *name, const char *expected)
{
    const lsn_cell *c = cell(a, row, name);
    if (c->kind != (expected == NULL ? LSN_CELL_NULL : LSN_CELL_TEXT) ||
        (expected != NULL && strcmp(c->text, expected) != 0))
        fail_msg("row %d, %s: '%s' instead of '%s'", (int)row, name, c->text, expected == NULL ? "NULL" : expected);
}

static void columns_are_the_contracts(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *view, *columns;
    } views[] = {
        {"job_result",
         "job experiment layers n_filters filters fraction mode seed images top1 top5 loss kl d_top1 d_top5 "
         "d_loss lost gained p q top1_low top1_high status seconds margin agreement d_loss_error d_loss_low "
         "d_loss_high "
         "p_exact score step mode_seed balanced_accuracy"},
        {"class_result", "job class class_name n top1 d_top1 predicted balanced_accuracy"},
        {"class_damage", "job experiment layers n_filters filters mode mode_seed d_top1 class_damage worst_class "
                         "worst_class_name worst_d_top1 best_class best_class_name best_d_top1"},
        {"layer_sensitivity",
         "experiment layer fraction mode jobs mean_d_top1 min_d_top1 max_d_top1 mean_d_loss score"},
        {"filter_rank", "rank layer filter d_top1 d_loss lost gained p q job experiment mode mode_seed"},
        {"degradation", "experiment layers ordering mode mode_seed seed step fraction n_filters images top1 loss "
                        "d_top1 d_loss job asked"},
        {"degradation_band", "experiment layers mode mode_seed step fraction orders top1_least top1_lower top1_median "
                             "top1_upper top1_most top1_mean loss_least loss_lower loss_median loss_upper loss_most "
                             "loss_mean"},
        {"curve", "curve experiment layers ordering seed mode mode_seed points asked fraction area half"},
        {"pair_interaction", "experiment job layers layer_a filter_a layer_b filter_b mode mode_seed top1_a top1_b "
                             "top1_both top1_expected top1_interaction top1_low top1_high loss_a loss_b loss_both "
                             "loss_expected loss_interaction loss_low loss_high"},
        {"filter_damage", "experiment score mode mode_seed layer_index layer filter value d_loss d_top1 job"},
        {"score_damage", "id experiment layer score mode mode_seed n loss_rho loss_low loss_high top1_rho top1_low "
                         "top1_high"},
        {"image_view", "job image name class class_name base_prediction prediction base_right right rank loss d_loss"},
        {"drift_view", "job layers n_filters filters mode mode_seed layer_index layer drift"},
        {"failures", "job experiment layers filters reason"},
    };
    lsn_store_close(fixture_store(f, 4));
    for (size_t v = 0; v < sizeof views / sizeof *views; v++) {
        char sql[64];
        lsn_text names = {0};
        snprintf(sql, sizeof sql, "SELECT * FROM %s", views[v].view);
        answer a = ask(f, sql);
        for (int c = 0; c < a.table.columns; c++)
            lsn_text_add(&names, "%s%s", c == 0 ? "" : " ", a.table.names[c]);
        assert_string_equal(names.data, views[v].columns);
        lsn_text_finish(&names);
        finish(&a);
    }
}

/* ---- job_result ------------------------------------------------------------------------------------------------ */

static void tally_of(const fixture *f, int32_t e, lsn_tally *tally, int32_t *right)
{
    fixture_result(f, e, FIXTURE_IMAGES, 0, tally, right);
}

static void expect_metrics(const fixture *f, const answer *a, int32_t j)
{
    lsn_tally base, t;
    int32_t right[FIXTURE_CLASSES];
    tally_of(f, 0, &base, right);
    tally_of(f, f->plan.jobs[j].evaluation, &t, right);
    const double n = FIXTURE_IMAGES;
    lsn_interval top1 = lsn_wilson(t.top1, t.images);
    expect_integer(a, j, "images", t.images);
    expect_real(a, j, "top1", (double)t.top1 / n);
    expect_real(a, j, "top5", (double)t.top5 / n);
    expect_real(a, j, "loss", (double)t.loss / LSN_FIXED / n);
    expect_real(a, j, "kl", (double)t.kl / LSN_FIXED / n);
    expect_real(a, j, "d_top1", (double)(t.gained - t.lost) / n);
    expect_real(a, j, "d_top5", (double)(t.top5 - base.top5) / n);
    expect_real(a, j, "d_loss", (double)(t.loss - base.loss) / LSN_FIXED / n);
    expect_integer(a, j, "lost", t.lost);
    expect_integer(a, j, "gained", t.gained);
    assert_int_equal(t.base_top5, base.top5);
    assert_int_equal(t.base_loss, base.loss);
    expect_real(a, j, "d_loss_error", lsn_loss_effect(&t).error);
    expect_real(a, j, "margin", (double)t.margin / LSN_FIXED / n);
    expect_real(a, j, "agreement", (double)t.agree / n);
    expect_real(a, j, "p", lsn_mcnemar_mid(t.lost, t.gained));
    expect_real(a, j, "p_exact", lsn_mcnemar_exact(t.lost, t.gained));
    double recall = 0;
    for (int c = 0; c < 6; c++)
        recall += (double)right[c] / (c == 0 ? 3 : c < 3 ? 2 : 1);
    if (!(fabs(cell(a, j, "balanced_accuracy")->real - recall / 6) <= 1e-15))
        fail_msg("row %d: balanced accuracy", (int)j);
    expect_real(a, j, "top1_low", top1.low);
    expect_real(a, j, "top1_high", top1.high);
}

/* q of the done jobs of each experiment, against lsn_benjamini_hochberg. */
static void expect_q(const fixture *f, const answer *a)
{
    for (int32_t x = 0; x < f->plan.n_experiments; x++) {
        const lsn_experiment *experiment = &f->plan.experiments[x];
        double p[JOBS], q[JOBS];
        for (int32_t i = 0; i < experiment->n_jobs; i++) {
            const lsn_cell *c = cell(a, experiment->first_job + i, "p");
            p[i] = c->kind == LSN_CELL_REAL ? c->real : (double)NAN;
        }
        assert_true(lsn_benjamini_hochberg(p, (size_t)experiment->n_jobs, q, NULL));
        for (int32_t i = 0; i < experiment->n_jobs; i++)
            if (isnan(q[i]))
                expect_text(a, experiment->first_job + i, "q", NULL);
            else
                expect_real(a, experiment->first_job + i, "q", q[i]);
    }
}

static void a_row_for_each_job_in_order(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 3);
    answer a = ask(f, "SELECT * FROM job_result");
    assert_int_equal(a.table.rows, JOBS);
    int differ = 0;
    for (int32_t j = 0; j < JOBS; j++) {
        const lsn_job *job = &f->plan.jobs[j];
        const lsn_evaluation *evaluation = &f->plan.evaluations[job->evaluation];
        expect_text(&a, j, "job", evaluation->key);
        expect_text(&a, j, "experiment", f->plan.experiments[job->experiment].name);
        expect_text(&a, j, "mode", "zero");
        expect_text(&a, j, "status", "done");
        expect_integer(&a, j, "n_filters", lsn_mask_filters(&evaluation->ablation.mask));
        if (isnan(job->fraction))
            expect_text(&a, j, "fraction", NULL);
        else
            expect_real(&a, j, "fraction", job->fraction);
        if (job->seed < 0)
            expect_text(&a, j, "seed", NULL);
        else
            expect_integer(&a, j, "seed", job->seed);
        expect_metrics(f, &a, j);
        differ += cell(&a, j, "lost")->integer != cell(&a, j, "gained")->integer;
    }
    assert_true(differ > 3); /* the made-up results are worth looking at */
    expect_q(f, &a);
    expect_text(&a, 0, "experiment", "baseline");
    expect_real(&a, 0, "d_top1", 0);
    expect_real(&a, 0, "d_loss", 0);
    expect_real(&a, 0, "kl", 0);
    expect_integer(&a, 0, "lost", 0);
    expect_integer(&a, 0, "gained", 0);
    finish(&a);
}

static void q_is_over_what_is_done(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    lsn_store *store = fixture_store(f, 100);
    for (int32_t e = 0; e < f->plan.n_evaluations; e += e == 0 ? 1 : 2)
        fixture_add(f, store, e, 0);
    assert_true(lsn_store_fail(store, 4, "no luck", &err));
    assert_true(lsn_store_commit(store, &err));
    lsn_store_close(store);
    answer a = ask(f, "SELECT * FROM job_result");
    expect_q(f, &a);
    int pending = 0;
    static const char *const metrics[] = {"images", "top1",   "top5",     "loss",      "kl",
                                          "d_top1", "d_top5", "d_loss",   "lost",      "gained",
                                          "p",      "q",      "top1_low", "top1_high", "seconds"};
    for (int32_t j = 0; j < JOBS; j++)
        if (strcmp(cell(&a, j, "status")->text, "done") != 0) {
            pending++;
            for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++)
                expect_text(&a, j, metrics[m], NULL);
        }
    assert_true(pending > 3);
    finish(&a);
}

static void differences_of_jobs_need_no_baseline(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 100);
    fixture_add(f, store, 2, 0);
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
    answer a = ask(f, "SELECT * FROM job_result");
    expect_text(&a, 2, "status", "done");
    expect_metrics(f, &a, 2);
    finish(&a);
    fixture_expect(f, "SELECT count(*), count(d_top1) FROM class_result", "6|0\n");
}

/* With many jobs of the same few p, as in a study of small effects. */
static void q_of_many_ties(void **state)
{
    fixture *f = *state;
    enum { MANY = 400 };
    f->net->layers[0].filters = MANY;
    fixture_clear(f);
    fixture_experiment(f, "many");
    for (int i = 0; i < MANY; i++)
        fixture_run_of_filters(f, 0, i, 1, (double)NAN, -1);
    lsn_store *store = fixture_store(f, 100);
    for (int i = 0; i <= MANY; i++) {
        const int32_t none[FIXTURE_CLASSES] = {0};
        const lsn_tally tally = {
            .images = FIXTURE_IMAGES, .lost = i == 0 ? 0 : i * i % 11, .base_top5 = FIXTURE_IMAGES};
        assert_true(lsn_store_add(store, i, 0, &(lsn_part){.tally = &tally, .class_right = none}, NULL, NULL));
    }
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
    answer a = ask(f, "SELECT p, q FROM job_result WHERE experiment = 'many'");
    double p[MANY], q[MANY];
    for (int i = 0; i < MANY; i++)
        p[i] = cell(&a, i, "p")->real;
    assert_true(lsn_benjamini_hochberg(p, MANY, q, NULL));
    for (int i = 0; i < MANY; i++)
        expect_real(&a, i, "q", q[i]);
    finish(&a);
}

/* ---- the others ------------------------------------------------------------------------------------------------ */

static void a_row_for_each_class_that_has_images(void **state)
{
    fixture *f = *state;
    static const int images[FIXTURE_CLASSES] = {3, 2, 2, 1, 1, 1, 0};
    static const char *const names[FIXTURE_CLASSES] = {"ant", "bee", "cat", "dog", "elk", "fox", "gnu"};
    fixture_complete(f, 3);
    answer a = ask(f, "SELECT r.*, e.evaluation FROM class_result r JOIN evaluation e ON e.key = r.job "
                      "ORDER BY e.evaluation, class");
    assert_int_equal(a.table.rows, 13 * 6);
    for (int64_t row = 0; row < a.table.rows; row++) {
        int32_t e = (int32_t)(row / 6), c = (int32_t)(row % 6), base_right[FIXTURE_CLASSES], right[FIXTURE_CLASSES];
        lsn_tally tally;
        tally_of(f, 0, &tally, base_right);
        tally_of(f, e, &tally, right);
        expect_integer(&a, row, "evaluation", e);
        expect_text(&a, row, "job", f->plan.evaluations[e].key);
        expect_integer(&a, row, "class", c);
        expect_text(&a, row, "class_name", names[c]);
        expect_integer(&a, row, "n", images[c]);
        expect_real(&a, row, "top1", (double)right[c] / images[c]);
        expect_real(&a, row, "d_top1", (double)(right[c] - base_right[c]) / images[c]);
    }
    finish(&a);
}

static void layers_are_summed_up(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    answer a = ask(f, "SELECT * FROM layer_sensitivity");
    assert_int_equal(a.table.rows, 2 + 4 + 4); /* no baseline, not both-layers */
    static const char *const experiments[] = {"every-filter", "every-filter", "sensitivity", "sensitivity",
                                              "sensitivity",  "sensitivity",  "control",     "control",
                                              "control",      "control"};
    static const int jobs[] = {4, 3, 1, 1, 1, 1, 2, 2, 2, 2};
    int32_t job = 1;
    for (int64_t row = 0; row < a.table.rows; row++) {
        expect_text(&a, row, "experiment", experiments[row]);
        expect_text(&a, row, "layer", row == 0 || row == 2 || row == 3 || row == 6 || row == 7 ? "conv1" : "conv2");
        expect_integer(&a, row, "jobs", jobs[row]);
        double sum = 0, least = 2, greatest = -2, loss = 0;
        for (int i = 0; i < jobs[row]; i++, job++) {
            lsn_tally base, t;
            int32_t right[FIXTURE_CLASSES];
            tally_of(f, 0, &base, right);
            tally_of(f, f->plan.jobs[job].evaluation, &t, right);
            double d = (double)(t.gained - t.lost) / FIXTURE_IMAGES;
            sum += d;
            least = fmin(least, d);
            greatest = fmax(greatest, d);
            loss += (double)(t.loss - base.loss) / LSN_FIXED / FIXTURE_IMAGES;
        }
        expect_real(&a, row, "min_d_top1", least);
        expect_real(&a, row, "max_d_top1", greatest);
        if (!(fabs(cell(&a, row, "mean_d_top1")->real - sum / jobs[row]) <= 1e-15) ||
            !(fabs(cell(&a, row, "mean_d_loss")->real - loss / jobs[row]) <= 1e-14))
            fail_msg("row %d: means are wrong", (int)row);
    }
    expect_real(&a, 2, "fraction", 0.25);
    expect_real(&a, 3, "fraction", 0.5);
    expect_text(&a, 0, "fraction", NULL);
    finish(&a);
}

static void filters_are_ranked_by_damage(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    answer a = ask(f, "SELECT * FROM filter_rank WHERE experiment = 'every-filter'");
    assert_int_equal(a.table.rows, 7);
    for (int64_t row = 0; row < 7; row++) {
        expect_integer(&a, row, "rank", row + 1); /* losses differ: no ties */
        if (row > 0) {
            double before = cell(&a, row - 1, "d_top1")->real, now = cell(&a, row, "d_top1")->real;
            assert_true(before <= now);
            assert_true(before < now || cell(&a, row - 1, "d_loss")->real > cell(&a, row, "d_loss")->real);
        }
    }
    finish(&a);
    /* Single filters of the other experiments too, each with its own q. */
    fixture_expect(f, "SELECT experiment, count(*) FROM filter_rank GROUP BY experiment",
                   "control|4\nevery-filter|7\nsensitivity|2\n");
    fixture_expect(f,
                   "SELECT count(*) FROM filter_rank k JOIN job_result r USING (job, experiment) "
                   "WHERE k.q <> r.q OR k.d_top1 <> r.d_top1 OR r.n_filters <> 1 OR "
                   "r.filters <> '{\"' || k.layer || '\":[' || k.filter || ']}'",
                   "0\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(columns_are_the_contracts),
        TEST(a_row_for_each_job_in_order),
        TEST(q_is_over_what_is_done),
        TEST(differences_of_jobs_need_no_baseline),
        TEST(q_of_many_ties),
        TEST(a_row_for_each_class_that_has_images),
        TEST(layers_are_summed_up),
        TEST(filters_are_ranked_by_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
