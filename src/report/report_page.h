/* The page as it grows, and the families of figures and tables it is made of.
 *
 *   report_page.c                       the page: sections in their order, and what families ask of it
 *   page.c, page.css, page.js, embed.py escaped text and tables; style and script, part of the program
 *   figure.c, heat.c, colours.c         figures: scripts for gnuplot, of series or of coloured cells
 *   gnuplot.c, svg.c                    gnuplot as a process; its SVG as a part of the page
 *   fig_*.c                             one family each; layers.h: what two of them share
 *   section_study.c, section_findings.c, sentences.c, singles.c     words, and what they rest on
 *   fill.c                              words with a row's values in them
 *   findings.c, status*.c, text.c       on a terminal: findings, how far a study is; numbers and tables
 *   export.c, json.c, diff*.c           rows for programs; two databases compared
 */
#ifndef REPORT_REPORT_PAGE_H
#define REPORT_REPORT_PAGE_H

#include "lesion/base.h"
#include "lesion/report.h"
#include "lesion/store.h"
#include "report/fill.h"
#include "report/page.h"

/* What most families need to know of the study. */
typedef struct report_study {
    int64_t classes, layers;
    bool per_class;
    double top1; /* of the baseline; NaN where it is not done */
} report_study;

/* A filter that was removed alone. */
typedef struct report_single {
    int32_t layer, filter; /* the layer's place in the network */
    int64_t images, lost, gained;
    double d_top1, d_loss, p, q;
    const char *name; /* of the layer */
} report_single;

/* All filters removed alone, not as a share of a layer or a group, by one experiment, in one mode, with one seed of the
 * mode: of those that do so the one that removes most. The most damaging first, as in the view filter_rank. */
typedef struct report_singles {
    report_single *of; /* [count] */
    int64_t count;
    char experiment[256], mode[64];
    lsn_table jobs; /* of the experiment, which the names are kept in */
} report_singles;

/* Pairs of filters by their layers. */
typedef struct report_pairs {
    lsn_table layers; /* a row for each pair of layers; the columns are named in singles.c */
    int64_t count;    /* pairs, of all layers */
} report_pairs;

/* The way in which a job's filters were chosen, of a row of job_metric called m: the score by which they are ranked,
 * the distance by which they are grouped, random, or nothing. */
#define REPORT_WAY                                                                                                 \
    "coalesce(m.score, (SELECT g.metric || CASE g.normalise WHEN 'none' THEN '' ELSE ' ' || g.normalise END FROM " \
    "grouping g WHERE g.grouping = m.grouping), CASE WHEN m.seed IS NOT NULL THEN 'random' ELSE '' END)"

/* A column of layers' names, as in job_metric, as SQL that says long lists in short: conv1_1 ... conv5_4 (16 layers).
 */
#define REPORT_LAYERS(column)                                                                                       \
    "CASE WHEN length(" column ") - length(replace(" column ", ',', '')) < 3 THEN " column " ELSE substr(" column   \
    ", 1, instr(" column ", ',') - 1) || ' \xE2\x80\xA6 ' || replace(" column ", rtrim(" column ", replace(" column \
    ", ',', '')), '') || ' (' || (1 + length(" column ") - length(replace(" column ", ',', ''))) || ' layers)' END"

typedef struct report {
    lsn_reader *reader;
    report_study study;
    report_singles singles;
    report_pairs pairs;
    lsn_text body, contents;       /* sections, and the links to them */
    const char *section, *heading; /* of the section that has not begun yet; NULL: it has */
    const char *figures;           /* folder for figures on paper, or NULL */
    bool draw;                     /* gnuplot is there */
    bool paper_pdf;                /* and makes PDF */
    int drawn;                     /* figures */
} report;

/* One SELECT without parameters; the caller finishes the table, also after a failure. */
bool report_query(report *r, lsn_table *rows, const char *sql, lsn_error *err);
/* The only number that a SELECT gives; NaN for NULL or no row. */
bool report_number(report *r, double *number, const char *sql, lsn_error *err);
/* What comes next belongs to this section; its heading is written before the first of it. */
void report_section(report *r, const char *id, const char *heading);
/* Writes the heading that is due. figure_add and report_table do so themselves. */
void report_begin(report *r);
/* The rows of a SELECT as a table; `limit` rows at most. total: all there are; -1: as many as the query gives. */
bool report_table(report *r, const page_table *table, const char *sql, int64_t total, lsn_error *err);

bool report_singles_read(lsn_reader *reader, report_singles *singles, lsn_error *err);
void report_singles_finish(report_singles *singles);
bool report_pairs_read(lsn_reader *reader, report_pairs *pairs, lsn_error *err);

/* ---- families, in the page's order. Each shows what the study has, and nothing otherwise. ------------------- */

bool section_study(report *r, lsn_error *err);
bool section_findings(report *r, lsn_error *err);
bool fig_layers(report *r, lsn_error *err);
bool fig_groups(report *r, lsn_error *err);
bool fig_filters(report *r, lsn_error *err);
bool fig_volcano(report *r, lsn_error *err);
bool fig_degradation(report *r, lsn_error *err);
bool fig_classes(report *r, lsn_error *err);
bool fig_pairs(report *r, lsn_error *err);
bool fig_scores(report *r, lsn_error *err);
bool fig_drift(report *r, lsn_error *err);
bool fig_run(report *r, lsn_error *err);

#endif
