/* Who a process is, so that another can tell later whether it still exists. */
#include "lesion/base.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void read_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    text[0] = '\0';
    if (file != NULL && fgets(text, (int)size, file) != NULL)
        text[strcspn(text, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
}

/* When it began, and its state ('R', 'S', 'T', ...); 0 where there is no such process, or it cannot be looked at, or
 * only what is left of it until its parent asks ('Z'). */
static uint64_t begun(int64_t pid, char *state)
{
    enum { STATE = 2, BEGUN = 21 }; /* fields, from 0 */
    char path[64], stat[1024], *rest = NULL;
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    read_line(path, stat, sizeof stat);
    char *at = strrchr(stat, ')'); /* the name before it may hold anything */
    char *word = at == NULL ? NULL : strtok_r(at + 1, " ", &rest);
    *state = word == NULL ? '\0' : *word;
    if (word == NULL || *word == 'Z' || *word == 'X')
        return 0;
    for (int field = STATE; word != NULL && field < BEGUN; field++)
        word = strtok_r(NULL, " ", &rest);
    return word == NULL ? 0 : strtoull(word, NULL, 10);
}

lsn_process lsn_process_self(void)
{
    struct stat status;
    char state;
    lsn_process self = {.pid = getpid()};
    self.begun = begun(self.pid, &state);
    self.space = stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
    read_line("/proc/sys/kernel/random/boot_id", self.boot, sizeof self.boot);
    return self;
}

bool lsn_process_same_kernel(const lsn_process *a, const lsn_process *b)
{
    return a->boot[0] != '\0' && strcmp(a->boot, b->boot) == 0;
}

bool lsn_process_sees(const lsn_process *self, const lsn_process *other)
{
    return lsn_process_same_kernel(self, other) && self->space == other->space;
}

bool lsn_process_ended(const lsn_process *process)
{
    char state;
    return process->begun == 0 || begun(process->pid, &state) != process->begun;
}

bool lsn_process_is_there(int64_t pid, double age_s)
{
    char state, up[64];
    if (pid <= 0 || (kill((pid_t)pid, 0) != 0 && errno != EPERM))
        return false;
    const uint64_t since = begun(pid, &state);
    read_line("/proc/uptime", up, sizeof up);
    return since > 0 ? strtod(up, NULL) - (double)since / (double)sysconf(_SC_CLK_TCK) > age_s : state == '\0';
}

bool lsn_process_stopped(const lsn_process *process)
{
    char state;
    return process->begun != 0 && begun(process->pid, &state) == process->begun && (state == 'T' || state == 't');
}
