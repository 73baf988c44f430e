/* Texts, numbers and cells as JSON. */
#include "report/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void escaped(FILE *out, unsigned char c)
{
    static const char letters[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *at = c == 0 ? NULL : strchr(letters, c);
    if (at != NULL)
        fprintf(out, "\\%c", names[at - letters]);
    else
        fprintf(out, "\\u%04x", c);
}

void json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
        const int length = lsn_utf8_bytes((const char *)c);
        if (length == 0)
            fputs("\\ufffd", out);
        else if (*c < 0x20 || *c == '"' || *c == '\\' || *c == 0x7f)
            escaped(out, *c);
        else
            fwrite(c, 1, (size_t)length, out);
        c += length == 0 ? 1 : length;
    }
    fputc('"', out);
}

void json_number(FILE *out, double number)
{
    char text[LSN_REAL_BYTES];
    if (!isfinite(number)) {
        fputs("null", out);
        return;
    }
    lsn_real_text(number, text);
    fputs(text, out);
}

void json_cell(FILE *out, const lsn_cell *cell)
{
    if (cell->kind == LSN_CELL_NULL || (cell->kind == LSN_CELL_REAL && !isfinite(cell->real)))
        fputs("null", out);
    else if (cell->kind == LSN_CELL_TEXT)
        json_string(out, cell->text);
    else
        fputs(cell->text, out);
}
