/* The computation itself: what ran when on how many ranks, what share of the time they computed, what failed. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_S = 30 };

/* Seconds since 1970 of the start and of the last sign of life, in the order of runs. Rank 0 coordinates where there
 * are several; a run alone computes itself. */
#define RUNS                                                                                                           \
    "WITH work AS (SELECT run, count(*) AS done, sum(seconds) AS seconds FROM evaluation WHERE run IS NOT NULL GROUP " \
    "BY run), "                                                                                                        \
    "r AS (SELECT r.*, CAST(strftime('%s', started) AS REAL) AS begun, CAST(strftime('%s', coalesce(ended, "           \
    "heartbeat)) AS REAL) AS last, "                                                                                   \
    "max(r.ranks - 1, 1) AS workers, coalesce(w.done, 0) AS done, coalesce(w.seconds, 0) AS seconds FROM run r LEFT "  \
    "JOIN work w ON w.run = r.run) "

static const char bars_sql[] = RUNS "SELECT begun, last, ranks, coalesce(how, 'running') AS how, row_number() OVER "
                                    "(ORDER BY run) AS i FROM r ORDER BY run LIMIT 200";

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
    const double begun = report_value(runs, 0, "begun");
    double end = begun + 1, ranks = 1;
    for (int64_t i = 0; i < runs->rows; i++) {
        end = fmax(end, report_value(runs, i, "last"));
        ranks = fmax(ranks, report_value(runs, i, "ranks"));
    }
    const double scale = end - begun > 3 * 86400 ? 86400 : end - begun > 3 * 3600 ? 3600 : 60;
    figure_say(&f, "$r << EOD\n");
    figure_hover_plot(&f, "1");
    for (int64_t i = 0; i < runs->rows; i++) {
        const double from = (report_value(runs, i, "begun") - begun) / scale,
                     to = (report_value(runs, i, "last") - begun) / scale;
        figure_say(&f, "%.5f\t%.5f\t%g\t%ld\n", from, fmax(to, from + (end - begun) / scale / 600),
                   report_value(runs, i, "ranks"), strtol(bar_colour(report_cell(runs, i, "how")->text) + 1, NULL, 16));
        figure_mark_row(&f, runs, i, "", "run {i}: {ranks} ranks, {how}");
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

/* ---- over time ----------------------------------------------------------------------------------------------- */

/* What runs note of themselves while they run, in seconds since the first one began. Databases of older versions have
 * no such notes. */
static const char notes_sql[] = "SELECT p.run, strftime('%s', r.started) - (SELECT min(strftime('%s', started)) FROM "
                                "run) + p.seconds AS seconds, p.workers, "
                                "p.computing, 100 * p.share AS share FROM progress p JOIN run r ON r.run = p.run ORDER "
                                "BY p.run, p.seconds LIMIT 20000";

/* The share of the workers' time before note i, of as many seconds or what the run has of them, that they computed.
 * What a unit took is noted when it is done, so that shorter times than some units say nothing. *since: the note where
 * that time begins, from an earlier one on. */
static double computing_share(const lsn_table *notes, int64_t i, double seconds, int64_t *since)
{
    const double now = report_value(notes, i, "seconds");
    while (*since < i && (report_value(notes, *since, "run") != report_value(notes, i, "run") ||
                          report_value(notes, *since + 1, "seconds") <= now - seconds))
        ++*since;
    const double passed = now - report_value(notes, *since, "seconds");
    const double computed = report_value(notes, i, "computing") - report_value(notes, *since, "computing");
    return passed < seconds / 2 ? NAN : fmin(1, computed / (passed * report_value(notes, i, "workers")));
}

/* Three small panels above each other: workers, share of their time, share of the work. */
static void draw_notes(figure *f, const lsn_table *notes, double window, double scale, const char *unit)
{
    static const char *const labels[] = {"workers alive", "computing (%)", "work done (%)"};
    double workers = 1;
    int64_t since = 0;
    figure_say(f, "$n << EOD\n");
    for (int64_t i = 0; i < notes->rows; i++) {
        workers = fmax(workers, report_value(notes, i, "workers"));
        if (i > 0 && report_begins(notes, i, "run"))
            figure_say(f, "\n");
        const double share = computing_share(notes, i, window, &since);
        figure_say(f, "%.6f\t%g\t", report_value(notes, i, "seconds") / scale, report_value(notes, i, "workers"));
        figure_say(f, isfinite(share) ? "%.2f" : "NaN", 100 * share);
        figure_say(f, "\t%.3f\n", report_value(notes, i, "share"));
    }
    figure_say(f,
               "EOD\nset multiplot\nset lmargin at screen 0.08\nset rmargin at screen 0.98\nset grid ytics lc rgb "
               "'" COLOUR_GRID "' lw 1\nset xrange [0:%.6f]\nset tics font ',11'\n",
               1.01 * report_value(notes, notes->rows - 1, "seconds") / scale);
    for (int k = 0; k < 3; k++) {
        figure_say(f,
                   "set tmargin at screen %.4f\nset bmargin at screen %.4f\nset ylabel '%s' offset 1,0 font ',11'\nset "
                   "yrange [0:%s]\n",
                   0.98 - k * 0.29, 0.98 - k * 0.29 - 0.25, labels[k], k == 0 ? "*" : "100");
        figure_say(f, "set ytics %g\nset format x '%s'\n", k == 0 ? fmax(1, ceil(workers / 4)) : 50,
                   k == 2 ? "%g" : "");
        if (k == 2)
            figure_say(f, "set xlabel '%s since the first run began'\n", unit);
        figure_say(f, "plot $n using 1:%d with %s lw 1.6 lc rgb '%s' notitle\n", k + 2, k == 0 ? "steps" : "lines",
                   colour_series[k]);
    }
    figure_say(f, "unset multiplot\n");
}

static bool add_notes(report *r, lsn_error *err)
{
    double there = 0, end = 0;
    lsn_table notes = {0};
    bool ok = report_number(r, &there, "SELECT count(*) FROM sqlite_master WHERE name = 'progress'", err) &&
              (there == 0 || report_query(r, &notes, notes_sql, err));
    for (int64_t i = 0; ok && i < notes.rows; i++)
        end = fmax(end, report_value(&notes, i, "seconds"));
    if (ok && notes.rows > 2 && end > 0) {
        const double scale = end > 3 * 86400 ? 86400 : end > 3 * 3600 ? 3600 : end > 180 ? 60 : 1;
        figure f = figure_of("run-progress", "How well were the ranks used?", 900, 420);
        const double window = fmax(fmin(WINDOW_S, end / 4), end / 20);
        char seconds[LSN_NUMBER_BYTES];
        draw_notes(&f, &notes, window, scale,
                   scale > 3600 ? "days"
                   : scale > 60 ? "hours"
                   : scale > 1  ? "minutes"
                                : "seconds");
        lsn_text_add(
            &f.caption,
            "From above: worker ranks alive; the share of their time that they spent computing, of the %s before; and "
            "the share of the study\xE2\x80\x99s predicted work that was done. Gaps are times without a run.",
            lsn_duration_text(window, seconds));
        ok = figure_add(r, &f, err);
    }
    lsn_table_finish(&notes);
    return ok;
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
        report_query(r, &bars, bars_sql, err) && (bars.rows < 2 || add_figure(r, &bars, err)) && add_notes(r, err) &&
        report_table(r, &runs, runs_sql, -1, err) && report_number(r, &failed, "SELECT count(*) FROM failures", err) &&
        report_table(r, &failures,
                     "SELECT experiment, " REPORT_LAYERS("layers") " AS layers, reason FROM failures LIMIT 200",
                     (int64_t)failed, err) &&
        report_table(r, &skipped, "SELECT path AS image, reason FROM skipped_image ORDER BY path LIMIT 200", -1, err);
    lsn_table_finish(&bars);
    return ok;
}
