/* Do two filters do more damage together than one after another? By layers, within layers, and the strongest pairs. */
#include "report/heat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 48, MOST_FILTERS = 24, MOST_PANELS = 6, RANKED = 20 };
static const double unit = 0.001; /* nats */

/* ---- layer by layer ------------------------------------------------------------------------------------------ */

static bool add_layers(report *r, lsn_error *err)
{
    const lsn_table *layers = &r->pairs.layers;
    figure_axis axis = figure_axis_of(layers, "index_a", "layer_a", MOST_LAYERS);
    double most = 2 * unit;
    for (int64_t k = 0; k < layers->rows; k++) {
        figure_axis_add(&axis, report_cell(layers, k, "index_b")->integer, report_cell(layers, k, "layer_b")->text);
        most = fmax(most, fabs(report_value(layers, k, "mean")));
    }
    if (axis.count < 3)
        return true;
    figure f = figure_of("pairs-layers", "Between which layers do filters stand in for each other?", 640, 0);
    heat h = {.f = &f,
              .scale = COLOUR_SIGNED,
              .unit = unit,
              .most = most,
              .factor = -1,
              .unit_name = "nats",
              .row_names = axis.names,
              .column_names = axis.names,
              .rows = axis.count,
              .columns = axis.count,
              .wide = 1,
              .cell = axis.count > 24 ? 14 : 22,
              .x_label = "",
              .y_label = ""};
    heat_panel(&h, "mean interaction of the pairs, by loss", "");
    for (int64_t k = 0; k < layers->rows; k++) {
        const int row = figure_axis_place(&axis, report_cell(layers, k, "index_a")->integer),
                  column = figure_axis_place(&axis, report_cell(layers, k, "index_b")->integer);
        if (row < 0 || column < 0)
            continue;
        heat_cell(&h, row, column, report_value(layers, k, "mean"), false);
        figure_mark_row(&f, layers, k, "",
                        "{layer_a} and {layer_b}: {mean:+.4f} nats in the mean of {n} pairs; more than the sum: "
                        "{more}, less: {less}");
    }
    heat_draw(&h);
    lsn_text_add(&f.caption, "Mean interaction of the pairs of two layers: what both cost together, in nats of loss, "
                             "beyond the sum of what each costs alone. Orange: more than the sum, the two stand in for "
                             "each other; blue: less, their damage overlaps. Logarithmic from 0.001 nats on.");
    figure_axis_caption(&f, &axis);
    return figure_add(r, &f, err);
}

/* ---- within layers ------------------------------------------------------------------------------------------- */

/* Pairs within the (at most six) layers that have most of their own, the strongest of each first: so the filters of the
 * strongest pairs come in first where there are too many. As in the view pair_interaction, but of these layers alone
 * from the start. */
static const char within_sql[] =
    "WITH own AS MATERIALIZED (SELECT a.layer, count(*) AS n FROM job j CROSS JOIN evaluation m ON m.evaluation = "
    "j.evaluation CROSS JOIN evaluation a ON a.evaluation = j.single_a CROSS JOIN evaluation b ON b.evaluation = "
    "j.single_b WHERE a.layer = b.layer AND m.status = 'done' AND a.status = 'done' AND b.status = 'done' GROUP BY "
    "a.layer HAVING n >= 6 ORDER BY n DESC, a.layer LIMIT 6), "
    "single AS MATERIALIZED (SELECT e.evaluation, l.name AS layer, e.filter, (e.gained - e.lost) * 1.0 / e.images AS "
    "top1, (e.loss_sum - e.base_loss_sum) / 1073741824.0 / e.images AS loss, own.n, l.layer AS place FROM evaluation e "
    "JOIN own ON own.layer = e.layer JOIN layer l ON l.layer = e.layer WHERE e.status = 'done' AND e.filter IS NOT "
    "NULL), "
    "pair AS (SELECT a.n, a.place AS layer_index, a.layer, a.filter AS filter_a, b.filter AS filter_b, (m.loss_sum - "
    "m.base_loss_sum) / 1073741824.0 / m.images - a.loss - b.loss AS loss, i.loss_low > 0 OR i.loss_high < 0 AS sure, "
    "100 * (a.top1 + b.top1 - (m.gained - m.lost) * 1.0 / m.images) AS top1 FROM job j CROSS JOIN single a ON "
    "a.evaluation = j.single_a CROSS JOIN single b ON b.evaluation = j.single_b CROSS JOIN evaluation m ON "
    "m.evaluation = j.evaluation LEFT JOIN pair_interval i ON i.job = j.job WHERE a.layer = b.layer AND m.status = "
    "'done') "
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY layer ORDER BY abs(loss) DESC, filter_a, filter_b) AS "
    "place FROM pair) WHERE place <= 9000 ORDER BY n DESC, layer_index, place";

typedef struct within {
    const char *layer;
    int64_t begin, end; /* of its rows */
    int32_t filters[MOST_FILTERS];
    int count;
} within;

static int place_of(const within *w, int64_t filter)
{
    for (int i = 0; i < w->count; i++)
        if (w->filters[i] == filter)
            return i;
    return -1;
}

static int by_number(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

/* Finds the rows of the layer whose rows begin there, and its filters. */
static void find_within(within *w, const lsn_table *pairs, int64_t begin)
{
    *w = (within){.layer = report_cell(pairs, begin, "layer")->text, .begin = begin, .end = begin};
    do
        for (int k = 0; k < 2; k++) {
            const int64_t filter = report_cell(pairs, w->end, k == 0 ? "filter_a" : "filter_b")->integer;
            if (place_of(w, filter) < 0 && w->count < MOST_FILTERS)
                w->filters[w->count++] = (int32_t)filter;
        }
    while (++w->end < pairs->rows && !report_begins(pairs, w->end, "layer"));
    qsort(w->filters, (size_t)w->count, sizeof *w->filters, by_number);
}

static void add_within_panel(heat *h, const within *w, const lsn_table *pairs)
{
    heat_panel(h, w->layer, "");
    for (int64_t i = w->begin; i < w->end; i++) {
        const int a = place_of(w, report_cell(pairs, i, "filter_a")->integer),
                  b = place_of(w, report_cell(pairs, i, "filter_b")->integer);
        if (a < 0 || b < 0)
            continue;
        for (int turn = 0; turn < 2; turn++) {
            heat_cell(h, turn ? b : a, turn ? a : b, report_value(pairs, i, "loss"),
                      report_cell(pairs, i, "sure")->integer != 0);
            figure_hover(h->f, "%s filters %d and %d: %+.4f nats, top-1 %+.2f points", w->layer, w->filters[a],
                         w->filters[b], report_value(pairs, i, "loss"), report_value(pairs, i, "top1"));
        }
    }
}

/* Each panel's own names of rows and columns. */
typedef struct names {
    char text[HEAT_PANELS][MOST_FILTERS][12];
    const char *pointers[HEAT_PANELS * MOST_FILTERS];
} names;

static void name_filters(names *n, const within *w, int panels, int most)
{
    for (int p = 0; p < HEAT_PANELS; p++)
        for (int i = 0; i < most; i++) {
            if (p < panels && i < w[p].count)
                snprintf(n->text[p][i], sizeof n->text[p][i], "%d", w[p].filters[i]);
            n->pointers[p * most + i] = n->text[p][i];
        }
}

static bool draw_within(report *r, const within *w, int panels, const lsn_table *pairs, lsn_error *err)
{
    int most = 0;
    double strongest = 2 * unit;
    names n = {0};
    for (int p = 0; p < panels; p++) {
        most = w[p].count > most ? w[p].count : most;
        strongest = fmax(strongest, fabs(report_value(pairs, w[p].begin, "loss")));
    }
    name_filters(&n, w, panels, most);
    figure f = figure_of("pairs-within", "Which filters of a layer stand in for each other?", 900, 0);
    heat h = {.f = &f,
              .scale = COLOUR_SIGNED,
              .unit = unit,
              .most = strongest,
              .factor = -1,
              .unit_name = "nats",
              .row_names = n.pointers,
              .column_names = n.pointers,
              .own_names = true,
              .rows = most,
              .columns = most,
              .wide = panels < 3 ? panels : 3,
              .cell = most > 16 ? 11 : 16,
              .x_label = "filter",
              .y_label = "filter"};
    for (int p = 0; p < panels; p++)
        add_within_panel(&h, &w[p], pairs);
    heat_draw(&h);
    lsn_text_add(&f.caption,
                 "Interaction of two filters of a layer: what both cost together, in nats of loss, beyond the sum of "
                 "what each costs alone. Orange: they stand in for each other; blue: their damage overlaps. A dot "
                 "marks a 95 %% interval without 0 (not corrected for the number of pairs). Logarithmic from 0.001 "
                 "nats on. White: no such pair, or not among the layer\xE2\x80\x99s 9,000 strongest. The %d layers "
                 "with most pairs, of each the %d filters of its strongest pairs.",
                 panels, MOST_FILTERS);
    return figure_add(r, &f, err);
}

static bool add_within(report *r, lsn_error *err)
{
    within w[MOST_PANELS];
    lsn_table pairs = {0};
    int panels = 0;
    bool ok = report_query(r, &pairs, within_sql, err);
    for (int64_t row = 0; ok && row < pairs.rows; row = w[panels++].end)
        find_within(&w[panels], &pairs, row);
    ok = ok && (panels == 0 || draw_within(r, w, panels, &pairs, err));
    lsn_table_finish(&pairs);
    return ok;
}

/* ---- strongest ----------------------------------------------------------------------------------------------- */

/* First which, then what they are: only so is it quick with a million pairs. */
static const char strongest_sql[] =
    "WITH strongest AS MATERIALIZED (SELECT j.job AS job, (m.loss_sum - m.base_loss_sum) / 1073741824.0 / m.images - "
    "(a.loss_sum - a.base_loss_sum) / 1073741824.0 / a.images - (b.loss_sum - b.base_loss_sum) / 1073741824.0 / "
    "b.images AS loss FROM job j JOIN evaluation m ON m.evaluation = j.evaluation JOIN evaluation a ON a.evaluation = "
    "j.single_a JOIN evaluation b ON b.evaluation = j.single_b WHERE m.status = 'done' AND a.status = 'done' AND "
    "b.status = 'done' ORDER BY abs(loss) DESC LIMIT 150), "
    "damage AS NOT MATERIALIZED (SELECT evaluation, layer, filter, 100.0 * (lost - gained) / images AS top1 FROM "
    "evaluation) "
    "SELECT la.name || ' ' || a.filter AS a, lb.name || ' ' || b.filter AS b, printf('%.2f', a.top1) AS 'a alone', "
    "printf('%.2f', b.top1) AS 'b alone', printf('%.2f', m.top1) AS both, printf('%+.2f', m.top1 - a.top1 - b.top1) AS "
    "interaction, CASE WHEN i.top1_low IS NULL THEN '' ELSE printf('%+.2f to %+.2f', 100 * i.top1_low, 100 * "
    "i.top1_high) END AS '95 %', printf('%+.4f', s.loss) AS 'by loss', e.mode FROM strongest s CROSS JOIN job j ON "
    "j.job "
    "= s.job CROSS JOIN evaluation e ON e.evaluation = j.evaluation CROSS JOIN damage m ON m.evaluation = j.evaluation "
    "CROSS JOIN damage a ON a.evaluation = j.single_a CROSS JOIN damage b ON b.evaluation = j.single_b JOIN layer la "
    "ON la.layer = a.layer JOIN "
    "layer lb ON lb.layer = b.layer LEFT JOIN pair_interval i ON i.job = j.job GROUP BY a.evaluation, b.evaluation "
    "ORDER BY abs(s.loss) DESC";

static double number_of(const lsn_table *t, int64_t row, const char *column)
{
    return strtod(report_cell(t, row, column)->text, NULL);
}

/* Sum and truth of the strongest pairs, from the table's own rows. */
static bool add_strongest(report *r, const lsn_table *t, lsn_error *err)
{
    const int count = t->rows < RANKED ? (int)t->rows : RANKED;
    figure f = figure_of("pairs-strongest", "How much more do the strongest pairs cost than their sum?", 900,
                         100 + 20 * count);
    const char *labels[RANKED];
    char texts[RANKED][160];
    figure_legend(&f, FIGURE_POINT, COLOUR_MUTED, "sum of both alone");
    figure_legend(&f, FIGURE_POINT, COLOUR_LOSS, "both together");
    figure_say(&f, "$s << EOD\n");
    for (int i = 0; i < count; i++)
        figure_say(&f, "%d\t%.4f\t%s\n", i, number_of(t, i, "a alone") + number_of(t, i, "b alone"),
                   report_cell(t, i, "both")->text);
    figure_say(&f, "EOD\n");
    figure_end_series(&f);
    figure_say(&f,
               "set border 1\nset yrange [%d.6:-0.6]\nset grid xtics lc rgb '" COLOUR_GRID
               "' lw 1\nset xlabel 'loss of top-1 (points)'\n",
               count - 1);
    for (int i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "%.60s + %.60s", report_cell(t, i, "a")->text,
                 report_cell(t, i, "b")->text);
        labels[i] = texts[i];
    }
    figure_names(&f, "ytics scale 0 font ',11.5'", labels, count, 1, 32);
    for (int k = 0; k < 2; k++) {
        figure_hover_plot(&f, k == 0 ? "2" : "3");
        for (int i = 0; i < count; i++)
            figure_mark_row(&f, t, i, "", "{a} + {b}: {a alone} and {b alone} alone, {both} together");
    }
    figure_say(&f, "plot $s using 2:1:($3-$2):(0) with vectors nohead lw 2 lc rgb '" COLOUR_BAND
                   "' notitle, $s using 2:1 with points pt 7 ps 0.8 lc rgb '" COLOUR_MUTED
                   "' notitle, $s using 3:1 with points pt 7 ps 0.8 lc rgb '" COLOUR_LOSS "' notitle\n");
    lsn_text_add(&f.caption,
                 "The pairs with the strongest interaction by loss: grey, what the two cost one by one, added up; "
                 "orange, what they cost together, in points of top-1. Orange to the right: each hides the "
                 "other\xE2\x80\x99s loss. They are the extremes of many pairs, so expect less on other images.");
    return figure_add(r, &f, err);
}

bool fig_pairs(report *r, lsn_error *err)
{
    static const page_table table = {
        "pair-table",
        "Pairs with the strongest interaction by loss. Losses of top-1 in points; interaction: both together less both "
        "alone, in points with its interval, and by loss in nats.",
        "llrrrrrrl", "pair_interaction"};
    lsn_table strongest = {0};
    report_section(r, "pairs", "Pairs");
    if (r->pairs.count == 0)
        return true;
    bool ok = add_layers(r, err) && add_within(r, err) && report_query(r, &strongest, strongest_sql, err) &&
              add_strongest(r, &strongest, err);
    if (ok) {
        report_begin(r);
        page_add_table(&r->body, &table, &strongest, r->pairs.count);
    }
    lsn_table_finish(&strongest);
    return ok;
}
