/* Writes the report: one HTML page of sections, figures and tables. */
#include "report/report_page.h"

#include "report/colours.h"
#include "report/gnuplot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Made of page.css and page.js when the program is built. */
extern const char report_style[], report_script[], report_script_sha256[];

/* ---- for the families ---------------------------------------------------------------------------------------- */

bool report_query(report *r, lsn_table *rows, const char *sql, lsn_error *err)
{
    return lsn_reader_query(r->reader, rows, sql, NULL, 0, err);
}

bool report_number(report *r, double *number, const char *sql, lsn_error *err)
{
    lsn_table rows = {0};
    const bool ok = report_query(r, &rows, sql, err);
    *number = ok && rows.rows > 0 && rows.cells[0].kind != LSN_CELL_NULL ? rows.cells[0].real : NAN;
    lsn_table_finish(&rows);
    return ok;
}

void report_section(report *r, const char *id, const char *heading)
{
    r->section = id;
    r->heading = heading;
}

void report_begin(report *r)
{
    if (r->heading == NULL)
        return;
    page_markup(&r->body, "%s<section id=\"%s\"><h2>%s</h2>\n", r->contents.data == NULL ? "" : "</section>\n",
                r->section, r->heading);
    page_markup(&r->contents, "<a href=\"#%s\">%s</a>\n", r->section, r->heading);
    r->heading = NULL;
}

bool report_table(report *r, const page_table *table, const char *sql, int64_t total, lsn_error *err)
{
    lsn_table rows = {0};
    const bool ok = report_query(r, &rows, sql, err);
    if (ok && rows.rows > 0) {
        report_begin(r);
        page_add_table(&r->body, table, &rows, total);
    }
    lsn_table_finish(&rows);
    return ok;
}

/* ---- the page ------------------------------------------------------------------------------------------------ */

static bool read_study(report *r, lsn_error *err)
{
    lsn_table rows = {0};
    bool ok = report_query(
        r, &rows,
        "SELECT s.classes, (SELECT count(*) FROM layer) AS layers, s.per_class, (SELECT top1 * 1.0 / images "
        "FROM evaluation WHERE evaluation = 0) AS top1 FROM study s",
        err);
    if (ok && rows.rows != 1)
        ok = lsn_fail(err, LSN_INVALID, "the database has no study: its table `study` should have one row");
    if (ok)
        r->study = (report_study){.classes = report_cell(&rows, 0, "classes")->integer,
                                  .layers = report_cell(&rows, 0, "layers")->integer,
                                  .per_class = report_cell(&rows, 0, "per_class")->integer != 0,
                                  .top1 = report_value(&rows, 0, "top1")};
    lsn_table_finish(&rows);
    return ok;
}

static bool add_sections(report *r, lsn_error *err)
{
    static bool (*const families[])(report * r, lsn_error * err) = {
        section_study, section_findings, fig_layers, fig_groups, fig_filters, fig_degradation,
        fig_classes,   fig_pairs,        fig_scores, fig_drift,  fig_volcano, fig_run,
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        r->heading = NULL;
        if (!families[i](r, err))
            return false;
    }
    page_markup(&r->body, "</section>\n");
    return true;
}

/* Everything between <html> and the sections. Nothing is fetched from anywhere, and the browser is told so. */
static void add_head(const report *r, lsn_text *html, const char *title)
{
    page_markup(html,
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
                "script-src 'sha256-%s'; img-src data:; base-uri 'none'; form-action 'none'\">\n<title>",
                report_script_sha256);
    page_text(html, title);
    page_markup(html, " \xC2\xB7 Lesion</title>\n<style>\n:root{");
    colour_variables(html, false);
    page_markup(html, "}\n@media screen and (prefers-color-scheme:dark){:root{");
    colour_variables(html, true);
    page_markup(html, "}}\n%s</style></head>\n<body>\n<header><p class=\"kind\">Lesion report</p><h1>", report_style);
    page_text(html, title);
    page_markup(html, "</h1></header>\n<nav aria-label=\"Contents\">\n%s</nav>\n<main>\n", r->contents.data);
}

static bool compose(report *r, lsn_text *html, lsn_error *err)
{
    lsn_table rows = {0};
    bool ok = read_study(r, err) && report_singles_read(r->reader, &r->singles, err) &&
              report_pairs_read(r->reader, &r->pairs, err) && add_sections(r, err) &&
              report_query(r, &rows, "SELECT name FROM study", err);
    if (ok && !r->body.failed) {
        add_head(r, html, lsn_table_cell(&rows, 0, 0)->text);
        lsn_text_add(html, "%s", r->body.data);
        page_markup(html, "</main>\n<script>%s</script>\n</body></html>\n", report_script);
    }
    if (ok && (html->failed || r->body.failed || r->contents.failed))
        ok = lsn_fail(err, LSN_FAILED, "out of memory: the page could not be composed");
    lsn_table_finish(&rows);
    return ok;
}

enum { CACHE_MIB = 512 }; /* the database is read a dozen times */

/* ---- files --------------------------------------------------------------------------------------------------- */

static bool write_page(const char *path, const lsn_text *html, lsn_error *err)
{
    lsn_new_file page;
    if (!lsn_new_file_open(&page, path, err))
        return false;
    const bool ok = fwrite(html->data, 1, html->length, page.out) == html->length ||
                    lsn_fail_at(err, LSN_FAILED, path, "cannot be written: %s", strerror(errno));
    return lsn_new_file_close(&page, ok, err);
}

static bool make_folder(const char *folder, lsn_error *err)
{
    struct stat status;
    if (mkdir(folder, 0777) == 0 || (errno == EEXIST && stat(folder, &status) == 0 && S_ISDIR(status.st_mode)))
        return true;
    return lsn_fail_at(err, LSN_FAILED, folder, "no such folder can be made: %s", strerror(errno));
}

/* Whether gnuplot was built with what makes PDF. */
static bool makes_pdf(void)
{
    lsn_text script = {0}, output = {0};
    lsn_text_add(&script, "set terminal pdfcairo\n");
    const bool ok = gnuplot_run(NULL, &script, &output, NULL);
    lsn_text_finish(&script);
    lsn_text_finish(&output);
    return ok;
}

bool lsn_report_page(const char *database, const char *page, const char *figures, lsn_page_made *made, lsn_error *err)
{
    report r = {.figures = figures};
    lsn_text html = {0};
    *made = (lsn_page_made){0};
    r.draw = gnuplot_find(&made->missing);
    r.paper_pdf = r.draw && figures != NULL && makes_pdf();
    bool ok = (!r.draw || figures == NULL || make_folder(figures, err)) &&
              (r.reader = lsn_reader_open(database, err)) != NULL && lsn_reader_cache(r.reader, CACHE_MIB, err) &&
              compose(&r, &html, err) && write_page(page, &html, err);
    lsn_reader_close(r.reader);
    report_singles_finish(&r.singles);
    lsn_table_finish(&r.pairs.layers);
    made->figures = r.drawn;
    made->bytes = html.length;
    made->no_pdf = r.draw && figures != NULL && !r.paper_pdf;
    lsn_text_finish(&r.body);
    lsn_text_finish(&r.contents);
    lsn_text_finish(&html);
    return ok;
}
