#include "lesion/report.h"

/* A table of the closing report: printed with its title where the query gives any row. */
typedef struct section {
    const char *title, *align, *sql;
} section;

static const section sections[] = {
    {"Baseline (nothing removed)", "rlrrr",
     "SELECT printf('%.2f %%', 100 * top1) AS 'top-1', printf('[%.1f, %.1f]', 100 * top1_low, 100 * top1_high) AS "
     "'95 %', printf('%.2f %%', 100 * top5) AS 'top-5', printf('%.4f', loss) AS loss, images "
     "FROM job_result WHERE experiment = 'baseline' AND status = 'done'"},
    {"Most damaging single filters", "lrrrrrl",
     "SELECT layer, filter, printf('%+.2f', 100 * d_top1) AS 'top-1 change, points', "
     "printf('%+.4f', d_loss) AS 'loss change', lost, gained, CASE WHEN q < 1e-4 THEN '< 0.0001' ELSE "
     "printf('%.4f', q) END AS q FROM filter_rank ORDER BY rank LIMIT 8"},
    {"Layers by sensitivity to single filters", "lrrrr",
     "SELECT layer, count(*) AS filters, printf('%+.3f', 100 * avg(d_top1)) AS 'mean top-1 change, points', "
     "printf('%+.2f', 100 * min(d_top1)) AS 'worst', sum(q < 0.05 AND d_top1 < 0) AS 'filters with q < 0.05' "
     "FROM filter_rank GROUP BY layer ORDER BY avg(d_top1), layer LIMIT 16"},
    {"Removing a share of a layer, mean over layers and seeds", "lrrrll",
     "SELECT experiment, printf('%g %%', 100 * fraction) AS 'share', count(*) AS jobs, "
     "printf('%+.2f', 100 * avg(d_top1)) AS 'top-1 change, points', layers AS 'worst layer', "
     "printf('%+.2f', 100 * min(d_top1)) AS 'there' "
     "FROM job_result WHERE fraction IS NOT NULL AND status = 'done' GROUP BY experiment, fraction "
     "ORDER BY fraction, experiment"},
    {"Classes that suffer most from one filter", "llrrr",
     "SELECT coalesce(c.class_name, c.class) AS class, f.layer, f.filter, printf('%+.1f', 100 * c.d_top1) AS "
     "'class top-1 change, points', printf('%+.2f', 100 * f.d_top1) AS 'all classes' "
     "FROM class_result c JOIN filter_rank f ON f.job = c.job ORDER BY c.d_top1, f.rank, c.class LIMIT 5"},
    {"Failed jobs", "lll", "SELECT experiment, layers, reason FROM failures LIMIT 10"},
};

bool lsn_report_findings(const char *database, FILE *out, lsn_error *err)
{
    lsn_reader *reader = lsn_reader_open(database, err);
    bool ok = reader != NULL;
    for (size_t i = 0; ok && i < sizeof sections / sizeof *sections; i++) {
        lsn_table table = {0};
        ok = lsn_reader_query(reader, &table, sections[i].sql, NULL, 0, err);
        if (ok && table.rows > 0) {
            fprintf(out, "\n%s\n", sections[i].title);
            lsn_print_table(out, &table, sections[i].align);
        }
        lsn_table_finish(&table);
    }
    lsn_reader_close(reader);
    if (ok)
        fputc('\n', out);
    return ok;
}
