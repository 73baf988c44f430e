#include "report/sentences.h"

#include <string.h>

/* A table of the closing report: printed with its title where the query gives any row. */
typedef struct section {
    const char *title, *align, *sql;
} section;

/* The single filters of the experiment, mode and seed of the mode that removes most of them, so that each filter stands
 * once. */
#define SINGLES                                                                                                       \
    "WITH most AS (SELECT experiment, mode, coalesce(mode_seed, -1) AS drawn FROM filter_rank GROUP BY experiment, "  \
    "mode, "                                                                                                          \
    "drawn ORDER BY count(*) DESC, experiment, drawn LIMIT 1), single AS (SELECT f.* FROM filter_rank f JOIN most m " \
    "ON "                                                                                                             \
    "f.experiment = m.experiment AND f.mode = m.mode AND coalesce(f.mode_seed, -1) = m.drawn) "
#define Q "CASE WHEN q < 1e-4 THEN '< 0.0001' ELSE printf('%.4f', q) END"

static const section sections[] = {
    {"Baseline (nothing removed)", "rlrrr",
     "SELECT printf('%.2f %%', 100 * top1) AS 'top-1', printf('[%.1f, %.1f]', 100 * top1_low, 100 * top1_high) AS "
     "'95 %', printf('%.2f %%', 100 * top5) AS 'top-5', printf('%.4f', loss) AS loss, images "
     "FROM job_metric WHERE experiment = 'baseline' AND status = 'done'"},
    {"Most damaging single filters (changes of top-1 in points)", "lrrrrrl",
     SINGLES "SELECT layer, filter, printf('%+.2f', 100 * d_top1) AS 'top-1', printf('%+.4f', d_loss) AS loss, lost, "
             "gained, " Q " AS q FROM single ORDER BY rank, layer, filter LIMIT 8"},
    {"Layers by their single filters, the most sensitive first", "lrrrr",
     SINGLES "SELECT layer, count(*) AS filters, printf('%+.3f', 100 * avg(d_top1)) AS 'mean top-1', "
             "printf('%+.2f', 100 * min(d_top1)) AS 'worst', sum(q < 0.05 AND d_top1 < 0) AS 'q < 0.05' "
             "FROM single GROUP BY layer ORDER BY avg(d_top1), layer LIMIT 16"},
    {"A share of one layer removed, mean over layers and seeds (changes of top-1 in points)", "lllrrrlr",
     "SELECT experiment, coalesce(score, '') AS 'by', mode, printf('%g %%', 100 * fraction) AS share, count(*) AS "
     "jobs, "
     "printf('%+.2f', 100 * avg(d_top1)) AS mean, layers AS 'worst in', printf('%+.2f', 100 * min(d_top1)) AS there "
     "FROM job_metric WHERE fraction IS NOT NULL AND step IS NULL AND layers NOT LIKE '%,%' AND status = 'done' "
     "GROUP BY experiment, score, mode, fraction ORDER BY fraction, mode, experiment, score LIMIT 24"},
    {"Filters removed one after another (half: the share at which half of what is above chance is lost)", "lllrrr",
     "SELECT experiment, ordering AS 'order', mode, count(*) AS curves, printf('%.3f', avg(area)) AS 'mean area', "
     "CASE WHEN count(half) > 0 THEN printf('%.1f %%', 100 * avg(half)) ELSE '' END AS 'mean half' FROM curve WHERE "
     "experiment IN (SELECT experiment FROM job_metric WHERE step IS NOT NULL) GROUP BY experiment, ordering, mode "
     "ORDER BY avg(area) LIMIT "
     "12"},
    {"Pairs that do more damage together than one by one (losses of top-1 in points)", "llrrrrl",
     "SELECT DISTINCT layer_a || ' ' || filter_a AS a, layer_b || ' ' || filter_b AS b, printf('%.2f', 100 * top1_a) "
     "AS "
     "'a alone', printf('%.2f', 100 * top1_b) AS 'b alone', printf('%.2f', 100 * top1_both) AS both, "
     "printf('%+.2f', 100 * top1_interaction) AS interaction, CASE WHEN top1_low IS NULL THEN '' ELSE printf('[%.2f, "
     "%.2f]', 100 * top1_low, 100 * top1_high) END AS '95 %' FROM pair_interaction WHERE top1_interaction > 0 ORDER BY "
     "top1_interaction DESC, a, b "
     "LIMIT 5"},
    {"Classes that suffer most from one filter", "llrrr",
     SINGLES "SELECT c.class_name AS class, f.layer, f.filter, printf('%+.1f', 100 * c.d_top1) AS 'class top-1', "
             "printf('%+.2f', 100 * f.d_top1) AS 'all classes' "
             "FROM class_result c JOIN single f ON f.job = c.job ORDER BY c.d_top1, f.rank, c.class LIMIT 5"},
    {"Failed jobs", "lll", "SELECT experiment, layers, reason FROM failures LIMIT 10"},
};

enum { WIDTH = 100 };

/* A sentence in lines of at most WIDTH bytes, broken between words. */
static void print_sentence(void *context, const char *text)
{
    FILE *out = context;
    int column = fprintf(out, "-");
    for (const char *word = text; *word != '\0';) {
        const int length = (int)strcspn(word, " ");
        if (column + 1 + length > WIDTH)
            column = fprintf(out, "\n ") - 1;
        column += fprintf(out, " %.*s", length, word);
        word += length;
        word += strspn(word, " ");
    }
    fputc('\n', out);
}

/* What the page says, in words. */
static bool print_sentences(lsn_reader *reader, FILE *out, lsn_error *err)
{
    report_singles singles = {0};
    report_pairs pairs = {0};
    bool ok = report_singles_read(reader, &singles, err) && report_pairs_read(reader, &pairs, err);
    if (ok) {
        fprintf(out, "\nFindings\n");
        ok = report_sentences(reader, &singles, &pairs, print_sentence, out, err);
    }
    report_singles_finish(&singles);
    lsn_table_finish(&pairs.layers);
    return ok;
}

bool lsn_report_findings(const char *database, FILE *out, lsn_error *err)
{
    lsn_reader *reader = lsn_reader_open(database, err);
    bool ok = reader != NULL && print_sentences(reader, out, err);
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
