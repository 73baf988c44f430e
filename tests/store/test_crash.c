/* Killed at any moment: what was committed is there once, nothing is half there. */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUP = 4 }; /* parts a commit */

/* Adds what is missing and commits after every few parts, telling the parent each commit by one byte: how many parts
 * are durable by then. It goes on when the parent has answered, so that it cannot run away. */
static void add_and_commit(fixture *f, int answers, int tell)
{
    lsn_error err = {0};
    lsn_store *store = lsn_store_open(f->path, &f->plan, 1, false, &err);
    if (store == NULL || !lsn_store_run_begin(store, &(lsn_run_record){.ranks = 1}, &err))
        _exit(1);
    unsigned char added = 0, answer;
    for (int32_t b = 0; b < lsn_store_blocks(store); b++) /* block by block: evaluations are complete late */
        for (int32_t e = 0; e < f->plan.n_evaluations; e++) {
            bool new = !lsn_store_has(store, e, b);
            if (new)
                fixture_add(f, store, e, b);
            added++;
            if (added % GROUP != 0 || !new)
                continue;
            if (!lsn_store_commit(store, &err) || write(tell, &added, 1) != 1 || read(answers, &answer, 1) != 1)
                _exit(2);
        }
    lsn_store_commit(store, &err);
    write(tell, &added, 1);
    lsn_store_close(store);
    _exit(0);
}

/* Lets a child commit so many times, and work for some microseconds on what comes next, then kills it. Gives the parts
 * known to be durable; *done: it had ended. */
static int work_for(fixture *f, int commits, unsigned us, bool *done)
{
    int told_by[2], answers[2], status, durable = 0;
    unsigned char told;
    assert_int_equal(pipe(told_by), 0);
    assert_int_equal(pipe(answers), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(told_by[0]);
        close(answers[1]);
        add_and_commit(f, answers[0], told_by[1]);
    }
    close(told_by[1]);
    close(answers[0]);
    for (int i = 0; i < commits && read(told_by[0], &told, 1) == 1; i++) {
        durable = told;
        if (write(answers[1], "", 1) != 1)
            break; /* it has ended */
    }
    usleep(us);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    *done = WIFEXITED(status);
    if (*done)
        assert_int_equal(WEXITSTATUS(status), 0);
    while (read(told_by[0], &told, 1) == 1)
        durable = told;
    close(told_by[0]);
    close(answers[1]);
    return durable;
}

/* The parts that the file has, in the child's order, must be all up to some point, and that not before `durable`. */
static void check_parts(fixture *f, int durable)
{
    lsn_store *store = fixture_store(f, 1);
    int place = 0, first_missing = -1;
    for (int32_t b = 0; b < lsn_store_blocks(store); b++)
        for (int32_t e = 0; e < f->plan.n_evaluations; e++, place++) {
            if (lsn_store_has(store, e, b))
                assert_true(first_missing < 0);
            else if (first_missing < 0)
                first_missing = place;
        }
    if (first_missing >= 0 && first_missing < durable)
        fail_msg("%d parts were committed, %d are there", durable, first_missing);
    lsn_store_close(store);
    fixture_expect(f, "PRAGMA integrity_check", "ok\n");
    fixture_expect(f, "PRAGMA foreign_key_check", "");
    fixture_expect(f, "SELECT count(*) FROM part JOIN evaluation USING (evaluation) WHERE status = 'done'", "0\n");
}

static void killed_at_random(fixture *f)
{
    static const char results[] = "SELECT key, images, top1, top5, lost, gained, loss_sum, kl_sum FROM evaluation "
                                  "ORDER BY key";
    lsn_random random;
    lsn_random_init(&random, 5, 0);
    bool done = false;
    int deaths = 0, progress = 0;
    while (!done) {
        const int commits = (int)lsn_random_below(&random, 3);
        /* Within the next group of parts, or while the file is opened; now and then a whole group is let through, so
         * that it comes to an end. */
        int durable = work_for(f, deaths % 2 == 0 ? commits + 1 : 0, (unsigned)lsn_random_below(&random, 4000), &done);
        deaths += !done;
        progress = durable > progress ? durable : progress;
        check_parts(f, progress);
    }
    assert_true(done);
    print_message("killed %d times on the way\n", deaths);
    assert_true(deaths > 0);
    char *pieced = fixture_ask(f, results);
    snprintf(f->path, sizeof f->path, "%s/whole.db", f->folder);
    fixture_complete(f, 100);
    fixture_expect(f, results, pieced);
    free(pieced);
}

static void with_a_log(void **state)
{
    setenv("LESION_JOURNAL", "wal", 1);
    signal(SIGPIPE, SIG_IGN);
    killed_at_random(*state);
    unsetenv("LESION_JOURNAL");
}

static void with_a_rollback_journal(void **state)
{
    setenv("LESION_JOURNAL", "truncate", 1);
    killed_at_random(*state);
    unsetenv("LESION_JOURNAL");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(with_a_log),
        TEST(with_a_rollback_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
