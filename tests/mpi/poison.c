/* To be preloaded: when the process begins to compute the evaluation that POISON names, as LESION_UNIT_LOG would tell,
 * it is killed, as kill -9 does; or, with POISON_MEMORY set, the next memory that it asks for is refused; or, with
 * POISON_STOP set, which names a file, it is stopped, as kill -STOP does, unless that file was made by then. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether the line "... begin ... [3,17]" lists the number. */
static bool lists(const char *line, size_t length, const char *number)
{
    const char *list = memmem(line, length, " begin ", 7);
    list = list == NULL ? NULL : memchr(list, '[', length - (size_t)(list - line));
    const size_t digits = strlen(number);
    for (const char *at = list; at != NULL && at + digits + 1 < line + length; at++)
        if ((*at == '[' || *at == ',') && strncmp(at + 1, number, digits) == 0 &&
            (at[1 + digits] == ',' || at[1 + digits] == ']'))
            return true;
    return false;
}

static bool refuse;

#ifdef MEMORY /* not beside a sanitizer, which has an allocator of its own */
extern void *__libc_memalign(size_t alignment, size_t size);

__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t size)
{
    const bool refused = refuse;
    refuse = false;
    return refused ? NULL : __libc_memalign(alignment, size);
}
#endif

__attribute__((visibility("default"))) ssize_t write(int file, const void *bytes, size_t length)
{
    static ssize_t (*next)(int, const void *, size_t);
    const char *poison = getenv("POISON"), *stop = getenv("POISON_STOP");
    bool stops = false;
    if (poison != NULL && lists(bytes, length, poison)) {
        stops = stop != NULL && open(stop, O_WRONLY | O_CREAT | O_EXCL, 0666) >= 0;
        if (stop == NULL && getenv("POISON_MEMORY") == NULL)
            kill(getpid(), SIGKILL);
        refuse = stop == NULL;
    }
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "write");
    const ssize_t written = next(file, bytes, length);
    if (stops)
        kill(getpid(), SIGSTOP);
    return written;
}
