/* The lock of a database: the file "<database>.lock".
 *
 * Two things keep a second writer out. A lock of the kernel's on the file (an open file description lock, which ends
 * with its process, however that ends): it is proof, wherever it reaches. And what the file says: who holds it, and a
 * heartbeat, a count that a thread raises every few seconds. It is for file systems that have no locks, or whose locks
 * end at the host (NFS mounted with local_lock or nolock, Lustre with localflock, FUSE).
 *
 * Who finds the lock held by a process that must be dead takes it over: one whose kernel's lock is free where it would
 * reach us, or one of this host that is gone. Of any other nothing is known but its heartbeat: it may be dead, or its
 * host may be cut off. It is taken over only where that is asked for, after the count was seen to stand still for
 * LSN_LOCK_BEATS of its periods by our own clock: no two clocks are compared. (How long ago it was alive is said by the
 * file's time of change against that of a file made now, both by the file system's clock; it decides nothing.)
 *
 * A holder whose lock was taken over finds another's token in the file, by its heartbeat or before a commit; and, where
 * SQLite's own locks reach, in the database, inside the transaction: transaction.c. The file of a lock is never changed
 * by anyone but its holder; who takes it over puts another in its place. */
#include "store/lock.h"
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const double BEAT_S = 10, LEAST_BEAT_S = 0.01, GREATEST_BEAT_S = 60;
static const double CHECK_S = 0.5; /* between two looks at the file */

/* ---- who we are ---------------------------------------------------------------------------------------------- */

static double clamp_beat(double seconds)
{
    return seconds >= LEAST_BEAT_S ? fmin(seconds, GREATEST_BEAT_S) : LEAST_BEAT_S;
}

static void describe_self(lock_note *note, lock_reach reach)
{
    const char *asked = getenv("LESION_BEAT_S"), *job = getenv("SLURM_JOB_ID");
    uint64_t token[2] = {0};
    *note = (lock_note){.process = lsn_process_self(), .reach = reach};
    gethostname(note->host, sizeof note->host - 1);
    snprintf(note->job, sizeof note->job, "%s", job == NULL ? "" : job);
    note->every_s = asked == NULL ? BEAT_S : clamp_beat(strtod(asked, NULL));
    if (getrandom(token, sizeof token, 0) != sizeof token)
        token[0] = (uint64_t)note->process.pid, token[1] = (uint64_t)time(NULL);
    snprintf(note->token, sizeof note->token, "%016" PRIx64 "%016" PRIx64, token[0], token[1]);
}

/* ---- what the file says -------------------------------------------------------------------------------------- */

static const char *const reaches[] = {[LOCK_NONE] = "none", [LOCK_HERE] = "host", [LOCK_ALL] = "all"};

bool lock_reach_named(const char *name, lock_reach *reach)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(name, reaches[i]) == 0) {
            *reach = (lock_reach)i;
            return true;
        }
    return false;
}

static bool write_note(int file, const lock_note *note)
{
    char text[LOCK_BYTES];
    const int length =
        snprintf(text, sizeof text,
                 "Lesion writes to the database beside this file; do not remove it.\nhost %s\nboot %s\nspace %" PRIu64
                 "\npid %lld\nbegun %" PRIu64 "\njob %s\ntoken %s\nlocks %s\nevery %.3f\nbeat %lld\n",
                 note->host, note->process.boot, note->process.space, (long long)note->process.pid, note->process.begun,
                 note->job, note->token, reaches[note->reach], note->every_s, note->beat);
    return length > 0 && length < (int)sizeof text && pwrite(file, text, (size_t)length, 0) == length &&
           ftruncate(file, length) == 0 && fsync(file) == 0;
}

/* The value of "<name> <value>" in a text of lines; empty where there is none. */
static void take_value(const char *text, const char *name, char *found, size_t size)
{
    char key[32];
    snprintf(key, sizeof key, "\n%s ", name);
    const char *line = strstr(text, key);
    line = line == NULL ? "" : line + strlen(key);
    snprintf(found, size, "%.*s", (int)strcspn(line, "\n"), line);
}

static uint64_t take_number(const char *text, const char *name)
{
    char number[64];
    take_value(text, name, number, sizeof number);
    return strtoull(number, NULL, 10);
}

/* The file may be anybody's: whatever it says fits, and no control character goes to a terminal. False: it is no such
 * file, or is being written. */
static bool parse_note(char *text, lock_note *note)
{
    char every[64], reach[16];
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' && *c != '\n')
            *c = '?';
    *note = (lock_note){.reach = LOCK_NONE};
    take_value(text, "host", note->host, sizeof note->host);
    take_value(text, "boot", note->process.boot, sizeof note->process.boot);
    take_value(text, "job", note->job, sizeof note->job);
    take_value(text, "token", note->token, sizeof note->token);
    take_value(text, "locks", reach, sizeof reach);
    take_value(text, "every", every, sizeof every);
    lock_reach_named(reach, &note->reach);
    note->process.pid = (int64_t)take_number(text, "pid");
    note->process.space = take_number(text, "space");
    note->process.begun = take_number(text, "begun");
    note->every_s = clamp_beat(strtod(every, NULL));
    note->beat = (long long)take_number(text, "beat");
    return note->token[0] != '\0' && note->process.pid > 0;
}

static bool read_note(int file, lock_note *note)
{
    char text[LOCK_BYTES] = "";
    const ssize_t got = pread(file, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    return parse_note(text, note);
}

/* By its path, and opened anew, for that is when network file systems ask their server. */
static bool read_note_at(const char *path, lock_note *note)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const bool ok = file >= 0 && read_note(file, note);
    if (file >= 0)
        close(file);
    return ok;
}

/* ---- is it dead? --------------------------------------------------------------------------------------------- */

typedef enum verdict { DEAD, ALIVE, UNKNOWN } verdict;

/* Of a holder whose kernel's lock we have taken, or that has none. */
static verdict judge(const lock_note *holder, const lock_note *mine)
{
    const bool locked = mine->reach != LOCK_NONE && holder->reach != LOCK_NONE;
    if (locked && (lsn_process_same_kernel(&holder->process, &mine->process) ||
                   (mine->reach == LOCK_ALL && holder->reach == LOCK_ALL)))
        return DEAD;
    if (lsn_process_sees(&mine->process, &holder->process))
        return lsn_process_ended(&holder->process) ? DEAD : ALIVE;
    return UNKNOWN;
}

/* Seconds since the holder last wrote to its file, by the file system's clock; < 0: not known. */
static double quiet_s(const char *path)
{
    struct stat held, now;
    char *probe = lsn_compose(NULL, "%s.%ld", path, (long)getpid());
    const int file = probe == NULL ? -1 : open(probe, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    double seconds = -1;
    if (file >= 0 && pwrite(file, "?", 1, 0) == 1 && fsync(file) == 0 && fstat(file, &now) == 0 &&
        stat(path, &held) == 0)
        seconds = fmax(0, (double)(now.st_mtim.tv_sec - held.st_mtim.tv_sec) +
                              1e-9 * (double)(now.st_mtim.tv_nsec - held.st_mtim.tv_nsec));
    if (file >= 0) {
        close(file);
        unlink(probe);
    }
    free(probe);
    return seconds;
}

/* "process 17 on host n1 (SLURM job 4), last alive 3 s ago" */
static void name_holder(const char *path, const lock_note *holder, char *words, size_t size)
{
    char when[64] = "";
    const double quiet = quiet_s(path);
    if (quiet >= 0)
        snprintf(when, sizeof when, ", last alive %.0f s ago", quiet);
    snprintf(words, size, "process %lld on host %s%s%s%s%s", (long long)holder->process.pid, holder->host,
             holder->job[0] == '\0' ? "" : " (SLURM job ", holder->job, holder->job[0] == '\0' ? "" : ")", when);
}

static void sleep_s(double seconds)
{
    const struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - floor(seconds)))};
    nanosleep(&time, NULL);
}

/* Whether the holder's heartbeat stands still as long as it takes to call it dead. */
static bool stands_still(const char *path, const lock_note *holder)
{
    const double end = lsn_now_s() + LSN_LOCK_BEATS * holder->every_s;
    lock_note now;
    while (lsn_now_s() < end) {
        sleep_s(holder->every_s / 4);
        if (!read_note_at(path, &now) || now.beat != holder->beat || strcmp(now.token, holder->token) != 0)
            return false;
    }
    return true;
}

/* ---- taking -------------------------------------------------------------------------------------------------- */

static bool same_file(int file, const char *path)
{
    struct stat held, named;
    return fstat(file, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

/* The kernel's lock on an open file; whether there is one is in lock->mine.reach. False: another process has it. */
static bool lock_file(database_lock *lock)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (lock->mine.reach == LOCK_NONE || fcntl(lock->file, F_OFD_SETLK, &whole) == 0)
        return true;
    if (errno == EAGAIN || errno == EACCES)
        return false;
    lock->mine.reach = LOCK_NONE; /* a file system without locks */
    return true;
}

static bool cannot_write(const char *path, lsn_error *err)
{
    return lsn_fail_at(err, LSN_FAILED, path, "its folder cannot be written: %s; give another file with --db",
                       strerror(errno));
}

/* Puts a file of our own in the place of the one there is. */
static bool replace(database_lock *lock, const char *path, lsn_error *err)
{
    char *own = lsn_compose(err, "%s.%s", lock->path, lock->mine.token);
    if (own == NULL)
        return false;
    if (lock->file >= 0)
        close(lock->file);
    lock->file = open(own, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const bool ok =
        lock->file >= 0 && lock_file(lock) && write_note(lock->file, &lock->mine) && rename(own, lock->path) == 0;
    if (!ok) {
        cannot_write(path, err);
        unlink(own);
    }
    free(own);
    return ok;
}

/* Another's lock of whom nothing is known but its heartbeat. */
static bool steal(database_lock *lock, const lock_note *holder, const char *path, bool asked, lsn_error *err)
{
    char words[512];
    const double limit = LSN_LOCK_BEATS * holder->every_s;
    name_holder(lock->path, holder, words, sizeof words);
    if (!asked)
        return lsn_fail_at(err, LSN_FAILED, path,
                           "another run is writing to it: %s. Wait for its end, or give another file with --db; if it "
                           "is dead (locks do not tell across these hosts), --steal-lock takes over once its heartbeat "
                           "was seen to stand still for %.0f s",
                           words, limit);
    lsn_log("%s: watching for %.0f s whether the heartbeat moves of %s", path, limit, words);
    if (!stands_still(lock->path, holder))
        return lsn_fail_at(
            err, LSN_FAILED, path,
            "is not taken over, for %s is alive: its heartbeat has moved; end it first, or give another file with --db",
            words);
    lsn_log("%s: taken over from %s", path, words);
    return replace(lock, path, err);
}

static bool refuse(const database_lock *lock, const lock_note *holder, const char *path, const char *why,
                   lsn_error *err)
{
    char words[512];
    name_holder(lock->path, holder, words, sizeof words);
    return lsn_fail_at(err, LSN_FAILED, path,
                       "another run is writing to it: %s; %swait for its end, or give another file with --db", words,
                       why);
}

/* The kernel says that another process has the file locked. */
static bool locked_out(database_lock *lock, const char *path, bool asked, lsn_error *err)
{
    lock_note holder;
    if (!read_note(lock->file, &holder))
        return lsn_fail_at(err, LSN_FAILED, path,
                           "another run is writing to it; wait for its end, or give another file with --db");
    if (asked && !lsn_process_same_kernel(&holder.process, &lock->mine.process))
        return steal(lock, &holder, path, asked, err); /* it may be a server that has not noticed yet */
    return refuse(lock, &holder, path,
                  asked ? "the kernel says that this process is alive, so it is not taken over: " : "", err);
}

/* We have the kernel's lock, or there is none: what remains of whoever had the file before? */
static bool let_in(database_lock *lock, const char *path, bool asked, lsn_error *err)
{
    lock_note holder;
    const verdict found = read_note(lock->file, &holder) ? judge(&holder, &lock->mine) : DEAD;
    if (found == UNKNOWN)
        return steal(lock, &holder, path, asked, err);
    if (found == ALIVE)
        return refuse(lock, &holder, path, asked ? "that process is alive, so it is not taken over: " : "", err);
    if (lock->mine.reach == LOCK_NONE)
        return replace(lock, path, err);
    return write_note(lock->file, &lock->mine) || cannot_write(path, err);
}

/* *again: the file was removed or replaced between our opening and our locking it, so that it guards nothing. */
static bool try_lock(database_lock *lock, bool *again, const char *path, bool asked, lsn_error *err)
{
    *again = false;
    lock->file = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->file < 0)
        return cannot_write(path, err);
    if (!lock_file(lock))
        return locked_out(lock, path, asked, err);
    *again = !same_file(lock->file, lock->path);
    if (!*again)
        return let_in(lock, path, asked, err);
    close(lock->file);
    lock->file = -1;
    return true;
}

/* ---- the heartbeat ------------------------------------------------------------------------------------------- */

static bool still_ours(database_lock *lock)
{
    lock_note now;
    return read_note_at(lock->path, &now) && strcmp(now.token, lock->mine.token) == 0;
}

static void *beat(void *context)
{
    database_lock *lock = context;
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&lock->mutex);
    while (!lock->leave && !lock->lost) {
        const double at = (double)next.tv_nsec * 1e-9 + lock->mine.every_s;
        next.tv_sec += (time_t)at;
        next.tv_nsec = (long)((at - floor(at)) * 1e9);
        while (!lock->leave && pthread_cond_timedwait(&lock->wake, &lock->mutex, &next) != ETIMEDOUT)
            ;
        if (lock->leave)
            break;
        lock->mine.beat++;
        const lock_note note = lock->mine;
        pthread_mutex_unlock(&lock->mutex); /* a slow disk must not hold up who checks */
        const bool ours = still_ours(lock);
        if (ours)
            write_note(lock->file, &note);
        pthread_mutex_lock(&lock->mutex);
        lock->lost = lock->lost || !ours;
    }
    pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

/* A thread of its own, for whoever computes, or waits for a disk, is alive too. It takes no signals. */
static bool start_beating(database_lock *lock, lsn_error *err)
{
    pthread_condattr_t clock;
    sigset_t all, before;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_cond_init(&lock->wake, &clock);
    pthread_condattr_destroy(&clock);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    lock->beating = pthread_create(&lock->thread, NULL, beat, lock) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return lock->beating ||
           lsn_fail(err, LSN_FAILED, "the heartbeat of a database's lock could not be started: no more threads");
}

static void stop_beating(database_lock *lock)
{
    if (!lock->beating)
        return;
    pthread_mutex_lock(&lock->mutex);
    lock->leave = true;
    pthread_cond_signal(&lock->wake);
    pthread_mutex_unlock(&lock->mutex);
    pthread_join(lock->thread, NULL);
    pthread_cond_destroy(&lock->wake);
    pthread_mutex_destroy(&lock->mutex);
    lock->beating = false;
}

/* ---- the lock ------------------------------------------------------------------------------------------------ */

bool lock_take(database_lock *lock, const char *path, bool steal_lock, lsn_error *err)
{
    *lock = (database_lock){.file = -1, .path = lsn_compose(err, "%s.lock", path)};
    if (lock->path == NULL)
        return false;
    describe_self(&lock->mine, file_lock_reach(path));
    bool again = true, ok = true;
    while (ok && again)
        ok = try_lock(lock, &again, path, steal_lock, err);
    ok = ok && start_beating(lock, err);
    lock->held = ok;
    if (!ok)
        lock_release(lock);
    return ok;
}

bool lock_check(database_lock *lock, const char *path, lsn_error *err)
{
    const double now = lsn_now_s();
    lock_note holder;
    char words[512] = "another run";
    pthread_mutex_lock(&lock->mutex);
    if (!lock->lost && now - lock->checked_s >= CHECK_S) {
        lock->lost = !still_ours(lock);
        lock->checked_s = now;
    }
    const bool lost = lock->lost;
    pthread_mutex_unlock(&lock->mutex);
    if (!lost)
        return true;
    if (read_note_at(lock->path, &holder))
        name_holder(lock->path, &holder, words, sizeof words);
    else
        snprintf(words, sizeof words, "whoever removed %.400s", lock->path);
    return lsn_fail_at(err, LSN_FAILED, path,
                       "was taken over by %s while this run was not heard of; it stops and writes nothing more. What "
                       "it had stored before is kept",
                       words);
}

void lock_release(database_lock *lock)
{
    if (lock == NULL)
        return;
    stop_beating(lock);
    if (lock->path != NULL && lock->file >= 0) {
        if (lock->held && still_ours(lock))
            unlink(lock->path); /* before it is let go: whoever waits finds that it guards nothing */
        close(lock->file);
    }
    free(lock->path);
    *lock = (database_lock){.file = -1};
}
