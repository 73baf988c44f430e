/* Top-1 as more and more filters of several layers go, by the order in which they go, against random orders; and the
 * area under the curve of every layer that has its own. (A layer's own curve is in fig_layer_curves.c.) */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIGURES = 3, MOST_LINES = 7, MOST_BANDS = 2, MOST_LAYERS = 48 };

static const char sets_sql[] = "SELECT layers, " REPORT_LAYERS(
    "layers") " AS said FROM curve WHERE layers LIKE '%,%' GROUP BY layers ORDER BY count(*) DESC, layers LIMIT 3";

/* What is ranked, and random orders, of a set of layers; a row for each point, and what a line's entry in the legend
 * says: "network-lowest-first: l1, zero, area 0.17". Damage is measured on the images that a job has seen, so that the
 * values are the baseline's top-1 and the change. */
#define NAMED                                                                                                        \
    "WITH area AS MATERIALIZED (SELECT mode, experiment, ordering, ', area ' || printf('%.3f', avg(area)) AS words " \
    "FROM curve WHERE layers = ?1 AND area IS NOT NULL GROUP BY mode, experiment, ordering), "                       \
    "modes AS MATERIALIZED (SELECT count(DISTINCT mode) AS n FROM curve), "                                          \
    "line AS (SELECT *, seed IS NULL AS ranked FROM degradation), band AS (SELECT *, 'random' AS ordering FROM "     \
    "degradation_band) "                                                                                             \
    "SELECT d.mode || ' ' || d.experiment || ' ' || d.ordering || coalesce(' ' || d.mode_seed, '') AS series, "      \
    "substr(d.experiment, 1, 40) || ': ' || substr(d.ordering, 1, 30) || CASE WHEN modes.n > 1 THEN ', ' || d.mode " \
    "ELSE '' END || coalesce(area.words, '') AS label, d.experiment, d.ordering, 100 * d.fraction AS percent, "
#define NAMES                                                                                                        \
    " d CROSS JOIN modes LEFT JOIN area ON area.mode = d.mode AND area.experiment = d.experiment AND area.ordering " \
    "= d.ordering WHERE d.layers = ?1 "
static const char lines_sql[] = NAMED "100 * (d.top1 - d.d_top1 + d.d_top1) AS top1, d.n_filters FROM line" NAMES
                                      "AND d.ranked ORDER BY d.mode, d.experiment, d.ordering, d.mode_seed, d.fraction";
static const char bands_sql[] = NAMED
    "100 * d.top1_least AS least, 100 * d.top1_lower AS lower, 100 * d.top1_median AS median, 100 * d.top1_upper "
    "AS upper, 100 * d.top1_most AS most FROM band" NAMES "ORDER BY d.mode, d.experiment, d.mode_seed, d.fraction";

static void begin_band(figure *f, const char *label, int band, double base)
{
    figure_legend(f, FIGURE_DASHED, COLOUR_MUTED, label);
    figure_say(f, "%s$band%d << EOD\n0\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\n", band == 0 ? "" : "EOD\n", band, base, base,
               base, base, base);
    figure_curves(f, 3,
                  "$band%d using 1:2:6 with filledcurves fc rgb '" COLOUR_NONE
                  "' notitle, $band%d using 1:3:5 with filledcurves fc rgb '" COLOUR_BAND
                  "' notitle, $band%d using 1:4 with lines lw 1.4 dt (5,3) lc rgb '" COLOUR_MUTED "' notitle",
                  band, band, band);
}

/* Random orders: their range, their middle half, their median. Gives how many there are, drawn or not. */
static int draw_bands(figure *f, const lsn_table *bands, double base)
{
    int all = 0;
    for (int64_t i = 0; i < bands->rows; i++) {
        if (report_begins(bands, i, "series") && all++ < MOST_BANDS)
            begin_band(f, report_cell(bands, i, "label")->text, all - 1, base);
        if (all <= MOST_BANDS)
            report_fill(&f->script, bands, i,
                        "{percent:g}\t{least:.3f}\t{lower:.3f}\t{median:.3f}\t{upper:.3f}\t{most:.3f}\n");
    }
    if (all > 0)
        figure_say(f, "EOD\n");
    return all;
}

static void draw_lines(figure *f, const lsn_table *lines, double base)
{
    static const figure_style style = {
        .most = MOST_LINES, .mark = FIGURE_LINE, .points = "1:2 with linespoints lw 1.8 pt 7 ps 0.55"};
    bool shown = false;
    for (int64_t i = 0; i < lines->rows; i++) {
        if (report_begins(lines, i, "series") &&
            (shown = figure_series(f, &style, report_cell(lines, i, "label")->text))) {
            figure_say(f, "0\t%.3f\n", base);
            figure_hover(f, "nothing removed: top-1 %.1f %%", base);
        }
        if (shown)
            figure_mark_row(f, lines, i, "{percent:g}\t{top1:.3f}\n",
                            "{experiment}: {ordering}, {percent:.3g} % ({n_filters} filters) removed: top-1 "
                            "{top1:.1f} %");
    }
    figure_end_series(f);
}

static void draw_axes(figure *f, double chance)
{
    figure_say(f,
               "set xrange [0:*]\nset yrange [0:100]\nset xlabel 'filters removed (%%)'\nset ylabel 'top-1 (%%)'\nset "
               "grid ytics lc rgb '" COLOUR_GRID "' lw 1\n");
    figure_say(f,
               "set arrow from graph 0,first %g to graph 1,first %g nohead lw 1 dt (2,3) lc rgb '" COLOUR_MUTED
               "'\nset label 'chance' at graph 0.005,first %g left offset 0,0.6 font ',11' textcolor rgb '" COLOUR_MUTED
               "'\n",
               chance, chance, chance);
    figure_plot(f);
}

static bool add_curves(report *r, const lsn_table *sets, int64_t set, lsn_error *err)
{
    static const char *const ids[MOST_FIGURES] = {"degradation", "degradation-2", "degradation-3"};
    const double base = 100 * r->study.top1;
    const char *layers = report_cell(sets, set, "layers")->text;
    lsn_table lines = {0}, bands = {0};
    figure f = figure_of(ids[set], "How gracefully does the network degrade?", 900, 480);
    bool ok = lsn_reader_query(r->reader, &lines, lines_sql, &layers, 1, err) &&
              lsn_reader_query(r->reader, &bands, bands_sql, &layers, 1, err);
    if (ok && lines.rows + bands.rows > 0) {
        const int all_bands = draw_bands(&f, &bands, base);
        draw_lines(&f, &lines, base);
        draw_axes(&f, 100.0 / (double)r->study.classes);
        report_fill(&f.caption, sets, set,
                    "Top-1 as filters of {said} are removed one after another. Area: under the curve, above chance, as "
                    "a share of the intact network\xE2\x80\x99s (1: no damage, 0: at chance throughout).");
        if (all_bands > 0)
            lsn_text_add(
                &f.caption,
                " Grey: random orders: their whole range, their middle half (darker), their median (dashed). An order "
                "above the grey removes what is needed least; one below finds what is needed most.");
        if (all_bands > MOST_BANDS)
            lsn_text_add(&f.caption, " The first %d of %d sets of random orders are shown.", MOST_BANDS, all_bands);
        ok = figure_add(r, &f, err);
    }
    figure_finish(&f);
    lsn_table_finish(&lines);
    lsn_table_finish(&bands);
    return ok;
}

/* ---- areas by layer ------------------------------------------------------------------------------------------ */

static const char layer_areas_sql[] = "SELECT l.layer, c.layers AS name, CASE c.experiment WHEN c.ordering THEN '' "
                                      "ELSE c.experiment || ': ' END || c.ordering "
                                      "|| CASE WHEN (SELECT count(DISTINCT mode) FROM "
                                      "curve) > 1 THEN ', ' || c.mode ELSE '' END AS series, "
                                      "avg(c.area) AS area, min(c.area) AS least, max(c.area) AS most, count(*) AS "
                                      "orders FROM curve c JOIN layer l ON l.name = c.layers WHERE c.area IS "
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
    const figure_axis axis = figure_axis_of(&rows, "layer", "name", MOST_LAYERS);
    if (!ok || axis.count < 2) {
        lsn_table_finish(&rows);
        figure_finish(&f);
        return ok;
    }
    f.height = 110 + 20 * axis.count;
    figure_layer_series(&f, &style, &rows, "layer", &axis, 0, NULL, "\t{area:.4f}\t{least:.4f}\t{most:.4f}\n",
                        "{name}, {series}: area {area:.3f} ({least:.3f} to {most:.3f}, {orders} orders)");
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
    lsn_table sets = {0};
    report_section(r, "degradation", "Degradation");
    bool ok = report_query(r, &sets, sets_sql, err);
    for (int64_t set = 0; ok && r->study.top1 > 0 && set < sets.rows; set++)
        ok = add_curves(r, &sets, set, err);
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
    lsn_table_finish(&sets);
    return ok;
}
