/* Numbers and tables as people read them. */
#include "lesion/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void counts_have_separators(void **state)
{
    (void)state;
    char text[LSN_NUMBER_BYTES];
    assert_string_equal(lsn_count_text(0, text), "0");
    assert_string_equal(lsn_count_text(999, text), "999");
    assert_string_equal(lsn_count_text(1376, text), "1,376");
    assert_string_equal(lsn_count_text(-1234567, text), "-1,234,567");
    assert_string_equal(lsn_count_text(INT64_MAX, text), "9,223,372,036,854,775,807");
    assert_string_equal(lsn_count_text(INT64_MIN + 1, text), "-9,223,372,036,854,775,807");
}

static void durations_have_two_units_at_most(void **state)
{
    (void)state;
    char text[LSN_NUMBER_BYTES];
    assert_string_equal(lsn_duration_text(0, text), "0.0 s");
    assert_string_equal(lsn_duration_text(3.21, text), "3.2 s");
    assert_string_equal(lsn_duration_text(59.96, text), "1 min 00 s");
    assert_string_equal(lsn_duration_text(75, text), "1 min 15 s");
    assert_string_equal(lsn_duration_text(3599.9, text), "1 h 00 min");
    assert_string_equal(lsn_duration_text(4000, text), "1 h 07 min");
    assert_string_equal(lsn_duration_text(86400.0 * 3, text), "3 d 00 h");
    assert_string_equal(lsn_duration_text(1e300, text), "unknown");
}

static void quantities_have_three_digits(void **state)
{
    (void)state;
    char text[LSN_NUMBER_BYTES];
    assert_string_equal(lsn_quantity_text(0, text), "0 ");
    assert_string_equal(lsn_quantity_text(999, text), "999 ");
    assert_string_equal(lsn_quantity_text(1500, text), "1.5 k");
    assert_string_equal(lsn_quantity_text(19632062464.0, text), "19.6 G");
    assert_string_equal(lsn_quantity_text(999.6e6, text), "1.0 G");
}

static void columns_line_up(void **state)
{
    (void)state;
    char layer[] = "layer", count[] = "n", *names[] = {layer, count}, *printed = NULL;
    lsn_cell cells[] = {{.kind = LSN_CELL_TEXT, .text = "größer"},
                        {.kind = LSN_CELL_INTEGER, .text = "5"},
                        {.kind = LSN_CELL_TEXT, .text = "a"},
                        {.kind = LSN_CELL_INTEGER, .text = "1234"}};
    lsn_table table = {.columns = 2, .rows = 2, .names = names, .cells = cells};
    size_t bytes = 0;
    FILE *out = open_memstream(&printed, &bytes);
    assert_non_null(out);
    lsn_print_table(out, &table, "lr");
    assert_int_equal(fclose(out), 0);
    assert_string_equal(printed, "  layer      n\n"
                                 "  größer     5\n"
                                 "  a       1234\n");
    free(printed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_have_separators),
        cmocka_unit_test(durations_have_two_units_at_most),
        cmocka_unit_test(quantities_have_three_digits),
        cmocka_unit_test(columns_line_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
