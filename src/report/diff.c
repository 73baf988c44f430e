/* Matches the jobs of two databases, and what both have in common. */
#include "report/diff.h"

#include <stdlib.h>
#include <string.h>

/* What makes two jobs the same: their keys are of the weights too, and so differ. */
#define SAME                                                                                                        \
    "a.experiment = b.experiment AND a.filters = b.filters AND a.mode = b.mode AND a.mode_seed IS b.mode_seed AND " \
    "a.seed IS b.seed AND a.fraction IS b.fraction AND a.score IS b.score AND a.step IS b.step"
#define WHICH(x)                                                                                         \
#x ".experiment, " #x ".layers, " #x ".n_filters, " #x ".filters, " #x ".fraction, " #x ".mode, " #x \
       ".mode_seed, " #x ".seed, " #x ".score, " #x ".step"

static const char rows_sql[] = "SELECT " WHICH(
    a) ", a.job AS job_a, b.job AS job_b, a.images AS images_a, b.images AS images_b, a.top1 AS "
       "top1_a, b.top1 AS top1_b, a.d_loss AS d_loss_a, b.d_loss AS d_loss_b, a.lost AS lost_a, a.gained AS gained_a, "
       "b.lost AS lost_b, b.gained AS gained_b, a.evaluation AS evaluation_a, b.evaluation AS evaluation_b FROM "
       "main.job_metric a JOIN other.job_metric b ON " SAME
       " WHERE a.status = 'done' AND b.status = 'done' AND a.n_filters > 0 GROUP BY a.id ORDER BY "
       "a.experiment_position, "
       "a.position";

static const char unmatched_sql[] = "SELECT * FROM (SELECT 'A' AS \"in\", " WHICH(
    a) " FROM main.job_metric a LEFT JOIN other.job_metric b ON " SAME
       " WHERE b.job IS NULL ORDER BY a.id) UNION ALL SELECT * FROM (SELECT 'B', " WHICH(
           b) " FROM other.job_metric b LEFT "
              "JOIN main.job_metric a ON " SAME " WHERE a.job IS NULL ORDER BY b.id)";

static const char counts_sql[] =
    "SELECT (SELECT count(*) FROM main.job_metric a LEFT JOIN other.job_metric b ON " SAME " WHERE b.job IS NULL), "
    "(SELECT count(*) FROM other.job_metric b LEFT JOIN main.job_metric a ON " SAME " WHERE a.job IS NULL), "
    "(SELECT count(DISTINCT a.id) FROM main.job_metric a JOIN other.job_metric b ON " SAME
    " WHERE a.status <> 'done' OR b.status <> 'done')";

#define STUDY(database, letter)                                                                                       \
    "SELECT '" letter                                                                                                 \
    "' AS letter, name, weights_path, weights_sha256, images, images_sha256, (SELECT " LSN_RUN_KERNELS                \
    " FROM " database ".run WHERE method IS NOT NULL ORDER BY run DESC LIMIT 1) AS kernels, per_image FROM " database \
    ".study"
static const char studies_sql[] = STUDY("main", "A") " UNION ALL " STUDY("other", "B");

static bool read_studies(diff *d, lsn_error *err)
{
    if (!lsn_reader_query(d->reader, &d->studies, studies_sql, NULL, 0, err))
        return false;
    if (d->studies.rows != 2)
        return lsn_fail(err, LSN_FAILED, "%s or %s: is damaged: its table `study` has not one row", d->paths[0],
                        d->paths[1]);
    d->same_images = !report_begins(&d->studies, 1, "images_sha256");
    d->paired = d->same_images && report_cell(&d->studies, 0, "per_image")->integer != 0 &&
                report_cell(&d->studies, 1, "per_image")->integer != 0;
    return true;
}

/* Whether nothing differs at all; only studies of the same weights and images can be so. */
static void look_for_identity(diff *d)
{
    lsn_problems found = {0};
    lsn_error unsaid;
    d->identical = lsn_store_differences(d->paths[1], d->paths[0], &found, &d->compared, &unsaid) && d->compared > 0 &&
                   found.count == 0;
    lsn_problems_finish(&found);
}

static bool compare_jobs(diff *d, lsn_error *err)
{
    d->jobs = lsn_array((size_t)d->rows.rows, sizeof *d->jobs, err);
    bool ok = d->jobs != NULL;
    for (int64_t r = 0; ok && r < d->rows.rows; r++) {
        lsn_steps steps = {0};
        int64_t images = 0;
        ok = !d->paired || diff_read_steps(d, r, &steps, &images, err);
        if (ok)
            diff_compare_job(d, r, &steps, images, &d->jobs[r]);
    }
    return ok;
}

static void finish(diff *d)
{
    lsn_table_finish(&d->studies);
    lsn_table_finish(&d->rows);
    lsn_table_finish(&d->unmatched);
    lsn_table_finish(&d->counts);
    lsn_reader_close(d->reader);
    free(d->jobs);
    free(d->experiments);
}

bool lsn_report_diff(const char *a, const char *b, lsn_format format, bool unmatched, FILE *out, lsn_error *err)
{
    diff d = {.paths = {a, b}};
    d.reader = lsn_reader_open(a, err);
    bool ok = d.reader != NULL && lsn_reader_attach(d.reader, b, err) && read_studies(&d, err) &&
              lsn_reader_query(d.reader, &d.rows, rows_sql, NULL, 0, err) &&
              lsn_reader_query(d.reader, &d.counts, counts_sql, NULL, 0, err) &&
              (!unmatched || lsn_reader_query(d.reader, &d.unmatched, unmatched_sql, NULL, 0, err)) &&
              diff_read_baselines(&d, err) && compare_jobs(&d, err) && diff_judge(&d, err);
    if (ok) {
        look_for_identity(&d);
        ok = diff_print(&d, format, unmatched, out, err);
    }
    finish(&d);
    return ok;
}
