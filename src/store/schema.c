/* Tables and views in an empty file: tables.sql and views.sql, with the metrics' columns put in. */
#include "store/store_internal.h"

#include <stdlib.h>
#include <string.h>

extern const char store_tables_sql[], store_views_sql[]; /* made of those files when this is built */

/* A line "@name" of tables.sql. */
static const struct {
    const char *line;
    void (*declare)(lsn_text *sql);
} parts[] = {
    {"@results\n", metrics_declare_result},
    {"@check\n", metrics_declare_check},
    {"@sums\n", metrics_declare_part},
};

static void compose(lsn_text *sql)
{
    for (const char *rest = store_tables_sql; *rest != '\0';) {
        const size_t length = strcspn(rest, "\n") + 1;
        bool put_in = false;
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            if (strncmp(rest, parts[i].line, length) == 0) {
                parts[i].declare(sql);
                put_in = true;
            }
        if (!put_in)
            lsn_text_put(sql, rest, length);
        rest += length;
    }
}

bool schema_create(const database *db, lsn_error *err)
{
    char pragmas[96];
    sqlite3_snprintf(sizeof pragmas, pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
                     LSN_SCHEMA_VERSION);
    lsn_text words = {0};
    compose(&words);
    char *tables = lsn_text_take(&words, err);
    const bool ok = tables != NULL && database_run(db, tables, err) && database_run(db, store_views_sql, err) &&
                    database_run(db, pragmas, err);
    free(tables);
    return ok;
}
