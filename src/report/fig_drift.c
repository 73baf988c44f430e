/* How far an ablation of one layer moves the outputs of that layer and of those behind it, and how much of that reaches
 * the logits. */
#include "report/heat.h"

#include <math.h>

enum { MOST_LAYERS = 48 };

/* Ordered by series; experiments of very many jobs are left to SQL. */
static const char cells_sql[] =
    "SELECT *, coalesce(nullif(way, '') || ', ', '') || mode AS how, experiment || ': ' || coalesce(nullif(way, '') || "
    "', ', '') || mode AS series FROM (SELECT m.experiment, " REPORT_WAY
    " AS way, m.mode, m.layer_index, m.layer AS ablated, d.layer, l.name, 100 * avg(d.drift) AS drift, count(*) AS "
    "jobs, l.logits, m.experiment_position FROM job_metric m JOIN drift d ON d.evaluation = m.evaluation JOIN layer l "
    "ON l.layer = d.layer WHERE m.layer_index IS NOT NULL AND m.status = 'done' AND m.experiment IN (SELECT x.name "
    "FROM experiment x JOIN job j ON j.experiment = x.experiment GROUP BY x.name HAVING count(*) <= 100000) GROUP BY "
    "m.experiment_position, way, m.mode, m.layer_index, d.layer) ORDER BY experiment_position, way, mode, layer_index, "
    "layer";

static bool add_heat(report *r, const lsn_table *t, lsn_error *err)
{
    const figure_axis ablated = figure_axis_of(t, "layer_index", "ablated", MOST_LAYERS),
                      measured = figure_axis_of(t, "layer", "name", MOST_LAYERS);
    int series = 0;
    double most = 0;
    for (int64_t i = 0; i < t->rows; i++) {
        series += report_begins(t, i, "series");
        most = fmax(most, report_value(t, i, "drift"));
    }
    figure f = figure_of("drift-layers", "How far does damage spread?", 900, 0);
    heat h = {.f = &f,
              .scale = COLOUR_AMOUNT,
              .most = fmax(most, 1e-4),
              .factor = 1,
              .unit_name = "drift (%)",
              .row_names = ablated.names,
              .column_names = measured.names,
              .rows = ablated.count,
              .columns = measured.count,
              .wide = series < 3   ? series
                      : series < 5 ? 2
                                   : 3,
              .cell = 13,
              .x_label = "layer whose output moves",
              .y_label = "layer of which filters are removed"};
    for (int64_t i = 0; i < t->rows; i++) {
        const int row = figure_axis_place(&ablated, report_cell(t, i, "layer_index")->integer),
                  column = figure_axis_place(&measured, report_cell(t, i, "layer")->integer);
        const bool begins = report_begins(t, i, "series");
        if (begins && h.panels == HEAT_PANELS)
            break;
        if (begins)
            heat_panel(&h, report_cell(t, i, "experiment")->text, report_cell(t, i, "how")->text);
        if (row < 0 || column < 0)
            continue;
        heat_cell(&h, row, column, report_value(t, i, "drift"), false);
        figure_mark_row(&f, t, i, "", "{ablated} removed from, {name} moves by {drift:.1f} % ({jobs} jobs)");
    }
    heat_draw(&h);
    lsn_text_add(&f.caption, "Mean drift of each layer\xE2\x80\x99s output, |changed \xE2\x88\x92 intact| as a share "
                             "of |intact|, when filters of the layer at the left are removed. A row that stays dark to "
                             "the right is damage that cascades to the logits; one that fades is damage that later "
                             "layers make good. Drift tells how far damage spreads, not whether it matters.");
    figure_axis_caption(&f, ablated.total > measured.total ? &ablated : &measured);
    if (series > HEAT_PANELS)
        lsn_text_add(&f.caption, " The first %d of %d ways of removing are shown.", HEAT_PANELS, series);
    return figure_add(r, &f, err);
}

/* Drift of the logits by ablated layer, a line for each series. */
static bool add_logits(report *r, const lsn_table *t, lsn_error *err)
{
    static const figure_style style = {
        .most = 7, .mark = FIGURE_LINE, .points = "1:2 with linespoints lw 1.6 pt 7 ps 0.5"};
    const figure_axis ablated = figure_axis_of(t, "layer_index", "ablated", MOST_LAYERS);
    figure f = figure_of("drift-logits", "How much of the damage reaches the logits?", 900, 330);
    figure_layer_series(&f, &style, t, "layer_index", &ablated, 0, "logits", "\t{drift:.4f}\n",
                        "{ablated}, {way} {mode}: the logits move by {drift:.1f} %");
    figure_say(&f,
               "set xrange [-0.4:%d.4]\nset yrange [0:*]\nset ylabel 'drift of the logits (%%)'\nset grid ytics lc rgb "
               "'" COLOUR_GRID "' lw 1\nset bmargin at screen %.4f\n",
               ablated.count - 1, 66.0 / f.height);
    figure_names(&f, "xtics rotate by 90 right font ',11'", ablated.names, ablated.count, 1, 12);
    figure_plot(&f);
    lsn_text_add(&f.caption,
                 "Mean drift of the last layer\xE2\x80\x99s output by the layer of which filters are removed. Lines "
                 "that differ only in the mode show what stands in best for a removed filter.");
    figure_axis_caption(&f, &ablated);
    return figure_add(r, &f, err);
}

bool fig_drift(report *r, lsn_error *err)
{
    static const page_table table = {"drift-table",
                                     "Mean drift of the logits (%) and change of top-1 (points) by what was removed.",
                                     "llllrrr", "drift_view"};
    lsn_table cells = {0};
    report_section(r, "drift", "Drift");
    bool ok = report_query(r, &cells, cells_sql, err);
    if (ok && cells.rows > 0)
        ok = add_heat(r, &cells, err) && add_logits(r, &cells, err) &&
             report_table(r, &table,
                          "SELECT m.layer AS 'removed from', m.experiment, " REPORT_WAY
                          " AS way, m.mode, count(*) AS jobs, printf('%.1f', 100 * avg(d.drift)) AS 'logits drift', "
                          "printf('%+.2f', 100 * avg(m.d_top1)) AS 'top-1' FROM job_metric m JOIN layer l ON l.logits "
                          "= 1 JOIN drift d ON d.evaluation = m.evaluation AND d.layer = l.layer "
                          "WHERE m.layer_index IS NOT NULL AND m.status = 'done' GROUP BY m.experiment_position, way, "
                          "m.mode, m.layer_index ORDER BY avg(d.drift) DESC LIMIT 300",
                          -1, err);
    lsn_table_finish(&cells);
    return ok;
}
