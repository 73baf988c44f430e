/* To be preloaded into lesion: does something when the process begins to compute a unit, so that tests need not guess
 * when a run is half-way. LESION_UNIT_LOG must be set, for it is the lines written there that are looked at.
 *
 * AT_UNIT=N       before its N-th unit the process runs the command of the shell that AT_UNIT_DO holds, and goes on
 * when that has ended; before each later unit too, until the command ends with 0. $PPID is the process. Whenever it
 * then gets SIGUSR1 or SIGTERM, a file got.RANK is made. POISON=N        when a unit begins that has evaluation N, the
 * process is killed, as kill -9 does ... POISON_MEMORY=1 ... or, with this set too, the next memory that it asks for is
 * refused */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

static bool begins(const char *line, size_t length)
{
    return memmem(line, length, " begin ", 7) != NULL;
}

/* Whether the line "... begin ... [3,17]" lists the number. */
static bool lists(const char *line, size_t length, const char *number)
{
    const char *list = memchr(line, '[', length);
    const size_t digits = strlen(number);
    for (const char *at = list; at != NULL && at + digits + 1 < line + length; at++)
        if ((*at == '[' || *at == ',') && strncmp(at + 1, number, digits) == 0 &&
            (at[1 + digits] == ',' || at[1 + digits] == ']'))
            return true;
    return false;
}

/* ---- a command ------------------------------------------------------------------------------------------------- */

extern char **environ;

/* Whether it ended with 0. */
static bool run_command(const char *command)
{
    char shell[] = "sh", option[] = "-c", *text = strdup(command), *const words[] = {shell, option, text, NULL};
    pid_t child;
    int status;
    unsetenv("LD_PRELOAD");
    if (posix_spawn(&child, "/bin/sh", NULL, NULL, words, environ) != 0)
        abort();
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            abort();
    free(text);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void count_unit(void)
{
    static long units;
    static bool over;
    const char *at = getenv("AT_UNIT"), *command = getenv("AT_UNIT_DO");
    if (at != NULL && command != NULL && !over && ++units >= strtol(at, NULL, 10))
        over = run_command(command);
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

static void (*handlers[NSIG])(int);

static void note_signal(int number)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    char path[32];
    rank = rank == NULL ? getenv("PMI_RANK") : rank;
    snprintf(path, sizeof path, "got.%.8s", rank == NULL ? "0" : rank);
    handlers[number](number);
    const int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    if (file >= 0)
        close(file);
}

SEEN int sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
    static int (*next)(int, const struct sigaction *, struct sigaction *);
    struct sigaction noting;
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "sigaction");
    if (getenv("AT_UNIT") != NULL && new != NULL && (number == SIGUSR1 || number == SIGTERM) &&
        !(new->sa_flags &SA_SIGINFO) && new->sa_handler != SIG_DFL &&new->sa_handler != SIG_IGN) {
        noting = *new;
        handlers[number] = new->sa_handler;
        noting.sa_handler = note_signal;
        new = &noting;
    }
    return next(number, new, old);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static bool refuse;

#ifdef MEMORY /* not beside a sanitizer, which has an allocator of its own */
extern void *__libc_memalign(size_t alignment, size_t size);

SEEN void *aligned_alloc(size_t alignment, size_t size)
{
    const bool refused = refuse;
    refuse = false;
    return refused ? NULL : __libc_memalign(alignment, size);
}
#endif

/* ---- a unit begins --------------------------------------------------------------------------------------------- */

SEEN ssize_t write(int file, const void *bytes, size_t length)
{
    static ssize_t (*next)(int, const void *, size_t);
    const char *poison = getenv("POISON"), *stop = getenv("POISON_STOP");
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "write");
    if (!begins(bytes, length))
        return next(file, bytes, length);
    count_unit();
    bool stops = false;
    if (poison != NULL && lists(bytes, length, poison)) {
        stops = stop != NULL && open(stop, O_WRONLY | O_CREAT | O_EXCL, 0666) >= 0;
        if (stop == NULL && getenv("POISON_MEMORY") == NULL)
            kill(getpid(), SIGKILL);
        refuse = stop == NULL;
    }
    const ssize_t written = next(file, bytes, length);
    if (stops)
        kill(getpid(), SIGSTOP);
    return written;
}
