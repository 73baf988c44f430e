/* Does a score tell what a filter is worth? The rise of loss against the filter's place by score, and the rank
 * correlation by layer. Of the experiment and mode that removes most filters one by one. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PANELS = 6, WIDE = 3, MOST_POINTS = 6000, LEAST = 25 };
static const double unit = 0.001;

static const char set_sql[] = "SELECT experiment, mode FROM score_damage WHERE layer IS NULL AND loss_rho IS NOT NULL "
                              "AND n >= 25 ORDER BY n DESC, id LIMIT 1";
static const char scores_sql[] = "SELECT score, n, loss_rho, loss_low, loss_high, top1_rho FROM score_damage WHERE "
                                 "layer IS NULL AND loss_rho IS NOT NULL AND experiment = ?1 AND mode = ?2 "
                                 "GROUP BY score ORDER BY min(id) LIMIT 6";
static const char points_sql[] = "SELECT score AS series, layer, filter, value, d_loss, layer_index FROM filter_damage "
                                 "WHERE experiment = ?1 AND mode = ?2 "
                                 "AND d_loss IS NOT NULL ORDER BY score, value, layer_index, filter";
static const char layers_sql[] =
    "SELECT s.score AS series, s.layer AS name, s.loss_rho, s.loss_low, s.loss_high, s.n, l.layer "
    "FROM score_damage s JOIN layer l ON "
    "l.name = s.layer WHERE s.experiment = ?1 AND s.mode = ?2 "
    "AND s.loss_rho IS NOT NULL AND s.n >= 8 ORDER BY s.score, l.layer, s.id";

/* One score's filters: their place by score, 0 to 100, equal scores sharing the mean place, against the rise of loss.
 */
static void panel_data(figure *f, const lsn_table *points, int64_t begin, int64_t end, int panel, double most,
                       double layers)
{
    const int64_t every = (end - begin) / MOST_POINTS + 1;
    char plot[16];
    snprintf(plot, sizeof plot, "1%c", 'b' + panel);
    figure_hover_plot(f, plot);
    figure_say(f, "$s%d << EOD\n", panel);
    for (int64_t i = begin, equal; i < end; i = equal) {
        for (equal = i + 1; equal < end && report_value(points, equal, "value") == report_value(points, i, "value");
             equal++)
            ;
        const double place =
            100.0 * ((double)(i + equal - 1) / 2 - (double)begin) / (double)(end - begin > 1 ? end - begin - 1 : 1);
        for (int64_t k = i; k < equal; k++) {
            if (k % every != 0)
                continue;
            figure_say(
                f, "%.2f\t%.4f\t%d\n", place, figure_signed_log(report_value(points, k, "d_loss"), unit, most),
                colour_at(COLOUR_AMOUNT, 1 - 0.8 * report_value(points, k, "layer_index") / fmax(layers - 1, 1)));
            figure_mark_row(f, points, k, "", "{layer} {filter}: score {value:.4g}, loss {d_loss:+.4f}");
        }
    }
    figure_say(f, "EOD\n");
}

static void panel_title(figure *f, const lsn_table *scores, int64_t row)
{
    lsn_text title = {0};
    report_fill(&title, scores, row,
                "{score}: \xCF\x81 = {loss_rho:+.2f}{loss_low? [{loss_low:+.2f}, {loss_high:+.2f}]}");
    figure_say(f, "set title ");
    figure_quote(f, title.failed ? "" : title.data, 44);
    figure_say(f, " font ',12' offset 0,-0.5\n");
    lsn_text_finish(&title);
}

static bool add_points(report *r, const lsn_table *scores, const lsn_table *points, const char *const set[2],
                       lsn_error *err)
{
    const int panels = (int)scores->rows, wide = panels < WIDE ? panels : WIDE, high = (panels + wide - 1) / wide,
              top = 6, bottom = 52, each = 250;
    double most = 2 * unit;
    figure f = figure_of("scores", "Does a score tell what a filter is worth?", 900, top + bottom + high * each);
    for (int64_t i = 0; i < points->rows; i++)
        most = fmax(most, fabs(report_value(points, i, "d_loss")));
    for (int p = 0; p < panels; p++) {
        const char *score = report_cell(scores, p, "score")->text;
        int64_t begin = 0;
        while (begin < points->rows && strcmp(report_cell(points, begin, "series")->text, score) != 0)
            begin++;
        int64_t end = begin + (begin < points->rows);
        while (end < points->rows && !report_begins(points, end, "series"))
            end++;
        panel_data(&f, points, begin, end, p, most, (double)r->study.layers);
    }
    figure_say(&f,
               "set label 'place by score (0: lowest, 100: highest)' at screen 0.53,%.4f center\nset label 'rise of "
               "the loss (nats)' at screen 0.012,0.5 center rotate by 90\nset multiplot\n",
               12.0 / f.height);
    figure_labels(&f);
    figure_say(
        &f, "set xrange [-2:102]\nset yrange [-1.03:1.03]\nset xtics 25 font ',11'\nset grid ytics lc rgb '" COLOUR_GRID
            "' lw 1\n");
    for (int p = 0; p < panels; p++) {
        const int x = p % wide, y = p / wide;
        const double width = 0.92 / wide;
        figure_say(&f,
                   "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset tmargin at screen %.4f\nset bmargin at "
                   "screen %.4f\n",
                   0.08 + x * width, 0.08 + (x + 0.95) * width, 1 - (top + y * each + 22.0) / f.height,
                   1 - (top + (y + 1) * each - 24.0) / f.height);
        panel_title(&f, scores, p);
        figure_signed_log_tics(&f, "y", unit, most, 1, true, (each - 46.0) / 2);
        figure_say(&f, x == 0 ? "set ytics font ',11'\n" : "set format y ''\nset ytics (0)\n");
        figure_say(&f, "plot $s%d using 1:2:3 with points pt 7 ps %s lc rgb variable notitle\nset format y '%%g'\n", p,
                   points->rows > 3000 ? "0.22" : "0.35");
    }
    figure_say(&f, "unset multiplot\n");
    lsn_text_add(
        &f.caption,
        "Each point is a filter removed alone (experiment %s, mode %s): its place among all filters by the score, "
        "against what its removal does to the loss (logarithmic from 0.001 nats on). Stronger colours: earlier layers. "
        "\xCF\x81: "
        "Spearman\xE2\x80\x99s rank correlation with its 95 %% interval over all layers, which mixes differences "
        "between layers with those within. A score worth ranking by rises to the right.",
        set[0], set[1]);
    return figure_add(r, &f, err);
}

/* ---- by layer ------------------------------------------------------------------------------------------------ */

static bool add_layers(report *r, const lsn_table *rows, lsn_error *err)
{
    static const figure_style style = {.most = 6,
                                       .mark = FIGURE_POINT,
                                       .points = "1:2 with points pt 7 ps 0.7",
                                       .bars = "1:2:3:4 with yerrorbars pt 7 ps 0.01 lw 1.2"};
    const figure_axis axis = figure_axis_of(rows, "layer", "name", 60);
    figure f = figure_of("scores-layers", "In which layers does the score tell?", 900, 340);
    figure_layer_series(
        &f, &style, rows, "layer", &axis, 0.12, NULL, "\t{loss_rho:.4f}\t{loss_low:.4f}\t{loss_high:.4f}\n",
        "{series}, {name}: \xCF\x81 {loss_rho:+.2f} ({loss_low:+.2f} to {loss_high:+.2f}), {n} filters");
    figure_say(
        &f,
        "set yrange [-1:1]\nset xrange [-0.5:%d]\nset ylabel '\xCF\x81 with the rise of loss'\nset grid ytics lc "
        "rgb '" COLOUR_GRID
        "' lw 1\nset arrow from graph 0,first 0 to graph 1,first 0 nohead lw 1 lc rgb '" COLOUR_MUTED
        "'\nset bmargin at screen %.4f\n",
        axis.count, 66.0 / f.height);
    figure_names(&f, "xtics rotate by 90 right font ',11'", axis.names, axis.count, 1, 12);
    figure_plot(&f);
    lsn_text_add(
        &f.caption,
        "Spearman\xE2\x80\x99s \xCF\x81 between the score of a layer\xE2\x80\x99s filters and the rise of loss without "
        "each, with 95 %% intervals. 1: the filter of higher score always does more damage; 0: the score tells "
        "nothing. Filters of one layer are not quite independent: take the intervals as a guide.");
    figure_axis_caption(&f, &axis);
    return figure_add(r, &f, err);
}

bool fig_scores(report *r, lsn_error *err)
{
    static const page_table table = {"score-table",
                                     "Spearman\xE2\x80\x99s \xCF\x81 between score and damage, by loss and by top-1.",
                                     "lllrrlr", "score_damage"};
    lsn_table set = {0}, scores = {0}, points = {0}, layers = {0};
    report_section(r, "scores", "Scores");
    bool ok = report_query(r, &set, set_sql, err);
    if (ok && set.rows > 0) {
        const char *const names[] = {set.cells[0].text, set.cells[1].text};
        ok = lsn_reader_query(r->reader, &scores, scores_sql, names, 2, err) &&
             lsn_reader_query(r->reader, &points, points_sql, names, 2, err) &&
             lsn_reader_query(r->reader, &layers, layers_sql, names, 2, err) &&
             add_points(r, &scores, &points, names, err) && (layers.rows < 3 || add_layers(r, &layers, err));
    }
    ok = ok &&
         report_table(
             r, &table,
             "SELECT score, coalesce(layer, 'all layers') AS layer, experiment || ', ' || mode AS "
             "experiment, n AS filters, printf('%+.3f', loss_rho) AS '\xCF\x81, loss', "
             "CASE WHEN loss_low IS NULL THEN '' ELSE printf('%+.2f to %+.2f', loss_low, loss_high) END AS '95 %', "
             "CASE WHEN top1_rho IS NULL THEN '' ELSE printf('%+.3f', top1_rho) END AS '\xCF\x81, top-1' FROM "
             "score_damage WHERE "
             "loss_rho IS NOT NULL ORDER BY layer IS NOT NULL, n DESC, id LIMIT 300",
             -1, err);
    lsn_table_finish(&set);
    lsn_table_finish(&scores);
    lsn_table_finish(&points);
    lsn_table_finish(&layers);
    return ok;
}
