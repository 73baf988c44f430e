/* A disk that fills up. */
#include "fixture.h"

#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT_MOUNT = 77 };

/* The standard fixture with some more jobs, so that the file itself has to grow. */
static int set_up(void **state)
{
    if (fixture_set_up(state) != 0)
        return -1;
    fixture *f = *state;
    fixture_experiment(f, "mean");
    for (int32_t layer = 0; layer < 2; layer++)
        for (int32_t filter = 0; filter < 3; filter++) {
            const lsn_mask_part part = {layer, 1, &filter};
            fixture_job(f, &(lsn_mask){1, &part}, LSN_MEAN, (double)NAN, -1);
        }
    return 0;
}

/* Adds and commits part after part until something fails; gives how many were committed, or -1 where nothing failed. */
static int add_until_it_fails(fixture *f, lsn_store *store, lsn_error *err)
{
    int committed = 0;
    for (int32_t b = 0; b < lsn_store_blocks(store); b++)
        for (int32_t e = 0; e < f->plan.n_evaluations; e++, committed++) {
            lsn_tally tally;
            int32_t right[FIXTURE_CLASSES];
            fixture_result(f, e, 1, b, &tally, right);
            if (!lsn_store_add(store, e, b, &(lsn_part){.tally = &tally, .class_right = right}, NULL, err) ||
                !lsn_store_commit(store, err))
                return committed;
        }
    return -1;
}

/* How many parts, from the first in the same order, are there. */
static int count_parts(const fixture *f, const lsn_store *store)
{
    int count = 0;
    for (int32_t b = 0; b < lsn_store_blocks(store); b++)
        for (int32_t e = 0; e < f->plan.n_evaluations; e++, count++)
            if (!lsn_store_has(store, e, b))
                return count;
    return count;
}

/* After a failure the store says it again, and closes; then the file holds what was committed (and at most the part
 * whose commit failed). 0 or what is wrong. */
static int check_after_failure(fixture *f, lsn_store *store, const lsn_error *err, int committed)
{
    lsn_error again = {0};
    lsn_tally tally;
    int32_t right[FIXTURE_CLASSES];
    fixture_result(f, 12, 1, 9, &tally, right);
    if (committed < 1)
        return 11;
    if (err->code != LSN_FAILED || strstr(err->text, f->path) == NULL || strstr(err->text, "is safe") == NULL)
        return 12;
    if (lsn_store_add(store, 12, 9, &(lsn_part){.tally = &tally, .class_right = right}, NULL, &again) ||
        again.code != LSN_FAILED || strcmp(again.text, err->text) != 0 || lsn_store_commit(store, &again))
        return 13;
    lsn_store_run_note(store, "failed", &again); /* whether it can or not */
    lsn_store_close(store);
    return 0;
}

static int finish_where_it_ended(fixture *f, int committed)
{
    lsn_error err = {0};
    lsn_store *store = lsn_store_open(f->path, &f->plan, 1, false, &err);
    if (store == NULL)
        return 21;
    int there = count_parts(f, store);
    if (there < committed || there > committed + 1)
        return 22;
    fixture_fill(f, store);
    lsn_store_close(store);
    return 0;
}

/* Above what the files have by now: a log grows quickly, the file itself hardly. */
static rlim_t room_for_some(const fixture *f)
{
    struct stat status;
    char log[128];
    snprintf(log, sizeof log, "%s-wal", f->path);
    if (stat(log, &status) == 0)
        return (rlim_t)status.st_size + 100000;
    return stat(f->path, &status) == 0 ? (rlim_t)status.st_size : 0;
}

static int exceed_the_file_size(fixture *f)
{
    lsn_error err = {0};
    lsn_store *store = fixture_store(f, 1);
    struct rlimit limit, small = {0};
    getrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    if (!lsn_store_run_begin(store, &(lsn_run_record){.ranks = 1}, &err))
        return 1;
    small = (struct rlimit){room_for_some(f), limit.rlim_max};
    if (setrlimit(RLIMIT_FSIZE, &small) != 0)
        return 1;
    int committed = add_until_it_fails(f, store, &err);
    if (strstr(err.text, "size of files") == NULL)
        return 2;
    int wrong = check_after_failure(f, store, &err, committed);
    setrlimit(RLIMIT_FSIZE, &limit);
    return wrong != 0 ? wrong : finish_where_it_ended(f, committed);
}

static void a_file_that_may_not_grow(void **state)
{
    fixture *f = *state;
    assert_int_equal(fixture_fork(exceed_the_file_size, f, false), 0);
    fixture_expect(f, "SELECT count(*) FROM job_result WHERE status = 'done'", "27\n");
}

/* ---- a file system of one megabyte ----------------------------------------------------------------------------- */

static void fill_up(const char *path, size_t all_but)
{
    char block[4096] = {0};
    FILE *file = fopen(path, "w");
    while (fwrite(block, 1, sizeof block, file) == sizeof block && fflush(file) == 0)
        ;
    fclose(file);
    struct stat status;
    if (stat(path, &status) == 0 && truncate(path, status.st_size - (off_t)all_but) != 0)
        _exit(31);
}

static int mount_small(const fixture *f, char *folder, size_t bytes)
{
    snprintf(folder, bytes, "%s/results", f->folder);
    if (mkdir(folder, 0755) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("none", folder, "tmpfs", 0, "size=1m") != 0)
        return CANNOT_MOUNT;
    return 0;
}

static int fill_the_disk(fixture *f)
{
    char folder[80], filler[96];
    lsn_error err = {0};
    if (mount_small(f, folder, sizeof folder) != 0)
        return CANNOT_MOUNT;
    snprintf(filler, sizeof filler, "%s/filler", folder);
    fill_up(filler, 8192);
    if (lsn_store_open(f->path, &f->plan, 1, false, &err) != NULL || err.code != LSN_FAILED ||
        strstr(err.text, "the disk is full") == NULL || strstr(err.text, f->path) == NULL)
        return 1;
    unlink(filler);
    lsn_store *store = fixture_store(f, 1);
    fill_up(filler, 98304);
    int committed = add_until_it_fails(f, store, &err);
    if (strstr(err.text, "the disk is full") == NULL)
        return 2;
    int wrong = check_after_failure(f, store, &err, committed);
    if (wrong != 0)
        return wrong;
    unlink(filler);
    wrong = finish_where_it_ended(f, committed);
    if (wrong == 0)
        fixture_expect(f, "SELECT count(*) FROM job_result WHERE status = 'done'", "27\n");
    return wrong;
}

static void a_disk_that_fills_up(void **state)
{
    int status = fixture_fork(fill_the_disk, *state, false);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_MOUNT) {
        print_message("skipped: only root may mount a small file system to fill\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void a_disk_that_fills_up_without_a_log(void **state)
{
    setenv("LESION_JOURNAL", "truncate", 1);
    a_file_that_may_not_grow(state);
    unsetenv("LESION_JOURNAL");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_may_not_grow),
        TEST(a_disk_that_fills_up),
        TEST(a_disk_that_fills_up_without_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
