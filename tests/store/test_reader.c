/* Queries, and reading while somebody writes. */
#include "fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static lsn_reader *open_reader(const fixture *f)
{
    lsn_error err = {0};
    lsn_reader *reader = lsn_reader_open(f->path, &err);
    if (reader == NULL)
        fail_msg("%s", err.text);
    return reader;
}

static void every_kind_of_cell(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    lsn_table table;
    lsn_store_close(fixture_store(f, 4));
    lsn_reader *reader = open_reader(f);
    assert_true(lsn_reader_query(reader, &table,
                                 "SELECT NULL AS none, -9007199254740993 AS whole, 0.1 AS tenth, 1e300 * 1e300 AS "
                                 "infinite, 3.0 AS three, 'words' AS words, '' AS empty, 1.0 / 3 AS third UNION ALL "
                                 "SELECT 1, 2, 3, 4, 5, 6, 7, -2e-300",
                                 NULL, 0, &err));
    static const struct {
        const char *name, *text;
        lsn_cell_kind kind;
        double real;
    } cells[] = {
        {"none", "", LSN_CELL_NULL, 0},       {"whole", "-9007199254740993", LSN_CELL_INTEGER, -9007199254740992.0},
        {"tenth", "0.1", LSN_CELL_REAL, 0.1}, {"infinite", "inf", LSN_CELL_REAL, (double)INFINITY},
        {"three", "3.0", LSN_CELL_REAL, 3},   {"words", "words", LSN_CELL_TEXT, 0},
        {"empty", "", LSN_CELL_TEXT, 0},      {"third", "0.3333333333333333", LSN_CELL_REAL, 1.0 / 3},
    };
    assert_int_equal(table.columns, 8);
    assert_int_equal(table.rows, 2);
    for (int c = 0; c < 8; c++) {
        const lsn_cell *cell = lsn_table_cell(&table, 0, c);
        assert_string_equal(table.names[c], cells[c].name);
        assert_string_equal(cell->text, cells[c].text);
        assert_int_equal(cell->kind, cells[c].kind);
        assert_true(cell->real == cells[c].real);
    }
    assert_true(lsn_table_cell(&table, 0, 1)->integer == -9007199254740993);
    assert_string_equal(lsn_table_cell(&table, 1, 7)->text, "-2e-300");
    assert_string_equal(lsn_table_cell(&table, 1, 0)->text, "1");
    lsn_table_finish(&table);
    lsn_table_finish(&table);
    lsn_reader_close(reader);
    lsn_reader_close(NULL);
}

static void parameters_are_bound(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    lsn_table table;
    fixture_complete(f, 4);
    lsn_reader *reader = open_reader(f);
    const char *const parameters[] = {"control", "0.5' OR 1=1 --"};
    assert_true(lsn_reader_query(reader, &table, "SELECT count(*), ?2 FROM job_result WHERE experiment = ?1",
                                 parameters, 2, &err));
    assert_int_equal(lsn_table_cell(&table, 0, 0)->integer, 8);
    assert_string_equal(lsn_table_cell(&table, 0, 1)->text, parameters[1]);
    lsn_table_finish(&table);
    assert_false(lsn_reader_query(reader, &table, "SELECT ?1, ?2", parameters, 1, &err));
    assert_int_equal(err.code, LSN_INVALID);
    lsn_table_finish(&table);
    lsn_reader_close(reader);
}

static void large_answers(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    lsn_table table;
    lsn_store_close(fixture_store(f, 4));
    lsn_reader *reader = open_reader(f);
    assert_true(lsn_reader_query(
        reader, &table,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) "
        "SELECT i, 'row ' || i AS words, replace(hex(zeroblob(iif(i < 30000, i % 100, i))), '00', 'x') AS long FROM n "
        "WHERE i < 20000 OR i = 30000",
        NULL, 0, &err));
    assert_int_equal(table.rows, 20000);
    for (int64_t row = 0; row < 19999; row += 7) {
        char words[32];
        snprintf(words, sizeof words, "row %d", (int)row + 1);
        assert_string_equal(lsn_table_cell(&table, row, 1)->text, words);
        assert_int_equal(strlen(lsn_table_cell(&table, row, 2)->text), (row + 1) % 100);
    }
    assert_int_equal(strlen(lsn_table_cell(&table, 19999, 2)->text), 30000);
    lsn_table_finish(&table);
    lsn_reader_close(reader);
}

static void bad_queries_are_refused(void **state)
{
    fixture *f = *state;
    lsn_store_close(fixture_store(f, 4));
    lsn_reader *reader = open_reader(f);
    static const char *const bad[] = {
        "SELECT",
        "",
        "-- nothing",
        "SELECT * FROM no_such_table",
        "DELETE FROM job",
        "DELETE FROM job RETURNING job",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM job",
        "PRAGMA journal_mode = DELETE",
        "ATTACH ':memory:' AS other",
        "BEGIN",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lsn_error err = {0};
        lsn_table table;
        if (lsn_reader_query(reader, &table, bad[i], NULL, 0, &err))
            fail_msg("'%s' was answered", bad[i]);
        assert_int_equal(err.code, LSN_INVALID);
        assert_non_null(strstr(err.text, "study.db"));
        assert_int_equal(table.rows, 0);
        lsn_table_finish(&table);
    }
    lsn_reader_close(reader);
    fixture_expect(f, "SELECT count(*) FROM job ; \n", "21\n");
}

static void no_such_file(void **state)
{
    fixture *f = *state;
    lsn_error err = {0};
    assert_null(lsn_reader_open(f->path, &err));
    assert_int_equal(err.code, LSN_FAILED);
    assert_non_null(strstr(err.text, "no such file"));
    assert_int_equal(access(f->path, F_OK), -1); /* and none was made */
}

/* ---- together with a writer ------------------------------------------------------------------------------------ */

static void reads_while_a_store_writes(void **state)
{
    fixture *f = *state;
    static const char *const journals[] = {"wal", "truncate"};
    for (int i = 0; i < 2; i++) {
        setenv("LESION_JOURNAL", journals[i], 1);
        snprintf(f->path, sizeof f->path, "%s/%s.db", f->folder, journals[i]);
        lsn_store *store = fixture_store(f, 4);
        lsn_reader *reader = open_reader(f);
        for (int32_t e = 0; e < f->plan.n_evaluations; e++) {
            lsn_error err = {0};
            lsn_table table;
            for (int32_t b = 0; b < 3; b++)
                fixture_add(f, store, e, b);
            /* In the middle of the writer's transaction: what was committed before is seen. */
            if (!lsn_reader_query(reader, &table, "SELECT count(*) FROM evaluation WHERE status = 'done'", NULL, 0,
                                  &err))
                fail_msg("%s", err.text);
            assert_int_equal(lsn_table_cell(&table, 0, 0)->integer, e);
            lsn_table_finish(&table);
            if (!lsn_store_commit(store, &err))
                fail_msg("%s", err.text);
        }
        lsn_reader_close(reader);
        lsn_store_close(store);
        fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'done'", "13\n");
    }
    unsetenv("LESION_JOURNAL");
}

static int die_in_a_transaction(fixture *f)
{
    sqlite3 *db;
    const char *sql = "PRAGMA journal_mode = TRUNCATE; PRAGMA cache_size = 2; BEGIN;"
                      "UPDATE evaluation SET status = 'failed', reason = hex(zeroblob(2000));"
                      "UPDATE study SET name = 'broken'; UPDATE evaluation SET reason = hex(zeroblob(3000))";
    if (sqlite3_open(f->path, &db) != SQLITE_OK || sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return 1;
    return 0; /* without closing: half of it is in the file */
}

static void what_a_killed_writer_left_half_done_is_undone(void **state)
{
    fixture *f = *state;
    setenv("LESION_JOURNAL", "truncate", 1);
    fixture_complete(f, 4);
    assert_int_equal(fixture_fork(die_in_a_transaction, f, false), 0);
    char journal[128];
    struct stat status;
    snprintf(journal, sizeof journal, "%s-journal", f->path);
    assert_int_equal(stat(journal, &status), 0);
    assert_true(status.st_size > 0);
    fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'done'", "13\n");
    fixture_expect(f, "SELECT name FROM study", "small\n");
    unsetenv("LESION_JOURNAL");
}

static int leave_a_log_behind(fixture *f)
{
    lsn_store *store = fixture_store(f, 4);
    fixture_fill(f, store);
    return 0;
}

static int read_all(fixture *f)
{
    lsn_error err = {0};
    lsn_table table;
    lsn_reader *reader = lsn_reader_open(f->path, &err);
    if (reader == NULL)
        return err.code == LSN_FAILED && strstr(err.text, "copy both files") != NULL ? 10 : 11;
    bool ok = lsn_reader_query(reader, &table, "SELECT count(*) FROM job_result WHERE status = 'done'", NULL, 0, &err);
    int jobs = ok ? (int)lsn_table_cell(&table, 0, 0)->integer : -1;
    lsn_table_finish(&table);
    lsn_reader_close(reader);
    return jobs == 21 ? 0 : 1;
}

static void results_in_a_log_in_a_read_only_folder(void **state)
{
    fixture *f = *state;
    char folder[96], shared[128];
    snprintf(folder, sizeof folder, "%s/results", f->folder);
    snprintf(shared, sizeof shared, "%s-shm", f->path);
    setenv("LESION_JOURNAL", "wal", 1);
    assert_int_equal(fixture_fork(leave_a_log_behind, f, false), 0);
    chmod(f->folder, 0755);
    chmod(folder, 0555);
    int with_shared_memory = fixture_fork(read_all, f, true);
    chmod(folder, 0755);
    unlink(shared);
    chmod(folder, 0555);
    int without = fixture_fork(read_all, f, true);
    chmod(folder, 0755);
    unsetenv("LESION_JOURNAL");
    /* All or nothing: never the file without the log. */
    assert_true(with_shared_memory == 0 || with_shared_memory == 10 << 8);
    assert_int_equal(without, 10 << 8);
    assert_int_equal(fixture_fork(read_all, f, false), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_cell),
        TEST(parameters_are_bound),
        TEST(large_answers),
        TEST(bad_queries_are_refused),
        TEST(no_such_file),
        TEST(reads_while_a_store_writes),
        TEST(what_a_killed_writer_left_half_done_is_undone),
        TEST(results_in_a_log_in_a_read_only_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
