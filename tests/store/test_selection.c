/* How filters were chosen, in the database: scores, groups, steps, pairs. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

/* The network has 4 + 3 filters; the scores are of the first layer. */
static double l1[7], mine[7];
static lsn_filter_score scores[2] = {{(char[]){"l1"}, l1}, {(char[]){"file:a.csv"}, mine}};
static int32_t groups[2][4] = {{0, 1, 0, 1}, {0, 0, -1, -1}};
static double distances[2][4];
static lsn_grouping groupings[2] = {
    {0, "euclidean", "ward", "l2", "groups", 2, 2, groups[0], distances[0]},
    {0, "cosine", "average", "none", "fraction", 0.5, 1, groups[1], distances[1]},
};

static lsn_job *last_job(const fixture *f)
{
    return &f->plan.jobs[f->plan.n_jobs - 1];
}

static void make_plan(fixture *f)
{
    for (int i = 0; i < 7; i++) {
        l1[i] = i < 4 ? i + 0.5 : (double)NAN;
        mine[i] = i < 4 ? -i : (double)NAN;
    }
    for (int i = 0; i < 4; i++) {
        distances[0][i] = 0.25 * i;
        distances[1][i] = i < 2 ? 0.125 : (double)NAN;
    }
    f->plan.scores = scores;
    f->plan.n_scores = 2;
    f->plan.groupings = groupings;
    f->plan.n_groupings = 2;
    fixture_clear(f);
    fixture_experiment(f, "curve");
    for (int s = 0; s < 2; s++)
        for (int step = 1; step <= 2; step++) {
            fixture_run_of_filters(f, 0, 0, 2 * step, 0.5 * step, -1);
            last_job(f)->score = s;
            last_job(f)->step = step;
        }
    fixture_experiment(f, "similar");
    for (int g = 0; g < 3; g++) {
        const int32_t filters[] = {g == 1 ? 1 : 0, g == 0 ? 2 : g == 1 ? 3 : 1};
        const lsn_mask_part part = {0, 2, filters};
        fixture_job(f, &(lsn_mask){1, &part}, LSN_ZERO, g == 2 ? 0.5 : (double)NAN, -1);
        last_job(f)->grouping = g == 2;
        last_job(f)->group = g % 2;
    }
    fixture_experiment(f, "pairs");
    fixture_run_of_filters(f, 1, 0, 1, (double)NAN, -1);
    fixture_run_of_filters(f, 1, 1, 1, (double)NAN, -1);
    const int32_t one = last_job(f)[-1].evaluation, two = last_job(f)->evaluation;
    fixture_run_of_filters(f, 1, 0, 2, (double)NAN, -1);
    last_job(f)->singles[0] = one;
    last_job(f)->singles[1] = two;
}

static const char jobs_sql[] = "SELECT experiment, filters, fraction, score, step, grouping, filter_group, single_a IS "
                               "NULL, single_b IS NULL FROM job_metric ORDER BY experiment_position, position";
static const char jobs[] = "baseline|{}|||||"
                           "|1|1\n"
                           "curve|{\"conv1\":[0,1]}|0.5|l1|1|||1|1\n"
                           "curve|{\"conv1\":[0,1,2,3]}|1.0|l1|2|||1|1\n"
                           "curve|{\"conv1\":[0,1]}|0.5|file:a.csv|1|||1|1\n"
                           "curve|{\"conv1\":[0,1,2,3]}|1.0|file:a.csv|2|||1|1\n"
                           "similar|{\"conv1\":[0,2]}||||0|0|1|1\n"
                           "similar|{\"conv1\":[1,3]}||||0|1|1|1\n"
                           "similar|{\"conv1\":[0,1]}|0.5|||1|0|1|1\n"
                           "pairs|{\"conv2\":[0]}|||||"
                           "|1|1\n"
                           "pairs|{\"conv2\":[1]}|||||"
                           "|1|1\n"
                           "pairs|{\"conv2\":[0,1]}|||||"
                           "|0|0\n";

static void how_filters_were_chosen_is_stored(void **state)
{
    fixture *f = *state;
    make_plan(f);
    for (int again = 0; again < 2; again++) {
        fixture_complete(f, 4);
        fixture_expect(f, jobs_sql, jobs);
        fixture_expect(f,
                       "SELECT score, layer, group_concat(filter), group_concat(value) FROM filter_score GROUP BY 1, 2",
                       "file:a.csv|0|0,1,2,3|0.0,-1.0,-2.0,-3.0\nl1|0|0,1,2,3|0.5,1.5,2.5,3.5\n");
        fixture_expect(f, "SELECT * FROM grouping",
                       "0|0|euclidean|l2|ward|groups|2.0\n1|0|cosine|none|average|fraction|0.5\n");
        fixture_expect(f, "SELECT * FROM filter_group",
                       "0|0|0|0.0\n0|1|1|0.25\n0|2|0|0.5\n0|3|1|0.75\n1|0|0|0.125\n1|1|0|0.125\n");
        fixture_expect(f, "PRAGMA foreign_key_check", "");
    }
}

/* The evaluations of a pair and of its filters are found without reading masks. */
static void pairs_know_their_singles(void **state)
{
    fixture *f = *state;
    make_plan(f);
    fixture_complete(f, 4);
    fixture_expect(f,
                   "SELECT j.filters, a.filters, b.filters, a.mode = j.mode FROM job_metric j "
                   "JOIN evaluation a ON a.evaluation = j.single_a JOIN evaluation b ON b.evaluation = j.single_b",
                   "{\"conv2\":[0,1]}|{\"conv2\":[0]}|{\"conv2\":[1]}|1\n");
}

static void more_can_be_added(void **state)
{
    fixture *f = *state;
    make_plan(f);
    f->plan.n_scores = f->plan.n_groupings = 1;
    f->plan.n_jobs = f->plan.experiments[1].first_job + 2; /* the curve by l1 */
    f->plan.n_experiments = 2;
    f->plan.experiments[1].n_jobs = 2;
    fixture_complete(f, 4);
    f->plan.n_experiments = 4;
    make_plan(f);
    const lsn_filter_score first = scores[0];
    scores[0] = scores[1]; /* in another order */
    scores[1] = first;
    for (int32_t j = 0; j < f->plan.n_jobs; j++)
        if (f->plan.jobs[j].score >= 0)
            f->plan.jobs[j].score = 1 - f->plan.jobs[j].score;
    fixture_complete(f, 4);
    scores[1] = scores[0];
    scores[0] = first;
    fixture_expect(f, jobs_sql, jobs);
    fixture_expect(f, "SELECT count(*) FROM grouping", "2\n");
    fixture_expect(f, "SELECT count(*) FROM filter_score", "8\n");
}

static void other_scores_steps_and_groups_are_refused(void **state)
{
    fixture *f = *state;
    make_plan(f);
    fixture_complete(f, 4);
    lsn_job *curve = &f->plan.jobs[f->plan.experiments[1].first_job];
    curve[0].step = 7;
    fixture_refused(f, false, LSN_INVALID, WORDS("'curve'", "score l1, step 1"));
    make_plan(f);
    f->plan.n_scores = 1;
    f->plan.jobs[f->plan.experiments[1].first_job + 2].score = 0;
    f->plan.jobs[f->plan.experiments[1].first_job + 3].score = 0;
    fixture_refused(f, false, LSN_INVALID, WORDS("'curve'", "score file:a.csv"));
    make_plan(f);
    groupings[0].value = 3;
    fixture_refused(f, false, LSN_INVALID, WORDS("'similar'", "group 0"));
    groupings[0].value = 2;
    fixture_complete(f, 4); /* no refusal has changed anything */
    fixture_expect(f, jobs_sql, jobs);
}

static void a_score_that_has_changed_is_replaced(void **state)
{
    fixture *f = *state;
    make_plan(f);
    fixture_complete(f, 4);
    mine[1] = 9;
    fixture_complete(f, 4);
    fixture_expect(f, "SELECT value FROM filter_score WHERE score = 'file:a.csv' AND filter = 1", "9.0\n");
}

static void damage_is_told(void **state)
{
    fixture *f = *state;
    make_plan(f);
    fixture_complete(f, 4);
    fixture_tamper(f->path, "UPDATE grouping SET grouping = 77 WHERE grouping = 1");
    fixture_refused(f, false, LSN_FAILED, WORDS("is damaged: its groupings are not numbered"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(how_filters_were_chosen_is_stored),
        TEST(pairs_know_their_singles),
        TEST(more_can_be_added),
        TEST(other_scores_steps_and_groups_are_refused),
        TEST(a_score_that_has_changed_is_replaced),
        TEST(damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
