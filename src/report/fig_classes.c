/* What ablations do to single classes. The jobs looked at are the single filters of the study, or, where it has none,
 * of the experiment that removes filters of single layers most often. */
#include "report/heat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 30, MOST_COLUMNS = 40, MOST_JOBS = 50000 };

static const char set_sql[] = "SELECT experiment, mode, count(*) AS jobs FROM job_metric WHERE layer_index IS NOT NULL "
                              "AND status = 'done' AND experiment_position > 0 "
                              "GROUP BY experiment, mode HAVING jobs <= 50000 ORDER BY jobs DESC LIMIT 1";

/* Classes and layers: worst, best and mean change of the class's top-1 over the layer's jobs. Racing sees only some of
 * a class's images, so such jobs are left out. */
#define JOBS                                                                                                    \
    "WITH s AS MATERIALIZED (SELECT DISTINCT evaluation, layer_index, layer, filter, d_top1, n_filters FROM "   \
    "job_metric WHERE experiment = ?1 AND mode = ?2 AND "                                                       \
    "layer_index IS NOT NULL AND status = 'done' AND (?3 = '' OR (filter IS NOT NULL AND fraction IS NULL AND " \
    "grouping IS NULL)) AND images = (SELECT images FROM study)) "
static const char cells_sql[] =
    JOBS "SELECT c.class, coalesce(k.name, CAST(k.class AS TEXT)) AS name, s.layer_index, s.layer, 100 * min((c.top1 - "
         "b.top1) * 1.0 / k.images) AS worst, 100 * max((c.top1 - b.top1) * 1.0 / k.images) AS best, count(*) AS jobs "
         "FROM s CROSS JOIN evaluation_class c ON c.evaluation = s.evaluation JOIN evaluation_class b ON b.evaluation "
         "= 0 AND b.class = c.class "
         "JOIN class k ON k.class = c.class GROUP BY c.class, s.layer_index ORDER BY c.class, s.layer_index";
/* Bare columns are those of the row with the extreme. */
#define EXTREME(function)                                                                                             \
    JOBS "SELECT c.class, coalesce(k.name, CAST(k.class AS TEXT)) AS name, 100 * " function                           \
         "((c.top1 - b.top1) * 1.0 / k.images) AS points, s.layer, coalesce(CAST(s.filter AS TEXT), s.n_filters || '" \
         " filters') AS filter, 100 * s.d_top1 AS all_classes, k.images, 100 * (b.top1 * 1.0 / k.images) AS intact "  \
         "FROM s CROSS JOIN evaluation_class c ON c.evaluation = s.evaluation JOIN evaluation_class b ON "            \
         "b.evaluation = 0 AND b.class = c.class "                                                                    \
         "JOIN class k ON k.class = c.class GROUP BY c.class ORDER BY c.class"
static const char losses_sql[] = EXTREME("min");
static const char gains_sql[] = EXTREME("max");

typedef struct classes {
    lsn_table cells, losses, gains;
    const char *parameters[3]; /* experiment, mode, whether single filters */
    int64_t order[MOST_ROWS];  /* rows of `losses`: the classes shown, the most changed first */
    int rows;
} classes;

static double change(const lsn_table *t, int64_t row)
{
    return report_value(t, row, "points");
}

/* Classes by their greatest loss. */
static void choose(classes *c)
{
    for (int64_t i = 0; i < c->losses.rows; i++) {
        int at = c->rows < MOST_ROWS ? c->rows++ : c->rows;
        while (at > 0 && change(&c->losses, c->order[at - 1]) > change(&c->losses, i)) {
            if (at < MOST_ROWS)
                c->order[at] = c->order[at - 1];
            at--;
        }
        if (at < MOST_ROWS)
            c->order[at] = i;
    }
}

static const char *class_name(const classes *c, int row)
{
    return report_cell(&c->losses, c->order[row], "name")->text;
}

static void name_classes(const classes *c, const char *names[MOST_ROWS])
{
    for (int row = 0; row < c->rows; row++)
        names[row] = class_name(c, row);
}

/* ---- class by layer ------------------------------------------------------------------------------------------ */

/* The greatest change in any cell, in points. */
static double greatest_change(const classes *c)
{
    double most = 1;
    for (int64_t i = 0; i < c->cells.rows; i++)
        most = fmax(most, fmax(fabs(report_value(&c->cells, i, "worst")), fabs(report_value(&c->cells, i, "best"))));
    return most;
}

static void add_cells(heat *h, const classes *c, const figure_axis *axis, const char *column)
{
    for (int row = 0; row < c->rows; row++)
        for (int64_t i = 0; i < c->cells.rows; i++) {
            const int place = figure_axis_place(axis, report_cell(&c->cells, i, "layer_index")->integer);
            if (place < 0 ||
                report_cell(&c->cells, i, "class")->integer != report_cell(&c->losses, c->order[row], "class")->integer)
                continue;
            heat_cell(h, row, place, report_value(&c->cells, i, column), false);
            figure_mark_row(h->f, &c->cells, i, "",
                            "{name}, {layer}: worst {worst:+.1f}, best {best:+.1f} points of {jobs} jobs");
        }
}

static bool add_heat(report *r, const classes *c, lsn_error *err)
{
    const figure_axis axis = figure_axis_of(&c->cells, "layer_index", "layer", MOST_COLUMNS);
    const char *names[MOST_ROWS];
    figure f = figure_of("classes-layers", "Which layers matter to which classes?", 900, 0);
    name_classes(c, names);
    heat h = {.f = &f,
              .scale = COLOUR_SIGNED,
              .unit = 1,
              .most = greatest_change(c),
              .factor = 1,
              .unit_name = "points",
              .row_names = names,
              .column_names = axis.names,
              .rows = c->rows,
              .columns = axis.count,
              .wide = 2,
              .cell = c->rows > 15 ? 14 : 20,
              .x_label = "",
              .y_label = ""};
    heat_panel(&h, "greatest loss of the class", "");
    add_cells(&h, c, &axis, "worst");
    heat_panel(&h, "greatest gain of the class", "");
    add_cells(&h, c, &axis, "best");
    heat_draw(&h);
    lsn_text_add(
        &f.caption,
        "Left: how much a class loses at worst when %s of a layer %s removed (experiment %s, mode %s); right: how much "
        "it gains at best. Points of the class\xE2\x80\x99s own top-1; orange: lost, blue: gained, logarithmic from "
        "one point on. Each cell is the extreme of many jobs on few images of the class: on its own it proves little.",
        c->parameters[2][0] != '\0' ? "one filter" : "filters", c->parameters[2][0] != '\0' ? "is" : "are",
        c->parameters[0], c->parameters[1]);
    figure_axis_caption(&f, &axis);
    if (c->losses.rows > c->rows)
        lsn_text_add(&f.caption, " Of %lld classes the %d that lose most are shown.", (long long)c->losses.rows,
                     c->rows);
    return figure_add(r, &f, err);
}

/* ---- worst and best ------------------------------------------------------------------------------------------ */

static bool add_extremes(report *r, const classes *c, lsn_error *err)
{
    figure f = figure_of("classes-extremes", "Which classes suffer most, and which gain?", 900, 84 + 20 * c->rows);
    double least = -0.1, most = 0.1;
    for (int side = 0; side < 2; side++) {
        const lsn_table *t = side == 0 ? &c->losses : &c->gains;
        char plot[16];
        snprintf(plot, sizeof plot, "%d", side + 1);
        figure_say(&f, "$s%d << EOD\n", side);
        figure_hover_plot(&f, plot);
        for (int row = 0; row < c->rows; row++) {
            const double points = change(t, c->order[row]);
            least = fmin(least, points);
            most = fmax(most, points);
            figure_say(&f, "%.3f\t%d\n", points, row);
            figure_mark_row(&f, t, c->order[row], "",
                            "{name}: {points:+.1f} points without {layer} {filter} (all classes {all_classes:+.2f}); "
                            "intact {intact:.1f} % of {images} images");
        }
        figure_say(&f, "EOD\n");
    }
    figure_say(&f,
               "set border 1\nset xrange [%.3f:%.3f]\nset yrange [%d.6:-0.6]\nset grid xtics lc rgb '" COLOUR_GRID
               "' lw 1\nset xlabel 'change of the class\xE2\x80\x99s top-1 (points)'\nset tmargin 0.3\n",
               1.04 * least, 1.04 * most, c->rows - 1);
    const char *names[MOST_ROWS];
    name_classes(c, names);
    figure_names(&f, "ytics scale 0", names, c->rows, 1, 22);
    figure_say(&f,
               "plot $s0 using 1:2:(0):1:($2-0.34):($2+0.34) with boxxyerror fc rgb '" COLOUR_LOSS
               "' notitle, $s1 using 1:2:(0):1:($2-0.34):($2+0.34) with boxxyerror fc rgb '" COLOUR_GAIN "' notitle\n");
    lsn_text_add(&f.caption,
                 "The greatest loss (orange) and the greatest gain (blue) of each class over all jobs of experiment "
                 "%s, mode %s; the mouse tells which. Classes that gain where another loses are often those that look "
                 "alike: they trade images.",
                 c->parameters[0], c->parameters[1]);
    return figure_add(r, &f, err);
}

static bool add_table(report *r, const classes *c, lsn_error *err)
{
    enum { COLUMNS = 6, ROWS = 200 };
    static const char *const names[COLUMNS] = {"class", "change", "without layer", "filter", "all classes", "images"};
    static const char *const cells[COLUMNS] = {"{name}",   "{points:+.1f}",      "{layer}",
                                               "{filter}", "{all_classes:+.2f}", "{images}"};
    static const page_table table = {
        "class-table", "The greatest loss and the greatest gain of each class, in points, and what was removed.",
        "lrlrrr", "class_damage"};
    const int64_t rows = 2 * (c->losses.rows < ROWS / 2 ? c->losses.rows : ROWS / 2);
    (void)err;
    report_begin(r);
    page_begin_table(&r->body, &table, COLUMNS, names, rows, 2 * c->losses.rows);
    for (int64_t i = 0; i < rows; i++)
        for (int k = 0; k < COLUMNS; k++)
            page_fill_cell(&r->body, &table, k, i < rows / 2 ? &c->losses : &c->gains, i % (rows / 2), cells[k]);
    page_end_table(&r->body);
    return true;
}

bool fig_classes(report *r, lsn_error *err)
{
    classes c = {.parameters = {r->singles.experiment, r->singles.mode, "single"}};
    lsn_table set = {0};
    bool ok = true;
    report_section(r, "classes", "Classes");
    if (!r->study.per_class)
        return true;
    if (r->singles.count == 0) {
        ok = report_query(r, &set, set_sql, err);
        if (!ok || set.rows == 0) {
            lsn_table_finish(&set);
            return ok;
        }
        c.parameters[0] = set.cells[0].text;
        c.parameters[1] = set.cells[1].text;
        c.parameters[2] = "";
    }
    ok = ok && lsn_reader_query(r->reader, &c.cells, cells_sql, c.parameters, 3, err) &&
         lsn_reader_query(r->reader, &c.losses, losses_sql, c.parameters, 3, err) &&
         lsn_reader_query(r->reader, &c.gains, gains_sql, c.parameters, 3, err);
    if (ok && c.losses.rows > 0 && c.gains.rows == c.losses.rows) {
        choose(&c);
        ok = add_heat(r, &c, err) && add_extremes(r, &c, err) && add_table(r, &c, err);
    }
    lsn_table_finish(&c.cells);
    lsn_table_finish(&c.losses);
    lsn_table_finish(&c.gains);
    lsn_table_finish(&set);
    return ok;
}
