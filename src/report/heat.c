/* Draws panels of coloured cells. */
#include "report/heat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room around the panels, px. */
enum { LEFT = 96, RIGHT = 86, GAP = 12, OWN_GAP = 40, OWN_BELOW = 34, TITLE = 34, TOP = 4 };

static int gap_of(const heat *h)
{
    return h->own_names ? OWN_GAP : GAP;
}

void heat_panel(heat *h, const char *title, const char *second)
{
    char plot[16];
    if (h->panels > 0)
        figure_say(h->f, "EOD\n");
    figure_say(h->f, "$p%d << EOD\n", h->panels);
    snprintf(h->titles[h->panels][0], sizeof h->titles[0][0], "%s", title);
    snprintf(h->titles[h->panels][1], sizeof h->titles[0][1], "%s", second);
    snprintf(plot, sizeof plot, "1%c", 'b' + h->panels);
    figure_hover_plot(h->f, plot);
    h->panels++;
}

static double place_of(const heat *h, double value)
{
    if (h->unit > 0)
        return figure_signed_log(value, h->unit, h->most) * (h->factor < 0 ? -1 : 1);
    return fmin(value / h->most, 1);
}

static double width_of(const heat *h)
{
    return (double)(h->f->width - LEFT - RIGHT - (h->wide - 1) * gap_of(h)) / h->wide;
}

void heat_cell(heat *h, int row, int column, double value, bool mark)
{
    const double place = place_of(h, value);
    figure_say(h->f, "%d\t%d\t%.4f\t%s", column, row, place, mark ? "1" : "NaN");
    if (h->numbers) {
        const double shown = h->factor * value;
        const char *sign = shown <= -0.0499 ? "\xE2\x88\x92" : shown >= 0.0499 && h->scale == COLOUR_SIGNED ? "+" : "";
        const char *colour = fabs(place) > 0.55 ? COLOUR_BACK : COLOUR_INK;
        figure_say(h->f, "\t%s%.1f\t%ld", sign, fabs(shown), strtol(colour + 1, NULL, 16));
    }
    figure_say(h->f, "\n");
}

/* How long a text may be in so many px. */
static int characters(double px, double font)
{
    const int fit = (int)(px / (0.56 * font));
    return fit < 3 ? 3 : fit;
}

/* How high the colours' box is beside a panel of so much, px. */
static double box_of(const heat *h, double height)
{
    return fmin(fmax(height, 150), h->f->height - TOP - TITLE - 8);
}

static void say_colours(const heat *h)
{
    figure *f = h->f;
    const bool both_sides = h->scale == COLOUR_SIGNED;
    const double box = box_of(h, h->rows * h->cell);
    colour_palette(&f->script, h->scale);
    figure_say(f, "set cbrange [%d:1]\n", both_sides ? -1 : 0);
    if (h->unit > 0)
        figure_signed_log_tics(f, "cb", h->unit, h->most, h->factor, both_sides, both_sides ? box / 2 : box);
    else
        figure_say(f, "set cbtics ('0' 0, '%.2g' 0.5, '%.2g' 1)\n", h->factor * h->most / 2, h->factor * h->most);
    figure_say(f, "set cbtics font ',11' offset -0.6,0\nset cbtics scale 0.4\n");
}

/* Two lines above a panel, or one. */
static void say_title(const heat *h, int p, double left, double width, double top)
{
    const bool two = h->titles[p][1][0] != '\0';
    for (int line = 0; line < 2; line++) {
        figure_say(h->f, "set label %d ", line + 1);
        figure_quote(h->f, h->titles[p][line], characters(width + gap_of(h) - 4, 11.5));
        figure_say(h->f, " at screen %.5f,%.5f center font ',11.5'\n", (left + width / 2) / h->f->width,
                   1 - (top - (two && line == 0 ? 23 : 9)) / h->f->height);
    }
}

#define NAMES(axis) axis "tics scale 0 textcolor rgb '" COLOUR_INK "'"

/* Names of rows beside the leftmost panels, of columns below the lowest ones; of each panel where it has its own. */
static void say_panel_names(const heat *h, int p, double width)
{
    const int own = h->own_names ? p : 0;
    const double column = width / h->columns, least = h->upright ? 30 : 12;
    if (p % h->wide == 0 || h->own_names)
        figure_names(h->f, h->cell >= 13 ? NAMES("y") " font ',12'" : NAMES("y") " font ',10'",
                     h->row_names + own * h->rows, h->rows, h->cell >= 11 ? 1 : 1 + 11 / h->cell, 14);
    else
        figure_say(h->f, "unset ytics\n");
    if (p + h->wide >= h->panels || h->own_names)
        figure_names(h->f, h->upright ? NAMES("x") " font ',11.5'" : NAMES("x") " rotate by 90 right font ',10.5'",
                     h->column_names + own * h->columns, h->columns, column >= least ? 1 : (int)ceil(least / column),
                     12);
    else
        figure_say(h->f, "unset xtics\n");
}

/* What is below a row of panels, px. */
static int below(const heat *h)
{
    return h->own_names ? OWN_BELOW : 0;
}

static void draw_panel(const heat *h, int p, double width, double height)
{
    figure *f = h->f;
    const double left = LEFT + p % h->wide * (width + gap_of(h)),
                 top = TOP + p / h->wide * (TITLE + height + below(h)) + TITLE;
    figure_say(f, "set lmargin at screen %.5f\nset rmargin at screen %.5f\n", left / f->width,
               (left + width) / f->width);
    figure_say(f, "set tmargin at screen %.5f\nset bmargin at screen %.5f\n", 1 - top / f->height,
               1 - (top + height) / f->height);
    say_title(h, p, left, width, top);
    say_panel_names(h, p, width);
    if (p < h->panels - 1)
        figure_say(f, "unset colorbox\n");
    else {
        const double box = box_of(h, height);
        figure_say(f, "set colorbox user origin %.4f,%.4f size %.4f,%.4f\n", 1 - (RIGHT - 22.0) / f->width,
                   1 - (TOP + TITLE + box) / f->height, 13.0 / f->width, box / f->height);
    }
    const double inset = width / h->columns > 8 ? 0.47 : 0.5;
    figure_say(f,
               "plot $p%d using 1:2:($1-%g):($1+%g):($2-%g):($2+%g):3 with boxxyerror fc palette notitle, $p%d using "
               "($1*$4):2 with points pt 7 ps 0.3 lc rgb '" COLOUR_INK "' notitle",
               p, inset, inset, inset, inset, p);
    if (h->numbers && width / h->columns > 27)
        figure_say(f, ", $p%d using 1:2:5:6 with labels tc rgb variable font ',9.5' notitle", p);
    figure_say(f, "\n");
}

void heat_draw(heat *h)
{
    figure *f = h->f;
    const int high = (h->panels + h->wide - 1) / h->wide, bottom = (h->own_names ? 8
                                                                    : h->upright ? 26
                                                                                 : 62) +
                                                                   (h->x_label[0] != '\0' ? 18 : 0);
    const double width = width_of(h), height = (double)h->rows * h->cell;
    f->height = (int)(TOP + high * (TITLE + height + below(h)) + bottom);
    figure_say(f, "EOD\nset multiplot\nset label '%s' at screen %.4f,%.4f center\n", h->x_label,
               (LEFT + (f->width - LEFT - RIGHT) / 2.0) / f->width, 9.0 / f->height);
    figure_say(f, "set label '%s' at screen %.4f,%.4f center rotate by 90\n", h->y_label, 8.0 / f->width,
               1 - (TOP + TITLE + height / 2) / f->height);
    figure_say(f, "set label '%s' at screen %.4f,%.4f center font ',11'\n", h->unit_name, 1 - (RIGHT - 32.0) / f->width,
               1 - (TOP + TITLE - 10.0) / f->height);
    figure_labels(f);
    say_colours(h);
    figure_say(f, "set border 0\nset xrange [-0.5:%d.5]\nset yrange [%d.5:-0.5]\n", h->columns - 1, h->rows - 1);
    for (int p = 0; p < h->panels; p++)
        draw_panel(h, p, width, height);
    figure_say(f, "unset multiplot\n");
}
