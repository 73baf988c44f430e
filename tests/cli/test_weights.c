/* inspect of weights files of every kind. */
#include "shell.h"

static void checkpoints_are_shown(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION inspect $LESION_SOURCE/tests/golden/bn16.pth"), 0);
    assert_said("(F32)");
    assert_said("32 x 32, 3 channels");
    assert_said("folded    13 batch normalisations, each into the layer before it (epsilon 1e-05)");
    assert_said("conv5_3");
    assert_said("features.40.weight and features.41");
    assert_said("15,668");
    assert_int_equal(shell("sha256sum $LESION_SOURCE/tests/golden/bn16.pth | cut -d' ' -f1 > sum.txt; $LESION inspect "
                           "$LESION_SOURCE/tests/golden/bn16.pth | grep -q \"$(cat sum.txt)\""),
                     0);
    assert_int_equal(shell("$LESION inspect $LESION_SOURCE/tests/golden/vgg11.pth --input 68x72"), 0);
    assert_said("68 x 72, 3 channels");
    assert_said("34 x 36 pooled");
    assert_not_said("folded");
}

static void checkpoints_of_2017_are_shown(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION inspect $LESION_SOURCE/tests/formats/checkpoints/python2.pth"), 0);
    assert_said("(F32)");
    assert_said("8 x 8, 3 channels");
    assert_said("fc2");
}

static void chains_are_shown_for_any_image(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION inspect $LESION_SOURCE/tests/golden/mlp.pth"), 0);
    assert_said("1 x 360, 1 channel\n");
    assert_said("fc3");
    assert_said("9,374");
    assert_int_equal(shell("$LESION inspect $LESION_SOURCE/tests/golden/mlp.pth --input 12x10"), 0);
    assert_said("12 x 10, 3 channels\n");
    assert_int_equal(shell("$LESION inspect $LESION_SOURCE/tests/golden/mlp.pth --input 11x10"), 3);
    assert_said("takes 360 values, but the images are 11 x 10");
    assert_int_equal(shell("$LESION inspect $LESION_SOURCE/tests/golden/mlp.pth --input 100000x100000"), 3);
    assert_said("takes 360 values");
}

static void what_is_refused_ends_with_3_and_the_remedy(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION inspect $LESION_SOURCE/tests/formats/checkpoints/script.pth"), 3);
    assert_said("python -c \"import torch;");
    assert_int_equal(shell("$LESION inspect $LESION_SOURCE/tests/formats/checkpoints/whole_model.pth"), 3);
    assert_said(".state_dict()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_are_shown),
        cmocka_unit_test(checkpoints_of_2017_are_shown),
        cmocka_unit_test(chains_are_shown_for_any_image),
        cmocka_unit_test(what_is_refused_ends_with_3_and_the_remedy),
    };
    return cmocka_run_group_tests(tests, shell_begin, shell_end);
}
