/* Rows by the names of their columns. */
#include "store/store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* "INSERT INTO part (a, b) VALUES (?, ?)", "UPDATE evaluation SET b = ?2 WHERE a = ?1". */
static void compose_write(lsn_text *sql, const char *how, const row_field *fields, int count)
{
    const bool update = strncmp(how, "UPDATE", strlen("UPDATE")) == 0;
    lsn_text_add(sql, update ? "%s SET" : "%s (", how);
    for (int i = update; i < count; i++)
        if (update)
            lsn_text_add(sql, "%s %s = ?%d", i == 1 ? "" : ",", fields[i].name, i + 1);
        else
            lsn_text_add(sql, "%s%s", i == 0 ? "" : ", ", fields[i].name);
    if (update)
        lsn_text_add(sql, " WHERE %s = ?1", fields[0].name);
    for (int i = 0; !update && i < count; i++)
        lsn_text_add(sql, "%s?", i == 0 ? ") VALUES (" : ", ");
    lsn_text_add(sql, update ? "" : ")");
}

static sqlite3_stmt *prepare_composed(const database *db, lsn_text *sql, lsn_error *err)
{
    char *composed = lsn_text_take(sql, err);
    sqlite3_stmt *statement = composed == NULL ? NULL : database_prepare(db, composed, err);
    free(composed);
    return statement;
}

bool row_write(const database *db, sqlite3_stmt **statement, const char *how, const row_field *fields, int count,
               lsn_error *err)
{
    value values[ROW_COLUMNS];
    sqlite3_stmt *own = NULL;
    statement = statement == NULL ? &own : statement;
    if (*statement == NULL) {
        lsn_text sql = {0};
        compose_write(&sql, how, fields, count);
        *statement = prepare_composed(db, &sql, err);
    }
    for (int i = 0; i < count; i++)
        values[i] = fields[i].value;
    const bool ok = *statement != NULL && database_step(db, *statement, values, count, err);
    sqlite3_finalize(own);
    return ok;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

bool rows_begin(row_query *q, const database *db, const row_column *columns, int count, const char *from,
                lsn_error *err)
{
    lsn_text sql = {0};
    for (int c = 0; c < count; c++)
        lsn_text_add(&sql, "%s%s", c == 0 ? "SELECT " : ", ", columns[c].sql);
    lsn_text_add(&sql, " FROM %s", from);
    *q = (row_query){.db = db, .count = count, .statement = prepare_composed(db, &sql, err)};
    memcpy(q->columns, columns, (size_t)count * sizeof *columns);
    return q->statement != NULL;
}

bool rows_next(row_query *q, bool *row, lsn_error *err)
{
    if (!database_row(q->db, q->statement, row, err))
        return false;
    for (int c = 0; *row && c < q->count; c++) {
        const row_column *to = &q->columns[c];
        const bool null = sqlite3_column_type(q->statement, c) == SQLITE_NULL;
        if (to->integer != NULL)
            *to->integer = sqlite3_column_int64(q->statement, c);
        if (to->real != NULL)
            *to->real = null ? (double)NAN : sqlite3_column_double(q->statement, c);
        if (to->text != NULL)
            *to->text = null ? NULL : database_words(q->statement, c);
    }
    return true;
}

void rows_end(row_query *q)
{
    sqlite3_finalize(q->statement);
    q->statement = NULL;
}
