/* Texts, numbers and cells as JSON. */
#include "report/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 sequence that begins here (RFC 3629); 0 where there is none. */
static int sequence(const unsigned char *c)
{
    const int length = c[0] < 0x80 ? 1 : c[0] >= 0xc2 && c[0] < 0xe0 ? 2 : (c[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (c[0] >= 0x80 && (c[0] < 0xc2 || c[0] > 0xf4))
        return 0;
    for (int i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
        (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return length;
}

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
        const int length = sequence(c);
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
    char text[40];
    if (!isfinite(number)) {
        fputs("null", out);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
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
