/* Top-1 as more and more filters of several layers go, by the order in which they go, against random orders; and the
 * area under the curve of every layer that has its own. (A layer's own curve is in fig_layer_curves.c.) */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIGURES = 3, MOST_LINES = 7, MOST_BANDS = 2, MOST_LAYERS = 48, ENTRY = 160 };

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

/* A figure as it grows. */
typedef struct drawing {
    figure f;
    const curves *c;
    int64_t set;
    double base; /* percent */
    int bands;
} drawing;

/* Whether a row begins another line than the row `last` (-1: none) belongs to. */
static bool begins(const lsn_table *t, int64_t row, int64_t last)
{
    for (int k = MODE; last >= 0 && k <= ORDERING; k++)
        if (strcmp(text(t, row, k), text(t, last, k)) != 0)
            return true;
    return last < 0 || report_real(t, row, FRACTION) <= report_real(t, last, FRACTION);
}

/* "network-lowest-first: l1, zero, area 0.17" */
static const char *entry_of(const drawing *d, const lsn_table *t, int64_t row, char entry[ENTRY])
{
    const lsn_table *areas = &d->c->areas;
    int length = snprintf(entry, ENTRY, "%.40s: %.30s", text(t, row, EXPERIMENT), text(t, row, ORDERING));
    if (lsn_table_cell(&d->c->sets, d->set, 1)->integer > 1)
        length += snprintf(entry + length, ENTRY - (size_t)length, ", %.20s", text(t, row, MODE));
    for (int64_t i = 0; i < areas->rows; i++)
        if (strcmp(text(areas, i, 0), text(t, row, MODE)) == 0 &&
            strcmp(text(areas, i, 1), text(t, row, EXPERIMENT)) == 0 &&
            strcmp(text(areas, i, 2), text(t, row, ORDERING)) == 0)
            snprintf(entry + length, ENTRY - (size_t)length, ", area %.3f", report_real(areas, i, 3));
    return entry;
}

static void begin_band(drawing *d, int64_t row)
{
    char entry[ENTRY];
    const int band = d->bands++;
    figure_legend(&d->f, FIGURE_DASHED, COLOUR_MUTED, entry_of(d, &d->c->bands, row, entry));
    figure_say(&d->f, "%s$band%d << EOD\n0", band == 0 ? "" : "EOD\n", band);
    for (int k = 0; k < 5; k++)
        figure_say(&d->f, "\t%.3f", d->base);
    figure_say(&d->f, "\n");
    figure_curves(&d->f, 3,
                  "$band%d using 1:2:6 with filledcurves fc rgb '" COLOUR_NONE
                  "' notitle, $band%d using 1:3:5 with filledcurves fc rgb '" COLOUR_BAND
                  "' notitle, $band%d using 1:4 with lines lw 1.4 dt (5,3) lc rgb '" COLOUR_MUTED "' notitle",
                  band, band, band);
}

/* Random orders: their range, their middle half, their median. Gives how many there are, drawn or not. */
static int draw_bands(drawing *d)
{
    const lsn_table *t = &d->c->bands;
    int64_t last = -1;
    int all = 0;
    for (int64_t i = 0; i < t->rows; i++) {
        if (!of_set(t, i, d->c, d->set))
            continue;
        if (begins(t, i, last) && all++ < MOST_BANDS)
            begin_band(d, i);
        last = i;
        if (all > MOST_BANDS)
            continue;
        figure_say(&d->f, "%g", 100 * report_real(t, i, FRACTION));
        for (int k = 1; k <= 5; k++)
            figure_say(&d->f, "\t%.3f", 100 * report_real(t, i, FRACTION + k));
        figure_say(&d->f, "\n");
    }
    if (d->bands > 0)
        figure_say(&d->f, "EOD\n");
    return all;
}

static void draw_lines(drawing *d)
{
    static const figure_style style = {
        .most = MOST_LINES, .mark = FIGURE_LINE, .points = "1:2 with linespoints lw 1.8 pt 7 ps 0.55"};
    const lsn_table *t = &d->c->lines;
    int64_t last = -1;
    bool shown = false;
    for (int64_t i = 0; i < t->rows; i++) {
        char entry[ENTRY];
        if (!of_set(t, i, d->c, d->set))
            continue;
        if (begins(t, i, last) && (shown = figure_series(&d->f, &style, entry_of(d, t, i, entry)))) {
            figure_say(&d->f, "0\t%.3f\n", d->base);
            figure_hover(&d->f, "nothing removed: top-1 %.1f %%", d->base);
        }
        last = i;
        if (!shown)
            continue;
        figure_say(&d->f, "%g\t%.3f\n", 100 * report_real(t, i, FRACTION), 100 * report_real(t, i, FRACTION + 1));
        figure_hover(&d->f, "%s: %s, %.3g %% (%s filters) removed: top-1 %.1f %%", text(t, i, EXPERIMENT),
                     text(t, i, ORDERING), 100 * report_real(t, i, FRACTION), text(t, i, FRACTION + 2),
                     100 * report_real(t, i, FRACTION + 1));
    }
    figure_end_series(&d->f);
}

static void draw_axes(drawing *d, double chance)
{
    figure_say(&d->f,
               "set xrange [0:*]\nset yrange [0:100]\nset xlabel 'filters removed (%%)'\nset ylabel 'top-1 (%%)'\nset "
               "grid ytics lc rgb '" COLOUR_GRID "' lw 1\n");
    figure_say(&d->f,
               "set arrow from graph 0,first %g to graph 1,first %g nohead lw 1 dt (2,3) lc rgb '" COLOUR_MUTED
               "'\nset label 'chance' at graph 0.005,first %g left offset 0,0.6 font ',11' textcolor rgb '" COLOUR_MUTED
               "'\n",
               chance, chance, chance);
    figure_plot(&d->f);
}

static bool add_curves(report *r, const curves *c, int64_t set, lsn_error *err)
{
    static const char *const ids[MOST_FIGURES] = {"degradation", "degradation-2", "degradation-3"};
    drawing d = {.f = figure_of(ids[set], "How gracefully does the network degrade?", 900, 480),
                 .c = c,
                 .set = set,
                 .base = 100 * r->study.top1};
    const int all_bands = draw_bands(&d);
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
    if (all_bands > d.bands)
        lsn_text_add(&d.f.caption, " The first %d of %d sets of random orders are shown.", d.bands, all_bands);
    if (d.f.n_curves > 0)
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
    static const figure_style style = {.most = MOST_LINES,
                                       .mark = FIGURE_POINT,
                                       .points = "2:1 with points pt 7 ps 0.8",
                                       .bars = "2:1:3:4 with xerrorbars pt 7 ps 0.01 lw 3",
                                       .bars_colour = COLOUR_BAND};
    lsn_table rows = {0};
    bool ok = report_query(r, &rows, layer_areas_sql, err);
    figure f = figure_of("degradation-areas", "Which layers degrade gracefully?", 900, 0);
    const figure_axis axis = figure_axis_of(&rows, 0, MOST_LAYERS);
    bool shown = false;
    if (!ok || axis.count < 2) {
        lsn_table_finish(&rows);
        figure_finish(&f);
        return ok;
    }
    f.height = 110 + 20 * axis.count;
    for (int64_t i = 0; i < rows.rows; i++) {
        const int place = figure_axis_place(&axis, lsn_table_cell(&rows, i, 0)->integer);
        if (i == 0 || strcmp(text(&rows, i, 2), text(&rows, i - 1, 2)) != 0)
            shown = figure_series(&f, &style, text(&rows, i, 2));
        if (!shown || place < 0)
            continue;
        figure_say(&f, "%d\t%.4f\t%.4f\t%.4f\n", place, report_real(&rows, i, 3), report_real(&rows, i, 4),
                   report_real(&rows, i, 5));
        figure_hover(&f, "%s, %s: area %.3f (%.3f to %.3f, %s orders)", text(&rows, i, 1), text(&rows, i, 2),
                     report_real(&rows, i, 3), report_real(&rows, i, 4), report_real(&rows, i, 5), text(&rows, i, 6));
    }
    figure_end_series(&f);
    figure_say(&f,
               "set border 1\nset yrange [%d.6:-0.6]\nset xrange [*:1<*]\nset grid xtics lc rgb '" COLOUR_GRID
               "' lw 1\nset xlabel 'area under the curve'\n",
               axis.count - 1);
    figure_names(&f, "ytics scale 0", axis.names, axis.count, 1, 16);
    figure_plot(&f);
    lsn_text_add(&f.caption,
                 "Area under the curve of top-1 when one layer\xE2\x80\x99s filters are removed one after another, "
                 "above chance, as a share of the intact network\xE2\x80\x99s: 1 means no damage. Bars: least and "
                 "greatest of several random orders. Compare areas over the same range of fractions only.");
    figure_axis_caption(&f, &axis);
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
