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
    assert_int_equal(tally.agree, 3);
    assert_int_equal(tally.base_top5, 3);
    assert_int_equal(tally.margin, lsn_fixed(0 - 6 + 9 - 6 + 9 - 6 + 2 - 6 + 1 - 6));
    const int32_t expected[7] = {2}, taken[7] = {2, 0, 0, 0, 0, 0, 3};
    assert_memory_equal(class_right, expected, sizeof expected);
    assert_memory_equal(predicted, taken, sizeof taken);
    const double loss_right = lsn_judge(right, 7, 0).loss, loss_wrong = lsn_judge(wrong, 7, 0).loss;
    int64_t rest = lsn_fixed(lsn_judge(wrong, 7, 2).loss) + lsn_fixed(lsn_judge(wrong, 7, 1).loss);
    assert_int_equal(tally.loss, 2 * lsn_fixed(loss_right) + lsn_fixed(loss_wrong) + rest);
    assert_int_equal(tally.base_loss, 2 * lsn_fixed(loss_right) + lsn_fixed(loss_wrong) + rest);
    assert_int_equal(tally.kl, lsn_fixed(lsn_kl(right, wrong, 7)) + lsn_fixed(lsn_kl(wrong, right, 7)));
    const double squares = 2 * (loss_wrong - loss_right) * (loss_wrong - loss_right);
    assert_true(fabs((double)tally.d_loss_squared / LSN_SQUARE - squares) <= 1e-7);
}

static void the_baseline_is_summed_over_the_same_images(void **state)
{
    (void)state;
    const float intact[] = {5, 4, 3, 2, 1, 0}, ablated[] = {0, 1, 2, 3, 4, 5};
    lsn_tally tally = {0};
    lsn_verdict verdict;
    lsn_tally_image(&tally, intact, ablated, 6, 5, NULL, &verdict); /* the intact network ranks it last */
    assert_int_equal(tally.base_top5, 0);
    assert_int_equal(tally.base_loss, lsn_fixed(lsn_judge(intact, 6, 5).loss));
    assert_int_equal(tally.margin, lsn_fixed(1));
    assert_int_equal(verdict.prediction, 5);
    assert_int_equal(verdict.rank, 0);
    assert_true(verdict.loss == lsn_judge(ablated, 6, 5).loss);
    /* logits 0 .. 5 both ways: the losses differ by 5 nats exactly */
    assert_true(fabs((double)tally.d_loss_squared / LSN_SQUARE - 25) <= 1e-7);
}

/* A tie at the top: the margin is 0 whichever of the two is taken for the prediction. */
static void margins_of_ties_and_infinities(void **state)
{
    (void)state;
    const struct {
        float logits[3];
        int label;
        double margin;
    } cases[] = {
        {{2, 2, 0}, 0, 0},
        {{2, 2, 0}, 1, 0},
        {{INFINITY, INFINITY, 0}, 0, 0},
        {{INFINITY, 1, 0}, 0, LSN_FIXED_LIMIT},
        {{INFINITY, 1, 0}, 1, -LSN_FIXED_LIMIT},
        {{-INFINITY, -INFINITY, -INFINITY}, 2, 0},
        {{1.5F, -2, NAN}, 0, -LSN_FIXED_LIMIT},
        {{NAN, 0, 0}, 0, -LSN_FIXED_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lsn_tally tally = {0};
        lsn_tally_image(&tally, cases[i].logits, cases[i].logits, 3, cases[i].label, NULL, NULL);
        assert_int_equal(tally.margin, lsn_fixed(cases[i].margin));
        assert_int_equal(tally.d_loss_squared, 0);
    }
    lsn_tally alone = {0}; /* no other class */
    lsn_tally_image(&alone, (const float[]){1}, (const float[]){-1}, 1, 0, NULL, NULL);
    assert_int_equal(alone.margin, lsn_fixed(LSN_FIXED_LIMIT));
    assert_int_equal(alone.top1, 1);
}

static void a_void_verdict_is_wrong_and_dear(void **state)
{
    (void)state;
    /* With three classes the rank of a void verdict, 3, is less than 5. */
    const float good[] = {2, 1, 0}, broken[] = {2, NAN, 0};
    lsn_tally tally = {0};
    lsn_verdict verdict;
    int32_t class_right[3] = {0}, predicted[3] = {0};
    const lsn_class_counts counts = {class_right, predicted};
    lsn_tally_image(&tally, good, broken, 3, 0, &counts, &verdict);
    assert_int_equal(tally.images, 1);
    assert_int_equal(tally.top1, 0);
    assert_int_equal(tally.top5, 0);
    assert_int_equal(tally.lost, 1);
    assert_int_equal(tally.agree, 0);
    assert_int_equal(tally.loss, (int64_t)(LSN_FIXED_LIMIT * LSN_FIXED));
    assert_int_equal(tally.kl, (int64_t)(LSN_FIXED_LIMIT * LSN_FIXED));
    assert_true(tally.d_loss_squared == INT64_MAX); /* unknown */
    assert_int_equal(predicted[0] + predicted[1] + predicted[2], 0);
    assert_int_equal(verdict.prediction, -1);
    assert_true(isnan(verdict.loss));
    lsn_tally_image(&tally, broken, broken, 3, 0, &counts, NULL);
    assert_int_equal(tally.agree, 1);
    assert_int_equal(tally.base_top5, 1);
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
    assert_true(whole.top1 > 0 && whole.lost > 0 && whole.gained > 0 && whole.agree > 0 && whole.d_loss_squared > 0);
    assert_memory_equal(&whole, &sum, sizeof sum);
}

static void sums_saturate(void **state)
{
    (void)state;
    lsn_tally sum = {.loss = INT64_MAX - 5,
                     .kl = INT64_MIN + 5,
                     .margin = INT64_MIN + 2,
                     .base_loss = INT64_MAX,
                     .d_loss_squared = INT64_MAX - 1},
              part = {.loss = 6, .kl = -6, .margin = -3, .base_loss = 1, .d_loss_squared = 2, .seconds = 0.5};
    lsn_tally_add(&sum, &part);
    assert_true(sum.loss == INT64_MAX);
    assert_true(sum.kl == INT64_MIN);
    assert_true(sum.margin == INT64_MIN);
    assert_true(sum.base_loss == INT64_MAX);
    assert_true(sum.d_loss_squared == INT64_MAX);
    lsn_tally_add(&sum, &part);
    assert_true(sum.seconds == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_happened_to_each_image),
        cmocka_unit_test(the_baseline_is_summed_over_the_same_images),
        cmocka_unit_test(margins_of_ties_and_infinities),
        cmocka_unit_test(a_void_verdict_is_wrong_and_dear),
        cmocka_unit_test(any_split_and_order_adds_up_to_the_same),
        cmocka_unit_test(sums_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
