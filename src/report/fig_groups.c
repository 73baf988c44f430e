/* Whole layers and groups of a layer's filters, which are no share of it: each job's change of top-1, by layer. */
#include "report/figure.h"

enum { MOST_LAYERS = 60, MOST_JOBS = 6000 };

static const char jobs_sql[] =
    "SELECT m.experiment || coalesce(': ' || nullif(" REPORT_WAY ", ''), '') || ', ' || m.mode AS series, m.mode, "
    "m.layer_index, m.layer, 100 * m.d_top1 AS points, m.n_filters, m.d_loss FROM job_metric m WHERE m.layer_index IS "
    "NOT NULL AND m.fraction IS NULL AND m.status = 'done' AND m.n_filters > 1 AND m.single_a IS NULL AND "
    "m.experiment_position > 0 ORDER BY m.experiment_position, " REPORT_WAY
    ", m.mode, m.layer_index, m.position LIMIT 6000";

bool fig_groups(report *r, lsn_error *err)
{
    static const figure_style style = {.most = 6, .mark = FIGURE_POINT, .points = "2:1 with points pt 6 ps 0.6 lw 1.2"};
    lsn_table t = {0};
    report_section(r, "groups", "Groups and whole layers");
    bool ok = report_query(r, &t, jobs_sql, err);
    if (ok && t.rows > 1) {
        const figure_axis axis = figure_axis_of(&t, "layer_index", "layer", MOST_LAYERS);
        figure f = figure_of("groups", "What does each layer lose without a group of its filters, or without all?", 900,
                             100 + 20 * axis.count);
        /* Series stand beside each other within the layer's row. */
        figure_layer_series(&f, &style, &t, "layer_index", &axis, 0.16, NULL, "\t{points:.3f}\n",
                            "{layer}, {mode}: {n_filters} filters: {points:+.2f} points, loss {d_loss:+.4f}");
        figure_say(&f,
                   "set border 1\nset yrange [%d.8:-0.6]\nset xrange [*:0<*]\nset grid xtics lc rgb '" COLOUR_GRID
                   "' lw 1\nset xlabel 'change of top-1 (points)'\nset arrow from 0,graph 0 to 0,graph 1 nohead lw 1 "
                   "lc rgb '" COLOUR_MUTED "' back\n",
                   axis.count - 1);
        figure_names(&f, "ytics scale 0", axis.names, axis.count, 1, 14);
        figure_plot(&f);
        lsn_text_add(
            &f.caption,
            "Each circle is a job that removes several filters of one layer at once: a group of similar ones, a list, "
            "or all of them. Left: top-1 lost. Groups differ in size; the mouse tells how many filters each has.");
        figure_axis_caption(&f, &axis);
        if (t.rows == MOST_JOBS)
            lsn_text_add(&f.caption, " Of more than %d jobs the first are drawn.", MOST_JOBS);
        ok = figure_add(r, &f, err);
    }
    lsn_table_finish(&t);
    return ok;
}
