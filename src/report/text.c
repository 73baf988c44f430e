/* Numbers, times and tables as people read them. */
#include "lesion/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *lsn_count_text(int64_t count, char *text)
{
    char digits[LSN_NUMBER_BYTES];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)llabs(count));
    char *to = text;
    if (count < 0)
        *to++ = '-';
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *lsn_duration_text(double seconds, char *text)
{
    if (!(seconds < 1e9))
        snprintf(text, LSN_NUMBER_BYTES, "unknown");
    else if (seconds < 59.95)
        snprintf(text, LSN_NUMBER_BYTES, "%.1f s", seconds);
    else if (seconds < 3599.5) {
        long whole = lround(seconds);
        snprintf(text, LSN_NUMBER_BYTES, "%ld min %02ld s", whole / 60, whole % 60);
    } else {
        long minutes = lround(seconds / 60);
        if (minutes < 48 * 60)
            snprintf(text, LSN_NUMBER_BYTES, "%ld h %02ld min", minutes / 60, minutes % 60);
        else
            snprintf(text, LSN_NUMBER_BYTES, "%ld d %02ld h", minutes / 1440, minutes / 60 % 24);
    }
    return text;
}

const char *lsn_quantity_text(double quantity, char *text)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E", "Z"};
    int p = 0;
    while (quantity >= 999.5 && p < 7) {
        quantity /= 1000;
        p++;
    }
    snprintf(text, LSN_NUMBER_BYTES, quantity >= 99.95 || p == 0 ? "%.0f %s" : "%.1f %s", quantity, prefixes[p]);
    return text;
}

/* Columns of text on a terminal: bytes that do not continue a UTF-8 sequence. */
static int columns_of(const char *text)
{
    return lsn_utf8_count(text, strlen(text));
}

static void print_cell(FILE *out, const char *text, int width, char align, bool last)
{
    int pad = width - columns_of(text);
    if (align == 'r')
        fprintf(out, "%*s%s", pad, "", text);
    else
        fprintf(out, "%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", out);
}

void lsn_print_table(FILE *out, const lsn_table *table, const char *align)
{
    for (int64_t r = -1; r < table->rows; r++)
        for (int c = 0; c < table->columns; c++) {
            int width = columns_of(table->names[c]);
            for (int64_t i = 0; i < table->rows; i++) {
                int columns = columns_of(lsn_table_cell(table, i, c)->text);
                width = columns > width ? columns : width;
            }
            const char *text = r < 0 ? table->names[c] : lsn_table_cell(table, r, c)->text;
            if (c == 0)
                fputs("  ", out);
            print_cell(out, text, width, align[c], c == table->columns - 1);
        }
}
