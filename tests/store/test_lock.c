/* Who may write: one store at a time, whatever becomes of the one before. Other hosts are played by what the lock's
 * file says. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static char lock_path[256];

static int set_up(void **state)
{
    setenv("LESION_BEAT_S", "0.02", 1);
    unsetenv("LESION_LOCKS");
    if (fixture_set_up(state) != 0)
        return -1;
    snprintf(lock_path, sizeof lock_path, "%s.lock", ((fixture *)*state)->path);
    lsn_store_close(fixture_store(*state, 4)); /* makes the folder, too */
    return 0;
}

static char *read_lock(void)
{
    static char text[2048];
    FILE *file = fopen(lock_path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* A holder on another host: its heartbeat stands at `beat`, and moves each `every` seconds. In one piece, for it may be
 * read meanwhile. */
static void write_foreign_beat(const char *locks, double every, long long beat)
{
    char text[512];
    const int length = snprintf(text, sizeof text,
                                "Lesion\nhost faraway\nboot 00000000-0000\nspace 1\npid 4711\nbegun 99\njob 17\n"
                                "token abc\nlocks %s\nevery %.3f\nbeat %lld\n",
                                locks, every, beat);
    const int file = open(lock_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, text, (size_t)length, 0), length);
    assert_int_equal(ftruncate(file, length), 0);
    assert_int_equal(close(file), 0);
}

static void write_foreign_lock(const char *locks, long long beat)
{
    write_foreign_beat(locks, 0.02, beat);
}

/* Opens with --steal-lock or without, and gives the message; "" where it could be opened. */
static const char *try_to_open(fixture *f, bool steal)
{
    static lsn_error err;
    err = (lsn_error){0};
    lsn_store *store = lsn_store_open_with(f->path, &f->plan, 4, &(lsn_store_options){.steal_lock = steal}, &err);
    if (store != NULL)
        assert_true(lsn_store_run_note(store, NULL, &err));
    lsn_store_close(store);
    assert_true((store == NULL) == (err.code == LSN_FAILED));
    return store == NULL ? err.text : "";
}

static void assert_refused(fixture *f, bool steal, const char *const words[])
{
    const char *said = try_to_open(f, steal);
    for (int i = 0; words[i] != NULL; i++)
        if (strstr(said, words[i]) == NULL)
            fail_msg("expected '%s' in: %s", words[i], said);
}

static void assert_opens(fixture *f, bool steal)
{
    assert_string_equal(try_to_open(f, steal), "");
    assert_int_equal(access(lock_path, F_OK), -1); /* and is let go again */
}

static void the_holder_is_named(void **state)
{
    fixture *f = *state;
    char pid[32], host[64] = "host ";
    snprintf(pid, sizeof pid, "process %ld ", (long)getpid());
    gethostname(host + 5, sizeof host - 6);
    static const char *const locks[] = {"all", "host", "none"};
    for (int way = 0; way < 3; way++) {
        setenv("LESION_LOCKS", locks[way], 1);
        lsn_store *store = fixture_store(f, 4);
        assert_refused(f, false, WORDS(f->path, "another run is writing to it", pid, host, "last alive ", "--db"));
        assert_refused(f, true,
                       WORDS(f->path, "another run is writing to it", pid, "is alive, so it is not taken over"));
        assert_true(lsn_store_run_begin(store, &(lsn_run_record){.ranks = 1}, NULL)); /* the first one goes on */
        lsn_store_close(store);
        assert_opens(f, false);
    }
}

static void the_file_shows_a_heartbeat(void **state)
{
    fixture *f = *state;
    setenv("SLURM_JOB_ID", "4242", 1);
    lsn_store *store = fixture_store(f, 4);
    unsetenv("SLURM_JOB_ID");
    char before[2048];
    snprintf(before, sizeof before, "%s", read_lock());
    assert_non_null(strstr(before, "\njob 4242\n"));
    for (int i = 0; i < 1000 && strcmp(read_lock(), before) == 0; i++)
        usleep(10000);
    assert_string_not_equal(read_lock(), before);
    lsn_store_close(store);
}

/* ---- deaths on this host --------------------------------------------------------------------------------------- */

/* A child that opens the store and stops there; its number. */
static pid_t open_in_child(fixture *f)
{
    int ends[2];
    char ready;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        lsn_store *store = lsn_store_open(f->path, &f->plan, 4, false, NULL);
        if (store == NULL || write(ends[1], "r", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &ready, 1), 1);
    close(ends[0]);
    return child;
}

static void after_a_kill_nothing_is_needed(void **state)
{
    fixture *f = *state;
    static const char *const locks[] = {"all", "host", "none"};
    for (int way = 0; way < 3; way++) {
        setenv("LESION_LOCKS", locks[way], 1);
        pid_t child = open_in_child(f);
        assert_refused(f, false, WORDS("another run is writing to it"));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(access(lock_path, F_OK), 0);
        assert_opens(f, false);
    }
}

/* Another process may have got its number since. */
static void a_number_alone_is_no_process(void **state)
{
    fixture *f = *state;
    setenv("LESION_LOCKS", "none", 1);
    lsn_store_close(fixture_store(f, 4));
    pid_t child = open_in_child(f);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    char text[2048], pid[64];
    snprintf(text, sizeof text, "%s", read_lock());
    char *number = strstr(text, "\npid "), *rest = strchr(number + 1, '\n');
    snprintf(pid, sizeof pid, "\npid %ld", (long)getpid());
    FILE *file = fopen(lock_path, "w");
    fprintf(file, "%.*s%s%s", (int)(number - text), text, pid, rest);
    fclose(file);
    assert_opens(f, false);
}

/* ---- other hosts ----------------------------------------------------------------------------------------------- */

static void where_locks_reach_a_free_one_is_proof(void **state)
{
    fixture *f = *state;
    write_foreign_lock("all", 7);
    assert_opens(f, false);
}

static void where_they_do_not_the_heartbeat_decides(void **state)
{
    fixture *f = *state;
    static const char *const ours[] = {"none", "host", "all"}, *const theirs[] = {"all", "none", "host"};
    for (int way = 0; way < 3; way++) {
        setenv("LESION_LOCKS", ours[way], 1);
        write_foreign_lock(theirs[way], 7);
        assert_refused(f, false,
                       WORDS("another run is writing to it", "process 4711 on host faraway (SLURM job 17)", "s ago",
                             "--steal-lock", "stand still"));
        assert_opens(f, true);
    }
}

static void who_is_alive_is_not_stolen_from(void **state)
{
    fixture *f = *state;
    setenv("LESION_LOCKS", "host", 1);
    const double every = 2; /* it is watched for seconds, in which it moves hundreds of times even on a busy machine */
    write_foreign_beat("host", every, 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        for (long long beat = 1;; beat++) {
            usleep(10000);
            write_foreign_beat("host", every, beat);
        }
    assert_refused(f, true, WORDS("is not taken over", "faraway", "is alive: its heartbeat has moved"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    write_foreign_lock("host", 99);
    assert_opens(f, true);
}

/* Whatever the file says. */
static void a_strange_file_is_no_obstacle(void **state)
{
    fixture *f = *state;
    static const char *const texts[] = {
        "", "\n", "hello", "\ntoken \npid 7\n", "\ntoken x\npid -1\n", "\nhost \npid 99999999999999999999999\ntoken\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        FILE *file = fopen(lock_path, "w");
        fputs(texts[i], file);
        fclose(file);
        assert_opens(f, false);
    }
    FILE *file = fopen(lock_path, "w"); /* nothing of it reaches a terminal as it is, nothing is beyond bounds */
    fprintf(file, "\ntoken x\npid 7\nevery nan\nbeat 1\nhost \033[2J%0500d", 1);
    fclose(file);
    setenv("LESION_LOCKS", "host", 1);
    const char *said = try_to_open(f, false);
    assert_non_null(strstr(said, "host ?[2J0"));
    assert_null(strchr(said, '\033'));
}

/* ---- who was stolen from --------------------------------------------------------------------------------------- */

/* The one who slept wakes up after another has taken over, and must not write. By the lock's file, or, where that is
 * out of reach, by the database. */
static void who_was_stolen_from_stops(void **state)
{
    fixture *f = *state;
    for (int way = 0; way < 2; way++) {
        lsn_error err = {0};
        setenv("LESION_BEAT_S", way == 0 ? "0.02" : "60", 1);
        lsn_store *slept = fixture_store(f, 4);
        assert_true(lsn_store_run_begin(slept, &(lsn_run_record){.ranks = 1}, &err));
        if (way == 1)
            fixture_tamper(f->path, "UPDATE writer SET token = 'another', host = 'faraway', pid = 4711");
        fixture_add(f, slept, 1, way);
        if (way == 0) {
            write_foreign_lock("host", 1);
            usleep(600000); /* longer than it may go without looking */
        }
        assert_false(lsn_store_commit(slept, &err));
        assert_int_equal(err.code, LSN_FAILED);
        assert_non_null(strstr(err.text, "was taken over by process 4711 on host faraway"));
        assert_non_null(strstr(err.text, "writes nothing more"));
        err = (lsn_error){0};
        assert_false(lsn_store_run_note(slept, "failed", &err)); /* not even that */
        lsn_store_close(slept);
        if (way == 0) {
            assert_int_equal(access(lock_path, F_OK), 0); /* it is another's */
            unlink(lock_path);
        }
        fixture_expect(f, "SELECT count(*) FROM part", "0\n");
        fixture_expect(f, "SELECT count(*) FROM run WHERE how = 'failed'", "0\n");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_holder_is_named),
        TEST(the_file_shows_a_heartbeat),
        TEST(after_a_kill_nothing_is_needed),
        TEST(a_number_alone_is_no_process),
        TEST(where_locks_reach_a_free_one_is_proof),
        TEST(where_they_do_not_the_heartbeat_decides),
        TEST(who_is_alive_is_not_stolen_from),
        TEST(a_strange_file_is_no_obstacle),
        TEST(who_was_stolen_from_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
