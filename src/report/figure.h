/* A figure: a script for gnuplot with words around it. Drawn once for the page and, where a folder for figures is
 * named, once as SVG and once as PDF for paper, by the same script.
 *
 * How a family of figures is written (fig_layers.c is an example):
 *
 *     bool fig_things(report *r, lsn_error *err)
 *     {
 *         lsn_table rows = {0};
 *         if (!report_query(r, &rows, "SELECT ... FROM a_view ...", err) || rows.rows == 0) -> finish, nothing to show
 *         report_section(r, "things", "Things");             the heading, once; it is written with what comes next
 *         figure f = figure_of("things", "Which things matter?", 900, 400);
 *         figure_say(&f, "$d << EOD\n%g\t%g\nEOD\n", x, y);  data of numbers; columns are parted by tabs
 *         figure_say(&f, "set ylabel 'change of top-1 (points)'\n");
 *         figure_say(&f, "set xtics ("); figure_tic(&f, hostile_name, 12); figure_say(&f, " 0)\n");
 *         figure_say(&f, "plot $d using 1:2 with points pt 7 lc rgb '" COLOUR_LOSS "' notitle\n");
 *         figure_hover_plot(&f, "1");                        of the marks of the first plot ...
 *         figure_hover(&f, "%s filter %d: ...", ...);        ... once for each mark, in the order of the data;
 *                                                           figure_mark_row does both for a row of a table
 *         lsn_text_add(&f.caption, "Each point is ...");     how to read it; plain text, escaped when it is written
 *         return figure_add(r, &f, err);                     draws it, writes it, finishes it
 *     }
 *
 * Texts from the database reach gnuplot through figure_quote and figure_tic alone, as labels; never in data, never as
 * commands. All colours are those of colours.h, so that they follow the page's theme. Text sizes are gnuplot's default
 * (13 px); smaller ones by `font ',11'`. Before the script runs: noenhanced text, no key, tab-separated data, thin grey
 * axes at the left and below, no mirrored tics. A mark outside of the ranges is not drawn, and then no mark of its plot
 * has hover texts. */
#ifndef REPORT_FIGURE_H
#define REPORT_FIGURE_H

#include "report/colours.h"
#include "report/report_page.h"

enum { FIGURE_HOVERS = 24 };

typedef struct figure {
    const char *id;    /* letters, digits and hyphens: of the element, and the files' name */
    const char *title; /* the question that it answers */
    int width, height; /* px on the page; 900 is a whole line, and 17.8 cm on paper; 435 a column of 8.6 cm */
    lsn_text script, caption;
    lsn_text legend;  /* commands before the script */
    lsn_text summary; /* what it shows in words, for those who cannot see it; empty: the title serves */
    lsn_text hover;   /* texts, each ended by a zero */
    lsn_text curves;  /* what figure_plot plots */
    int n_curves, n_series;
    bool in_data;              /* a block of data is not ended yet */
    int series_shown;          /* of n_series */
    double legend_x, legend_y; /* px from the upper left corner: where its next entry goes */
    struct {
        char plot[16];
        size_t count;
    } hovers[FIGURE_HOVERS];
    int n_hovers;
} figure;

figure figure_of(const char *id, const char *title, int width, int height);
/* Adds to the script: numbers and texts of our own. */
void figure_say(figure *f, const char *format, ...) LSN_PRINTF(2, 3);
/* Adds a text from anywhere to the script as a quoted string, shortened to `most` characters (0: not). */
void figure_quote(figure *f, const char *text, int most);
/* The same for the label of a tic, where gnuplot takes percent signs for formats of numbers. */
void figure_tic(figure *f, const char *text, int most);
/* Hover texts from now on are of the marks of this plot (svg.h says how they are counted). */
void figure_hover_plot(figure *f, const char *plot);
void figure_hover(figure *f, const char *format, ...) LSN_PRINTF(2, 3);
/* A mark of a table's row, by report_fill: what is added to the data, and its hover text. Data have numbers only. */
void figure_mark_row(figure *f, const lsn_table *rows, int64_t row, const char *data, const char *hover);

/* A signed logarithmic scale: 0 at 0, `most` at 1, about linear below `unit`. */
double figure_signed_log(double value, double unit, double most);
/* "set cbtics (...)" or another axis's: readable numbers at their places on that scale, times `factor` (100: points).
 * length: of the axis from 0 to `most`, px; what would touch its neighbour is left out. */
void figure_signed_log_tics(figure *f, const char *axis, double unit, double most, double factor, bool both_sides,
                            double length);

/* Names from anywhere at 0, 1, ...: of every `every`-th, shortened to `most` characters. what: "ytics scale 0". */
void figure_names(figure *f, const char *what, const char *const *names, int count, int every, int most);

/* An entry of the legend at the top, behind the one before: a short line (or dashed, or a point) of the colour and a
 * text from anywhere. Entries are labels and arrows, as `set label ... at screen` makes them. */
typedef enum figure_mark { FIGURE_LINE, FIGURE_DASHED, FIGURE_POINT, FIGURE_AREA } figure_mark;
void figure_legend(figure *f, figure_mark mark, const char *colour, const char *text);

/* How the series of a figure are drawn: what follows "using"; `bars`, if there are any, below the points. */
typedef struct figure_style {
    int most; /* series; further ones are left out, which figure_add says */
    figure_mark mark;
    const char *points, *bars, *bars_colour; /* bars_colour NULL: the series' */
} figure_style;

/* Begins a series in the next colour, with its entry in the legend: figure_say its data, figure_hover its marks. False
 * where there are `most`: then its data are not wanted. */
bool figure_series(figure *f, const figure_style *style, const char *label);
/* Ends the data of the last series; the plot begins below the legend. */
void figure_end_series(figure *f);
/* Adds `count` curves that are no series. */
void figure_curves(figure *f, int count, const char *format, ...) LSN_PRINTF(3, 4);
/* Plots all curves of series and others, in the order in which they came. */
void figure_plot(figure *f);

/* Layers along an axis, in the network's order. A network may have more than a figure has room for. */
enum { AXIS_LAYERS = 1024 };
typedef struct figure_axis {
    int most;         /* that are shown */
    int count, total; /* shown, and all */
    int64_t layers[AXIS_LAYERS];
    const char *names[AXIS_LAYERS]; /* as they were given */
} figure_axis;

/* The layers of a table: the columns of their places in the network, and of their names. */
figure_axis figure_axis_of(const lsn_table *rows, const char *layer, const char *name, int most);
void figure_axis_add(figure_axis *axis, int64_t layer, const char *name);
/* -1: not shown. */
int figure_axis_place(const figure_axis *axis, int64_t layer);
/* Says so in the caption where layers are left out. */
void figure_axis_caption(figure *f, const figure_axis *axis);

/* Rows as series by layer, one for each run of rows with the same text in the column `series`: figure_mark_row for
 * those whose layer (column `layer`) is on the axis, and whose column `only` (unless it is NULL) is not 0. Before the
 * data stands the layer's place; each series is `apart` from the one before. */
void figure_layer_series(figure *f, const figure_style *style, const lsn_table *rows, const char *layer,
                         const figure_axis *axis, double apart, const char *only, const char *data, const char *hover);

/* In a multiplot: draws all labels and arrows so far once, over the whole figure, and forgets them. Counts as a plot
 * command (of one plot) where hover texts are told their plots. */
void figure_labels(figure *f);

/* Draws the figure into the page, and into the folder of figures; without gnuplot nothing is drawn. Finishes it also
 * where it fails. */
bool figure_add(report *r, figure *f, lsn_error *err);
void figure_finish(figure *f);

#endif
