/* Results that are in two databases: the same to the bit, or refused. */
#include "store/merge.h"

#include <string.h>

/* A table of results. `rows`: where its rows are found in both, o being the output's and t the input's; one of them
 * may be missing. */
typedef struct comparison {
    const char *table;
    const char *columns; /* separated by ", " */
    const char *key;     /* which row, in words: an expression */
    const char *rows;
} comparison;

#define KEY "'evaluation ' || (SELECT key FROM main.evaluation k WHERE k.evaluation = e.ours)"
/* Rows of evaluations in state `what`, by their second key; those of either side. */
#define EITHER(table, second, what)                                                                              \
    "(SELECT e.ours, e.theirs, r." second " AS second FROM temp.evaluations e JOIN input." table " r ON "        \
    "r.evaluation = e.theirs WHERE e.what = " what " UNION SELECT e.ours, e.theirs, r." second " FROM "          \
    "temp.evaluations e JOIN main." table " r ON r.evaluation = e.ours WHERE e.what = " what                     \
    ") e LEFT JOIN main." table " o ON o.evaluation = e.ours AND o." second " = e.second LEFT JOIN input." table \
    " t ON t.evaluation = "                                                                                      \
    "e.theirs AND t." second " = e.second"
#define PART_COLUMNS                                                                                    \
    "images, top1, top5, lost, gained, agree, loss_sum, kl_sum, margin_sum, base_top5, base_loss_sum, " \
    "d_loss_squared, class_right, class_predicted, drift"

static const comparison comparisons[] = {
    {"evaluation", RESULT_COLUMNS, KEY,
     "temp.evaluations e JOIN main.evaluation o ON o.evaluation = e.ours JOIN input.evaluation t ON t.evaluation = "
     "e.theirs WHERE e.what = " MERGE_BOTH},
    {"evaluation_class", "top1, predicted", KEY " || ', class ' || e.second",
     EITHER("evaluation_class", "class", MERGE_BOTH) " WHERE true"},
    {"drift", "drift", KEY " || ', layer ' || e.second", EITHER("drift", "layer", MERGE_BOTH) " WHERE true"},
    {"image_result", "prediction, rank, loss", KEY " || ', image ' || e.second",
     EITHER("image_result", "image", MERGE_BOTH) " WHERE true"},
    {"part", PART_COLUMNS, KEY " || ', block ' || t.block",
     "temp.evaluations e JOIN input.part t ON t.evaluation = e.theirs JOIN main.part o ON o.evaluation = e.ours AND "
     "o.block = t.block WHERE e.what = " MERGE_UNITE},
    {"image_result", "prediction, rank, loss", KEY " || ', image ' || t.image",
     "temp.evaluations e JOIN input.image_result t ON t.evaluation = e.theirs JOIN main.image_result o ON o.evaluation "
     "= e.ours AND o.image = t.image WHERE e.what = " MERGE_UNITE},
    {"filter_activation", "mean, deviation", "'layer ' || t.layer || ', filter ' || t.filter",
     "input.filter_activation t JOIN main.filter_activation o USING (layer, filter) WHERE true"},
    {"filter_score", "value", "t.score || ', layer ' || t.layer || ', filter ' || t.filter",
     "input.filter_score t JOIN main.filter_score o USING (score, layer, filter) WHERE true"},
    {"filter_group", "filter_group, distance", "'grouping ' || t.grouping || ', filter ' || t.filter",
     "input.filter_group t JOIN temp.groupings g ON g.theirs = t.grouping JOIN main.filter_group o ON o.grouping = "
     "g.ours AND o.filter = t.filter WHERE true"},
};

/* "o.a, o.b". */
static void add_columns(lsn_text *sql, char side, const char *columns)
{
    lsn_text_add(sql, "%c.", side);
    for (const char *c = columns; *c != '\0'; c++)
        if (*c == ' ')
            lsn_text_add(sql, " %c.", side);
        else
            lsn_text_add(sql, "%c", *c);
}

/* SELECT key, ours ..., theirs ... of one row that differs. */
static void compose(const comparison *c, lsn_text *sql)
{
    lsn_text_add(sql, "SELECT %s, ", c->key);
    add_columns(sql, 'o', c->columns);
    lsn_text_add(sql, ", ");
    add_columns(sql, 't', c->columns);
    lsn_text_add(sql, " FROM %s AND (", c->rows);
    add_columns(sql, 'o', c->columns);
    lsn_text_add(sql, ") IS NOT (");
    add_columns(sql, 't', c->columns);
    lsn_text_add(sql, ") LIMIT 1");
}

/* A value as it can be told from any other. */
static const char *words_of(sqlite3_stmt *row, int column, char *words, size_t size)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_FLOAT:
        sqlite3_snprintf((int)size, words, "%!.17g", sqlite3_column_double(row, column));
        return words;
    case SQLITE_BLOB:
        sqlite3_snprintf((int)size, words, "%d bytes", sqlite3_column_bytes(row, column));
        return words;
    case SQLITE_NULL:
        return "nothing";
    default:
        return database_words(row, column);
    }
}

static bool same(sqlite3_stmt *row, int a, int b)
{
    if (sqlite3_column_type(row, a) != sqlite3_column_type(row, b))
        return false;
    const void *left = sqlite3_column_blob(row, a), *right = sqlite3_column_blob(row, b);
    const int bytes = sqlite3_column_bytes(row, a);
    if (sqlite3_column_type(row, a) == SQLITE_FLOAT) {
        const double one = sqlite3_column_double(row, a), other = sqlite3_column_double(row, b);
        return !(one < other || one > other);
    }
    return bytes == sqlite3_column_bytes(row, b) && (bytes == 0 || memcmp(left, right, (size_t)bytes) == 0);
}

/* Column 0 is the key, then as many columns of ours as of theirs. */
static void describe(const merging *m, const comparison *c, sqlite3_stmt *row, lsn_error *err)
{
    char ours[64], theirs[64];
    const int count = (sqlite3_column_count(row) - 1) / 2;
    int at = 1;
    while (at < count && same(row, at, at + count))
        at++;
    lsn_fail(err, LSN_INVALID,
             "%s: contradicts what was merged before: table %s, %s, column %s: %.80s, not %.80s. The same ablation on "
             "the same images gives the same bits; 'lesion verify' tells which database is wrong",
             m->input, c->table, database_words(row, 0), sqlite3_column_name(row, at),
             words_of(row, at + count, theirs, sizeof theirs), words_of(row, at, ours, sizeof ours));
}

static bool check(const merging *m, const comparison *c, lsn_error *err)
{
    lsn_text sql = {0};
    compose(c, &sql);
    if (sql.failed) {
        lsn_text_finish(&sql);
        return lsn_fail(err, LSN_FAILED, "out of memory: a query could not be composed");
    }
    sqlite3_stmt *query = database_prepare(&m->db, sql.data, NULL);
    bool row = false, ok = query != NULL && database_row(&m->db, query, &row, NULL);
    if (!ok)
        merge_fail(m, err);
    else if (row)
        describe(m, c, query, err);
    sqlite3_finalize(query);
    lsn_text_finish(&sql);
    return ok && !row;
}

bool merge_check_conflicts(const merging *m, lsn_error *err)
{
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++)
        if (!check(m, &comparisons[i], err))
            return false;
    return true;
}
