/* A million jobs. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"

enum { SEEDS = 250000 };

static void a_million_jobs_are_expanded(void **state)
{
    (void)state;
    lsn_plan *plan = planned(ONE("[conv4_1, fc7]", "{random: {count: [5, 9], seeds: 0..249999}}", "zero"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 4 * SEEDS);
    /* conv4_1 has 10 filters: C(10, 5) = 252 and C(10, 9) = 10 masks, all of which so many draws find;
     * fc7 has 20: C(20, 5) = 15,504, all found too, and C(20, 9) = 167,960, of which 1 - exp(-1.49) are. */
    int32_t known = 1 + 252 + 10 + 15504;
    assert_in_range(plan->n_evaluations, known + 167960 * 76 / 100, known + 167960 * 79 / 100);
    int32_t next = 0; /* evaluations are numbered as they are first asked for */
    for (int32_t i = 0; i < plan->n_jobs; i++) {
        const lsn_job *job = &plan->jobs[i];
        assert_true(job->evaluation <= next);
        next += job->evaluation == next;
        if (i > 0)
            assert_int_equal(job->seed, (i - 1) % SEEDS);
    }
    assert_int_equal(next, plan->n_evaluations);
    for (int32_t i = 1; i < plan->n_evaluations; i++) {
        const lsn_mask *mask = &plan->evaluations[i].ablation.mask;
        assert_int_equal(mask->count, 1);
        for (int32_t k = 1; k < mask->parts[0].count; k++)
            assert_true(mask->parts[0].filters[k - 1] < mask->parts[0].filters[k]);
    }
    lsn_plan_destroy(plan);
}

/* No two of the evaluations are the same, and the same job in another study has the same key. */
static int by_key(const void *a, const void *b)
{
    return memcmp(((const lsn_evaluation *)a)->key, ((const lsn_evaluation *)b)->key, LSN_KEY_BYTES);
}

static void no_two_evaluations_are_the_same(void **state)
{
    (void)state;
    lsn_plan *plan =
        planned(ONE("\"*\"", "{random: {fraction: [0.1, 0.3, 0.5], seeds: 0..4999}}", "[zero, mean]"), NULL);
    assert_int_equal(plan->n_jobs, 1 + 8 * 3 * 5000 * 2);
    lsn_plan *again = planned(ONE("fc7", "{random: {fraction: 0.5, seeds: 17}}", "mean"), NULL);
    char key[LSN_KEY_BYTES];
    memcpy(key, again->evaluations[1].key, sizeof key);
    int32_t job = 1 + ((7 * 3 + 2) * 5000 + 17) * 2 + 1;
    assert_int_equal(plan->jobs[job].seed, 17);
    assert_string_equal(plan->evaluations[plan->jobs[job].evaluation].key, key);
    qsort(plan->evaluations, (size_t)plan->n_evaluations, sizeof *plan->evaluations, by_key);
    for (int32_t i = 1; i < plan->n_evaluations; i++)
        assert_true(strcmp(plan->evaluations[i - 1].key, plan->evaluations[i].key) < 0);
    lsn_plan_destroy(again);
    lsn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_jobs_are_expanded),
        cmocka_unit_test(no_two_evaluations_are_the_same),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
