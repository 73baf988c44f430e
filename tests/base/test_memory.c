#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lesion/base.h"

static void an_array_is_zeroed_and_aligned(void **state)
{
    (void)state;
    lsn_error err;
    for (size_t count = 1; count < 300; count += 37) {
        unsigned char *array = lsn_array(count, 3, &err);
        assert_non_null(array);
        assert_int_equal((uintptr_t)array % 64, 0);
        for (size_t i = 0; i < 3 * count; i++)
            assert_int_equal(array[i], 0);
        free(array);
    }
}

static void an_empty_array_is_valid(void **state)
{
    (void)state;
    void *array = lsn_array(0, 8, NULL);
    assert_non_null(array);
    free(array);
    array = lsn_array(8, 0, NULL);
    assert_non_null(array);
    free(array);
}

static void overflow_is_refused(void **state)
{
    (void)state;
    const size_t hostile[][2] = {
        {SIZE_MAX, 2}, {SIZE_MAX / 2, 3}, {SIZE_MAX, 1}, {SIZE_MAX - 63, 1}, {SIZE_MAX / 8, 8}};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        lsn_error err = {0};
        assert_null(lsn_array(hostile[i][0], hostile[i][1], &err));
        assert_int_equal(err.code, LSN_FAILED);
        assert_non_null(strstr(err.text, "out of memory"));
    }
    assert_null(lsn_array(SIZE_MAX, SIZE_MAX, NULL));
}

static void growing_keeps_the_items(void **state)
{
    (void)state;
    int32_t *items = NULL;
    size_t room = 0;
    for (int32_t i = 0; i < 10000; i++) {
        assert_true(lsn_grow((void **)&items, (size_t)i, &room, sizeof *items, NULL));
        assert_true(room > (size_t)i);
        items[i] = i;
    }
    for (int32_t i = 0; i < 10000; i++)
        assert_int_equal(items[i], i);
    free(items);
}

static void growing_too_far_keeps_the_items_too(void **state)
{
    (void)state;
    lsn_error err = {0};
    void *items = malloc(8), *before = items;
    size_t room = SIZE_MAX / 4;
    assert_false(lsn_grow(&items, room, &room, 8, &err));
    assert_int_equal(err.code, LSN_FAILED);
    assert_ptr_equal(items, before);
    assert_int_equal(room, SIZE_MAX / 4);
    free(items);
}

static void a_text_is_copied(void **state)
{
    (void)state;
    char text[] = "conv1_1";
    char *copy = lsn_strdup(text, NULL);
    text[0] = 'x';
    assert_string_equal(copy, "conv1_1");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_is_zeroed_and_aligned),
        cmocka_unit_test(an_empty_array_is_valid),
        cmocka_unit_test(overflow_is_refused),
        cmocka_unit_test(growing_keeps_the_items),
        cmocka_unit_test(growing_too_far_keeps_the_items_too),
        cmocka_unit_test(a_text_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
