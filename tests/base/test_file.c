#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lesion/base.h"
#include "scratch.h"

static void a_file_is_mapped_whole(void **state)
{
    (void)state;
    char text[10000];
    memset(text, 'q', sizeof text);
    text[9999] = 'z';
    lsn_file file;
    lsn_error err;
    assert_true(lsn_file_map(&file, scratch_write("some", text, sizeof text), &err));
    assert_int_equal(file.bytes, sizeof text);
    assert_memory_equal(file.data, text, sizeof text);
    lsn_file_unmap(&file);
    assert_null(file.data);
    lsn_file_unmap(&file); /* again: nothing to do */
}

static void an_empty_file_has_no_data(void **state)
{
    (void)state;
    lsn_file file;
    assert_true(lsn_file_map(&file, scratch_write("empty", "", 0), NULL));
    assert_null(file.data);
    assert_int_equal(file.bytes, 0);
    lsn_file_unmap(&file);
}

static void refused(const char *path, const char *reason)
{
    lsn_file file = {.bytes = 1};
    lsn_error err = {0};
    assert_false(lsn_file_map(&file, path, &err));
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, reason));
    assert_null(file.data);
    assert_int_equal(file.bytes, 0);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    refused(scratch_path("missing"), "No such file");
    refused(scratch_folder, "is not a file");
    refused("/dev/null", "is not a file");
    const char *pipe = scratch_path("pipe"); /* nobody writes to it: it must not be waited for */
    assert_int_equal(mkfifo(pipe, 0600), 0);
    refused(pipe, "is not a file");
}

static void an_unreadable_file_is_refused(void **state)
{
    (void)state;
    const char *path = scratch_write("secret", "x", 1);
    assert_int_equal(chmod(path, 0), 0);
    if (geteuid() == 0)
        print_message("not checked: the superuser may read everything\n");
    else
        refused(path, "Permission denied");
}

static void paths_are_seen_from_the_file_beside(void **state)
{
    (void)state;
    static const char *const known[][3] = {
        {"study.yaml", "vgg.safetensors", "vgg.safetensors"},
        {"configs/study.yaml", "vgg.safetensors", "configs/vgg.safetensors"},
        {"configs/study.yaml", "../models/a", "configs/../models/a"},
        {"/a/b/study.yaml", "c", "/a/b/c"},
        {"/study.yaml", "c", "/c"},
        {"/a/b/study.yaml", "/c/d", "/c/d"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *path = lsn_path_beside(known[i][0], known[i][1], NULL);
        assert_string_equal(path, known[i][2]);
        free(path);
    }
}

static void check_text(const char *path, const char *expected)
{
    lsn_file file;
    assert_true(lsn_file_map(&file, path, NULL));
    assert_int_equal(file.bytes, strlen(expected));
    assert_memory_equal(file.data, expected, file.bytes);
    lsn_file_unmap(&file);
}

static void a_new_file_replaces_the_old_one_when_it_is_whole(void **state)
{
    (void)state;
    lsn_new_file file;
    char *path = lsn_strdup(scratch_write("page", "old", 3), NULL);
    for (int ok = 0; ok < 2; ok++) {
        assert_true(lsn_new_file_open(&file, path, NULL));
        assert_true(fputs("new", file.out) >= 0);
        check_text(path, "old");
        assert_int_equal(lsn_new_file_close(&file, ok == 1, NULL), ok == 1);
        check_text(path, ok == 1 ? "new" : "old");
        assert_int_not_equal(access(scratch_path("page.part"), F_OK), 0);
    }
    free(path);
}

static void what_cannot_be_written_is_said(void **state)
{
    (void)state;
    lsn_new_file file;
    lsn_error err = {0};
    assert_false(lsn_new_file_open(&file, scratch_path("nowhere/page"), &err));
    assert_non_null(strstr(err.text, "nowhere/page: cannot be written"));
    assert_true(lsn_new_file_open(&file, "/dev/full", NULL)); /* which stays what it is */
    assert_true(fputs("new", file.out) >= 0);
    assert_false(lsn_new_file_close(&file, true, &err));
    assert_non_null(strstr(err.text, "/dev/full: cannot be written: No space"));
    struct stat status;
    assert_true(stat("/dev/full", &status) == 0 && S_ISCHR(status.st_mode));
}

static void one_write_that_failed_is_enough(void **state)
{
    (void)state;
    lsn_new_file file;
    lsn_error err = {0};
    struct rlimit limit;
    char *path = lsn_strdup(scratch_write("page", "old", 3), NULL);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_true(lsn_new_file_open(&file, path, NULL));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, limit.rlim_max}), 0);
    for (int i = 0; i < 100000; i++)
        fputs("0123456789", file.out);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0); /* there is room again when the rest is written */
    fputs("end", file.out);
    assert_false(lsn_new_file_close(&file, true, &err));
    assert_non_null(strstr(err.text, "page: cannot be written"));
    check_text(path, "old");
    assert_int_not_equal(access(scratch_path("page.part"), F_OK), 0);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_mapped_whole),
        cmocka_unit_test(an_empty_file_has_no_data),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(an_unreadable_file_is_refused),
        cmocka_unit_test(paths_are_seen_from_the_file_beside),
        cmocka_unit_test(a_new_file_replaces_the_old_one_when_it_is_whole),
        cmocka_unit_test(what_cannot_be_written_is_said),
        cmocka_unit_test(one_write_that_failed_is_enough),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
