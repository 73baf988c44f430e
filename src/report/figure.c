/* Composes figures, and has gnuplot draw them for the page and for paper. */
#include "report/figure.h"

#include "report/gnuplot.h"
#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

figure figure_of(const char *id, const char *title, int width, int height)
{
    return (figure){.id = id, .title = title, .width = width, .height = height, .legend_x = 60, .legend_y = 10};
}

void figure_finish(figure *f)
{
    lsn_text_finish(&f->script);
    lsn_text_finish(&f->legend);
    lsn_text_finish(&f->caption);
    lsn_text_finish(&f->summary);
    lsn_text_finish(&f->hover);
    lsn_text_finish(&f->curves);
}

void figure_say(figure *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lsn_text_add_v(&f->script, format, args);
    va_end(args);
}

/* In single quotes gnuplot knows no escapes, no substitution and no macros; only the quote itself has to go, and what
 * ends a line. */
static void quote(lsn_text *to, const char *text, int most, const char *percent)
{
    int characters = 0;
    lsn_text_add(to, "'");
    for (const char *c = text; *c != '\0';) {
        const int bytes = lsn_utf8_bytes(c);
        if (most > 0 && characters++ == most) {
            lsn_text_add(to, "\xE2\x80\xA6");
            break;
        }
        if (bytes == 0)
            lsn_text_add(to, "\xEF\xBF\xBD");
        else if (*c == '\'')
            lsn_text_add(to, "\xE2\x80\x99");
        else if (*c == '%')
            lsn_text_add(to, "%s", percent);
        else if (bytes == 1)
            lsn_text_add(to, "%c", *c < ' ' || *c == 0x7F ? ' ' : *c);
        else
            lsn_text_add(to, "%.*s", bytes, c);
        c += bytes == 0 ? 1 : bytes;
    }
    lsn_text_add(to, "'");
}

void figure_quote(figure *f, const char *text, int most)
{
    quote(&f->script, text, most, "%");
}

void figure_tic(figure *f, const char *text, int most)
{
    quote(&f->script, text, most, "%%");
}

/* ---- hover texts --------------------------------------------------------------------------------------------- */

void figure_hover_plot(figure *f, const char *plot)
{
    if (f->n_hovers == FIGURE_HOVERS)
        return;
    snprintf(f->hovers[f->n_hovers].plot, sizeof f->hovers->plot, "%s", plot);
    f->hovers[f->n_hovers++].count = 0;
}

static void end_hover(figure *f)
{
    lsn_text_add(&f->hover, "%c", 0);
    if (f->n_hovers > 0)
        f->hovers[f->n_hovers - 1].count++;
}

void figure_hover(figure *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lsn_text_add_v(&f->hover, format, args);
    va_end(args);
    end_hover(f);
}

void figure_mark_row(figure *f, const lsn_table *rows, int64_t row, const char *data, const char *hover)
{
    report_fill(&f->script, rows, row, data);
    report_fill(&f->hover, rows, row, hover);
    end_hover(f);
}

/* ---- scales -------------------------------------------------------------------------------------------------- */

double figure_signed_log(double value, double unit, double most)
{
    const double place = log1p(fabs(value) / unit) / log1p(most / unit);
    return copysign(fmin(place, 1), value);
}

static void say_tic(figure *f, double value, double place, bool sign)
{
    figure_say(f, ", '%s%g' %.4f", value < 0 ? "\xE2\x88\x92" : sign ? "+" : "", fabs(value), place);
}

void figure_signed_log_tics(figure *f, const char *axis, double unit, double most, double factor, bool both_sides,
                            double length)
{
    const bool close = most / unit < 30;
    const double gap = (*axis == 'x' ? 34 : 12) / length;
    double last = 0;
    figure_say(f, "set %stics ('0' 0", axis);
    for (int power = (int)floor(log10(unit)); pow(10, power) <= most; power++)
        for (int m = 1; m <= 5; m += m == 1 ? (close ? 1 : 4) : 3) {
            const double value = m * pow(10, power);
            if (value < unit / 2 || value > most * 1.001 || (m == 5 && !close))
                continue;
            const double place = figure_signed_log(value, unit, most);
            if (place < last + gap)
                continue;
            last = place;
            say_tic(f, value * factor, place, both_sides);
            if (both_sides)
                say_tic(f, -value * factor, -place, both_sides);
        }
    figure_say(f, ")\n");
}

/* Thin axes at the left and below. */
#define AXES                                                              \
    "set border 3 lw 1 lc rgb '" COLOUR_MUTED "'\nset xtics\nset ytics\n" \
    "set tics out nomirror scale 0.4 textcolor rgb '" COLOUR_INK "'\n"

/* ---- layers along an axis ------------------------------------------------------------------------------------- */

/* Where the layer is in the axis, shown or not, or where it belongs. */
static int find_layer(const figure_axis *axis, int64_t layer)
{
    int low = 0, high = axis->total;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (axis->layers[middle] < layer)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void figure_axis_add(figure_axis *axis, int64_t layer, const char *name)
{
    const int place = find_layer(axis, layer);
    if (axis->total == AXIS_LAYERS || (place < axis->total && axis->layers[place] == layer))
        return;
    const size_t behind = (size_t)(axis->total++ - place);
    memmove(axis->layers + place + 1, axis->layers + place, behind * sizeof *axis->layers);
    memmove(axis->names + place + 1, axis->names + place, behind * sizeof *axis->names);
    axis->layers[place] = layer;
    axis->names[place] = name;
    axis->count = axis->total < axis->most ? axis->total : axis->most;
}

figure_axis figure_axis_of(const lsn_table *rows, const char *layer, const char *name, int most)
{
    figure_axis axis = {.most = most};
    for (int64_t i = 0; i < rows->rows; i++)
        figure_axis_add(&axis, report_cell(rows, i, layer)->integer, report_cell(rows, i, name)->text);
    return axis;
}

int figure_axis_place(const figure_axis *axis, int64_t layer)
{
    const int place = find_layer(axis, layer);
    return place < axis->count && axis->layers[place] == layer ? place : -1;
}

void figure_axis_caption(figure *f, const figure_axis *axis)
{
    if (axis->total > axis->count)
        lsn_text_add(&f->caption, " The first %d of %d layers are shown.", axis->count, axis->total);
}

void figure_names(figure *f, const char *what, const char *const *names, int count, int every, int most)
{
    figure_say(f, "set %s (", what);
    for (int i = 0; i < count; i += every) {
        figure_say(f, i == 0 ? "" : ", ");
        figure_tic(f, names[i], most);
        figure_say(f, " %d", i);
    }
    figure_say(f, ")\n");
}

/* ---- legends ------------------------------------------------------------------------------------------------- */

enum { SAMPLE = 22, LETTER = 7, LINE = 19 };

void figure_legend(figure *f, figure_mark mark, const char *colour, const char *text)
{
    double *x = &f->legend_x, *y = &f->legend_y;
    const int shown = LSN_MIN(lsn_utf8_count(text, strlen(text)), 56);
    if (*x + SAMPLE + 6 + shown * LETTER > f->width && *x > 100) {
        *x = 60;
        *y += LINE;
    }
    const double left = *x / f->width, right = (*x + SAMPLE) / f->width, place = 1 - *y / f->height;
    if (mark == FIGURE_POINT)
        lsn_text_add(&f->legend, "set label '' at screen %.4f,%.4f point pt 7 ps 0.8 lc rgb '%s'\n", (left + right) / 2,
                     place, colour);
    else
        lsn_text_add(&f->legend, "set arrow from screen %.4f,%.4f to screen %.4f,%.4f nohead lw %s lc rgb '%s'\n", left,
                     place, right, place,
                     mark == FIGURE_AREA     ? "9"
                     : mark == FIGURE_DASHED ? "1.2 dt (5,3)"
                                             : "1.8",
                     colour);
    lsn_text_add(&f->legend, "set label ");
    quote(&f->legend, text, 56, "%");
    lsn_text_add(&f->legend, " at screen %.4f,%.4f left font ',12'\n", right + 6.0 / f->width, place);
    *x += SAMPLE + 6 + shown * LETTER + 18;
}

/* ---- series ------------------------------------------------------------------------------------------------------ */

void figure_curves(figure *f, int count, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lsn_text_add(&f->curves, f->n_curves == 0 ? "" : ", ");
    lsn_text_add_v(&f->curves, format, args);
    va_end(args);
    f->n_curves += count;
}

bool figure_series(figure *f, const figure_style *style, const char *label)
{
    const int which = f->n_series++;
    char curve[16];
    if (which >= style->most)
        return false;
    const char *colour = colour_series[which % N_SERIES_COLOURS];
    figure_say(f, "%s$d%d << EOD\n", f->in_data ? "EOD\n" : "", which);
    f->in_data = true;
    f->series_shown++;
    figure_legend(f, style->mark, colour, label);
    if (style->bars != NULL)
        figure_curves(f, 1, "$d%d using %s lc rgb '%s' notitle", which, style->bars,
                      style->bars_colour != NULL ? style->bars_colour : colour);
    figure_curves(f, 1, "$d%d using %s lc rgb '%s' notitle", which, style->points, colour);
    snprintf(curve, sizeof curve, "%d", f->n_curves);
    figure_hover_plot(f, curve);
    return true;
}

void figure_end_series(figure *f)
{
    figure_say(f, "%sset tmargin at screen %.4f\n", f->in_data ? "EOD\n" : "", 1 - (f->legend_y + 14) / f->height);
    f->in_data = false;
}

void figure_plot(figure *f)
{
    figure_say(f, "plot %s\n", f->curves.data == NULL ? "NaN" : f->curves.data);
    f->script.failed = f->script.failed || f->curves.failed;
}

void figure_layer_series(figure *f, const figure_style *style, const lsn_table *rows, const char *layer,
                         const figure_axis *axis, double apart, const char *only, const char *data, const char *hover)
{
    bool shown = false;
    for (int64_t i = 0; i < rows->rows; i++) {
        const int place = figure_axis_place(axis, report_cell(rows, i, layer)->integer);
        if (report_begins(rows, i, "series"))
            shown = figure_series(f, style, report_cell(rows, i, "series")->text);
        if (!shown || place < 0 || (only != NULL && report_cell(rows, i, only)->integer == 0))
            continue;
        figure_say(f, "%.2f", place + apart * (f->n_series - 1));
        figure_mark_row(f, rows, i, data, hover);
    }
    figure_end_series(f);
}

void figure_labels(figure *f)
{
    figure_say(f, "unset border\nunset xtics\nunset ytics\nset lmargin at screen 0\nset rmargin at screen 1\nset "
                  "tmargin at screen 1\n"
                  "set bmargin at screen 0\nplot [0:1][0:1] NaN notitle\nunset label\nunset arrow\n" AXES);
}

/* ---- drawing ------------------------------------------------------------------------------------------------- */

static const char prelude[] = "set encoding utf8\n"
                              "set datafile separator tab\n"
                              "set datafile missing 'NaN'\n"
                              "unset key\n"
                              "set pointintervalbox 0\n" AXES "set colorbox noborder\n"
                              "set style fill solid noborder\n"
                              "set errorbars 0\n";

typedef enum medium { ON_PAGE, PAPER_SVG, PAPER_PDF } medium;

/* 900 px of the page are 17.8 cm on paper, where texts are 7.5 points. */
static bool run_script(const figure *f, medium where, const char *folder, lsn_text *output, lsn_error *err)
{
    lsn_text script = {0};
    if (where == PAPER_PDF)
        lsn_text_add(&script,
                     "set terminal pdfcairo noenhanced size %.2fcm,%.2fcm font 'Helvetica,13' fontscale 0.577 "
                     "linewidth 0.7 pointscale 0.56 "
                     "rounded\nset output '%s.pdf'\n",
                     f->width * 17.8 / 900, f->height * 17.8 / 900, f->id);
    else
        lsn_text_add(&script, "set terminal svg noenhanced size %d,%d dynamic font '%s,13' name 'g'%s\n", f->width,
                     f->height, where == ON_PAGE ? "sans-serif" : "Helvetica,Arial,sans-serif",
                     where == ON_PAGE ? "" : " background rgb '#ffffff'");
    if (where == PAPER_SVG)
        lsn_text_add(&script, "set output '%s.svg'\n", f->id);
    lsn_text_add(&script, "%s%s%s\nset output\n", prelude, f->legend.data == NULL ? "" : f->legend.data,
                 f->script.data);
    const bool ok = gnuplot_run(folder, &script, output, err);
    lsn_text_finish(&script);
    return ok || lsn_fail_in(err, "figure %s", f->id);
}

/* A figure that fails leaves its words behind: the page is more than one of its figures. */
static bool draw_on_page(report *r, const figure *f, lsn_error *err)
{
    lsn_text svg = {0};
    svg_hover hovers[FIGURE_HOVERS];
    size_t total = 0, begun = 0;
    for (int i = 0; i < f->n_hovers; i++)
        total += f->hovers[i].count;
    const char **texts = lsn_array(total, sizeof *texts, err);
    const char *next = f->hover.data;
    for (size_t i = 0; texts != NULL && i < total; i++, next += strlen(next) + 1)
        texts[i] = next;
    for (int i = 0; texts != NULL && i < f->n_hovers; i++) {
        hovers[i] = (svg_hover){f->hovers[i].plot, texts + begun, f->hovers[i].count};
        begun += f->hovers[i].count;
    }
    const char *label = f->summary.data != NULL ? f->summary.data : f->title;
    bool hovered = true;
    lsn_error why;
    bool ok = texts != NULL;
    if (ok && run_script(f, ON_PAGE, NULL, &svg, &why)) {
        ok = svg_rewrite(&r->body, svg.data == NULL ? "" : svg.data, label, hovers, (size_t)f->n_hovers, &hovered, err);
        r->drawn += ok;
    } else if (ok) {
        lsn_log("left out: %s", why.text);
        page_markup(&r->body, "<p>This figure could not be drawn.</p>\n");
    }
    if (ok && !hovered)
        lsn_log("figure %s: gnuplot left out marks, so that some have no words where the mouse rests on them", f->id);
    lsn_text_finish(&svg);
    free(texts);
    return ok;
}

static bool draw_on_paper(report *r, const figure *f, lsn_error *err)
{
    lsn_text nothing = {0};
    const bool ok = run_script(f, PAPER_SVG, r->figures, &nothing, err) &&
                    (!r->paper_pdf || run_script(f, PAPER_PDF, r->figures, &nothing, err));
    lsn_text_finish(&nothing);
    return ok;
}

bool figure_add(report *r, figure *f, lsn_error *err)
{
    bool ok =
        (!f->script.failed && !f->legend.failed && !f->caption.failed && !f->summary.failed && !f->hover.failed) ||
        lsn_fail(err, LSN_FAILED, "out of memory: figure %s could not be composed", f->id);
    if (ok && r->draw) {
        report_begin(r);
        page_markup(&r->body, "<figure id=\"fig-%s\"%s><h3>", f->id, f->width <= 450 ? " class=\"half\"" : "");
        page_text(&r->body, f->title);
        page_markup(&r->body, "</h3>\n<div class=\"draw\" tabindex=\"0\" role=\"region\" aria-label=\"Figure\">\n");
        ok = draw_on_page(r, f, err) && (r->figures == NULL || draw_on_paper(r, f, err));
        page_markup(&r->body, "</div>\n<figcaption>");
        if (f->n_series > f->series_shown)
            lsn_text_add(&f->caption, " The first %d of %d series are shown.", f->series_shown, f->n_series);
        page_prose(&r->body, f->caption.data != NULL ? f->caption.data : "");
        page_markup(&r->body, "</figcaption></figure>\n");
    }
    figure_finish(f);
    return ok;
}
