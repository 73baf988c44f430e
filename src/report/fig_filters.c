/* Filters removed one at a time: the most damaging ones with intervals, and all of them at a glance. */
#include "report/figure.h"

#include "lesion/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANKED = 30 };

static const char *q_text(double q, char text[LSN_NUMBER_BYTES])
{
    snprintf(text, LSN_NUMBER_BYTES, q < 1e-4 ? "< 0.0001" : "%.2g", q);
    return text;
}

static void hover_single(figure *f, const report_single *s)
{
    char q[LSN_NUMBER_BYTES];
    figure_hover(f, "%s %d: %+.2f points, loss %+.4f, q %s", s->name, s->filter, 100 * s->d_top1, s->d_loss,
                 q_text(s->q, q));
}

/* ---- ranked -------------------------------------------------------------------------------------------------- */

static bool add_ranked(report *r, lsn_error *err)
{
    const int64_t count = r->singles.count < RANKED ? r->singles.count : RANKED;
    char images[LSN_NUMBER_BYTES], texts[RANKED][LSN_NUMBER_BYTES + 64];
    const char *labels[RANKED];
    figure f =
        figure_of("filters-ranked", "Which single filters does the network need most?", 900, (int)(90 + 17 * count));
    double least = -0.1, most = 0; /* points; where nothing changes there is an axis all the same */
    for (int sure = 1; sure >= 0; sure--) {
        figure_say(&f, "$%s << EOD\n", sure ? "sure" : "unsure");
        figure_hover_plot(&f, sure ? "2" : "4");
        for (int64_t i = 0; i < count; i++) {
            const report_single *s = &r->singles.of[i];
            const lsn_effect effect = lsn_paired_effect(s->lost, s->gained, s->images);
            const double low = 100 * (effect.value - 1.96 * effect.error),
                         high = 100 * (effect.value + 1.96 * effect.error);
            least = fmin(least, low);
            most = fmax(most, high);
            if ((s->q < 0.05) != sure)
                continue;
            figure_say(&f, "%.4f\t%d\t%.4f\t%.4f\n", 100 * effect.value, (int)i, low, high);
            hover_single(&f, s);
        }
        figure_say(&f, "EOD\n");
    }
    figure_say(&f,
               "set yrange [%d:-1]\nset xrange [%.3f:%.3f]\nset border 1\nset grid xtics lc rgb '" COLOUR_GRID
               "' lw 1\nset xlabel 'change of top-1 (points), 95 %% interval'\n",
               (int)count, least * 1.04, fmax(most, 0) * 1.04 + 0.01 * -least);
    for (int64_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "%.60s  %d", r->singles.of[i].name, r->singles.of[i].filter);
        labels[i] = texts[i];
    }
    figure_names(&f, "ytics scale 0 font ',12'", labels, (int)count, 1, 22);
    figure_say(&f,
               "set arrow 1 from 0,graph 0 to 0,graph 1 nohead lc rgb '" COLOUR_MUTED "' lw 1 back\nset tmargin 0.5\n");
    figure_say(&f, "plot $sure using 1:2:3:4 with xerrorbars pt 7 ps 0.01 lw 1.6 lc rgb '" COLOUR_LOSS
                   "', $sure using 1:2 with points pt 7 ps 0.75 lc rgb '" COLOUR_LOSS
                   "', $unsure using 1:2:3:4 with xerrorbars pt 7 ps 0.01 lw 1.2 lc rgb '" COLOUR_MUTED
                   "', $unsure using 1:2 with points pt 6 ps 0.75 lc rgb '" COLOUR_MUTED "'\n");
    lsn_text_add(
        &f.caption,
        "The %d filters whose removal costs most top-1, of %s in experiment %s (mode %s). Orange, filled: told from "
        "chance (q < 0.05); grey, open: not. Bars are 95 %% intervals of the change, each for itself; the first of "
        "many are there partly by luck, so expect their effect on other images to be smaller.",
        (int)count, lsn_count_text(r->singles.count, images), r->singles.experiment, r->singles.mode);
    return figure_add(r, &f, err);
}

/* ---- all at a glance ----------------------------------------------------------------------------------------- */

enum { CELL = 7, MOST_CELLS = 20000 };
static const double unit = 0.001; /* nats: below it colours are linear in the change of loss */

static int by_place(const void *a, const void *b)
{
    const report_single *x = *(const report_single *const *)a, *y = *(const report_single *const *)b;
    return x->layer != y->layer ? (x->layer > y->layer) - (x->layer < y->layer)
                                : (x->filter > y->filter) - (x->filter < y->filter);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The change of loss that 0.5 % of the filters exceed: beyond it colours do not change, so that a few outliers do not
 * make all others pale. */
static bool colour_limit(const report_singles *singles, double *limit, lsn_error *err)
{
    double *sizes = lsn_array((size_t)singles->count, sizeof *sizes, err);
    if (sizes == NULL)
        return false;
    for (int64_t i = 0; i < singles->count; i++)
        sizes[i] = fabs(singles->of[i].d_loss);
    qsort(sizes, (size_t)singles->count, sizeof *sizes, by_size);
    *limit = fmax(sizes[(size_t)((double)(singles->count - 1) * 0.995)], 2 * unit);
    free(sizes);
    return true;
}

/* Where a filter's cell is: a block of rows for each layer, each row up to `wide` filters. */
typedef struct layout {
    const report_single **order; /* [count] by layer and filter */
    int64_t count;
    int wide, rows;
} layout;

static bool lay_out(layout *map, const report_singles *singles, lsn_error *err)
{
    int32_t widest = 0;
    map->order = lsn_array((size_t)singles->count, sizeof *map->order, err);
    if (map->order == NULL)
        return false;
    for (int64_t i = 0; i < singles->count; i++) {
        map->order[map->count++] = &singles->of[i];
        widest = singles->of[i].filter > widest ? singles->of[i].filter : widest;
    }
    qsort(map->order, (size_t)map->count, sizeof(report_single *), by_place);
    map->wide = widest < 64 ? 64 : 128;
    return true;
}

/* The cells, each layer's block half a row below the one before; names of the layers as tics at its first cell. */
static void draw_cells(figure *f, layout *map, double limit)
{
    lsn_text data = {0};
    double top = 0, row = 0;
    figure_hover_plot(f, "1");
    figure_say(f, "set ytics scale 0 (");
    for (int64_t i = 0; i < map->count; i++) {
        const report_single *s = map->order[i];
        const bool begins = i == 0 || s->layer != map->order[i - 1]->layer;
        if (begins && i > 0)
            top = row + 1.4;
        row = top + s->filter / map->wide;
        lsn_text_add(&data, "%d\t%.1f\t%d\n", s->filter % map->wide, row,
                     colour_at(COLOUR_SIGNED, -figure_signed_log(s->d_loss, unit, limit)));
        hover_single(f, s);
        if (begins) {
            figure_say(f, i == 0 ? "" : ", ");
            figure_tic(f, s->name, 14);
            figure_say(f, " %.1f", row);
        }
    }
    figure_say(f, ")\n$map << EOD\n%sEOD\n", data.data == NULL ? "" : data.data);
    f->script.failed = f->script.failed || data.failed;
    lsn_text_finish(&data);
    map->rows = (int)ceil(row) + 1;
}

static bool add_map(report *r, lsn_error *err)
{
    char count[LSN_NUMBER_BYTES];
    double limit = unit;
    layout map = {0};
    figure f = figure_of("filters-map", "Where in the network are the filters that matter?", 900, 0);
    bool ok = colour_limit(&r->singles, &limit, err) && lay_out(&map, &r->singles, err);
    if (ok) {
        draw_cells(&f, &map, limit);
        f.height = (int)(map.rows * (map.wide == 64 ? 13 : 11)) + 60;
        f.height = f.height < 170 ? 170 : f.height;
        colour_palette(&f.script, COLOUR_SIGNED);
        figure_say(&f, "set cbrange [-1:1]\nset border 0\nset xrange [-0.7:%d]\nset yrange [%d:-0.8]\n", map.wide,
                   map.rows);
        figure_signed_log_tics(&f, "cb", unit, limit, -1, true, (f.height - 80) / 2.0);
        figure_say(&f,
                   "set cbtics font ',11' offset -0.6,0\nset colorbox user origin 0.915,%.3f size 0.014,%.3f\n"
                   "set label 'nats' at screen 0.94,%.4f right font ',11'\nset lmargin at screen 0.085\n"
                   "set rmargin at screen 0.9\nset xtics 16 scale 0 font ',11'\nset ytics font ',12'\n"
                   "set xlabel '%s' offset 0,0.5\nset bmargin at screen %.4f\nset tmargin at screen %.4f\n",
                   54.0 / f.height, 1 - 80.0 / f.height, 1 - 14.0 / f.height,
                   map.rows > 2 * 24 ? "filter, from the left; rows of 128" : "filter", 52.0 / f.height,
                   1 - 6.0 / f.height);
        figure_say(&f, "plot $map using 1:2:($1-0.45):($1+0.45):($2-0.44):($2+0.44):3 with boxxyerror fc rgb variable "
                       "notitle, NaN with lines palette notitle\n");
        lsn_text_add(
            &f.caption,
            "One cell for each of %s filters removed alone (experiment %s, mode %s), in the layers\xE2\x80\x99 order; "
            "rest the mouse on a cell for its numbers. Orange: the loss rises without it, blue: it falls, on a "
            "logarithmic scale that ends where 0.5 %% of the filters lie beyond.",
            lsn_count_text(map.count, count), r->singles.experiment, r->singles.mode);
        ok = figure_add(r, &f, err);
    }
    figure_finish(&f);
    free(map.order);
    return ok;
}

/* ---- table --------------------------------------------------------------------------------------------------- */

static void add_table(report *r)
{
    enum { COLUMNS = 8, MOST_ROWS = 500 };
    static const char *const names[COLUMNS] = {"layer", "filter", "top-1", "loss", "lost", "gained", "p", "q"};
    static const page_table table = {
        "filter-table",
        "Filters removed alone, the most damaging first: changes of top-1 (points) and of the loss "
        "(nats), images lost and gained, McNemar\xE2\x80\x99s mid-p, and q.",
        "lrrrrrrr", "filter_rank"};
    const report_singles *singles = &r->singles;
    const int64_t rows = singles->count < MOST_ROWS ? singles->count : MOST_ROWS;
    report_begin(r);
    page_begin_table(&r->body, &table, COLUMNS, names, rows, singles->count);
    for (int64_t i = 0; i < rows; i++) {
        const report_single *s = &singles->of[i];
        char cells[COLUMNS][LSN_NUMBER_BYTES];
        snprintf(cells[1], sizeof *cells, "%d", s->filter);
        snprintf(cells[2], sizeof *cells, "%+.2f", 100 * s->d_top1);
        snprintf(cells[3], sizeof *cells, "%+.4f", s->d_loss);
        snprintf(cells[4], sizeof *cells, "%lld", (long long)s->lost);
        snprintf(cells[5], sizeof *cells, "%lld", (long long)s->gained);
        snprintf(cells[6], sizeof *cells, "%.2g", s->p);
        q_text(s->q, cells[7]);
        page_cell(&r->body, &table, 0, s->name);
        for (int c = 1; c < COLUMNS; c++)
            page_cell(&r->body, &table, c, cells[c]);
    }
    page_end_table(&r->body);
}

bool fig_filters(report *r, lsn_error *err)
{
    report_section(r, "filters", "Filters");
    if (r->singles.count == 0)
        return true;
    if (!add_ranked(r, err) || !add_map(r, err))
        return false;
    add_table(r);
    return true;
}
