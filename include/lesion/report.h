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

/* ---- how far a study is -------------------------------------------------------------------------------------- */

typedef struct lsn_status lsn_status;

/* Reads how far the study in a database is, which may be written meanwhile: the time does not depend on the number of
 * jobs, and a writer is not kept waiting. NULL and *err where the database cannot be read. `database` must outlive it.
 */
LSN_API lsn_status *lsn_status_read(const char *database, lsn_error *err);
LSN_API void lsn_status_destroy(lsn_status *status);
/* Whether a run is alive, or at least its process is. */
LSN_API bool lsn_status_is_running(const lsn_status *status);
/* LSN_OK: all jobs are done; LSN_JOBS_FAILED: done or failed; else LSN_FAILED where the last run failed or died, or
 * LSN_STOPPED. */
LSN_API lsn_code lsn_status_outcome(const lsn_status *status);

/* For people: the whole, or one line that begins with the time (UTC). */
LSN_API void lsn_status_print(const lsn_status *status, FILE *out);
LSN_API void lsn_status_print_line(const lsn_status *status, FILE *out);
/* One JSON object on one line. */
LSN_API void lsn_status_print_json(const lsn_status *status, FILE *out);

typedef enum lsn_format { LSN_FORMAT_TABLE, LSN_FORMAT_CSV, LSN_FORMAT_JSONL } lsn_format;

/* What differs between two databases of the same jobs, of two checkpoints say. Jobs are matched by experiment, filters,
 * mode and its seed, seed, fraction, score and step. As a table: the change of the baseline, the experiments with the
 * correlation of damages, the jobs whose damage differs most surely; else one row for each job of both. `unmatched`
 * lists those of one only. docs/statistics.md has the tests. Memory is in proportion to the jobs, some 2 kB each. */
LSN_API bool lsn_report_diff(const char *a, const char *b, lsn_format format, bool unmatched, FILE *out,
                             lsn_error *err);

/* ---- the page ------------------------------------------------------------------------------------------------ */

/* What lsn_report_page did. */
typedef struct lsn_page_made {
    int figures;       /* drawn */
    size_t bytes;      /* of the page */
    lsn_error missing; /* why no figures were drawn, and what to install; code LSN_OK: they were */
    bool no_pdf;       /* gnuplot makes no PDF: the figures' folder has SVG only */
} lsn_page_made;

/* Writes what a study found as one self-contained HTML page for those who did not run it: words, figures, tables. Where
 * `figures` is not NULL its figures are also written there, as ID.svg and ID.pdf for paper; the folder is made. Figures
 * need gnuplot; without it the page has words and tables. The database may be written meanwhile. LSN_FAILED where a
 * file cannot be written or gnuplot fails; an older page then stays. */
LSN_API bool lsn_report_page(const char *database, const char *page, const char *figures, lsn_page_made *made,
                             lsn_error *err);

/* ---- export -------------------------------------------------------------------------------------------------- */

/* Writes, as CSV or JSON Lines, all rows of a view or table of a reader's database, with columns in the order of its
 * definition. CSV (RFC 4180) has a line of names first; NULL is an empty field, an empty text "". JSON Lines has an
 * object a row; where a number is not finite it is null. Blobs are hexadecimal digits. LSN_USAGE, with the names there
 * are, where there is no such view; LSN_FAILED where the file cannot be written. Memory does not grow with the rows. */
LSN_API bool lsn_export(lsn_reader *reader, const char *view, lsn_format format, FILE *out, lsn_error *err);
/* The names of all views and tables, with the first sentence of their descriptions. */
LSN_API bool lsn_export_list(lsn_reader *reader, FILE *out, lsn_error *err);

/* ---- numbers ------------------------------------------------------------------------------------------------- */

enum { LSN_NUMBER_BYTES = 32 };

/* 1376 as "1,376"; `text` has room for LSN_NUMBER_BYTES and is returned. */
LSN_API const char *lsn_count_text(int64_t count, char *text);
/* 4000 s as "1 h 07 min", 75 s as "1 min 15 s", 3.21 s as "3.2 s". */
LSN_API const char *lsn_duration_text(double seconds, char *text);
/* 19632062464 as "19.6 G". */
LSN_API const char *lsn_quantity_text(double quantity, char *text);

#endif
