/* JSON, written piece by piece. */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include "lesion/store.h"

#include <stdio.h>

/* A string with its quotes. Bytes that are no UTF-8 become U+FFFD. */
void json_string(FILE *out, const char *text);
/* With as many digits as it takes to read the same number back; null where it is not finite. */
void json_number(FILE *out, double number);
/* A value of a table: null, a number or a string. */
void json_cell(FILE *out, const lsn_cell *cell);

#endif
