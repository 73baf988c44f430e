/* Runs gnuplot as a child process: a script in, a picture out, with a time limit. */
#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_S = 60, NO_PROGRAM = 127, NO_FOLDER = 126, BYTES = 1 << 16 };

/* A running gnuplot, and the ends of its streams that are ours; -1: closed. */
typedef struct process {
    pid_t pid;
    int in, out, complaints;
} process;

/* ---- starting ------------------------------------------------------------------------------------------------ */

/* In the child: never returns. */
static void become_gnuplot(const char *folder, char *const *argv, const int streams[3])
{
    static char settings[][32] = {"LC_ALL=C.UTF-8", "GNUTERM=unknown", "GNUPLOT_DEFAULT_GDFONT="};
    char path[4096], home[4096];
    snprintf(path, sizeof path, "PATH=%s", getenv("PATH") != NULL ? getenv("PATH") : "/usr/bin:/bin");
    snprintf(home, sizeof home, "HOME=%s", getenv("HOME") != NULL ? getenv("HOME") : "/");
    char *environment[] = {path, home, settings[0], settings[1], settings[2], NULL};
    if (folder != NULL && chdir(folder) != 0)
        _exit(NO_FOLDER);
    for (int i = 0; i < 3; i++)
        if (dup2(streams[i], i) < 0)
            _exit(NO_PROGRAM);
    execvpe("gnuplot", argv, environment);
    _exit(NO_PROGRAM);
}

/* A stream to or from the child: [0] its end, [1] ours. A pair of sockets, so that writing to a child that died is an
 * error and no signal. Kept above the three standard streams. */
static bool stream_pair(int ends[2])
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(pair[i], F_DUPFD_CLOEXEC, 3);
        close(pair[i]);
    }
    return ends[0] >= 0 && ends[1] >= 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0;
}

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

static bool start(process *child, const char *folder, char *const *argv, lsn_error *err)
{
    int ends[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    bool ok = stream_pair(ends[0]) && stream_pair(ends[1]) && stream_pair(ends[2]);
    child->pid = ok ? fork() : -1;
    if (child->pid == 0)
        become_gnuplot(folder, argv, (const int[]){ends[0][0], ends[1][0], ends[2][0]});
    ok = child->pid > 0;
    if (!ok)
        lsn_fail(err, LSN_FAILED, "gnuplot cannot be started: %s", strerror(errno));
    for (int i = 0; i < 3; i++) {
        close_end(&ends[i][0]);
        if (!ok)
            close_end(&ends[i][1]);
    }
    child->in = ends[0][1];
    child->out = ends[1][1];
    child->complaints = ends[2][1];
    return ok;
}

/* ---- talking ------------------------------------------------------------------------------------------------- */

static void read_some(int *end, lsn_text *to)
{
    char bytes[BYTES];
    const ssize_t got = read(*end, bytes, sizeof bytes);
    if (got > 0)
        lsn_text_add(to, "%.*s", (int)strnlen(bytes, (size_t)got), bytes);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close_end(end);
}

static void write_some(int *end, const lsn_text *script, size_t *written)
{
    const size_t left = script->length - *written;
    const ssize_t took = left == 0 ? 0 : send(*end, script->data + *written, left, MSG_NOSIGNAL);
    if (took > 0)
        *written += (size_t)took;
    if (*written == script->length || (took < 0 && errno != EAGAIN && errno != EINTR))
        close_end(end);
}

/* Feeds the script and collects the answers until the child closes its streams; false where it takes too long. */
static bool talk(process *child, const lsn_text *script, lsn_text *output, lsn_text *complaints)
{
    const double until = lsn_now_s() + PATIENCE_S;
    size_t written = 0;
    while (child->out >= 0 || child->complaints >= 0) {
        struct pollfd ends[] = {{child->in, POLLOUT, 0}, {child->out, POLLIN, 0}, {child->complaints, POLLIN, 0}};
        const double left = until - lsn_now_s();
        if (!(left > 0))
            return false;
        poll(ends, 3, (int)(1000 * left) + 1);
        if (ends[0].revents != 0)
            write_some(&child->in, script, &written);
        if (ends[1].revents != 0)
            read_some(&child->out, output);
        if (ends[2].revents != 0)
            read_some(&child->complaints, complaints);
    }
    return true;
}

static int finish(process *child, bool in_time)
{
    int status = 0;
    close_end(&child->in);
    close_end(&child->out);
    close_end(&child->complaints);
    if (!in_time)
        kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static bool judge(int status, bool in_time, const lsn_text *complaints, lsn_error *err)
{
    const char *said = complaints->data == NULL ? "" : complaints->data + strspn(complaints->data, " \t\r\n");
    if (!in_time)
        return lsn_fail(err, LSN_FAILED, "gnuplot was ended: it did not finish in %d s", PATIENCE_S);
    if (WIFSIGNALED(status))
        return lsn_fail(err, LSN_FAILED, "gnuplot was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == NO_PROGRAM)
        return lsn_fail(
            err, LSN_FAILED,
            "gnuplot is not installed: `apt-get install gnuplot-nox` (Fedora: `dnf install gnuplot-minimal`, "
            "on a cluster: `module load gnuplot`)");
    if (WEXITSTATUS(status) == NO_FOLDER)
        return lsn_fail(err, LSN_FAILED, "the folder of the figures cannot be entered");
    if (WEXITSTATUS(status) != 0)
        return lsn_fail(err, LSN_FAILED, "gnuplot failed: %.600s", said);
    return true;
}

static bool run(const char *folder, char *const *argv, const lsn_text *script, lsn_text *output, lsn_error *err)
{
    process child;
    lsn_text complaints = {0};
    if (!start(&child, folder, argv, err))
        return false;
    const bool in_time = talk(&child, script, output, &complaints);
    bool ok = judge(finish(&child, in_time), in_time, &complaints, err);
    lsn_text_finish(&complaints);
    if (ok && output->failed)
        ok = lsn_fail(err, LSN_FAILED, "out of memory: a figure could not be read");
    return ok;
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
