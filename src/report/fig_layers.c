/* Which layers bear the loss of a share of their filters: a panel for each series (experiment, score, mode), in it a
 * row for each layer and a column for each fraction; and for each layer its curves, with the band of random choices. */
#include "report/heat.h"
#include "report/layers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `second`: of a panel's title, below the experiment; modes are named where there are several. */
static const char cells_sql[] =
    "WITH cell AS MATERIALIZED (SELECT experiment_position, experiment, " REPORT_WAY
    " AS way, mode, layer_index, layer, fraction, count(*) AS jobs, avg(d_top1) AS mean, min(d_top1) AS least, "
    "max(d_top1) AS most, avg(d_loss) AS loss FROM job_metric m WHERE layer_index IS NOT NULL AND fraction IS NOT NULL "
    "AND status = 'done' GROUP BY experiment_position, way, mode, layer_index, fraction), "
    "named AS (SELECT *, CASE WHEN (SELECT count(DISTINCT mode) FROM cell) > 1 THEN mode END AS told_mode FROM cell) "
    "SELECT experiment_position || ' ' || way || ' ' || mode AS series, experiment || CASE WHEN way IN ('', "
    "experiment) THEN '' ELSE ': ' || way END || coalesce(', ' || told_mode, '') AS label, way || CASE WHEN way = '' "
    "THEN coalesce(told_mode, '') ELSE coalesce(', ' || told_mode, '') END AS second, experiment, layer_index, layer, "
    "fraction, 100 * fraction AS percent, jobs, jobs > 1 AS several, mean, 100 * mean AS mean_points, least, 100 * "
    "least AS least_points, most, 100 * most AS most_points, loss FROM named ORDER BY experiment_position, way, mode, "
    "layer_index, fraction";

static int place_of_fraction(const layers *l, double fraction)
{
    for (int i = 0; i < l->n_fractions; i++)
        if (fabs(l->fractions[i] - fraction) < 1e-9)
            return i;
    return -1;
}

/* In ascending order; where there are too many the largest are left out. */
static void add_fraction(layers *l, double fraction)
{
    if (place_of_fraction(l, fraction) >= 0)
        return;
    int place = l->n_fractions < MOST_FRACTIONS ? l->n_fractions++ : (l->more_fractions++, MOST_FRACTIONS);
    for (; place > 0 && l->fractions[place - 1] > fraction; place--)
        if (place < MOST_FRACTIONS)
            l->fractions[place] = l->fractions[place - 1];
    if (place < MOST_FRACTIONS)
        l->fractions[place] = fraction;
}

int layers_row(const layers *l, int64_t cell)
{
    return figure_axis_place(&l->axis, report_cell(&l->cells, cell, "layer_index")->integer);
}

int layers_column(const layers *l, int64_t cell)
{
    return place_of_fraction(l, report_value(&l->cells, cell, "fraction"));
}

/* Finds the series, fractions and layers that are there. */
static void survey(layers *l)
{
    l->axis.most = MOST_LAYERS;
    for (int64_t i = 0; i < l->cells.rows; i++) {
        if (report_begins(&l->cells, i, "series")) {
            if (l->series == MOST_SERIES)
                l->more_series++;
            else
                l->begins[l->series++] = i;
        }
        if (l->more_series > 0)
            continue;
        l->begins[l->series] = i + 1;
        add_fraction(l, report_value(&l->cells, i, "fraction"));
        figure_axis_add(&l->axis, report_cell(&l->cells, i, "layer_index")->integer,
                        report_cell(&l->cells, i, "layer")->text);
        l->most = fmax(l->most, fabs(report_value(&l->cells, i, "mean")));
    }
}

/* ---- heatmap ------------------------------------------------------------------------------------------------- */

static void heat_cells(heat *h, const layers *l, int s)
{
    const int64_t begin = l->begins[s];
    heat_panel(h, report_cell(&l->cells, begin, "experiment")->text, report_cell(&l->cells, begin, "second")->text);
    for (int64_t i = begin; i < l->begins[s + 1]; i++) {
        const int x = layers_column(l, i), y = layers_row(l, i);
        if (x < 0 || y < 0)
            continue;
        heat_cell(h, y, x, report_value(&l->cells, i, "mean"), false);
        figure_mark_row(h->f, &l->cells, i, "",
                        "{layer}, {percent:g} %: {mean_points:+.2f} points, {loss:+.4f} nats; {jobs} job{several?s}, "
                        "{least_points:+.2f} to {most_points:+.2f}");
    }
}

static bool add_heat(report *r, const layers *l, lsn_error *err)
{
    const char *shares[MOST_FRACTIONS];
    char numbers[MOST_FRACTIONS][LSN_NUMBER_BYTES];
    figure f = figure_of("layers-heat", "Which layers bear the loss of a share of their filters?", 900, 0);
    for (int i = 0; i < l->n_fractions; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%g", 100 * l->fractions[i]);
        shares[i] = numbers[i];
    }
    heat h = {.f = &f,
              .scale = COLOUR_SIGNED,
              .unit = 0.005,
              .most = l->most,
              .factor = 100,
              .unit_name = "points",
              .row_names = l->axis.names,
              .column_names = shares,
              .rows = l->axis.count,
              .columns = l->n_fractions,
              .upright = true,
              .numbers = true,
              .wide = l->series <= 5 || l->n_fractions == 1 ? l->series : 4,
              .cell = 20,
              .x_label = "share of the layer\xE2\x80\x99s filters removed (%)",
              .y_label = ""};
    for (int s = 0; s < l->series; s++)
        heat_cells(&h, l, s);
    heat_draw(&h);
    lsn_text_add(&f.caption, "Mean change of top-1 in points, by layer and share removed; orange: lost, blue: gained, "
                             "on a logarithmic scale from half a point on. A panel for each way of choosing the "
                             "filters; random choices are means over their seeds. Compare a ranking with the random "
                             "control beside it: it has found dispensable filters only where it is paler.");
    figure_axis_caption(&f, &l->axis);
    if (l->more_fractions > 0)
        lsn_text_add(&f.caption, " Larger shares are in the table.");
    if (l->more_series > 0)
        lsn_text_add(&f.caption, " %d more ways are in the table.", l->more_series);
    return figure_add(r, &f, err);
}

/* ---- table --------------------------------------------------------------------------------------------------- */

static bool add_table(report *r, lsn_error *err)
{
    static const page_table table = {"layer-table",
                                     "Change of top-1 (points) and of the loss (nats) by layer and share removed.",
                                     "lllrlrrrrr", "layer_sensitivity"};
    return report_table(
        r, &table,
        "SELECT layer, experiment, " REPORT_WAY
        " AS 'by', printf('%g', 100 * fraction) AS '% removed', mode, count(*) AS "
        "jobs, printf('%+.2f', 100 * avg(d_top1)) AS 'mean top-1', printf('%+.2f', 100 * min(d_top1)) AS least, "
        "printf('%+.2f', 100 * max(d_top1)) AS most, printf('%+.4f', avg(d_loss)) AS 'mean loss' FROM job_metric m "
        "WHERE "
        "layer_index IS NOT NULL AND fraction IS NOT NULL AND status = 'done' GROUP BY experiment_position, "
        "layer_index, 3, "
        "mode, fraction ORDER BY experiment_position, layer_index, 3, mode, fraction LIMIT 800",
        -1, err);
}

bool fig_layers(report *r, lsn_error *err)
{
    layers l = {0};
    bool ok = report_query(r, &l.cells, cells_sql, err);
    report_section(r, "layers", "Layers");
    if (ok && l.cells.rows > 0) {
        survey(&l);
        ok = (!(l.most > 0) || (add_heat(r, &l, err) && fig_layer_curves(r, &l, err))) && add_table(r, err);
    }
    lsn_table_finish(&l.cells);
    return ok;
}
