/* Top-1 against the share removed, a small panel for each layer, a line for each way of choosing; where a way has
 * several jobs to a point (random choices), their range is an area. */
#include "report/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDE = 4 };

static bool is_range(const layers *l, int s)
{
    for (int64_t i = l->begins[s]; i < l->begins[s + 1]; i++)
        if (report_cell(&l->cells, i, "several")->integer != 0)
            return true;
    return false;
}

/* Columns: share, mean, least, most; all in percent. */
static void curve_data(figure *f, const layers *l, int s, int row, double base)
{
    figure_say(f, "$c%d_%d << EOD\n0\t%.3f\t%.3f\t%.3f\n", row, s, 100 * base, 100 * base, 100 * base);
    for (int64_t i = l->begins[s]; i < l->begins[s + 1]; i++)
        if (layers_row(l, i) == row)
            figure_say(f, "%g\t%.3f\t%.3f\t%.3f\n", report_value(&l->cells, i, "percent"),
                       100 * (base + report_value(&l->cells, i, "mean")),
                       100 * (base + report_value(&l->cells, i, "least")),
                       100 * (base + report_value(&l->cells, i, "most")));
    figure_say(f, "EOD\n");
}

/* The random control is grey; the others take the series' colours. */
static const char *line_colour(const layers *l, int s)
{
    int before = 0;
    for (int i = 0; i < s; i++)
        before += !is_range(l, i);
    return is_range(l, s) ? COLOUR_MUTED : colour_series[before % N_SERIES_COLOURS];
}

static void add_legend(figure *f, const layers *l)
{
    bool range = false;
    for (int s = 0; s < l->series; s++) {
        const char *label = report_cell(&l->cells, l->begins[s], "label")->text;
        range = range || is_range(l, s);
        figure_legend(f, is_range(l, s) ? FIGURE_DASHED : FIGURE_LINE, line_colour(l, s), label);
    }
    if (range)
        figure_legend(f, FIGURE_AREA, COLOUR_BAND, "range of the choices");
}

static void draw_panel(figure *f, const layers *l, int row)
{
    const char *comma = "";
    figure_say(f, "set title ");
    figure_quote(f, l->axis.names[row], 20);
    figure_say(f, " font ',12' offset 0,-0.7\nplot ");
    for (int s = 0; s < l->series; s++)
        if (is_range(l, s)) {
            figure_say(f, "%s$c%d_%d using 1:3:4 with filledcurves fc rgb '" COLOUR_BAND "' notitle", comma, row, s);
            comma = ", ";
        }
    for (int s = 0; s < l->series; s++) {
        figure_say(f, "%s$c%d_%d using 1:2 with linespoints lw %s pt 7 ps 0.4 lc rgb '%s' notitle", comma, row, s,
                   is_range(l, s) ? "1.2 dt (5,3)" : "1.6", line_colour(l, s));
        comma = ", ";
    }
    figure_say(f, "\n");
}

/* The lowest value of all, in percent, down to a multiple of ten. */
static double floor_of(const layers *l, double base)
{
    double least = base;
    for (int64_t i = 0; i < l->begins[l->series]; i++)
        least = fmin(least, base + report_value(&l->cells, i, "least"));
    return fmax(0, floor(10 * least - 0.2) * 10);
}

bool fig_layer_curves(report *r, const layers *l, lsn_error *err)
{
    const int high = (l->axis.count + WIDE - 1) / WIDE, top = l->series > 4 ? 44 : 24, bottom = 56, panel = 118;
    const double base = r->study.top1, left = 0.062, width = (1 - left) / WIDE;
    figure f = figure_of("layers-curves", "How does top-1 fall as more of one layer is removed?", 900,
                         top + bottom + high * panel);
    if (l->n_fractions < 2 || !(base > 0))
        return true;
    for (int row = 0; row < l->axis.count; row++)
        for (int s = 0; s < l->series; s++)
            curve_data(&f, l, s, row, base);
    add_legend(&f, l);
    figure_say(&f,
               "set label 'share of the layer\xE2\x80\x99s filters removed (%%)' at screen 0.5,%.4f center\n"
               "set label 'top-1 (%%)' at screen 0.014,0.5 center rotate by 90\nset multiplot\n",
               12.0 / f.height);
    figure_labels(&f);
    figure_say(&f,
               "set xrange [0:%g]\nset yrange [%g:100]\nset grid ytics lc rgb '" COLOUR_GRID
               "' lw 1\nset tics font ',11'\nset ytics %d\n",
               100 * l->fractions[l->n_fractions - 1], floor_of(l, base), floor_of(l, base) < 50 ? 25 : 10);
    for (int row = 0; row < l->axis.count; row++) {
        const int x = row % WIDE, y = row / WIDE;
        figure_say(&f, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n", left + x * width,
                   left + (x + 0.92) * width);
        figure_say(&f, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
                   1 - (top + y * panel + 20.0) / f.height, 1 - (top + (y + 1) * panel - 8.0) / f.height);
        figure_say(&f, "set format y '%s'\nset format x '%s'\n", x == 0 ? "%g" : "",
                   row + WIDE >= l->axis.count ? "%g" : "");
        draw_panel(&f, l, row);
    }
    figure_say(&f, "unset multiplot\n");
    lsn_text_add(&f.caption,
                 "Top-1 with 0 to %g %% of one layer\xE2\x80\x99s filters removed. Where several choices were tried at "
                 "a share (random ones), the dashed line is their mean and the grey area their whole range: a ranking "
                 "that stays above the area has found filters that are needed less than chance would.",
                 100 * l->fractions[l->n_fractions - 1]);
    return figure_add(r, &f, err);
}
