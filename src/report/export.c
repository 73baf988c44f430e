/* Writes a view or table of a database as CSV or JSON Lines. */
#include "report/json.h"

#include "lesion/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Names of Lesion's own making only: whatever else a file holds is not looked at, and needs no quotes. */
static const char names_sql[] =
    "SELECT name, sql, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT "
    "LIKE 'sqlite%' AND name NOT GLOB '*[^a-z0-9_]*' ORDER BY type DESC, rowid";

typedef struct writer {
    FILE *out;
    char **names;         /* [columns] as JSON strings */
    int columns, filters; /* `filters`: the column that is JSON itself; -1: none */
} writer;

static bool check_out(FILE *out, lsn_error *err)
{
    return ferror(out) == 0 || lsn_fail(err, LSN_FAILED, "cannot be written: %s", strerror(errno));
}

/* ---- CSV ----------------------------------------------------------------------------------------------------- */

static void csv_text(FILE *out, const char *text)
{
    if (text[0] != '\0' && strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

static bool csv_columns(void *context, const char *const *names, int columns, lsn_error *err)
{
    const writer *w = context;
    for (int c = 0; c < columns; c++) {
        fputs(c == 0 ? "" : ",", w->out);
        csv_text(w->out, names[c]);
    }
    fputs("\r\n", w->out);
    return check_out(w->out, err);
}

static bool csv_row(void *context, const lsn_cell *cells, int columns, lsn_error *err)
{
    const writer *w = context;
    for (int c = 0; c < columns; c++) {
        if (c > 0)
            fputc(',', w->out);
        if (cells[c].kind == LSN_CELL_TEXT)
            csv_text(w->out, cells[c].text);
        else
            fputs(cells[c].text, w->out);
    }
    fputs("\r\n", w->out);
    return check_out(w->out, err);
}

/* ---- JSON Lines ---------------------------------------------------------------------------------------------- */

static const char *skip_numbers(const char *c)
{
    for (;; c++) {
        const size_t digits = strspn(c, "0123456789");
        if (digits == 0 || (digits > 1 && *c == '0'))
            return NULL;
        c += digits;
        if (*c != ',')
            return c;
    }
}

/* Whether a text is what Lesion writes into `filters`: {"conv3_1":[0,5],"fc6":[1]}. */
static bool is_filters(const char *c)
{
    if (*c++ != '{')
        return false;
    if (strcmp(c, "}") == 0)
        return true;
    for (;; c++) {
        const size_t name = *c == '"' ? strspn(c + 1, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;
        if (name == 0 || strncmp(c + 1 + name, "\":[", 3) != 0 || (c = skip_numbers(c + name + 4)) == NULL ||
            *c++ != ']')
            return false;
        if (*c != ',')
            return strcmp(c, "}") == 0;
    }
}

static bool json_columns(void *context, const char *const *names, int columns, lsn_error *err)
{
    writer *w = context;
    w->columns = columns;
    w->filters = -1;
    w->names = lsn_array((size_t)columns, sizeof *w->names, err);
    for (int c = 0; w->names != NULL && c < columns; c++) {
        if (strcmp(names[c], "filters") == 0)
            w->filters = c;
        w->names[c] = lsn_strdup(names[c], err);
        if (w->names[c] == NULL)
            return false;
    }
    return w->names != NULL;
}

static bool json_row(void *context, const lsn_cell *cells, int columns, lsn_error *err)
{
    const writer *w = context;
    for (int c = 0; c < columns; c++) {
        fputs(c == 0 ? "{" : ", ", w->out);
        json_string(w->out, w->names[c]);
        fputs(": ", w->out);
        if (c == w->filters && cells[c].kind == LSN_CELL_TEXT && is_filters(cells[c].text))
            fputs(cells[c].text, w->out);
        else
            json_cell(w->out, &cells[c]);
    }
    fputs("}\n", w->out);
    return check_out(w->out, err);
}

/* ---- which one ----------------------------------------------------------------------------------------------- */

static bool unknown(const lsn_table *names, const char *view, lsn_error *err)
{
    lsn_text known = {0};
    const char **list = lsn_array((size_t)names->rows + 1, sizeof *list, err);
    if (list == NULL)
        return false;
    for (int64_t r = 0; r < names->rows; r++) {
        list[r] = lsn_table_cell(names, r, 0)->text;
        lsn_text_add(&known, "%s%s", r == 0 ? "" : ", ", list[r]);
    }
    const char *nearest = lsn_nearest(view, list);
    lsn_fail(err, LSN_USAGE, "--view %.100s: there is none of that name%s%s%s; there are %s", view,
             nearest == NULL ? "" : " (did you mean ", nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?)",
             known.data == NULL ? "none" : known.data);
    lsn_text_finish(&known);
    free(list);
    return false;
}

static bool check_name(lsn_reader *reader, const char *view, lsn_error *err)
{
    lsn_table names = {0};
    bool ok = lsn_reader_query(reader, &names, names_sql, NULL, 0, err), found = false;
    for (int64_t r = 0; ok && r < names.rows; r++)
        found = found || strcmp(lsn_table_cell(&names, r, 0)->text, view) == 0;
    if (ok && !found)
        ok = unknown(&names, view, err);
    lsn_table_finish(&names);
    return ok;
}

/* "SELECT a, hex(b) AS b FROM view". */
static bool make_query(lsn_reader *reader, const char *view, lsn_text *sql, lsn_error *err)
{
    lsn_table columns = {0};
    bool ok =
        lsn_reader_query(reader, &columns, "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid", &view, 1, err);
    for (int64_t r = 0; ok && r < columns.rows; r++) {
        const char *name = lsn_table_cell(&columns, r, 0)->text;
        if (strchr(name, '"') != NULL)
            ok = lsn_fail(err, LSN_INVALID, "%s: its column %.80s is none of Lesion's", view, name);
        else if (strcmp(lsn_table_cell(&columns, r, 1)->text, "BLOB") == 0)
            lsn_text_add(sql, "%s CASE WHEN \"%s\" IS NOT NULL THEN hex(\"%s\") END AS \"%s\"", r == 0 ? "SELECT" : ",",
                         name, name, name);
        else
            lsn_text_add(sql, "%s \"%s\"", r == 0 ? "SELECT" : ",", name);
    }
    lsn_text_add(sql, " FROM %s", view);
    lsn_table_finish(&columns);
    return ok && (!sql->failed || lsn_fail(err, LSN_FAILED, "out of memory: a query could not be composed"));
}

bool lsn_export(lsn_reader *reader, const char *view, lsn_format format, FILE *out, lsn_error *err)
{
    writer w = {.out = out};
    lsn_text sql = {0};
    const bool lines = format == LSN_FORMAT_JSONL;
    const lsn_row_taker taker = {lines ? json_columns : csv_columns, lines ? json_row : csv_row, &w};
    bool ok = check_name(reader, view, err) && make_query(reader, view, &sql, err) &&
              lsn_reader_stream(reader, sql.data, NULL, 0, &taker, err);
    if (ok && fflush(out) != 0)
        ok = lsn_fail(err, LSN_FAILED, "cannot be written: %s", strerror(errno));
    for (int c = 0; w.names != NULL && c < w.columns; c++)
        free(w.names[c]);
    free(w.names);
    lsn_text_finish(&sql);
    return ok;
}

/* ---- the list ------------------------------------------------------------------------------------------------ */

/* The first sentence, or what of it stands before a colon, of the comment in a definition's second line. */
static void print_sentence(FILE *out, const char *sql)
{
    const char *line = strchr(sql, '\n');
    char last = '\0';
    while (line != NULL && strncmp(line + 1 + strspn(line + 1, " "), "-- ", 3) == 0) {
        const char *c = line + 1 + strspn(line + 1, " ") + 3;
        fputs(last == '\0' ? "" : " ", out);
        for (; *c != '\0' && *c != '\n'; last = *c++) {
            if ((last == '.' || last == ':' || last == ';') && *c == ' ')
                return;
            fputc(*c, out);
        }
        if (last == '.' || last == ':' || last == ';')
            return;
        line = *c == '\0' ? NULL : c;
    }
}

bool lsn_export_list(lsn_reader *reader, FILE *out, lsn_error *err)
{
    lsn_table names = {0};
    bool ok = lsn_reader_query(reader, &names, names_sql, NULL, 0, err);
    const char *kind = "";
    for (int64_t r = 0; ok && r < names.rows; r++) {
        const char *type = lsn_table_cell(&names, r, 2)->text;
        if (strcmp(type, kind) != 0)
            fprintf(out, "%s%ss\n", r == 0 ? "" : "\n", type);
        kind = type;
        fprintf(out, "  %-18s ", lsn_table_cell(&names, r, 0)->text);
        print_sentence(out, lsn_table_cell(&names, r, 1)->text);
        fputc('\n', out);
    }
    ok = ok && (fflush(out) == 0 || lsn_fail(err, LSN_FAILED, "cannot be written: %s", strerror(errno)));
    lsn_table_finish(&names);
    return ok;
}
