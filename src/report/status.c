#include "lesion/report.h"

/* A run whose heartbeat is older than this is dead: it tells that it is alive every ten seconds. */
#define SILENCE_S "60"

static const char study_sql[] = "SELECT s.name, s.weights_path, substr(s.weights_sha256, 1, 12), s.images, s.classes, "
                                "(SELECT count(*) FROM job), (SELECT count(*) FROM evaluation), "
                                "(SELECT count(*) FROM evaluation WHERE status = 'done'), "
                                "(SELECT count(*) FROM evaluation WHERE status = 'failed'), "
                                "(SELECT count(*) FROM skipped_image), s.shard, s.shards, (SELECT count(*) FROM job j "
                                "JOIN evaluation e ON e.evaluation = j.evaluation WHERE e.shard IN (0, s.shard)), "
                                "(SELECT count(*) FROM job j JOIN evaluation e ON e.evaluation = j.evaluation WHERE "
                                "e.shard IN (0, s.shard) AND e.status = 'done') FROM study s";

static const char run_sql[] =
    "SELECT run, started, coalesce(ended, '') AS ended, ranks, hosts, method, "
    "CASE WHEN how IS NOT NULL THEN how "
    "WHEN strftime('%s', 'now') - strftime('%s', heartbeat) > " SILENCE_S " THEN 'dead since ' || heartbeat "
    "ELSE 'running' END AS state FROM run ORDER BY run DESC LIMIT 5";

static const char experiment_sql[] =
    "SELECT x.name AS experiment, count(*) AS jobs, sum(e.status = 'done') AS done, "
    "sum(e.status = 'running') AS running, sum(e.status = 'failed') AS failed, "
    "printf('%.1f %%', 100.0 * sum(e.status = 'done') / count(*)) AS share "
    "FROM job j JOIN experiment x ON x.experiment = j.experiment JOIN evaluation e ON e.evaluation = j.evaluation "
    "WHERE e.shard IS NULL OR e.shard IN (0, (SELECT shard FROM study)) "
    "GROUP BY x.experiment ORDER BY x.position";

static bool print_query(lsn_reader *reader, const char *title, const char *sql, const char *align, FILE *out,
                        lsn_error *err)
{
    lsn_table table = {0};
    bool ok = lsn_reader_query(reader, &table, sql, NULL, 0, err);
    if (ok && table.rows > 0) {
        fprintf(out, "\n%s\n", title);
        lsn_print_table(out, &table, align);
    }
    lsn_table_finish(&table);
    return ok;
}

static bool print_study(lsn_reader *reader, FILE *out, lsn_error *err)
{
    lsn_table table = {0};
    bool ok = lsn_reader_query(reader, &table, study_sql, NULL, 0, err);
    if (ok && table.rows == 1) {
        char jobs[LSN_NUMBER_BYTES], all[LSN_NUMBER_BYTES], done[LSN_NUMBER_BYTES], images[LSN_NUMBER_BYTES];
        const lsn_cell *row = table.cells;
        fprintf(out, "study     %s\n", row[0].text);
        fprintf(out, "weights   %s (sha256 %s...)\n", row[1].text, row[2].text);
        fprintf(out, "images    %s of %s classes\n", lsn_count_text(row[3].integer, images), row[4].text);
        if (row[9].integer > 0)
            fprintf(out, "left out  %s images that cannot be read (table skipped_image)\n", row[9].text);
        fprintf(out, "jobs      %s; of %s different ablations %s are done, %s failed\n",
                lsn_count_text(row[5].integer, jobs), lsn_count_text(row[6].integer, all),
                lsn_count_text(row[7].integer, done), row[8].text);
        if (row[11].kind != LSN_CELL_NULL)
            fprintf(out, "shard     %s of %s: %s of %s jobs are to be computed here, %s are done\n", row[10].text,
                    row[11].text, lsn_count_text(row[12].integer, images), jobs, lsn_count_text(row[13].integer, done));
    }
    lsn_table_finish(&table);
    return ok;
}

bool lsn_report_status(const char *database, FILE *out, lsn_error *err)
{
    lsn_reader *reader = lsn_reader_open(database, err);
    bool ok = reader != NULL && print_study(reader, out, err) &&
              print_query(reader, "Experiments", experiment_sql, "lrrrrr", out, err) &&
              print_query(reader, "Runs, the last first (UTC)", run_sql, "rllrlll", out, err);
    lsn_reader_close(reader);
    return ok;
}
