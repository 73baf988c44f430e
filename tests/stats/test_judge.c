#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

static void check_judge(const double *numbers, size_t count)
{
    int classes = (int)numbers[0];
    float logits[GOLDEN_NUMBERS];
    assert_int_equal(count, classes + 5);
    for (int c = 0; c < classes; c++)
        logits[c] = (float)numbers[2 + c];
    lsn_verdict verdict = lsn_judge(logits, classes, (int)numbers[1]);
    assert_int_equal(verdict.prediction, (int)numbers[2 + classes]);
    assert_int_equal(verdict.rank, (int)numbers[3 + classes]);
    if (!(fabs(verdict.loss - numbers[4 + classes]) <= 1e-14 * fmax(1, numbers[4 + classes])))
        fail_msg("loss %.17g, but should be %.17g", verdict.loss, numbers[4 + classes]);
}

static void judge_agrees_with_scipy(void **state)
{
    (void)state;
    assert_int_equal(golden_each("judge", check_judge), 12);
}

static void check_kl(const double *numbers, size_t count)
{
    int classes = (int)numbers[0];
    float p[GOLDEN_NUMBERS], q[GOLDEN_NUMBERS];
    assert_int_equal(count, 2 * classes + 2);
    for (int c = 0; c < classes; c++) {
        p[c] = (float)numbers[1 + c];
        q[c] = (float)numbers[1 + classes + c];
    }
    double kl = lsn_kl(p, q, classes), expected = numbers[1 + 2 * classes];
    if (!(fabs(kl - expected) <= 1e-15 + 1e-13 * expected))
        fail_msg("%.17g, but should be %.17g", kl, expected);
}

static void kl_agrees_with_scipy(void **state)
{
    (void)state;
    assert_int_equal(golden_each("kl", check_kl), 7);
}

static void equal_logits_rank_by_index(void **state)
{
    (void)state;
    const float logits[] = {1, 4, 4, 4, 0};
    const int32_t ranks[] = {3, 0, 1, 2, 4};
    for (int label = 0; label < 5; label++) {
        lsn_verdict verdict = lsn_judge(logits, 5, label);
        assert_int_equal(verdict.prediction, 1);
        assert_int_equal(verdict.rank, ranks[label]);
    }
}

static void nan_makes_the_verdict_void(void **state)
{
    (void)state;
    const float first[] = {NAN, 1, 2}, last[] = {1, 2, NAN}, good[] = {1, 2, 3};
    const float *broken[] = {first, last};
    for (int i = 0; i < 2; i++)
        for (int label = 0; label < 3; label++) {
            lsn_verdict verdict = lsn_judge(broken[i], 3, label);
            assert_int_equal(verdict.prediction, -1);
            assert_int_equal(verdict.rank, 3);
            assert_true(isnan(verdict.loss));
            assert_true(isnan(lsn_kl(good, broken[i], 3)));
            assert_true(isnan(lsn_kl(broken[i], good, 3)));
        }
}

static void infinite_logits_are_limits(void **state)
{
    (void)state;
    const float one[] = {1, INFINITY, 3}, two[] = {INFINITY, 0, INFINITY}, none[] = {-INFINITY, -INFINITY, -INFINITY};
    const float without[] = {0, 0, -INFINITY};
    assert_true(lsn_judge(one, 3, 1).loss == 0);
    assert_true(lsn_judge(one, 3, 0).loss == INFINITY);
    assert_int_equal(lsn_judge(one, 3, 0).rank, 2);
    assert_near(lsn_judge(two, 3, 2).loss, log(2), 1e-15);
    assert_int_equal(lsn_judge(two, 3, 2).rank, 1);
    assert_near(lsn_judge(none, 3, 2).loss, log(3), 1e-15);
    assert_near(lsn_judge(without, 3, 0).loss, log(2), 1e-15);
    assert_true(lsn_judge(without, 3, 2).loss == INFINITY);
    assert_true(lsn_kl(two, two, 3) == 0);
    assert_true(lsn_kl(none, one, 3) == INFINITY); /* q = 0 where p = 1/3 */
    assert_near(lsn_kl(one, none, 3), log(3), 1e-15);
    assert_near(lsn_kl(without, none, 3), log(1.5), 1e-15); /* 0 log 0 = 0 */
}

static void kl_of_equals_is_zero_and_never_negative(void **state)
{
    (void)state;
    lsn_random random;
    lsn_random_init(&random, 3, 0);
    for (int i = 0; i < 1000; i++) {
        float p[10], q[10];
        for (int c = 0; c < 10; c++) {
            p[c] = (float)lsn_random_below(&random, 20000) / 1000 - 10;
            q[c] = p[c] + 1e-6F * (float)lsn_random_below(&random, 10);
        }
        assert_true(lsn_kl(p, p, 10) == 0);
        double kl = lsn_kl(p, q, 10);
        if (!(kl >= 0 && kl < 1e-9))
            fail_msg("%g", kl);
    }
}

static void large_logits_do_not_overflow(void **state)
{
    (void)state;
    const float logits[] = {3e38F, -3e38F, 3e38F};
    assert_near(lsn_judge(logits, 3, 0).loss, log(2), 1e-15);
    assert_near(lsn_judge(logits, 3, 1).loss, 6e38, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge_agrees_with_scipy),      cmocka_unit_test(kl_agrees_with_scipy),
        cmocka_unit_test(equal_logits_rank_by_index),   cmocka_unit_test(nan_makes_the_verdict_void),
        cmocka_unit_test(infinite_logits_are_limits),   cmocka_unit_test(kl_of_equals_is_zero_and_never_negative),
        cmocka_unit_test(large_logits_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
