/* HTML: escaped texts and tables. */
#include "report/page.h"

#include "lesion/report.h"
#include "report/fill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void page_markup(lsn_text *html, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lsn_text_add_v(html, format, args);
    va_end(args);
}

/* ---- escaping ------------------------------------------------------------------------------------------------ */

static const char *entity_of(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
    case '\n':
    case '\r':
        return " ";
    default:
        return c < 0x20 || c == 0x7F ? "\xEF\xBF\xBD" : NULL;
    }
}

void page_text(lsn_text *html, const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    while (*c != '\0') {
        size_t plain = 0;
        const char *entity = NULL;
        int bytes = 1;
        while (c[plain] != '\0' && (entity = entity_of(c[plain])) == NULL &&
               (bytes = lsn_utf8_bytes((const char *)c + plain)) > 0)
            plain += (size_t)bytes;
        if (plain > 0)
            lsn_text_add(html, "%.*s", (int)plain, (const char *)c);
        c += plain;
        if (*c == '\0')
            break;
        lsn_text_add(html, "%s", entity != NULL ? entity : "\xEF\xBF\xBD");
        c++;
    }
}

#define NO_BREAK "\xC2\xA0"

void page_prose(lsn_text *html, const char *text)
{
    lsn_text prose = {0};
    for (const char *c = text; *c != '\0'; c++) {
        const bool after_digit = c > text && c[-1] >= '0' && c[-1] <= '9';
        const bool after_space = c > text && (c[-1] == ' ' || c[-1] == '(');
        if (strncmp(c, " < ", 3) == 0) {
            lsn_text_add(&prose, NO_BREAK "<" NO_BREAK);
            c += 2;
        } else if (after_digit && strncmp(c, " %", 2) == 0)
            lsn_text_add(&prose, NO_BREAK);
        else if (after_space && *c == '-' && c[1] >= '0' && c[1] <= '9')
            lsn_text_add(&prose, "\xE2\x88\x92");
        else
            lsn_text_add(&prose, "%c", *c);
    }
    html->failed = html->failed || prose.failed;
    page_text(html, prose.data == NULL ? "" : prose.data);
    lsn_text_finish(&prose);
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

/* A number as it is read: with a true minus sign. */
static void add_number(lsn_text *html, const char *text)
{
    const char *digits = text;
    if (*digits == '-' && digits[1] != '\0') {
        lsn_text_add(html, "\xE2\x88\x92");
        digits++;
    }
    page_text(html, digits);
}

void page_begin_table(lsn_text *html, const page_table *table, int columns, const char *const *names, int64_t rows,
                      int64_t total)
{
    char shown[LSN_NUMBER_BYTES], all[LSN_NUMBER_BYTES];
    page_markup(html,
                "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-labelledby=\"%s-c\"><table id=\"%s\">"
                "<caption id=\"%s-c\">",
                table->id, table->id, table->id);
    page_text(html, table->title);
    if (total > rows)
        page_markup(html, " The first %s of %s rows.", lsn_count_text(rows, shown), lsn_count_text(total, all));
    if (total > rows && table->view != NULL)
        page_markup(html, " All: <code>lesion export DB --view %s</code>", table->view);
    page_markup(html, "</caption>\n<thead><tr>");
    for (int c = 0; c < columns; c++) {
        page_markup(html, "<th scope=\"col\"%s>", table->align[c] == 'r' ? " class=\"n\"" : "");
        page_text(html, names[c]);
        page_markup(html, "</th>");
    }
    page_markup(html, "</tr></thead>\n<tbody>\n<tr>");
}

void page_cell(lsn_text *html, const page_table *table, int column, const char *text)
{
    const bool number = table->align[column] == 'r';
    const char *name = column == 0 ? "th scope=\"row\"" : "td";
    if (column == 0 && html->length > 4 && strcmp(html->data + html->length - 4, "<tr>") != 0)
        page_markup(html, "</tr>\n<tr>");
    page_markup(html, number ? "<%s class=\"n\">" : strlen(text) > 60 ? "<%s class=\"long\">" : "<%s>", name);
    if (number)
        add_number(html, text);
    else
        page_text(html, text);
    page_markup(html, column == 0 ? "</th>" : "</td>");
}

void page_fill_cell(lsn_text *html, const page_table *table, int column, const lsn_table *rows, int64_t row,
                    const char *words)
{
    lsn_text text = {0};
    report_fill(&text, rows, row, words);
    page_cell(html, table, column, text.data == NULL ? "" : text.data);
    html->failed = html->failed || text.failed;
    lsn_text_finish(&text);
}

void page_end_table(lsn_text *html)
{
    page_markup(html, "</tr>\n</tbody></table></div>\n");
}

void page_add_table(lsn_text *html, const page_table *table, const lsn_table *rows, int64_t total)
{
    if (rows->rows == 0)
        return;
    page_begin_table(html, table, rows->columns, (const char *const *)rows->names, rows->rows, total);
    for (int64_t r = 0; r < rows->rows; r++)
        for (int c = 0; c < rows->columns; c++)
            page_cell(html, table, c, lsn_table_cell(rows, r, c)->text);
    page_end_table(html);
}
