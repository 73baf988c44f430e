#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

static void counts_what_happened_to_each_image(void **state)
{
    (void)state;
    const float right[] = {9, 1, 2, 3, 4, 5, 6}; /* class 0; ranks 0 6 5 4 3 2 1 */
    const float wrong[] = {0, 1, 2, 3, 4, 5, 6}; /* class 6 */
    lsn_tally tally = {0};
    int32_t class_right[7] = {0}, predicted[7] = {0};
    const lsn_class_counts counts = {class_right, predicted};
    lsn_tally_image(&tally, right, wrong, 7, 0, &counts, NULL); /* lost; rank 6 */
    lsn_tally_image(&tally, wrong, right, 7, 0, &counts, NULL); /* gained */
    lsn_tally_image(&tally, right, right, 7, 0, &counts, NULL); /* stays right */
    lsn_tally_image(&tally, wrong, wrong, 7, 2, &counts, NULL); /* stays wrong; rank 4 */
    lsn_tally_image(&tally, wrong, wrong, 7, 1, &counts, NULL); /* stays wrong; rank 5 */
    assert_int_equal(tally.images, 5);
    assert_int_equal(tally.top1, 2);
    assert_int_equal(tally.top5, 3);
    assert_int_equal(tally.lost, 1);
    assert_int_equal(tally.gained, 1);
    const int32_t expected[7] = {2};
    assert_memory_equal(class_right, expected, sizeof expected);
    int64_t loss = 2 * lsn_fixed(lsn_judge(right, 7, 0).loss) + lsn_fixed(lsn_judge(wrong, 7, 0).loss) +
                   lsn_fixed(lsn_judge(wrong, 7, 2).loss) + lsn_fixed(lsn_judge(wrong, 7, 1).loss);
    assert_int_equal(tally.loss, loss);
    assert_int_equal(tally.kl, lsn_fixed(lsn_kl(right, wrong, 7)) + lsn_fixed(lsn_kl(wrong, right, 7)));
}

static void a_void_verdict_is_wrong_and_dear(void **state)
{
    (void)state;
    /* With three classes the rank of a void verdict, 3, is less than 5. */
    const float good[] = {2, 1, 0}, broken[] = {2, NAN, 0};
    lsn_tally tally = {0};
    lsn_tally_image(&tally, good, broken, 3, 0, NULL, NULL);
    assert_int_equal(tally.images, 1);
    assert_int_equal(tally.top1, 0);
    assert_int_equal(tally.top5, 0);
    assert_int_equal(tally.lost, 1);
    assert_int_equal(tally.loss, (int64_t)(LSN_FIXED_LIMIT * LSN_FIXED));
    assert_int_equal(tally.kl, (int64_t)(LSN_FIXED_LIMIT * LSN_FIXED));
}

static void any_split_and_order_adds_up_to_the_same(void **state)
{
    (void)state;
    enum { IMAGES = 60, CLASSES = 6 };
    float baseline[IMAGES][CLASSES], ablated[IMAGES][CLASSES];
    lsn_random random;
    lsn_random_init(&random, 1, 0);
    for (int i = 0; i < IMAGES; i++)
        for (int c = 0; c < CLASSES; c++) {
            baseline[i][c] = (float)lsn_random_below(&random, 1000) / 100;
            ablated[i][c] = (float)lsn_random_below(&random, 1000) / 100;
        }
    lsn_tally whole = {0}, parts[3] = {{0}}, sum = {0};
    for (int i = 0; i < IMAGES; i++)
        lsn_tally_image(&whole, baseline[i], ablated[i], CLASSES, i % CLASSES, NULL, NULL);
    for (int i = IMAGES - 1; i >= 0; i--)
        lsn_tally_image(&parts[i * i % 3], baseline[i], ablated[i], CLASSES, i % CLASSES, NULL, NULL);
    for (int i = 0; i < 3; i++)
        lsn_tally_add(&sum, &parts[i]);
    assert_true(whole.top1 > 0 && whole.lost > 0 && whole.gained > 0);
    assert_memory_equal(&whole, &sum, sizeof sum);
}

static void sums_saturate(void **state)
{
    (void)state;
    lsn_tally sum = {.loss = INT64_MAX - 5, .kl = INT64_MIN + 5}, part = {.loss = 6, .kl = -6, .seconds = 0.5};
    lsn_tally_add(&sum, &part);
    assert_true(sum.loss == INT64_MAX);
    assert_true(sum.kl == INT64_MIN);
    lsn_tally_add(&sum, &part);
    assert_true(sum.seconds == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_happened_to_each_image),
        cmocka_unit_test(a_void_verdict_is_wrong_and_dear),
        cmocka_unit_test(any_split_and_order_adds_up_to_the_same),
        cmocka_unit_test(sums_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
