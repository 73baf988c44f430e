/* HTML as it is written: everything that comes from a database or a file passes page_text, which escapes it. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "lesion/base.h"
#include "lesion/store.h"

/* Markup of our own. %-arguments must be numbers or texts of our own too: nothing is escaped. */
void page_markup(lsn_text *html, const char *format, ...) LSN_PRINTF(2, 3);
/* A text from anywhere: `&`, `<`, `>` and quotes become entities, bytes that are no UTF-8 and control characters the
 * replacement character. For contents of elements and values of quoted attributes. */
void page_text(lsn_text *html, const char *text);
/* The same as page_text, for sentences: numbers keep their signs and units beside them. */
void page_prose(lsn_text *html, const char *text);

/* How a table is shown. */
typedef struct page_table {
    const char *id;    /* letters, digits and hyphens */
    const char *title; /* its caption, plain text */
    const char *align; /* a letter for each column: 'l' text, 'r' a number */
    const char *view;  /* of the database, where all rows are; NULL: none is named */
} page_table;

/* A table of `rows`, of which there are `total` in the database: where these are more the caption says so, and how to
 * have them all. The first column heads its row. Nothing is written for a table without rows. */
void page_add_table(lsn_text *html, const page_table *table, const lsn_table *rows, int64_t total);

/* The same piece by piece: the head, then each cell of each row in turn, then the end. `rows` is how many will come, at
 * least one. */
void page_begin_table(lsn_text *html, const page_table *table, int columns, const char *const *names, int64_t rows,
                      int64_t total);
void page_cell(lsn_text *html, const page_table *table, int column, const char *text);
/* The same, of a row by report_fill. */
void page_fill_cell(lsn_text *html, const page_table *table, int column, const lsn_table *rows, int64_t row,
                    const char *words);
void page_end_table(lsn_text *html);

#endif
