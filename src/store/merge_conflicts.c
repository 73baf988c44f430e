/* Results that are in two databases: the same to the bit, or refused. */
#include "store/merge.h"

#include <stdlib.h>
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
static const comparison comparisons[] = {
    {"evaluation", RESULT_COLUMNS + 2, KEY,
     "temp.evaluations e JOIN main.evaluation o ON o.evaluation = e.ours JOIN input.evaluation t ON t.evaluation = "
     "e.theirs WHERE e.what = " MERGE_BOTH},
    {"evaluation", LATE_COLUMNS + 2, KEY,
     "temp.evaluations e JOIN main.evaluation o ON o.evaluation = e.ours JOIN input.evaluation t ON t.evaluation = "
     "e.theirs WHERE e.what = " MERGE_BOTH " AND o.d_loss_low IS NOT NULL AND t.d_loss_low IS NOT NULL"},
    {"pair_interval", "images, top1_low, top1_high, loss_low, loss_high", "'job ' || t.job",
     "input.pair_interval t JOIN temp.jobs j ON j.theirs = t.job JOIN main.pair_interval o ON o.job = j.ours WHERE "
     "true"},
    {"evaluation_class", "top1, predicted", KEY " || ', class ' || e.second",
     EITHER("evaluation_class", "class", MERGE_BOTH) " WHERE true"},
    {"drift", "drift", KEY " || ', layer ' || e.second", EITHER("drift", "layer", MERGE_BOTH) " WHERE true"},
    {"image_result", "prediction, rank, loss", KEY " || ', image ' || e.second",
     EITHER("image_result", "image", MERGE_BOTH) " WHERE true"},
    {"part", SUM_COLUMNS PART_BLOBS + 2, KEY " || ', block ' || t.block",
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
    lsn_text_add(sql, ")");
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

/* "table evaluation, evaluation 7f.., column p: 0.5, not 0.25": the first column from `at` on that differs; false where
 * none does. Column 0 is the key, then as many columns of ours as of theirs. */
static bool describe(const comparison *c, sqlite3_stmt *row, int *at, lsn_text *words)
{
    char ours[64], theirs[64];
    const int count = (sqlite3_column_count(row) - 1) / 2;
    while (*at <= count && same(row, *at, *at + count))
        ++*at;
    if (*at > count)
        return false;
    lsn_text_add(words, "table %s, %s, column %s: %.80s, not %.80s", c->table, database_words(row, 0),
                 sqlite3_column_name(row, *at), words_of(row, *at + count, theirs, sizeof theirs),
                 words_of(row, *at, ours, sizeof ours));
    ++*at;
    return true;
}

static sqlite3_stmt *find(const merging *m, const comparison *c, lsn_error *err)
{
    lsn_text words = {0};
    compose(c, &words);
    char *sql = lsn_text_take(&words, err);
    sqlite3_stmt *query = sql == NULL ? NULL : database_prepare(&m->db, sql, NULL);
    if (sql != NULL && query == NULL)
        merge_fail(m, err);
    free(sql);
    return query;
}

static bool check(const merging *m, const comparison *c, lsn_error *err)
{
    sqlite3_stmt *query = find(m, c, err);
    if (query == NULL)
        return false;
    lsn_text words = {0};
    int at = 1;
    bool row = false, ok = database_row(&m->db, query, &row, NULL) || merge_fail(m, err);
    if (ok && row) {
        describe(c, query, &at, &words);
        ok = lsn_fail_at(err, LSN_INVALID, m->input,
                         "contradicts what was merged before: %s. The same ablation on the same images gives the same "
                         "bits; 'lesion verify' tells which database is wrong",
                         words.data == NULL ? c->table : words.data);
    }
    lsn_text_finish(&words);
    sqlite3_finalize(query);
    return ok;
}

bool merge_check_conflicts(const merging *m, lsn_error *err)
{
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++)
        if (!check(m, &comparisons[i], err))
            return false;
    return true;
}

static bool list(const merging *m, const comparison *c, lsn_problems *found, lsn_error *err)
{
    sqlite3_stmt *query = find(m, c, err);
    lsn_text words = {0};
    bool row = true, ok = query != NULL;
    while (ok && (ok = database_row(&m->db, query, &row, NULL) || merge_fail(m, err)) && row)
        for (int at = 1; describe(c, query, &at, &words);) {
            lsn_problem(found, "%s", words.data == NULL ? c->table : words.data);
            lsn_text_finish(&words);
            words = (lsn_text){0};
        }
    sqlite3_finalize(query);
    return ok;
}

bool merge_list_conflicts(const merging *m, lsn_problems *found, lsn_error *err)
{
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++)
        if (!list(m, &comparisons[i], found, err))
            return false;
    return true;
}
