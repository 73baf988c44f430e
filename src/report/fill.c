/* Fills the values of a table's row into words. */
#include "report/fill.h"

#include "lesion/report.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const lsn_cell *find_cell(const lsn_table *rows, int64_t row, const char *name, size_t length)
{
    int column = 0;
    while (column < rows->columns &&
           (strncmp(rows->names[column], name, length) != 0 || rows->names[column][length] != '\0'))
        column++;
    assert(column < rows->columns);
    return lsn_table_cell(rows, row, column);
}

const lsn_cell *report_cell(const lsn_table *rows, int64_t row, const char *column)
{
    return find_cell(rows, row, column, strlen(column));
}

double report_value(const lsn_table *rows, int64_t row, const char *column)
{
    const lsn_cell *cell = report_cell(rows, row, column);
    return cell->kind == LSN_CELL_INTEGER || cell->kind == LSN_CELL_REAL ? cell->real : NAN;
}

bool report_begins(const lsn_table *rows, int64_t row, const char *column)
{
    return row == 0 || strcmp(report_cell(rows, row, column)->text, report_cell(rows, row - 1, column)->text) != 0;
}

const char *report_points(double share, char *text)
{
    const double value = 100 * share;
    snprintf(text, LSN_NUMBER_BYTES, fabs(value) < 0.995 ? "%.2f" : "%.1f", value == 0 ? 0 : value);
    return text;
}

const char *report_q(double q, char *text)
{
    snprintf(text, LSN_NUMBER_BYTES, q < 1e-4 ? "q < 0.0001" : q < 0.01 ? "q = %.4f" : "q = %.2f", q);
    return text;
}

static bool is_set(const lsn_cell *cell)
{
    return cell->kind == LSN_CELL_REAL || cell->integer != 0 || (cell->kind == LSN_CELL_TEXT && cell->text[0] != '\0');
}

static void add_value(lsn_text *text, const lsn_cell *cell, const char *how)
{
    char number[LSN_NUMBER_BYTES], format[16];
    const double value = cell->kind == LSN_CELL_NULL ? NAN : cell->real;
    if (how[0] == '\0')
        lsn_text_add(text, "%s", cell->text);
    else if (strcmp(how, ",") == 0)
        lsn_text_add(text, "%s", lsn_count_text(cell->integer, number));
    else if (strcmp(how, "k") == 0)
        lsn_text_add(text, "%s", lsn_quantity_text(value, number));
    else if (strcmp(how, "t") == 0)
        lsn_text_add(text, "%s", lsn_duration_text(value, number));
    else if (strcmp(how, "points") == 0)
        lsn_text_add(text, "%s", report_points(value, number));
    else if (strcmp(how, "q") == 0)
        lsn_text_add(text, "%s", report_q(value, number));
    else {
        snprintf(format, sizeof format, "%%%s", how);
        if (how[strlen(how) - 1] == 's')
            lsn_text_add(text, format, cell->text);
        else
            lsn_text_add(text, format, value);
    }
}

/* Returns where it stopped: at the closing brace that belongs to none of these words, or at their end. */
static const char *fill(lsn_text *text, const lsn_table *rows, int64_t row, const char *words, bool shown)
{
    for (; *words != '\0' && *words != '}'; words++) {
        const size_t plain = strcspn(words, "{}");
        if (plain > 0) {
            if (shown)
                lsn_text_put(text, words, plain);
            words += plain - 1;
            continue;
        }
        const char *name = words + 1, *end = name + strcspn(name, ":?!}");
        const lsn_cell *cell = find_cell(rows, row, name, (size_t)(end - name));
        if (*end == '?' || *end == '!')
            words = fill(text, rows, row, end + 1, shown && is_set(cell) == (*end == '?'));
        else {
            char how[12];
            words = end + strcspn(end, "}");
            snprintf(how, sizeof how, "%.*s", (int)(words - end - (*end == ':')), end + (*end == ':'));
            if (shown)
                add_value(text, cell, how);
        }
    }
    return words;
}

void report_fill(lsn_text *text, const lsn_table *rows, int64_t row, const char *words)
{
    fill(text, rows, row, words, true);
}

void report_print(FILE *out, const lsn_table *rows, int64_t row, const char *words)
{
    lsn_text text = {0};
    report_fill(&text, rows, row, words);
    fputs(text.failed ? "(out of memory)\n" : text.data == NULL ? "" : text.data, out);
    lsn_text_finish(&text);
}
