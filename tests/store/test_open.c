/* Opening: what is made, what is taken, what is refused. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

static bool exists(const fixture *f, const char *suffix)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s", f->path, suffix);
    return access(path, F_OK) == 0;
}

/* The file's folder, to put something there before a store is opened. */
static void make_folder(const fixture *f)
{
    char folder[96];
    snprintf(folder, sizeof folder, "%s/results", f->folder);
    assert_int_equal(mkdir(folder, 0755), 0);
}

static void write_text(const char *path, const char *words)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(words, file);
    fclose(file);
}

static void makes_the_folder_and_describes_the_study(void **state)
{
    fixture *f = *state;
    snprintf(f->path, sizeof f->path, "%s/a/b/study.db", f->folder);
    lsn_store *store = fixture_store(f, 4);
    assert_int_equal(lsn_store_block_images(store), 4);
    assert_int_equal(lsn_store_blocks(store), 3);
    lsn_store_close(store);
    fixture_expect(f, "PRAGMA user_version", "6\n");
    fixture_expect(f, "PRAGMA foreign_key_check", "");
    fixture_expect(f, "PRAGMA integrity_check", "ok\n");
    fixture_expect(f,
                   "SELECT name, text, weights_path, substr(weights_sha256, 1, 8), weights_dtype, "
                   "substr(images_sha256, 1, 8), calibration_sha256, preprocess, images, classes, block_images, "
                   "per_class FROM study",
                   "small|study: small\n|weights.safetensors|01020300|F32|04050600||pad 0|10|7|4|1\n");
    fixture_expect(f, "SELECT layer, name, kind, filters, channels, kernel, height, logits, parameters FROM layer",
                   "0|conv1|conv|4|1|3|4|0|40\n1|conv2|conv|3|4|3|2|0|111\n2|fc1|fc|7|3|1|1|1|28\n");
    fixture_expect(f, "SELECT class, name, images FROM class WHERE class IN (0, 3, 6)", "0|ant|3\n3|dog|1\n6|gnu|0\n");
    fixture_expect(f,
                   "SELECT position, name, (SELECT count(*) FROM job WHERE job.experiment = x.experiment) "
                   "FROM experiment x ORDER BY position",
                   "0|baseline|1\n1|every-filter|7\n2|sensitivity|4\n3|control|8\n4|both-layers|1\n");
    fixture_expect(f, "SELECT layers, n_filters, filters, layer, filter, status FROM evaluation WHERE evaluation < 2",
                   "|0|{}|||pending\nconv1|1|{\"conv1\":[0]}|0|0|pending\n");
    fixture_expect(f, "SELECT layers, n_filters, filters, layer, filter FROM evaluation WHERE n_filters = 3",
                   "conv1,conv2|3|{\"conv1\":[0,2],\"conv2\":[0]}||\n");
}

/* Whoever types .schema reads what the tables are. */
static void every_table_and_view_is_explained(void **state)
{
    fixture *f = *state;
    lsn_store_close(fixture_store(f, 4));
    fixture_expect(f, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND sql NOT LIKE '%-- %'", "");
    fixture_expect(f, "SELECT count(*) >= 16 FROM sqlite_master WHERE type IN ('table', 'view')", "1\n");
}

/* Whether the file's header says that it is kept with a write-ahead log. */
static bool is_logged(const fixture *f)
{
    unsigned char header[20] = {0};
    FILE *file = fopen(f->path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(header, 1, sizeof header, file), sizeof header);
    fclose(file);
    return header[18] == 2;
}

static void local_files_have_a_log_others_a_journal(void **state)
{
    fixture *f = *state;
    setenv("LESION_JOURNAL", "wal", 1); /* wherever the temporary folder may be */
    lsn_store_close(fixture_store(f, 4));
    assert_true(is_logged(f));
    setenv("LESION_JOURNAL", "truncate", 1);
    fixture_complete(f, 4);
    assert_false(is_logged(f));
    assert_false(exists(f, "-wal"));
    fixture_expect(f, "SELECT count(*) FROM job_result WHERE status = 'done'", "21\n");
    unsetenv("LESION_JOURNAL");
}

/* The change to a rollback journal can be refused: then the file must not be written with a log. */
static void a_log_that_cannot_be_given_up_is_an_error(void **state)
{
    fixture *f = *state;
    setenv("LESION_JOURNAL", "wal", 1);
    fixture_complete(f, 4);
    lsn_error err = {0};
    lsn_table table;
    lsn_reader *reader = lsn_reader_open(f->path, &err);
    assert_non_null(reader);
    assert_true(lsn_reader_query(reader, &table, "SELECT 1 FROM job", NULL, 0, &err));
    lsn_table_finish(&table);
    setenv("LESION_JOURNAL", "truncate", 1);
    fixture_refused(f, false, LSN_FAILED, WORDS("study.db", "another program"));
    lsn_reader_close(reader);
    lsn_store_close(fixture_store(f, 4));
    unsetenv("LESION_JOURNAL");
}

static void keeps_its_own_block_size(void **state)
{
    fixture *f = *state;
    lsn_store_close(fixture_store(f, 4));
    lsn_store *store = fixture_store(f, 3);
    assert_int_equal(lsn_store_block_images(store), 4);
    assert_int_equal(lsn_store_blocks(store), 3);
    lsn_store_close(store);
}

static void one_store_at_a_time(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 4);
    fixture_refused(f, false, LSN_FAILED, WORDS("study.db", "another run"));
    fixture_refused(f, true, LSN_FAILED, WORDS("study.db", "another run"));
    fixture_fill(f, store);
    lsn_store_close(store);
    assert_false(exists(f, ".lock"));
    assert_false(exists(f, ".old"));
    lsn_store_close(fixture_store(f, 4));
}

/* ---- files that are something else --------------------------------------------------------------------------- */

static void refuses_what_is_no_database(void **state)
{
    fixture *f = *state;
    make_folder(f);
    write_text(f->path, "This is a letter, and it is long enough to have a header's length: "
                        "one hundred bytes are what SQLite looks at first of all.\n");
    fixture_refused(f, false, LSN_INVALID, WORDS("study.db", "no Lesion database", "--db"));
    lsn_error err = {0};
    assert_null(lsn_reader_open(f->path, &err));
    assert_int_equal(err.code, LSN_INVALID);
}

static void refuses_another_programs_database(void **state)
{
    fixture *f = *state;
    make_folder(f);
    fixture_tamper(f->path, "CREATE TABLE mail (sender TEXT)");
    fixture_refused(f, false, LSN_INVALID, WORDS("study.db", "another program's", "--db"));
    fixture_tamper(f->path, "INSERT INTO mail VALUES ('still there')");
    lsn_error err = {0};
    assert_null(lsn_reader_open(f->path, &err));
    assert_int_equal(err.code, LSN_INVALID);
}

static void what_is_left_out_is_recorded(void **state)
{
    fixture *f = *state;
    char dog[] = "dog/1.jpg", dog_reason[] = "photos/dog/1.jpg: is cut short";
    char elk[] = "elk/2.png", elk_reason[] = "photos/elk/2.png: is empty";
    lsn_skipped skipped[] = {{3, false, dog, dog_reason}, {4, true, elk, elk_reason}};
    f->plan.skipped = skipped;
    f->plan.n_skipped = 2;
    lsn_store_close(fixture_store(f, 4));
    fixture_expect(f, "SELECT path, calibration, class, reason FROM skipped_image ORDER BY path",
                   "dog/1.jpg|0|3|photos/dog/1.jpg: is cut short\nelk/2.png|1|4|photos/elk/2.png: is empty\n");
    f->plan.skipped = skipped + 1;
    f->plan.n_skipped = 1;
    lsn_store_close(fixture_store(f, 4)); /* the last run counts */
    fixture_expect(f, "SELECT path FROM skipped_image", "elk/2.png\n");
    f->plan.n_skipped = 0;
}

static void refuses_another_schema_version(void **state)
{
    fixture *f = *state;
    lsn_store_close(fixture_store(f, 4));
    static const char *const older[] = {"1", "3", "99"};
    for (size_t i = 0; i < sizeof older / sizeof *older; i++) {
        char act[64], words[64];
        snprintf(act, sizeof act, "PRAGMA user_version = %s", older[i]);
        snprintf(words, sizeof words, "schema version %s, this program knows version %d", older[i], LSN_SCHEMA_VERSION);
        fixture_tamper(f->path, act);
        fixture_refused(f, false, LSN_INVALID, WORDS(words, "--db"));
        lsn_error err = {0};
        assert_null(lsn_reader_open(f->path, &err));
        assert_int_equal(err.code, LSN_INVALID);
        assert_non_null(strstr(err.text, words));
    }
}

static void an_empty_file_is_a_new_one(void **state)
{
    fixture *f = *state;
    make_folder(f);
    write_text(f->path, "");
    lsn_error err = {0};
    assert_null(lsn_reader_open(f->path, &err));
    assert_int_equal(err.code, LSN_INVALID);
    fixture_complete(f, 4);
    fixture_expect(f, "SELECT count(*) FROM job_result WHERE status = 'done'", "21\n");
}

static void a_damaged_file_is_said_to_be_so(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    fixture_tamper(f->path, "DELETE FROM study");
    fixture_refused(f, false, LSN_FAILED, WORDS("study.db", "damaged"));
    FILE *file = fopen(f->path, "r+");
    assert_non_null(file);
    fseek(file, 4096, SEEK_SET);
    for (int i = 0; i < 60000; i++)
        fputc(0x5a, file);
    fclose(file);
    lsn_error err = {0};
    assert_null(lsn_store_open(f->path, &f->plan, 4, false, &err));
    assert_int_equal(err.code, LSN_FAILED);
    assert_non_null(strstr(err.text, "damaged"));
}

/* Rows that could only come from elsewhere must not lead outside of an array. */
static void rows_that_belong_nowhere_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const acts[] = {
        "PRAGMA foreign_keys = 0; UPDATE evaluation SET evaluation = 1000000 WHERE evaluation = 3",
        "PRAGMA foreign_keys = 0; UPDATE evaluation SET evaluation = -1 WHERE evaluation = 3",
        "PRAGMA foreign_keys = 0; UPDATE experiment SET experiment = 99 WHERE experiment = 3",
        "PRAGMA foreign_keys = 0; UPDATE job SET evaluation = 99 WHERE job = 3",
        ("PRAGMA foreign_keys = 0; INSERT INTO part VALUES (99, 0, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0.0, x'', x'', "
         "NULL)"),
        "INSERT INTO part VALUES (1, 7, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0.0, x'', x'', NULL)",
        "INSERT INTO part VALUES (1, -1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0.0, x'', x'', NULL)",
        "UPDATE study SET block_images = 99999999999",
        "UPDATE study SET images = 9",
    };
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        unlink(f->path);
        lsn_store_close(fixture_store(f, 4));
        fixture_tamper(f->path, acts[i]);
        fixture_refused(f, false, LSN_FAILED, WORDS("study.db", "damaged"));
    }
}

/* ---- paths ----------------------------------------------------------------------------------------------------- */

static void a_path_without_folder_is_in_this_one(void **state)
{
    fixture *f = *state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f->folder), 0);
    strcpy(f->path, ":memory:");
    fixture_complete(f, 4);
    fixture_expect(f, "SELECT count(*) FROM job", "21\n");
    assert_int_equal(access(":memory:", F_OK), 0);
    assert_int_equal(chdir(before), 0);
}

static void a_file_in_place_of_the_folder(void **state)
{
    fixture *f = *state;
    char folder[96];
    snprintf(folder, sizeof folder, "%s/results", f->folder);
    write_text(folder, "a file\n");
    fixture_refused(f, false, LSN_FAILED, WORDS("results", "--db"));
    snprintf(f->path, sizeof f->path, "/proc/lesion/study.db");
    fixture_refused(f, false, LSN_FAILED, WORDS("/proc/lesion", "--db"));
}

static void a_folder_in_place_of_the_file(void **state)
{
    fixture *f = *state;
    make_folder(f);
    assert_int_equal(mkdir(f->path, 0755), 0);
    fixture_refused(f, false, LSN_FAILED, WORDS("study.db", "cannot be opened"));
    fixture_refused(f, true, LSN_FAILED, WORDS("study.db", "is no file"));
    lsn_error err = {0};
    assert_null(lsn_reader_open(f->path, &err));
    assert_int_equal(err.code, LSN_FAILED);
}

/* As a user whom permissions bind. */
static int open_where_writing_is_forbidden(fixture *f)
{
    lsn_error err = {0};
    if (lsn_store_open(f->path, &f->plan, 4, false, &err) != NULL || err.code != LSN_FAILED ||
        strstr(err.text, "--db") == NULL)
        return 1;
    if (lsn_store_open(f->path, &f->plan, 4, true, &err) != NULL || err.code != LSN_FAILED)
        return 2;
    lsn_reader *reader = lsn_reader_open(f->path, &err);
    lsn_table table;
    if (reader == NULL || !lsn_reader_query(reader, &table, "SELECT count(*) FROM job_result", NULL, 0, &err))
        return 3;
    int jobs = (int)lsn_table_cell(&table, 0, 0)->integer;
    lsn_table_finish(&table);
    lsn_reader_close(reader);
    return jobs == 21 ? 0 : 4;
}

static void read_only_files_and_folders(void **state)
{
    fixture *f = *state;
    char folder[96];
    snprintf(folder, sizeof folder, "%s/results", f->folder);
    fixture_complete(f, 4);
    chmod(f->folder, 0755);
    chmod(folder, 0555); /* a read-only folder */
    chmod(f->path, 0444);
    int folder_and_file = fixture_fork(open_where_writing_is_forbidden, f, true);
    chmod(f->path, 0666);
    int folder_only = fixture_fork(open_where_writing_is_forbidden, f, true);
    chmod(folder, 0777); /* a read-only file in a folder that may be written */
    chmod(f->path, 0444);
    int file_only = fixture_fork(open_where_writing_is_forbidden, f, true);
    chmod(folder, 0755);
    assert_int_equal(folder_and_file, 0);
    assert_int_equal(folder_only, 0);
    /* There --fresh can work, for the folder may be written: all but that was as it should be. */
    assert_int_equal(file_only, 2 << 8);
}

/* ---- fresh ----------------------------------------------------------------------------------------------------- */

static void fresh_keeps_the_old_file(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    lsn_error err = {0};
    lsn_store *store = lsn_store_open(f->path, &f->plan, 5, true, &err);
    assert_non_null(store);
    assert_int_equal(lsn_store_block_images(store), 5);
    assert_false(lsn_store_has(store, 0, 0));
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(*) FROM evaluation WHERE status = 'done'", "0\n");
    strcat(f->path, ".old");
    fixture_expect(f, "SELECT count(*) FROM job_result WHERE status = 'done'", "21\n");
}

static int leave_a_log_behind(fixture *f)
{
    fixture_fill(f, fixture_store(f, 4));
    return 0; /* without closing: the results are in the log */
}

static void fresh_keeps_what_is_in_the_log(void **state)
{
    fixture *f = *state;
    assert_int_equal(fixture_fork(leave_a_log_behind, f, false), 0);
    assert_true(exists(f, "-wal"));
    lsn_error err = {0};
    for (int i = 0; i < 2; i++) {
        lsn_store *store = lsn_store_open(f->path, &f->plan, 4, i == 0, &err);
        assert_non_null(store);
        assert_false(lsn_store_has(store, 0, 0));
        lsn_store_close(store);
    }
    strcat(f->path, ".old");
    fixture_expect(f, "SELECT count(*) FROM job_result WHERE status = 'done'", "21\n");
}

static void fresh_takes_anything(void **state)
{
    fixture *f = *state;
    make_folder(f);
    write_text(f->path, "no database, but somebody may want it back, so it is kept beside the new one for now: "
                        "that is more than one hundred bytes.\n");
    lsn_error err = {0};
    lsn_store *store = lsn_store_open(f->path, &f->plan, 4, true, &err);
    assert_non_null(store);
    lsn_store_close(store);
    assert_true(exists(f, ".old"));
    unlink(f->path);
    store = lsn_store_open(f->path, &f->plan, 4, true, &err); /* nothing to put aside */
    assert_non_null(store);
    lsn_store_close(store);
    assert_true(exists(f, ".old"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(makes_the_folder_and_describes_the_study),
        TEST(every_table_and_view_is_explained),
        TEST(local_files_have_a_log_others_a_journal),
        TEST(a_log_that_cannot_be_given_up_is_an_error),
        TEST(keeps_its_own_block_size),
        TEST(one_store_at_a_time),
        TEST(refuses_what_is_no_database),
        TEST(refuses_another_programs_database),
        TEST(what_is_left_out_is_recorded),
        TEST(refuses_another_schema_version),
        TEST(an_empty_file_is_a_new_one),
        TEST(a_damaged_file_is_said_to_be_so),
        TEST(rows_that_belong_nowhere_are_refused),
        TEST(a_path_without_folder_is_in_this_one),
        TEST(a_file_in_place_of_the_folder),
        TEST(a_folder_in_place_of_the_file),
        TEST(read_only_files_and_folders),
        TEST(fresh_keeps_the_old_file),
        TEST(fresh_keeps_what_is_in_the_log),
        TEST(fresh_takes_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
