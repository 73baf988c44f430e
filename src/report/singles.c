/* Reads the filters that were removed alone, and the pairs, for the figures. */
#include "report/report_page.h"

#include "lesion/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char most_sql[] =
    "SELECT experiment, mode, coalesce(CAST(mode_seed AS TEXT), ''), count(*), sum(count(*)) OVER () FROM job_metric "
    "WHERE filter IS NOT NULL AND fraction IS NULL AND grouping IS NULL AND status = 'done' GROUP BY experiment, mode, "
    "mode_seed ORDER BY 4 DESC, "
    "min(experiment_position), 2, 3 LIMIT 1";

/* All tests of the experiment, for q is corrected over all of them; those of single filters in the mode have a filter.
 * The most damaging first. */
static const char jobs_sql[] =
    "SELECT p, CASE WHEN mode = ?2 AND coalesce(CAST(mode_seed AS TEXT), '') = ?3 AND fraction IS NULL AND grouping IS "
    "NULL THEN filter END, layer_index, "
    "images, "
    "lost, gained, d_top1, d_loss FROM job_metric WHERE experiment = ?1 AND status = 'done' AND p IS NOT NULL "
    "ORDER BY d_top1, d_loss DESC, layer_index, filter";

static const char *layer_name(const report_singles *singles, int32_t layer)
{
    for (int64_t i = 0; i < singles->names.rows; i++)
        if (lsn_table_cell(&singles->names, i, 0)->integer == layer)
            return lsn_table_cell(&singles->names, i, 1)->text;
    return "";
}

static void take_jobs(report_singles *singles, const lsn_table *jobs, const double *q)
{
    for (int64_t i = 0; i < jobs->rows; i++) {
        const lsn_cell *row = jobs->cells + i * jobs->columns;
        if (row[1].kind != LSN_CELL_INTEGER || row[2].kind != LSN_CELL_INTEGER)
            continue;
        report_single *single = &singles->of[singles->count++];
        *single = (report_single){
            .layer = (int32_t)row[2].integer,
            .filter = (int32_t)row[1].integer,
            .images = row[3].integer,
            .lost = row[4].integer,
            .gained = row[5].integer,
            .d_top1 = row[6].real,
            .d_loss = row[7].real,
            .p = row[0].real,
            .q = q[i],
        };
        single->name = layer_name(singles, single->layer);
    }
}

static bool read_jobs(lsn_reader *reader, report_singles *singles, const char *seed, lsn_error *err)
{
    lsn_table jobs = {0};
    double *p = NULL, *q = NULL;
    bool ok = lsn_reader_query(reader, &jobs, jobs_sql, (const char *const[]){singles->experiment, singles->mode, seed},
                               3, err) &&
              (p = lsn_array((size_t)jobs.rows, sizeof *p, err)) != NULL &&
              (q = lsn_array((size_t)jobs.rows, sizeof *q, err)) != NULL &&
              (singles->of = lsn_array((size_t)jobs.rows, sizeof *singles->of, err)) != NULL;
    for (int64_t i = 0; ok && i < jobs.rows; i++)
        p[i] = jobs.cells[i * jobs.columns].real;
    ok = ok && lsn_benjamini_hochberg(p, (size_t)jobs.rows, q, err);
    if (ok)
        take_jobs(singles, &jobs, q);
    lsn_table_finish(&jobs);
    free(p);
    free(q);
    return ok;
}

bool report_singles_read(lsn_reader *reader, report_singles *singles, lsn_error *err)
{
    lsn_table most = {0};
    *singles = (report_singles){0};
    bool ok = lsn_reader_query(reader, &singles->names, "SELECT layer, name FROM layer ORDER BY layer", NULL, 0, err) &&
              lsn_reader_query(reader, &most, most_sql, NULL, 0, err);
    if (ok && most.rows > 0) {
        snprintf(singles->experiment, sizeof singles->experiment, "%s", most.cells[0].text);
        snprintf(singles->mode, sizeof singles->mode, "%s", most.cells[1].text);
        ok = read_jobs(reader, singles, most.cells[2].text, err);
        singles->others = most.cells[4].integer - singles->count;
    }
    lsn_table_finish(&most);
    return ok;
}

void report_singles_finish(report_singles *singles)
{
    lsn_table_finish(&singles->names);
    free(singles->of);
    *singles = (report_singles){0};
}

/* For each pair of layers; `job` is the one with the greatest interaction, as SQLite gives a bare column beside max().
 * As in the view pair_interaction, but carrying few columns, for there may be a million pairs to be grouped. */
static const char pairs_sql[] =
    "WITH pair AS (SELECT a.layer AS la, b.layer AS lb, (m.loss_sum - m.base_loss_sum) / 1073741824.0 / m.images - "
    "(a.loss_sum - a.base_loss_sum) / 1073741824.0 / a.images - (b.loss_sum - b.base_loss_sum) / 1073741824.0 / "
    "b.images AS loss, (a.gained - a.lost) * 1.0 / a.images + (b.gained - b.lost) * 1.0 / b.images - (m.gained - "
    "m.lost) * 1.0 / m.images AS top1, i.loss_low, i.loss_high, j.job FROM job j JOIN evaluation m ON m.evaluation = "
    "j.evaluation JOIN evaluation a ON a.evaluation = j.single_a JOIN evaluation b ON b.evaluation = j.single_b LEFT "
    "JOIN pair_interval i ON i.job = j.job WHERE m.status = 'done' AND a.status = 'done' AND b.status = 'done'), "
    "grouped AS MATERIALIZED (SELECT la, lb, count(*) AS n, avg(loss) AS mean, count(loss_low) AS intervals, "
    "CAST(total(loss_low > 0) AS INTEGER) AS more, CAST(total(loss_high < 0) AS INTEGER) AS less, sum(loss > 0) AS "
    "above, max(top1) AS most, job FROM pair GROUP BY la, lb) "
    "SELECT g.la AS index_a, la.name AS layer_a, g.lb AS index_b, lb.name AS layer_b, g.n, g.mean, g.more, g.less, "
    "sum(g.n) OVER () AS all_pairs, sum(g.intervals) OVER () AS all_intervals, sum(g.more) OVER () AS all_more, "
    "sum(g.less) OVER () AS all_less, sum(g.above) OVER () AS all_above, g.most, a.filter AS filter_a, b.filter AS "
    "filter_b, (a.lost - a.gained) * 1.0 / a.images AS top1_a, (b.lost - b.gained) * 1.0 / b.images AS top1_b, "
    "(m.lost - m.gained) * 1.0 / m.images AS top1_both, i.top1_low AS low, i.top1_high AS high FROM grouped g JOIN job "
    "j ON j.job = g.job JOIN evaluation m ON m.evaluation = j.evaluation JOIN evaluation a ON a.evaluation = "
    "j.single_a JOIN evaluation b ON b.evaluation = j.single_b JOIN layer la ON la.layer = g.la JOIN layer lb ON "
    "lb.layer = g.lb LEFT JOIN pair_interval i ON i.job = j.job ORDER BY g.la, g.lb";

bool report_pairs_read(lsn_reader *reader, report_pairs *pairs, lsn_error *err)
{
    *pairs = (report_pairs){0};
    if (!lsn_reader_query(reader, &pairs->layers, pairs_sql, NULL, 0, err))
        return false;
    pairs->count = pairs->layers.rows == 0 ? 0 : report_cell(&pairs->layers, 0, "all_pairs")->integer;
    return true;
}
