/* What is said of a job, and of all jobs of an experiment. docs/statistics.md has the formulas. */
#include "report/diff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double Z95 = 1.959963984540054;

static lsn_interval around(lsn_effect effect)
{
    return (lsn_interval){.low = fmax(-2, effect.value - Z95 * effect.error),
                          .high = fmin(2, effect.value + Z95 * effect.error)};
}

/* ---- images -------------------------------------------------------------------------------------------------- */

/* How often an ablation's change of right or wrong on an image differs by -2 .. 2; on the images that both have seen.
 */
static const char steps_sql[] =
    "SELECT count(*), sum(z = 1), sum(z = 2), sum(z = -1), sum(z = -2) FROM (SELECT (y.prediction = i.class) - "
    "(v.prediction = i.class) - (x.prediction = i.class) + (u.prediction = i.class) AS z FROM main.image_result x "
    "CROSS JOIN main.image_result u ON u.evaluation = 0 AND u.image = x.image CROSS JOIN other.image_result y ON "
    "y.evaluation = CAST(?2 AS INTEGER) AND y.image = x.image CROSS JOIN other.image_result v ON v.evaluation = 0 AND "
    "v.image = x.image CROSS JOIN main.image i ON i.image = x.image WHERE x.evaluation = CAST(?1 AS INTEGER))";

bool diff_read_steps(diff *d, int64_t row, lsn_steps *steps, int64_t *images, lsn_error *err)
{
    const char *const evaluations[] = {report_cell(&d->rows, row, "evaluation_a")->text,
                                       report_cell(&d->rows, row, "evaluation_b")->text};
    lsn_table found = {0};
    const bool ok = lsn_reader_query(d->reader, &found, steps_sql, evaluations, 2, err);
    if (ok && found.rows == 1) {
        const lsn_cell *cells = found.cells;
        *images = cells[0].integer;
        *steps = (lsn_steps){.up = {cells[1].integer, cells[2].integer}, .down = {cells[3].integer, cells[4].integer}};
    }
    lsn_table_finish(&found);
    return ok;
}

/* ---- the baselines ------------------------------------------------------------------------------------------- */

static const char baselines_sql[] = "SELECT a.images, b.images, a.top1, b.top1 FROM main.evaluation a JOIN "
                                    "other.evaluation b ON b.evaluation = 0 WHERE "
                                    "a.evaluation = 0 AND a.status = 'done' AND b.status = 'done'";
static const char flips_sql[] =
    "SELECT count(*), sum(x.prediction = i.class AND y.prediction <> i.class), sum(x.prediction <> i.class AND "
    "y.prediction = i.class) FROM main.image_result x JOIN other.image_result y ON y.evaluation = 0 AND y.image = "
    "x.image JOIN main.image i ON i.image = x.image WHERE x.evaluation = 0";

static void compare_baselines(diff *d, const lsn_cell *flips)
{
    const int64_t *k = d->base_top1, *n = d->base_images;
    d->base_change = (double)k[1] / (double)n[1] - (double)k[0] / (double)n[0];
    if (flips != NULL) {
        d->base_lost = flips[1].integer;
        d->base_gained = flips[2].integer;
        d->base_interval = around(lsn_paired_effect(d->base_lost, d->base_gained, n[0]));
        d->base_p = lsn_mcnemar_mid(d->base_lost, d->base_gained);
    } else {
        d->base_interval = lsn_newcombe(k[0], n[0], k[1], n[1]);
        d->base_p = lsn_proportions_p(k[0], n[0], k[1], n[1]);
    }
}

bool diff_read_baselines(diff *d, lsn_error *err)
{
    lsn_table counts = {0}, flips = {0};
    bool ok = lsn_reader_query(d->reader, &counts, baselines_sql, NULL, 0, err);
    d->baselines = ok && counts.rows == 1 && counts.cells[0].integer > 0 && counts.cells[1].integer > 0;
    for (int i = 0; d->baselines && i < 2; i++) {
        d->base_images[i] = counts.cells[i].integer;
        d->base_top1[i] = counts.cells[2 + i].integer;
    }
    if (d->baselines && d->paired)
        ok = lsn_reader_query(d->reader, &flips, flips_sql, NULL, 0, err);
    if (ok && d->baselines) {
        d->paired = d->paired && flips.cells[0].integer == d->base_images[0] && d->base_images[0] == d->base_images[1];
        compare_baselines(d, d->paired ? flips.cells : NULL);
    }
    d->paired = d->paired && d->baselines;
    lsn_table_finish(&counts);
    lsn_table_finish(&flips);
    return ok;
}

/* ---- one job ------------------------------------------------------------------------------------------------- */

void diff_compare_job(diff *d, int64_t row, const lsn_steps *steps, int64_t images, diff_job *job)
{
    const int64_t n[2] = {report_cell(&d->rows, row, "images_a")->integer,
                          report_cell(&d->rows, row, "images_b")->integer};
    const int64_t lost[2] = {report_cell(&d->rows, row, "lost_a")->integer,
                             report_cell(&d->rows, row, "lost_b")->integer};
    const int64_t gained[2] = {report_cell(&d->rows, row, "gained_a")->integer,
                               report_cell(&d->rows, row, "gained_b")->integer};
    *job = (diff_job){.a = NAN, .b = NAN, .change = NAN, .interval = {NAN, NAN}, .p = NAN, .q = NAN};
    for (int i = 0; i < 2; i++)
        if (n[i] < 1 || lost[i] < 0 || gained[i] < 0 || lost[i] > n[i] || gained[i] > n[i] - lost[i])
            return; /* damaged: `verify` says so */
    const lsn_effect a = lsn_paired_effect(lost[0], gained[0], n[0]), b = lsn_paired_effect(lost[1], gained[1], n[1]);
    job->a = a.value;
    job->b = b.value;
    if (d->paired && images > 0) {
        const lsn_effect paired = lsn_steps_effect(steps, images);
        job->change = paired.value;
        job->interval = around(paired);
        job->p = lsn_steps_mid(steps);
    } else {
        job->change = b.value - a.value;
        job->interval = around((lsn_effect){.value = job->change, .error = hypot(a.error, b.error)});
        job->p = lsn_changes_p(lost[0], gained[0], n[0], lost[1], gained[1], n[1]);
    }
}

/* ---- all jobs of an experiment ------------------------------------------------------------------------------- */

static bool judge_experiment(const diff *d, diff_experiment *x, double *scratch, lsn_error *err)
{
    const size_t n = (size_t)x->count;
    double *p = scratch, *q = scratch + n, *one = scratch + 2 * n, *other = scratch + 3 * n;
    diff_job *jobs = d->jobs + x->first;
    for (size_t i = 0; i < n; i++) {
        p[i] = jobs[i].p;
        one[i] = jobs[i].a;
        other[i] = jobs[i].b;
        x->mean_a += jobs[i].a / (double)n;
        x->mean_b += jobs[i].b / (double)n;
    }
    if (!lsn_benjamini_hochberg(p, n, q, err) || !lsn_spearman(one, other, n, 0, &x->top1, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        jobs[i].q = q[i];
        x->differ += q[i] < LSN_LEVEL;
        one[i] = report_value(&d->rows, x->first + (int64_t)i, "d_loss_a");
        other[i] = report_value(&d->rows, x->first + (int64_t)i, "d_loss_b");
    }
    return lsn_spearman(one, other, n, 0, &x->loss, err);
}

/* Rows of an experiment stand together. */
bool diff_judge(diff *d, lsn_error *err)
{
    const int64_t rows = d->rows.rows;
    d->experiments = lsn_array((size_t)rows, sizeof *d->experiments, err);
    double *scratch = d->experiments == NULL ? NULL : lsn_array((size_t)rows, 4 * sizeof *scratch, err);
    bool ok = scratch != NULL;
    for (int64_t first = 0, end; ok && first < rows; first = end) {
        for (end = first + 1; end < rows && !report_begins(&d->rows, end, "experiment");)
            end++;
        diff_experiment *x = &d->experiments[d->n_experiments++];
        *x = (diff_experiment){.first = first, .count = end - first};
        ok = judge_experiment(d, x, scratch, err);
    }
    free(scratch);
    return ok;
}
