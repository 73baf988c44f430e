/* Runs gnuplot as a child process: a script in, a picture out, with a time limit. */
#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 60, IN = 0, OUT, COMPLAINTS, STREAMS };

/* What the child reads and writes is files in memory, above the three standard streams: it needs no attention. */
static bool open_streams(int streams[STREAMS])
{
    for (int i = 0; i < STREAMS; i++) {
        const int file = memfd_create("gnuplot", MFD_CLOEXEC);
        streams[i] = file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, STREAMS);
        if (file >= 0)
            close(file);
        if (streams[i] < 0)
            return false;
    }
    return true;
}

static bool write_script(int file, const lsn_text *script)
{
    for (size_t written = 0; written < script->length;) {
        const ssize_t took = write(file, script->data + written, script->length - written);
        if (took <= 0)
            return false;
        written += (size_t)took;
    }
    return lseek(file, 0, SEEK_SET) == 0;
}

/* Up to a zero byte, if there is one. */
static void read_answer(int file, lsn_text *answer)
{
    char bytes[1 << 16];
    ssize_t got;
    for (off_t at = 0; (got = pread(file, bytes, sizeof bytes, at)) > 0; at += got)
        lsn_text_put(answer, bytes, strnlen(bytes, (size_t)got));
}

/* In an environment of its own: none of the user's settings count. */
static bool start(pid_t *child, const char *folder, char *const *argv, const int streams[STREAMS], lsn_error *err)
{
    static char settings[][32] = {"LC_ALL=C.UTF-8", "GNUTERM=unknown", "GNUPLOT_DEFAULT_GDFONT="};
    char path[4096], home[4096];
    snprintf(path, sizeof path, "PATH=%s", getenv("PATH") != NULL ? getenv("PATH") : "/usr/bin:/bin");
    snprintf(home, sizeof home, "HOME=%s", getenv("HOME") != NULL ? getenv("HOME") : "/");
    char *environment[] = {path, home, settings[0], settings[1], settings[2], NULL};
    posix_spawn_file_actions_t actions;
    if (folder != NULL && access(folder, X_OK) != 0)
        return lsn_fail(err, LSN_FAILED, "the folder of the figures cannot be entered: %s", strerror(errno));
    int code = posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < STREAMS && code == 0; i++)
        code = posix_spawn_file_actions_adddup2(&actions, streams[i], i);
    if (code == 0 && folder != NULL)
        code = posix_spawn_file_actions_addchdir_np(&actions, folder);
    code = code == 0 ? posix_spawnp(child, "gnuplot", &actions, NULL, argv, environment) : code;
    posix_spawn_file_actions_destroy(&actions);
    if (code == ENOENT)
        return lsn_fail(
            err, LSN_FAILED,
            "gnuplot is not installed: `apt-get install gnuplot-nox` (Fedora: `dnf install gnuplot-minimal`, "
            "on a cluster: `module load gnuplot`)");
    return code == 0 || lsn_fail(err, LSN_FAILED, "gnuplot cannot be started: %s", strerror(code));
}

/* The child's status; -1 where it took too long and was ended. */
static int wait_for(pid_t child)
{
    const double until = lsn_now_s() + PATIENCE_S;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        if (lsn_now_s() < until)
            continue;
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        return -1;
    }
    return status;
}

static bool judge(int status, int complaints, lsn_error *err)
{
    lsn_text words = {0};
    if (status == -1)
        return lsn_fail(err, LSN_FAILED, "gnuplot was ended: it did not finish in %d s", PATIENCE_S);
    if (WIFSIGNALED(status))
        return lsn_fail(err, LSN_FAILED, "gnuplot was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == 0)
        return true;
    read_answer(complaints, &words);
    lsn_fail(err, LSN_FAILED, "gnuplot failed: %.600s",
             words.data == NULL ? "" : words.data + strspn(words.data, " \t\r\n"));
    lsn_text_finish(&words);
    return false;
}

static bool run(const char *folder, char *const *argv, const lsn_text *script, lsn_text *output, lsn_error *err)
{
    int streams[STREAMS] = {-1, -1, -1};
    pid_t child;
    bool ok = (open_streams(streams) && write_script(streams[IN], script)) ||
              lsn_fail(err, LSN_FAILED, "gnuplot cannot be started: %s", strerror(errno));
    ok = ok && start(&child, folder, argv, streams, err) && judge(wait_for(child), streams[COMPLAINTS], err);
    if (ok)
        read_answer(streams[OUT], output);
    for (int i = 0; i < STREAMS; i++)
        if (streams[i] >= 0)
            close(streams[i]);
    return ok && (!output->failed || lsn_fail(err, LSN_FAILED, "out of memory reading a figure"));
}

bool gnuplot_run(const char *folder, const lsn_text *script, lsn_text *output, lsn_error *err)
{
    static char name[] = "gnuplot", defaults[] = "--default-settings", from[] = "-";
    if (script->failed)
        return lsn_fail(err, LSN_FAILED, "out of memory: a figure could not be written");
    return run(folder, (char *const[]){name, defaults, from, NULL}, script, output, err);
}

bool gnuplot_find(lsn_error *err)
{
    static char name[] = "gnuplot", version[] = "--version";
    lsn_text said = {0}, nothing = {0};
    int major = 0, minor = 0;
    bool ok = run(NULL, (char *const[]){name, version, NULL}, &nothing, &said, err);
    if (ok && (said.data == NULL || sscanf(said.data, "gnuplot %d.%d", &major, &minor) != 2))
        ok = lsn_fail(err, LSN_FAILED, "gnuplot does not tell its version");
    else if (ok && (major < 5 || (major == 5 && minor < 2)))
        ok = lsn_fail(err, LSN_FAILED, "gnuplot %d.%d is too old: 5.2 or later is needed", major, minor);
    lsn_text_finish(&said);
    return ok;
}
