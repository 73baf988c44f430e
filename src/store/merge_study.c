/* Whether two databases are of the same study. */
#include "store/merge.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *column, *words;
} compared[] = {
    {"name", "study"},
    {"weights_sha256", "sha256 of the weights"},
    {"images_sha256", "sha256 of the images"},
    {"calibration_sha256", "sha256 of the calibration images"},
    {"images", "number of images"},
    {"classes", "number of classes"},
    {"block_images", "number of images to a block"},
    {"per_class", "metric per_class"},
    {"per_image", "metric images"},
    {"drift", "metric drift"},
    {"stop_half_width", "half width at which jobs stop"},
    {"stop_confidence", "confidence with which they stop"},
    {"bootstrap_seed", "seed of the bootstrap"},
    {"bootstrap_draws", "number of bootstrap draws"},
};

/* One row of two values: ours and theirs; *differ tells whether they do. */
static bool compare(const merging *m, const char *sql, const char *words, lsn_text *found, lsn_error *err)
{
    sqlite3_stmt *query = database_prepare(&m->db, sql, NULL);
    bool row = false;
    if (query == NULL || !database_row(&m->db, query, &row, NULL)) {
        merge_fail(m, err);
        sqlite3_finalize(query);
        return false;
    }
    if (!row)
        lsn_fail_at(err, LSN_FAILED, m->input, "is damaged: its table `study` is empty");
    else if (sqlite3_column_int(query, 0) != 0)
        lsn_text_add(found, "%s%s: %.70s, not %.70s", found->length > 0 ? "; " : "", words,
                     sqlite3_column_type(query, 2) == SQLITE_NULL ? "none" : database_words(query, 2),
                     sqlite3_column_type(query, 1) == SQLITE_NULL ? "none" : database_words(query, 1));
    sqlite3_finalize(query);
    return row;
}

static bool compare_rows(const merging *m, lsn_text *found, lsn_error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof compared / sizeof *compared; i++) {
        char sql[256];
        sqlite3_snprintf(sizeof sql, sql, "SELECT o.%s IS NOT t.%s, o.%s, t.%s FROM main.study o, input.study t",
                         compared[i].column, compared[i].column, compared[i].column, compared[i].column);
        ok = compare(m, sql, compared[i].words, found, err);
    }
    return ok &&
           compare(
               m,
               "SELECT o IS NOT t AND o IS NOT NULL AND t IS NOT NULL, o, t FROM (SELECT (SELECT max(" LSN_RUN_KERNELS
               ") "
               "FROM main.run) AS o, (SELECT max(" LSN_RUN_KERNELS ") FROM input.run WHERE EXISTS (SELECT 1 FROM "
               "input.part) OR EXISTS (SELECT 1 FROM input.evaluation WHERE status = 'done')) AS t)",
               "kind of kernels", found, err);
}

/* Tables that follow from weights and images: where they differ although those agree, one is damaged. */
static bool compare_tables(const merging *m, lsn_error *err)
{
    static const char *const tables[] = {"layer", "class", "image"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[256];
        int64_t differ = 0;
        sqlite3_snprintf(sizeof sql, sql,
                         "SELECT EXISTS (SELECT * FROM main.%s EXCEPT SELECT * FROM input.%s) OR EXISTS (SELECT * FROM "
                         "input.%s EXCEPT SELECT * FROM main.%s)",
                         tables[i], tables[i], tables[i], tables[i]);
        if (!merge_integer(m, sql, &differ, err))
            return false;
        if (differ != 0)
            return lsn_fail_at(
                err, LSN_FAILED, m->input,
                "its table `%s` differs from that of %s, though their studies are the same: one of them is damaged",
                tables[i], m->base);
    }
    return true;
}

bool merge_compare_studies(const merging *m, lsn_error *err)
{
    lsn_text found = {0};
    bool ok = compare_rows(m, &found, err);
    if (ok && found.failed)
        ok = lsn_fail(err, LSN_FAILED, "out of memory: studies could not be compared");
    else if (ok && found.length > 0)
        ok = lsn_fail_at(err, LSN_INVALID, m->input, "does not belong to the study of %s; %.700s", m->base, found.data);
    lsn_text_finish(&found);
    return ok && compare_tables(m, err);
}

bool merge_take_study(const merging *m, lsn_error *err)
{
    static const char *const statements[] = {
        "INSERT INTO main.study SELECT * FROM input.study",
        "UPDATE main.study SET shard = NULL, shards = NULL",
        "INSERT INTO main.layer SELECT * FROM input.layer",
        "INSERT INTO main.class SELECT * FROM input.class",
        "INSERT INTO main.image SELECT * FROM input.image",
        "INSERT INTO main.skipped_image SELECT * FROM input.skipped_image",
        "INSERT INTO main.experiment SELECT * FROM input.experiment",
        "INSERT INTO main.evaluation (evaluation, key, mode, mode_seed, layers, n_filters, filters, layer, filter, "
        "status) SELECT evaluation, key, mode, mode_seed, layers, n_filters, filters, layer, filter, 'pending' FROM "
        "input.evaluation",
        "INSERT INTO main.grouping SELECT * FROM input.grouping",
        "INSERT INTO main.filter_group SELECT * FROM input.filter_group",
        "INSERT INTO main.job SELECT * FROM input.job",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (!merge_run(m, statements[i], err))
            return false;
    return true;
}
