#include "golden.h"
#include "lesion/stats.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

static void check(const double *numbers, size_t count)
{
    assert_int_equal(count, 5);
    double accuracy =
        lsn_balanced_accuracy((int64_t)numbers[0], (int64_t)numbers[1], (int64_t)numbers[2], (int64_t)numbers[3]);
    assert_near(accuracy, numbers[4], 1e-14);
}

static void agrees_with_labels_and_predictions(void **state)
{
    (void)state;
    assert_int_equal(golden_each("balanced", check), 5);
}

static void a_class_never_or_always_predicted_has_a_half(void **state)
{
    (void)state;
    assert_true(lsn_balanced_accuracy(0, 10, 0, 100) == 0.5);
    assert_true(lsn_balanced_accuracy(10, 10, 100, 100) == 0.5);
    assert_true(lsn_balanced_accuracy(10, 10, 10, 100) == 1);
    assert_true(lsn_balanced_accuracy(0, 10, 90, 100) == 0);
}

static void a_class_without_images_or_alone_is_nan(void **state)
{
    (void)state;
    assert_true(isnan(lsn_balanced_accuracy(0, 0, 3, 100)));
    assert_true(isnan(lsn_balanced_accuracy(7, 10, 7, 10)));
    assert_true(isnan(lsn_balanced_accuracy(0, 0, 0, 0)));
}

static void macro_accuracy_is_the_mean_over_classes_with_images(void **state)
{
    (void)state;
    const int32_t right[] = {1, 0, 0, 30}, images[] = {2, 5, 0, 40};
    assert_near(lsn_macro_accuracy(right, images, 4), (0.5 + 0 + 0.75) / 3, 1e-15);
    assert_true(isnan(lsn_macro_accuracy(right + 2, images + 2, 1)));
    assert_true(isnan(lsn_macro_accuracy(NULL, NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_labels_and_predictions),
        cmocka_unit_test(a_class_never_or_always_predicted_has_a_half),
        cmocka_unit_test(a_class_without_images_or_alone_is_nan),
        cmocka_unit_test(macro_accuracy_is_the_mean_over_classes_with_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
