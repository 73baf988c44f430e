#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The computation itself: what ran when on how many ranks, what share of the time they computed, what failed. */

enum { MOST_RUNS = 200 };

/* Seconds since 1970 of the start and of the last sign of life, in the order of runs. Rank 0 coordinates where there
 * are several; a run alone computes itself. */
#define RUNS                                                                                                           \
    "WITH work AS (SELECT run, count(*) AS done, sum(seconds) AS seconds FROM evaluation WHERE run IS NOT NULL GROUP " \
    "BY run), "                                                                                                        \
    "r AS (SELECT r.*, CAST(strftime('%s', started) AS REAL) AS begun, CAST(strftime('%s', coalesce(ended, "           \
    "heartbeat)) AS REAL) AS last, "                                                                                   \
    "max(r.ranks - 1, 1) AS workers, coalesce(w.done, 0) AS done, coalesce(w.seconds, 0) AS seconds FROM run r LEFT "  \
    "JOIN work w ON w.run = r.run) "

static const char bars_sql[] = RUNS "SELECT begun, last, ranks, coalesce(how, 'running') FROM r ORDER BY run LIMIT 200";

static const char runs_sql[] = RUNS "SELECT run, started, printf('%d:%02d:%02d', (last - begun) / 3600, (last - begun) "
                                    "/ 60 % 60, (last - begun) % 60) AS duration, "
                                    "ranks, done AS 'ablations completed', "
                                    "CASE WHEN last > begun THEN printf('%.0f', min(100.0 * seconds / workers / (last "
                                    "- begun), 100)) ELSE '' END AS '% computing', "
                                    "coalesce(how, 'running') AS ended, hosts, coalesce(slurm_job, '') AS 'SLURM job', "
                                    "version, method FROM r ORDER BY run LIMIT 200";

static const char *bar_colour(const char *how)
{
    if (strcmp(how, "complete") == 0 || strcmp(how, "running") == 0)
        return COLOUR_GAIN;
    return strcmp(how, "stopped") == 0 ? "#e69f00" : COLOUR_LOSS;
}

/* With one run a picture says no more than its row in the table. */
static bool add_figure(report *r, const lsn_table *runs, lsn_error *err)
{
    figure f = figure_of("run-ranks", "When did how many ranks work on it?", 900, 220);
    const double begun = report_real(runs, 0, 0);
    double end = begun + 1, ranks = 1;
    for (int64_t i = 0; i < runs->rows; i++) {
        end = fmax(end, report_real(runs, i, 1));
        ranks = fmax(ranks, report_real(runs, i, 2));
    }
    const double scale = end - begun > 3 * 86400 ? 86400 : end - begun > 3 * 3600 ? 3600 : 60;
    figure_say(&f, "$r << EOD\n");
    figure_hover_plot(&f, "1");
    for (int64_t i = 0; i < runs->rows; i++) {
        const double from = (report_real(runs, i, 0) - begun) / scale, to = (report_real(runs, i, 1) - begun) / scale;
        const char *how = lsn_table_cell(runs, i, 3)->text;
        figure_say(&f, "%.5f\t%.5f\t%g\t%ld\n", from, fmax(to, from + (end - begun) / scale / 600),
                   report_real(runs, i, 2), strtol(bar_colour(how) + 1, NULL, 16));
        figure_hover(&f, "run %d: %s ranks, %s", (int)i + 1, lsn_table_cell(runs, i, 2)->text, how);
    }
    figure_say(&f,
               "EOD\nset xrange [0:%.5f]\nset yrange [0:%g]\nset xlabel '%s since the first run began'\nset ylabel "
               "'ranks'\nset ytics %g\n",
               (end - begun) / scale * 1.01, ranks * 1.1,
               scale > 3600 ? "days"
               : scale > 60 ? "hours"
                            : "minutes",
               ranks <= 5 ? 1 : ceil(ranks / 5));
    figure_say(&f, "plot $r using 1:3:1:2:(0):3:4 with boxxyerror fc rgb variable notitle\n");
    lsn_text_add(&f.caption, "A box for each invocation of lesion run, from its start to its end or last sign of life, "
                             "as high as it had ranks. Blue: complete or running; orange: stopped early, to be "
                             "continued; red: failed or died. Between boxes nothing ran.");
    return figure_add(r, &f, err);
}

bool fig_run(report *r, lsn_error *err)
{
    static const page_table runs = {
        "run-table",
        "Runs (times are UTC). % computing: time spent on ablations that the run completed, of its worker "
        "ranks\xE2\x80\x99 time; ablations that another run began count for the one that completed them.",
        "rlrrrrlllll", "run"};
    static const page_table failures = {"failure-table", "Ablations that could not be computed.", "lll", "failures"};
    static const page_table skipped = {"skipped-table", "Images that cannot be read and were left out.", "ll", NULL};
    lsn_table bars = {0};
    double failed = 0;
    report_section(r, "run", "The run itself");
    bool ok =
        report_query(r, &bars, bars_sql, err) && (bars.rows < 2 || add_figure(r, &bars, err)) &&
        report_table(r, &runs, runs_sql, -1, err) && report_number(r, &failed, "SELECT count(*) FROM failures", err) &&
        report_table(r, &failures,
                     "SELECT experiment, " REPORT_LAYERS("layers") " AS layers, reason FROM failures LIMIT 200",
                     (int64_t)failed, err) &&
        report_table(r, &skipped, "SELECT path AS image, reason FROM skipped_image ORDER BY path LIMIT 200", -1, err);
    lsn_table_finish(&bars);
    return ok;
}
