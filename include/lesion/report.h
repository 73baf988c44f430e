/* Lesion: results as people read them on a terminal. */
#ifndef LESION_REPORT_H
#define LESION_REPORT_H

#include "lesion/base.h"
#include "lesion/store.h"

#include <stdio.h>

/* Prints a table, a heading above each column. `align` has a letter for each column: 'l' left, 'r' right. */
LSN_API void lsn_print_table(FILE *out, const lsn_table *table, const char *align);

/* What a study has found so far: the baseline, the most damaging filters, the layers by sensitivity, removal by score
 * against random removal. Only what the database holds is printed. */
LSN_API bool lsn_report_findings(const char *database, FILE *out, lsn_error *err);

/* How far a study is: its runs, its experiments, its failures. */
LSN_API bool lsn_report_status(const char *database, FILE *out, lsn_error *err);

typedef enum lsn_format { LSN_FORMAT_TABLE, LSN_FORMAT_CSV, LSN_FORMAT_JSONL } lsn_format;

/* What differs between two databases of the same jobs, of two checkpoints say. Jobs are matched by experiment, filters,
 * mode and its seed, seed, fraction, score and step. As a table: the change of the baseline, the experiments with the
 * correlation of damages, the jobs whose damage differs most surely; else one row for each job of both. `unmatched`
 * lists those of one only. docs/statistics.md has the tests. Memory is in proportion to the jobs, some 2 kB each. */
LSN_API bool lsn_report_diff(const char *a, const char *b, lsn_format format, bool unmatched, FILE *out,
                             lsn_error *err);

enum { LSN_NUMBER_BYTES = 32 };

/* 1376 as "1,376"; `text` has room for LSN_NUMBER_BYTES and is returned. */
LSN_API const char *lsn_count_text(int64_t count, char *text);
/* 4000 s as "1 h 07 min", 75 s as "1 min 15 s", 3.21 s as "3.2 s". */
LSN_API const char *lsn_duration_text(double seconds, char *text);
/* 19632062464 as "19.6 G". */
LSN_API const char *lsn_quantity_text(double quantity, char *text);

#endif
