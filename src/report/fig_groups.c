/* Whole layers and groups of a layer's filters, which are no share of it: each job's change of top-1, by layer. */
#include "report/figure.h"

#include <stdio.h>
#include <string.h>

enum { MOST_LAYERS = 60, MOST_JOBS = 6000, LABEL = 128 };

static const char jobs_sql[] =
    "SELECT m.experiment, " REPORT_WAY " AS way, m.mode, m.layer_index, m.layer, m.d_top1, m.n_filters, m.d_loss "
    "FROM job_metric m "
    "WHERE m.layer_index IS NOT NULL AND m.fraction IS NULL AND m.status = 'done' AND m.n_filters > 1 AND m.single_a "
    "IS NULL AND m.experiment_position > 0 "
    "ORDER BY m.experiment_position, way, m.mode, m.layer_index, m.position LIMIT 6000";

static bool new_series(const lsn_table *t, int64_t row)
{
    for (int c = 0; row > 0 && c < 3; c++)
        if (strcmp(lsn_table_cell(t, row, c)->text, lsn_table_cell(t, row - 1, c)->text) != 0)
            return true;
    return row == 0;
}

/* The jobs of each series as points, their series beside each other within the layer's row. */
static void add_points(figure *f, const lsn_table *t, const figure_axis *axis)
{
    static const figure_style style = {.most = 6, .mark = FIGURE_POINT, .points = "1:2 with points pt 6 ps 0.6 lw 1.2"};
    bool shown = false;
    for (int64_t i = 0; i < t->rows; i++) {
        const int place = figure_axis_place(axis, lsn_table_cell(t, i, 3)->integer);
        if (new_series(t, i)) {
            char label[LABEL];
            const char *way = lsn_table_cell(t, i, 1)->text;
            snprintf(label, sizeof label, "%.50s%s%.30s, %.20s", lsn_table_cell(t, i, 0)->text,
                     way[0] == '\0' ? "" : ": ", way, lsn_table_cell(t, i, 2)->text);
            shown = figure_series(f, &style, label);
        }
        if (!shown || place < 0)
            continue;
        figure_say(f, "%.3f\t%.2f\n", 100 * report_real(t, i, 5), place + 0.16 * (f->n_series - 1));
        figure_hover(f, "%s, %s: %s filters: %+.2f points, loss %+.4f", lsn_table_cell(t, i, 4)->text,
                     lsn_table_cell(t, i, 2)->text, lsn_table_cell(t, i, 6)->text, 100 * report_real(t, i, 5),
                     report_real(t, i, 7));
    }
    figure_end_series(f);
}

bool fig_groups(report *r, lsn_error *err)
{
    lsn_table t = {0};
    report_section(r, "groups", "Groups and whole layers");
    bool ok = report_query(r, &t, jobs_sql, err);
    if (ok && t.rows > 1) {
        const figure_axis axis = figure_axis_of(&t, 3, MOST_LAYERS);
        figure f = figure_of("groups", "What does each layer lose without a group of its filters, or without all?", 900,
                             100 + 20 * axis.count);
        add_points(&f, &t, &axis);
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
