/* Size against certainty: every job's change of top-1 against -log10 of its q. Jobs of one experiment that turned the
 * same numbers of images are one point, so that even a million jobs are few points; where they are too many still, they
 * are counted on a grid. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 12000, GRID = 90, TOP = 20, MOST_EXPERIMENTS = 6 };
static const double unit = 0.005;

/* Numbers are grouped first, then named: so a million jobs are quick. */
static const char points_sql[] =
    "WITH point AS MATERIALIZED (SELECT j.experiment, e.lost, e.gained, e.images, count(*) AS jobs, min(e.evaluation) "
    "AS "
    "first FROM job j CROSS JOIN evaluation e ON e.evaluation = j.evaluation WHERE e.status = 'done' GROUP BY "
    "j.experiment, e.lost, e.gained, e.images) "
    "SELECT x.position, x.name, (p.gained - p.lost) * 1.0 / p.images AS change, 100 * ((p.gained - p.lost) * 1.0 / "
    "p.images) AS points, e.p, p.jobs, p.jobs > 1 AS several, substr(e.layers, 1, 60) AS layers, substr(e.filters, 1, "
    "60) AS filters, "
    "length(e.filters) > 60 AS longer FROM point p CROSS JOIN experiment x ON x.experiment = p.experiment CROSS JOIN "
    "evaluation e ON e.evaluation = p.first WHERE x.position > 0 ORDER BY x.position, e.p DESC";

typedef struct volcano {
    lsn_table rows;
    double *q;        /* [rows] */
    double most;      /* greatest change, either way, */
    double low, high; /* and the least and greatest on the figure's scale */
    int64_t jobs;
    int experiments;
} volcano;

static double change(const volcano *v, int64_t row)
{
    return report_value(&v->rows, row, "change");
}

static int64_t jobs(const volcano *v, int64_t row)
{
    return report_cell(&v->rows, row, "jobs")->integer;
}

/* Benjamini and Hochberg's q within each experiment, whose rows come by descending p, each for several jobs. */
static bool correct(volcano *v, lsn_error *err)
{
    v->q = lsn_array((size_t)v->rows.rows, sizeof *v->q, err);
    if (v->q == NULL)
        return false;
    for (int64_t begin = 0, end; begin < v->rows.rows; begin = end) {
        int64_t tests = 0;
        for (end = begin; end < v->rows.rows && (end == begin || !report_begins(&v->rows, end, "name")); end++)
            tests += jobs(v, end);
        int64_t left = tests;
        double least = 1;
        for (int64_t i = begin; i < end; i++) {
            least = fmin(least, report_value(&v->rows, i, "p") * (double)tests / (double)left);
            v->q[i] = least;
            left -= jobs(v, i);
        }
        v->jobs += tests;
        v->experiments++;
    }
    for (int64_t i = 0; i < v->rows.rows; i++)
        v->most = fmax(v->most, fabs(change(v, i)));
    for (int64_t i = 0; i < v->rows.rows; i++) {
        v->low = fmin(v->low, figure_signed_log(change(v, i), unit, v->most));
        v->high = fmax(v->high, figure_signed_log(change(v, i), unit, v->most));
    }
    return true;
}

static double height_of(double q)
{
    return q > 0 ? fmin(-log10(q), TOP) : TOP;
}

static void hover(figure *f, const volcano *v, int64_t i)
{
    char q[LSN_NUMBER_BYTES];
    snprintf(q, sizeof q, v->q[i] < 1e-4 ? "%.1e" : "%.2g", v->q[i]);
    report_fill(&f->hover, &v->rows, i,
                "{name}: {several!{layers} {filters}{longer?...}}{several?{jobs} jobs}: {points:+.2f} points, q ");
    figure_hover(f, "%s", q);
}

static void draw_points(figure *f, const volcano *v)
{
    int64_t i = 0;
    for (int e = 0; i < v->rows.rows; e++) {
        const char *colour = e < MOST_EXPERIMENTS ? colour_series[e] : COLOUR_MUTED;
        char name[16];
        snprintf(name, sizeof name, "%d", e + 1);
        if (e < MOST_EXPERIMENTS)
            figure_legend(f, FIGURE_POINT, colour, report_cell(&v->rows, i, "name")->text);
        if (e < FIGURE_HOVERS)
            figure_hover_plot(f, name);
        figure_say(f, "$e%d << EOD\n", e);
        do {
            figure_say(f, "%.4f\t%.3f\t%.2f\n", figure_signed_log(change(v, i), unit, v->most), height_of(v->q[i]),
                       fmin(0.35 + 0.12 * log2((double)jobs(v, i)), 1.4));
            if (e < FIGURE_HOVERS)
                hover(f, v, i);
        } while (++i < v->rows.rows && !report_begins(&v->rows, i, "name"));
        figure_say(f, "EOD\n");
        figure_curves(f, 1, "$e%d using 1:2:3 with points pt 6 ps variable lw 1 lc rgb '%s' notitle", e, colour);
    }
    figure_plot(f);
}

/* Too many points: how many jobs there are in each cell of a grid. */
static bool draw_grid(figure *f, const volcano *v, lsn_error *err)
{
    double *counts = lsn_array(GRID * GRID, sizeof *counts, err), most = 1;
    if (counts == NULL)
        return false;
    for (int64_t i = 0; i < v->rows.rows; i++) {
        const int x = (int)lround((figure_signed_log(change(v, i), unit, v->most) + 1) / 2 * (GRID - 1));
        const int y = (int)lround(height_of(v->q[i]) / TOP * (GRID - 1));
        counts[y * GRID + x] += (double)jobs(v, i);
        most = fmax(most, counts[y * GRID + x]);
    }
    figure_say(f, "$grid << EOD\n");
    for (int i = 0; i < GRID * GRID; i++)
        if (counts[i] > 0)
            figure_say(f, "%.4f\t%.4f\t%d\n", 2.0 * (i % GRID) / (GRID - 1) - 1, (double)TOP * (i / GRID) / (GRID - 1),
                       colour_at(COLOUR_AMOUNT, 0.15 + 0.85 * log1p(counts[i]) / log1p(most)));
    figure_say(f,
               "EOD\nplot $grid using 1:2:($1-%g):($1+%g):($2-%g):($2+%g):3 with boxxyerror fc rgb variable notitle\n",
               0.94 / (GRID - 1), 0.94 / (GRID - 1), 0.47 * TOP / (GRID - 1), 0.47 * TOP / (GRID - 1));
    free(counts);
    return true;
}

static bool add_figure(report *r, const volcano *v, lsn_error *err)
{
    char number[LSN_NUMBER_BYTES];
    const bool points = v->rows.rows <= MOST_POINTS;
    figure f = figure_of("volcano", "Which changes are large, and which are certain?", 900, 460);
    figure_say(&f,
               "set xrange [%.3f:%.3f]\nset yrange [-0.4:%d.6]\nset ylabel '\xE2\x88\x92log\xE2\x82\x81\xE2\x82\x80 "
               "q'\nset xlabel 'change of top-1 (points)'\n"
               "set ytics 0,5\nset ytics add ('\xE2\x89\xA5 %d' %d)\nset grid ytics lc rgb '" COLOUR_GRID "' lw 1\n",
               v->low - 0.06, v->high + 0.06, TOP, TOP, TOP);
    figure_signed_log_tics(&f, "x", unit, v->most, 100, true, 800 / (v->high - v->low + 0.12));
    figure_say(
        &f,
        "set tmargin %g\nset arrow from graph 0,first 1.301 to graph 1,first 1.301 nohead lw 1 dt (5,3) lc rgb "
        "'" COLOUR_MUTED "'\n"
        "set label 'q = 0.05' at graph 0.995,first 1.301 right offset 0,0.6 font ',11' textcolor rgb '" COLOUR_MUTED
        "'\n"
        "set arrow from 0,graph 0 to 0,graph 1 nohead lw 1 lc rgb '" COLOUR_GRID "' back\n",
        points ? 2.0 : 0.5);
    if (points)
        draw_points(&f, v);
    else if (!draw_grid(&f, v, err)) {
        figure_finish(&f);
        return false;
    }
    lsn_text_add(&f.caption,
                 "%s jobs: how much top-1 changes (logarithmic from half a point on) against how sure it is (q: "
                 "false-discovery rate within the experiment). Above the dashed line q < 0.05. Left and high: certain "
                 "damage; near the middle and low: nothing that so few images can show. ",
                 lsn_count_text(v->jobs, number));
    lsn_text_add(&f.caption,
                 points ? "Jobs of one experiment with the same numbers of images lost and gained are one "
                          "point, larger for more jobs."
                        : "They are too many to be drawn one by one: cells of stronger colour hold more jobs.");
    if (points && v->experiments > MOST_EXPERIMENTS)
        lsn_text_add(&f.caption, " Experiments beyond the sixth are grey.");
    return figure_add(r, &f, err);
}

bool fig_volcano(report *r, lsn_error *err)
{
    static const page_table table = {"job-table",
                                     "The jobs that cost most top-1, of all experiments: changes of top-1 (points) and "
                                     "of the loss (nats), McNemar\xE2\x80\x99s mid-p.",
                                     "lllrrrrr", "job_result"};
    volcano v = {0};
    report_section(r, "jobs", "All jobs");
    bool ok = report_query(r, &v.rows, points_sql, err) && correct(&v, err);
    if (ok && v.rows.rows > 1 && v.most > 0)
        ok = add_figure(r, &v, err);
    ok = ok &&
         report_table(r, &table,
                      "SELECT experiment, " REPORT_LAYERS(
                          "layers") " AS layers, mode, n_filters AS filters, printf('%+.2f', 100 * d_top1) AS 'top-1', "
                                    "printf('%+.4f', d_loss) AS loss, images, printf('%.2g', p) AS p FROM job_metric "
                                    "WHERE status = 'done' AND "
                                    "experiment_position > 0 ORDER BY d_top1, d_loss DESC LIMIT 100",
                      v.jobs, err);
    lsn_table_finish(&v.rows);
    free(v.q);
    return ok;
}
