/* Words with the values of a table's row in them, whose columns they name. */
#ifndef REPORT_FILL_H
#define REPORT_FILL_H

#include "lesion/base.h"
#include "lesion/store.h"

#include <stdio.h>

/* Adds `words` to the text. In them
 *     {layer}          is the value of the row's column `layer` as the table has it,
 *     {loss:+.4f}      a number by a format of printf for doubles (without %; "nan" for NULL),
 *     {images:,}       1,376: a count (lsn_count_text),
 *     {madds:k}        19.6 G: a quantity (lsn_quantity_text),
 *     {age_s:t}        1 min 15 s: a duration (lsn_duration_text),
 *     {ended:-20s}     a text by a format of printf,
 *     {loss:points}    a share as points, with as many decimals as it deserves,
 *     {q:q}            "q = 0.04", "q < 0.0001",
 *     {low?from {low}} what follows the question mark, where the column is neither NULL, "" nor the integer 0,
 *     {low!alone}      what follows the exclamation mark, where it is.
 * The columns must be there. */
void report_fill(lsn_text *text, const lsn_table *rows, int64_t row, const char *words);
/* The same, printed. */
void report_print(FILE *out, const lsn_table *rows, int64_t row, const char *words);

/* The value of a column by its name, which must be there. */
const lsn_cell *report_cell(const lsn_table *rows, int64_t row, const char *column);
/* The same as a number; NaN for NULL and texts. */
double report_value(const lsn_table *rows, int64_t row, const char *column);
/* Whether the text of a column is another one than in the row before; so it is in the first row. */
bool report_begins(const lsn_table *rows, int64_t row, const char *column);

/* A share as points, with as many decimals as it deserves, and "q = 0.04"; `text` has room for LSN_NUMBER_BYTES. */
const char *report_points(double share, char *text);
const char *report_q(double q, char *text);

#endif
