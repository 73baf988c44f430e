/* Reads the filters that were removed alone, and the pairs, for the figures. */
#include "report/report_page.h"

#include "lesion/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char most_sql[] =
    "SELECT experiment, mode, coalesce(CAST(mode_seed AS TEXT), '') FROM job_metric "
    "WHERE filter IS NOT NULL AND fraction IS NULL AND grouping IS NULL AND status = 'done' GROUP BY experiment, mode, "
    "mode_seed ORDER BY count(*) DESC, "
    "min(experiment_position), 2, 3 LIMIT 1";

/* All tests of the experiment, for q is corrected over all of them; those of single filters in the mode have a filter.
 * The most damaging first. */
static const char jobs_sql[] =
    "SELECT p, CASE WHEN mode = ?2 AND coalesce(CAST(mode_seed AS TEXT), '') = ?3 AND fraction IS NULL AND grouping IS "
    "NULL THEN filter END AS filter, layer_index, layer, images, lost, gained, d_top1, d_loss FROM job_metric WHERE "
    "experiment = ?1 AND status = 'done' AND p IS NOT NULL "
    "ORDER BY d_top1, d_loss DESC, layer_index, filter";

static void take_jobs(report_singles *singles, const double *q)
{
    const lsn_table *jobs = &singles->jobs;
    for (int64_t i = 0; i < jobs->rows; i++) {
        if (report_cell(jobs, i, "filter")->kind == LSN_CELL_NULL || report_cell(jobs, i, "layer")->text[0] == '\0')
            continue;
        singles->of[singles->count++] = (report_single){
            .layer = (int32_t)report_cell(jobs, i, "layer_index")->integer,
            .filter = (int32_t)report_cell(jobs, i, "filter")->integer,
            .images = report_cell(jobs, i, "images")->integer,
            .lost = report_cell(jobs, i, "lost")->integer,
            .gained = report_cell(jobs, i, "gained")->integer,
            .d_top1 = report_cell(jobs, i, "d_top1")->real,
            .d_loss = report_cell(jobs, i, "d_loss")->real,
            .p = report_cell(jobs, i, "p")->real,
            .q = q[i],
            .name = report_cell(jobs, i, "layer")->text,
        };
    }
}

static bool read_jobs(lsn_reader *reader, report_singles *singles, const char *seed, lsn_error *err)
{
    const char *const chosen[] = {singles->experiment, singles->mode, seed};
    if (!lsn_reader_query(reader, &singles->jobs, jobs_sql, chosen, 3, err))
        return false;
    const size_t count = (size_t)singles->jobs.rows;
    double *p = lsn_array(count, 2 * sizeof *p, err);
    bool ok = p != NULL && (singles->of = lsn_array(count, sizeof *singles->of, err)) != NULL;
    for (size_t i = 0; ok && i < count; i++)
        p[i] = report_cell(&singles->jobs, (int64_t)i, "p")->real;
    ok = ok && lsn_benjamini_hochberg(p, count, p + count, err);
    if (ok)
        take_jobs(singles, p + count);
    free(p);
    return ok;
}

bool report_singles_read(lsn_reader *reader, report_singles *singles, lsn_error *err)
{
    lsn_table most = {0};
    *singles = (report_singles){0};
    bool ok = lsn_reader_query(reader, &most, most_sql, NULL, 0, err);
    if (ok && most.rows > 0) {
        snprintf(singles->experiment, sizeof singles->experiment, "%s", most.cells[0].text);
        snprintf(singles->mode, sizeof singles->mode, "%s", most.cells[1].text);
        ok = read_jobs(reader, singles, most.cells[2].text, err);
    }
    lsn_table_finish(&most);
    return ok;
}

void report_singles_finish(report_singles *singles)
{
    lsn_table_finish(&singles->jobs);
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
