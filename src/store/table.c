/* The answer to a query in memory. */
#include "store/store_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts live in chunks that never move, so that cells can point into them while the table grows. */
enum { CHUNK_BYTES = 1 << 16, NUMBER_BYTES = LSN_REAL_BYTES + 2 };

typedef struct chunk {
    struct chunk *next;
    size_t used, room;
    char data[];
} chunk;

struct lsn_table_storage {
    chunk *chunks; /* the newest first */
    size_t room;   /* of the cells, in rows */
};

/* A copy of the first `length` bytes of `words`, with a final zero. */
static char *keep(lsn_table *table, const char *words, size_t length, lsn_error *err)
{
    chunk *top = table->storage->chunks;
    if (top == NULL || top->room - top->used <= length) {
        size_t room = length < CHUNK_BYTES ? CHUNK_BYTES : length + 1;
        chunk *fresh = malloc(sizeof *fresh + room);
        if (fresh == NULL) {
            lsn_fail(err, LSN_FAILED, "out of memory: the answer to a query is too large");
            return NULL;
        }
        *fresh = (chunk){.next = top, .room = room};
        table->storage->chunks = top = fresh;
    }
    char *copy = top->data + top->used;
    memcpy(copy, words, length);
    copy[length] = '\0';
    top->used += length + 1;
    return copy;
}

/* As a real number, with a point or an exponent. */
static int real_text(double number, char words[NUMBER_BYTES])
{
    int length = lsn_real_text(number, words);
    if (strspn(words, "-0123456789") == (size_t)length) {
        strcpy(words + length, ".0");
        length += 2;
    }
    return length;
}

static bool set_cell(lsn_table *table, lsn_cell *cell, sqlite3_stmt *query, int column, lsn_error *err)
{
    char number[NUMBER_BYTES];
    const char *words = number;
    int length = 0;
    switch (sqlite3_column_type(query, column)) {
    case SQLITE_NULL:
        cell->kind = LSN_CELL_NULL;
        break;
    case SQLITE_INTEGER:
        cell->kind = LSN_CELL_INTEGER;
        cell->integer = sqlite3_column_int64(query, column);
        cell->real = (double)cell->integer;
        length = snprintf(number, sizeof number, "%lld", (long long)cell->integer);
        break;
    case SQLITE_FLOAT:
        cell->kind = LSN_CELL_REAL;
        cell->real = sqlite3_column_double(query, column);
        length = real_text(cell->real, number);
        break;
    default:
        cell->kind = LSN_CELL_TEXT;
        words = database_words(query, column);
        length = sqlite3_column_bytes(query, column);
        break;
    }
    cell->text = length == 0 ? "" : keep(table, words, (size_t)length, err);
    return cell->text != NULL;
}

bool table_begin(lsn_table *table, sqlite3_stmt *query, lsn_error *err)
{
    int columns = sqlite3_column_count(query);
    table->storage = lsn_array(1, sizeof *table->storage, err);
    table->names = lsn_array((size_t)columns, sizeof *table->names, err);
    if (table->storage == NULL || table->names == NULL)
        return false;
    for (; table->columns < columns; table->columns++) {
        const char *name = sqlite3_column_name(query, table->columns);
        if (name == NULL)
            return lsn_fail(err, LSN_FAILED, "out of memory: a column has no name");
        table->names[table->columns] = keep(table, name, strlen(name), err);
        if (table->names[table->columns] == NULL)
            return false;
    }
    return true;
}

bool table_add_row(lsn_table *table, sqlite3_stmt *query, lsn_error *err)
{
    void *cells = table->cells;
    size_t row_bytes = (size_t)table->columns * sizeof *table->cells;
    bool ok = lsn_grow(&cells, (size_t)table->rows, &table->storage->room, row_bytes, err);
    table->cells = cells;
    if (!ok)
        return false;
    lsn_cell *row = table->cells + (size_t)table->rows * (size_t)table->columns;
    memset(row, 0, row_bytes);
    for (int c = 0; c < table->columns; c++)
        if (!set_cell(table, &row[c], query, c, err))
            return false;
    table->rows++;
    return true;
}

void table_empty(lsn_table *table)
{
    chunk *top = table->storage->chunks;
    while (top != NULL && top->next != NULL) {
        chunk *older = top->next;
        top->next = older->next;
        free(older);
    }
    if (top != NULL)
        top->used = 0;
    table->rows = 0;
}

const lsn_cell *lsn_table_cell(const lsn_table *table, int64_t row, int column)
{
    assert(row >= 0 && row < table->rows && column >= 0 && column < table->columns);
    return &table->cells[(size_t)row * (size_t)table->columns + (size_t)column];
}

void lsn_table_finish(lsn_table *table)
{
    for (chunk *c = table->storage == NULL ? NULL : table->storage->chunks; c != NULL;) {
        chunk *next = c->next;
        free(c);
        c = next;
    }
    free(table->storage);
    free(table->names);
    free(table->cells);
    *table = (lsn_table){0};
}
