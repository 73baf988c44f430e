/* Lists of filters on a command line, and masks in words. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lesion/study.h"

static void check(const char *text, int limit, int count, const int32_t *expected)
{
    int32_t *filters, n;
    lsn_error err = {0};
    assert_true(lsn_filter_list_parse(text, limit, &filters, &n, &err));
    assert_int_equal(n, count);
    assert_memory_equal(filters, expected, (size_t)count * sizeof *filters);
    free(filters);
}

static void lists_are_parsed(void **state)
{
    (void)state;
    check("0", 1, 1, (const int32_t[]){0});
    check("0,5,8..15", 64, 10, (const int32_t[]){0, 5, 8, 9, 10, 11, 12, 13, 14, 15});
    check("7,3..5,4,3", 8, 4, (const int32_t[]){3, 4, 5, 7}); /* ascending, each once */
    check("63..63", 64, 1, (const int32_t[]){63});
    check("007", 8, 1, (const int32_t[]){7});
}

static void check_refusal(const char *text, const char *part)
{
    int32_t *filters, n;
    lsn_error err = {0};
    bool ok = lsn_filter_list_parse(text, 64, &filters, &n, &err);
    if (ok || strstr(err.text, part) == NULL)
        print_error("\"%s\": %s\n", text, err.text);
    assert_false(ok);
    assert_int_equal(err.code, LSN_USAGE);
    assert_non_null(strstr(err.text, part));
    assert_null(filters);
    assert_int_equal(n, 0);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        ",",
        "1,",
        ",1",
        "1,,2",
        "a",
        "1a",
        "1 ,2",
        " 1",
        "-1",
        "+1",
        "1.5",
        "1..",
        "..",
        "..3",
        "1...3",
        "1..2..3",
        "0x1",
        "1e1",
        "1-3",
        "1;2",
        "1..2a",
        "9999999999999999999",
        "[1]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_refusal(texts[i], "give numbers and ranges, such as 0,5,8..15");
    check_refusal("5..3", "5..3 is reversed; write 3..5");
    check_refusal("64", "there is no filter 64; there are 64, 0..63");
    check_refusal("0,60..64", "there is no filter 64");
    check_refusal("0..999999999999999999", "there is no filter 999999999999999999");
    assert_false(lsn_filter_list_parse("x", 64, &(int32_t *){NULL}, &(int32_t){0}, NULL));
}

static void masks_are_written(void **state)
{
    (void)state;
    char names[2][8] = {"conv3_1", "fc6"};
    lsn_layer layers[2] = {{.name = names[0]}, {.name = names[1]}};
    lsn_net net = {.n_layers = 2, .layers = layers};
    lsn_mask_part parts[2] = {{.layer = 0, .count = 2, .filters = (const int32_t[]){0, 5}},
                              {.layer = 1, .count = 1, .filters = (const int32_t[]){4095}}};
    lsn_mask mask = {.count = 2, .parts = parts}, nothing = {0};
    lsn_text text = {0};
    lsn_text_add(&text, "filters ");
    lsn_mask_json(&net, &mask, &text);
    lsn_text_add(&text, " of ");
    lsn_mask_layers(&net, &mask, &text);
    lsn_mask_layers(&net, &nothing, &text);
    lsn_mask_json(&net, &nothing, &text);
    assert_string_equal(text.data, "filters {\"conv3_1\":[0,5],\"fc6\":[4095]} of conv3_1,fc6{}");
    assert_int_equal(lsn_mask_filters(&mask), 3);
    assert_int_equal(lsn_mask_filters(&nothing), 0);
    lsn_text_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_parsed),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(masks_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
