#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Top-1 as more and more filters of several layers go, by the order in which they go, against random orders; and the
 * area under the curve of every layer that has its own. (A layer's own curve is in fig_layer_curves.c.) */

enum { MOST_FIGURES = 3, MOST_LINES = 7, MOST_BANDS = 2, MOST_LAYERS = 40 };

/* Lines of what is ranked, and the five numbers of random orders; one row for each point. Damage is measured on the
 * images that a job has seen, so the values are the baseline's top-1 and the change. */
static const char lines_sql[] =
    "SELECT layers, mode, experiment, ordering, fraction, top1 - d_top1 + d_top1 AS value, n_filters FROM degradation "
    "WHERE layers LIKE '%,%' AND seed IS NULL ORDER BY layers, mode, experiment, ordering, mode_seed, fraction";
static const char bands_sql[] =
    "SELECT layers, mode, experiment, 'random', fraction, top1_least, top1_lower, top1_median, top1_upper, top1_most, "
    "orders "
    "FROM "
    "degradation_band WHERE layers LIKE '%,%' ORDER BY layers, mode, experiment, mode_seed, fraction";
static const char sets_sql[] = "SELECT layers, (SELECT count(DISTINCT mode) FROM curve), " REPORT_LAYERS(
    "layers") " FROM curve WHERE layers LIKE "
              "'%,%' GROUP BY layers ORDER BY count(*) DESC, layers LIMIT 3";
static const char area_sql[] =
    "SELECT mode, experiment, ordering, avg(area) FROM curve WHERE layers = ?1 AND area IS NOT "
    "NULL GROUP BY mode, experiment, ordering";

typedef struct curves {
    lsn_table lines, bands, sets, areas;
} curves;

static const char *text(const lsn_table *t, int64_t row, int column)
{
    return lsn_table_cell(t, row, column)->text;
}

/* Columns of lines and bands that tell them apart. */
enum { LAYERS, MODE, EXPERIMENT, ORDERING, FRACTION };

static bool of_set(const lsn_table *t, int64_t row, const curves *c, int64_t set)
{
    return strcmp(text(t, row, LAYERS), text(&c->sets, set, 0)) == 0;
}

/* "network-lowest-first: l1, zero, area 0.17" */
static void add_entry(figure *f, const curves *c, int64_t set, const char *const key[3], double *x, double *y,
                      figure_mark mark, const char *colour)
{
    char entry[160];
    int length = snprintf(entry, sizeof entry, "%.40s: %.30s", key[1], key[2]);
    if (lsn_table_cell(&c->sets, set, 1)->integer > 1)
        length += snprintf(entry + length, sizeof entry - (size_t)length, ", %.20s", key[0]);
    for (int64_t i = 0; i < c->areas.rows; i++)
        if (strcmp(text(&c->areas, i, 0), key[0]) == 0 && strcmp(text(&c->areas, i, 1), key[1]) == 0 &&
            strcmp(text(&c->areas, i, 2), key[2]) == 0)
            snprintf(entry + length, sizeof entry - (size_t)length, ", area %.3f", report_real(&c->areas, i, 3));
    figure_legend(f, x, y, mark, colour, entry);
}

/* A figure as it grows: where its legend is, and what will be plotted. */
typedef struct drawing {
    figure f;
    const curves *c;
    int64_t set;
    double base; /* percent */
    double x, y;
    lsn_text plot;
    int bands, lines;
} drawing;

/* Whether a row begins another line than the row `last` (-1: none) belongs to. */
static bool begins(const lsn_table *t, int64_t row, int64_t last)
{
    for (int k = MODE; last >= 0 && k <= ORDERING; k++)
        if (strcmp(text(t, row, k), text(t, last, k)) != 0)
            return true;
    return last < 0 || report_real(t, row, FRACTION) <= report_real(t, last, FRACTION);
}

static void say_entry(drawing *d, const lsn_table *t, int64_t row, figure_mark mark, const char *colour)
{
    const char *const key[] = {text(t, row, MODE), text(t, row, EXPERIMENT), text(t, row, ORDERING)};
    add_entry(&d->f, d->c, d->set, key, &d->x, &d->y, mark, colour);
}

/* Random orders: their range, their middle half, their median. */
static void draw_bands(drawing *d)
{
    const lsn_table *t = &d->c->bands;
    int64_t last = -1;
    for (int64_t i = 0; i < t->rows; i++) {
        if (!of_set(t, i, d->c, d->set))
            continue;
        const bool next = begins(t, i, last);
        if (next && d->bands == MOST_BANDS)
            break;
        if (next) {
            say_entry(d, t, i, FIGURE_DASHED, COLOUR_MUTED);
            figure_say(&d->f, "%s$band%d << EOD\n0", d->bands == 0 ? "" : "EOD\n", d->bands);
            for (int k = 0; k < 5; k++)
                figure_say(&d->f, "\t%.3f", d->base);
            figure_say(&d->f, "\n");
            lsn_text_add(&d->plot,
                         "%s$band%d using 1:2:6 with filledcurves fc rgb '" COLOUR_NONE
                         "' notitle, $band%d using 1:3:5 with filledcurves fc rgb '" COLOUR_BAND
                         "' notitle, $band%d using 1:4 with lines lw 1.4 dt (5,3) lc rgb '" COLOUR_MUTED "' notitle",
                         d->bands == 0 ? "" : ", ", d->bands, d->bands, d->bands);
            d->bands++;
        }
        figure_say(&d->f, "%g", 100 * report_real(t, i, FRACTION));
        for (int k = 1; k <= 5; k++)
            figure_say(&d->f, "\t%.3f", 100 * report_real(t, i, FRACTION + k));
        figure_say(&d->f, "\n");
        last = i;
    }
    if (d->bands > 0)
        figure_say(&d->f, "EOD\n");
}

static void begin_line(drawing *d, int64_t row)
{
    char plot[16];
    snprintf(plot, sizeof plot, "%d", 3 * d->bands + d->lines + 1);
    say_entry(d, &d->c->lines, row, FIGURE_LINE, colour_series[d->lines]);
    figure_say(&d->f, "%s$line%d << EOD\n0\t%.3f\n", d->lines == 0 ? "" : "EOD\n", d->lines, d->base);
    lsn_text_add(&d->plot, "%s$line%d using 1:2 with linespoints lw 1.8 pt 7 ps 0.55 lc rgb '%s' notitle",
                 d->plot.length == 0 ? "" : ", ", d->lines, colour_series[d->lines]);
    figure_hover_plot(&d->f, plot);
    figure_hover(&d->f, "nothing removed: top-1 %.1f %%", d->base);
    d->lines++;
}

static void draw_lines(drawing *d)
{
    const lsn_table *t = &d->c->lines;
    int64_t last = -1;
    for (int64_t i = 0; i < t->rows; i++) {
        if (!of_set(t, i, d->c, d->set))
            continue;
        const bool next = begins(t, i, last);
        if (next && d->lines == MOST_LINES)
            break;
        if (next)
            begin_line(d, i);
        figure_say(&d->f, "%g\t%.3f\n", 100 * report_real(t, i, FRACTION), 100 * report_real(t, i, FRACTION + 1));
        figure_hover(&d->f, "%s: %s, %.3g %% (%s filters) removed: top-1 %.1f %%", text(t, i, EXPERIMENT),
                     text(t, i, ORDERING), 100 * report_real(t, i, FRACTION), text(t, i, FRACTION + 2),
                     100 * report_real(t, i, FRACTION + 1));
        last = i;
    }
    if (d->lines > 0)
        figure_say(&d->f, "EOD\n");
}

static void draw_axes(drawing *d, double chance)
{
    figure_say(&d->f,
               "set xrange [0:*]\nset yrange [0:100]\nset xlabel 'filters removed (%%)'\nset ylabel 'top-1 (%%)'\nset "
               "grid ytics lc rgb '" COLOUR_GRID "' lw 1\nset tmargin at screen %.4f\n",
               1 - (d->y + 16) / d->f.height);
    figure_say(&d->f,
               "set arrow from graph 0,first %g to graph 1,first %g nohead lw 1 dt (2,3) lc rgb '" COLOUR_MUTED
               "'\nset label 'chance' at graph 0.005,first %g left offset 0,0.6 font ',11' textcolor rgb '" COLOUR_MUTED
               "'\n",
               chance, chance, chance);
    figure_say_plot(&d->f, &d->plot);
}

static bool add_curves(report *r, const curves *c, int64_t set, lsn_error *err)
{
    static const char *const ids[MOST_FIGURES] = {"degradation", "degradation-2", "degradation-3"};
    drawing d = {.f = figure_of(ids[set], "How gracefully does the network degrade?", 900, 480),
                 .c = c,
                 .set = set,
                 .base = 100 * r->study.top1,
                 .x = 60,
                 .y = 10};
    draw_bands(&d);
    draw_lines(&d);
    draw_axes(&d, 100.0 / (double)r->study.classes);
    lsn_text_add(
        &d.f.caption,
        "Top-1 as filters of %s are removed one after another. Area: under the curve, above chance, as a share "
        "of the intact network\xE2\x80\x99s (1: no damage, 0: at chance throughout).",
        text(&c->sets, set, 2));
    if (d.bands > 0)
        lsn_text_add(&d.f.caption,
                     " Grey: random orders: their whole range, their middle half (darker), their median (dashed). An "
                     "order above the grey removes what is needed least; one below finds what is needed most.");
    lsn_text_finish(&d.plot);
    if (d.bands + d.lines > 0)
        return figure_add(r, &d.f, err);
    figure_finish(&d.f);
    return true;
}

/* ---- areas by layer ------------------------------------------------------------------------------------------ */

static const char layer_areas_sql[] =
    "SELECT l.layer, c.layers, CASE c.experiment WHEN c.ordering THEN '' ELSE c.experiment || ': ' END || c.ordering "
    "|| CASE WHEN (SELECT count(DISTINCT mode) FROM "
    "curve) > 1 THEN ', ' || c.mode ELSE '' END AS series, "
    "avg(c.area), min(c.area), max(c.area), count(*) FROM curve c JOIN layer l ON l.name = c.layers WHERE c.area IS "
    "NOT NULL GROUP BY l.layer, 3 ORDER BY 3, l.layer";

static bool add_areas(report *r, lsn_error *err)
{
    lsn_table rows = {0};
    bool ok = report_query(r, &rows, layer_areas_sql, err);
    figure f = figure_of("degradation-areas", "Which layers degrade gracefully?", 900, 0);
    int64_t places[64] = {0};
    int layers = 0, series = 0;
    for (int64_t i = 0; ok && i < rows.rows; i++) {
        int at = 0;
        while (at < layers && places[at] != lsn_table_cell(&rows, i, 0)->integer)
            at++;
        if (at == layers && layers < MOST_LAYERS)
            places[layers++] = lsn_table_cell(&rows, i, 0)->integer;
    }
    if (!ok || layers < 2) {
        lsn_table_finish(&rows);
        figure_finish(&f);
        return ok;
    }
    double x = 60, y = 10;
    f.height = 110 + 20 * layers;
    lsn_text plot = {0};
    for (int64_t i = 0; i < rows.rows; i++) {
        const bool next = i == 0 || strcmp(text(&rows, i, 2), text(&rows, i - 1, 2)) != 0;
        if (next && series == MOST_LINES)
            break;
        if (next) {
            figure_say(&f, "%s$a%d << EOD\n", series == 0 ? "" : "EOD\n", series);
            lsn_text_add(&plot,
                         "%s$a%d using 2:1:3:4 with xerrorbars pt 7 ps 0.01 lw 3 lc rgb '%s' notitle, $a%d using 2:1 "
                         "with points pt 7 ps 0.8 lc rgb '%s' notitle",
                         series == 0 ? "" : ", ", series, COLOUR_BAND, series, colour_series[series]);
            figure_legend(&f, &x, &y, FIGURE_POINT, colour_series[series], text(&rows, i, 2));
            char plots[16];
            snprintf(plots, sizeof plots, "%d", 2 * series + 2);
            figure_hover_plot(&f, plots);
            series++;
        }
        int at = 0;
        while (at < layers && places[at] != lsn_table_cell(&rows, i, 0)->integer)
            at++;
        if (at == layers)
            continue;
        figure_say(&f, "%d\t%.4f\t%.4f\t%.4f\n", at, report_real(&rows, i, 3), report_real(&rows, i, 4),
                   report_real(&rows, i, 5));
        figure_hover(&f, "%s, %s: area %.3f (%.3f to %.3f, %s orders)", text(&rows, i, 1), text(&rows, i, 2),
                     report_real(&rows, i, 3), report_real(&rows, i, 4), report_real(&rows, i, 5), text(&rows, i, 6));
    }
    figure_say(&f,
               "EOD\nset border 1\nset yrange [%d.6:-0.6]\nset xrange [*:1<*]\nset grid xtics lc rgb '" COLOUR_GRID
               "' lw 1\nset xlabel 'area under the curve'\nset tmargin at screen %.4f\nset ytics scale 0 (",
               layers - 1, 1 - (y + 16) / f.height);
    for (int at = 0; at < layers; at++) {
        const char *name = "";
        for (int64_t i = 0; i < rows.rows; i++)
            if (lsn_table_cell(&rows, i, 0)->integer == places[at])
                name = text(&rows, i, 1);
        figure_tic(&f, name, 16);
        figure_say(&f, " %d%s", at, at == layers - 1 ? ")\n" : ", ");
    }
    figure_say_plot(&f, &plot);
    lsn_text_add(&f.caption,
                 "Area under the curve of top-1 when one layer\xE2\x80\x99s filters are removed one after another, "
                 "above chance, as a share of the intact network\xE2\x80\x99s: 1 means no damage. Bars: least and "
                 "greatest of several random orders. Compare areas over the same range of fractions only.");
    ok = figure_add(r, &f, err);
    lsn_table_finish(&rows);
    return ok;
}

bool fig_degradation(report *r, lsn_error *err)
{
    static const page_table table = {"curve-table",
                                     "Curves: area under each (1: no damage, 0: at chance throughout) and the share of "
                                     "filters at which half of what is above chance is lost; means over random orders.",
                                     "lllrrrrr", "curve"};
    curves c = {0};
    report_section(r, "degradation", "Degradation");
    bool ok = report_query(r, &c.sets, sets_sql, err);
    if (ok && c.sets.rows > 0 && r->study.top1 > 0)
        ok = report_query(r, &c.lines, lines_sql, err) && report_query(r, &c.bands, bands_sql, err);
    for (int64_t set = 0; ok && c.lines.rows + c.bands.rows > 0 && set < c.sets.rows; set++) {
        const char *layers = text(&c.sets, set, 0);
        ok = lsn_reader_query(r->reader, &c.areas, area_sql, &layers, 1, err) && add_curves(r, &c, set, err);
        lsn_table_finish(&c.areas);
    }
    ok = ok && add_areas(r, err) &&
         report_table(r, &table,
                      "SELECT " REPORT_LAYERS(
                          "layers") " AS layers, experiment, "
                                    "ordering AS 'order', count(*) AS curves, max(points) AS points, CASE WHEN "
                                    "count(area) > 0 THEN printf('%.3f', avg(area)) ELSE '' END AS area, "
                                    "CASE WHEN count(half) > 0 THEN printf('%.1f', 100 * avg(half)) ELSE '' END AS "
                                    "'half at %', printf('%g', 100 * max(fraction)) AS 'up "
                                    "to %' FROM curve c "
                                    "GROUP BY layers, experiment, ordering, mode ORDER BY layers LIKE '%,%' DESC, "
                                    "avg(area) DESC LIMIT 400",
                      -1, err);
    lsn_table_finish(&c.sets);
    lsn_table_finish(&c.lines);
    lsn_table_finish(&c.bands);
    return ok;
}
