/* Preloaded: makes one call fail, as it would where memory, a disk or descriptors run out.
 *
 * FAIL_KIND   memory, read (EIO), write (ENOSPC), or open (EMFILE)
 * FAIL_AT     the how-manieth of these calls, from 1; none, or 0: no call fails
 * FAIL_LOG    a file that gets, when the process ends, a line for each call: a number for the way of calls that led
 * there
 *
 * Calls count that come from the program itself or from SQLite, libyaml, jansson, libpng, libjpeg and zlib; not those
 * of the C library, MPI and OpenBLAS, which nobody here can mend. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum kind { NONE, MEMORY, READ, WRITE, OPEN } kind;

enum { OBJECTS = 16, CALLS = 1 << 20, DEPTH = 24 };

/* The part of an object's addresses that holds its code. */
typedef struct object {
    uintptr_t begin, end, base;
} object;

static object objects[OBJECTS];
static int n_objects;
static kind failing;
static long fail_at;
static atomic_long n_calls;
static uint64_t ways[CALLS];
static bool noting;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* ---- who calls ------------------------------------------------------------------------------------------------- */

static const char *const watched[] = {"libsqlite3", "libyaml", "libjansson", "libpng", "libjpeg", "libz."};

static int note_object(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    const char *name = info->dlpi_name == NULL || info->dlpi_name[0] == '\0' ? "lesion" : info->dlpi_name;
    bool wanted = n_objects == 0; /* the program comes first */
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        wanted = wanted || strstr(name, watched[i]) != NULL;
    for (int i = 0; wanted && i < info->dlpi_phnum && n_objects < OBJECTS; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            const uintptr_t begin = info->dlpi_addr + part->p_vaddr;
            objects[n_objects++] = (object){begin, begin + part->p_memsz, info->dlpi_addr};
        }
    }
    return 0;
}

static kind kind_of(const char *name)
{
    static const char *const names[] = {"none", "memory", "read", "write", "open"};
    for (int k = 0; name != NULL && k < 5; k++)
        if (strcmp(name, names[k]) == 0)
            return (kind)k;
    return NONE;
}

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("FAIL_AT");
    dl_iterate_phdr(note_object, NULL);
    void *first[1];
    noting = getenv("FAIL_LOG") != NULL && backtrace(first, 1) > 0; /* which allocates the first time */
    fail_at = at == NULL ? 0 : strtol(at, NULL, 10);
    failing = kind_of(getenv("FAIL_KIND"));
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAIL_LOG");
    failing = NONE;
    FILE *log = path == NULL ? NULL : fopen(path, "w");
    if (log == NULL)
        return;
    for (long n = 0; n < n_calls && n < CALLS; n++)
        fprintf(log, "%016llx\n", (unsigned long long)ways[n]);
    fclose(log);
}

/* Of the return addresses, as offsets in their objects: the same in every run. */
static uint64_t way_here(void)
{
    void *frames[DEPTH];
    const int count = backtrace(frames, DEPTH);
    uint64_t hash = 0xcbf29ce484222325;
    for (int k = 2; k < count; k++)
        for (int i = 0; i < n_objects; i++)
            if ((uintptr_t)frames[k] >= objects[i].begin && (uintptr_t)frames[k] < objects[i].end)
                hash = (hash ^ ((uintptr_t)frames[k] - objects[i].base + (uint64_t)i)) * 0x100000001b3;
    return hash;
}

/* Whether this call is the one. */
static bool fails(kind of, const void *caller)
{
    const uintptr_t from = (uintptr_t)caller;
    bool ours = false;
    if (of != failing)
        return false;
    for (int i = 0; i < n_objects; i++)
        ours = ours || (from >= objects[i].begin && from < objects[i].end);
    if (!ours)
        return false;
    const long n = atomic_fetch_add(&n_calls, 1);
    if (noting && n < CALLS)
        ways[n] = way_here();
    return n + 1 == fail_at;
}

#define EXPORT __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_WITH(number, answer) \
    do {                          \
        errno = (number);         \
        return (answer);          \
    } while (0)

/* ---- memory ---------------------------------------------------------------------------------------------------- */

EXPORT void *malloc(size_t size)
{
    if (fails(MEMORY, CALLER))
        FAIL_WITH(ENOMEM, NULL);
    return __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    if (fails(MEMORY, CALLER))
        FAIL_WITH(ENOMEM, NULL);
    return __libc_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size)
{
    if (fails(MEMORY, CALLER))
        FAIL_WITH(ENOMEM, NULL);
    return __libc_realloc(old, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    if (fails(MEMORY, CALLER))
        FAIL_WITH(ENOMEM, NULL);
    return __libc_memalign(alignment, size);
}

EXPORT int posix_memalign(void **made, size_t alignment, size_t size)
{
    if (fails(MEMORY, CALLER))
        return ENOMEM;
    *made = __libc_memalign(alignment, size);
    return *made == NULL ? ENOMEM : 0;
}

EXPORT char *strdup(const char *text)
{
    if (fails(MEMORY, CALLER))
        FAIL_WITH(ENOMEM, NULL);
    const size_t bytes = strlen(text) + 1;
    char *copy = __libc_malloc(bytes);
    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

EXPORT int vasprintf(char **text, const char *format, va_list args)
{
    if (fails(MEMORY, CALLER))
        FAIL_WITH(ENOMEM, -1);
    return NEXT(vasprintf)(text, format, args);
}

/* What -D_FORTIFY_SOURCE makes of it. */
EXPORT int __vasprintf_chk(char **text, int flag, const char *format, va_list args)
{
    (void)flag;
    if (fails(MEMORY, CALLER))
        FAIL_WITH(ENOMEM, -1);
    return NEXT(vasprintf)(text, format, args);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static mode_t mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

EXPORT int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = mode_of(flags, args);
    va_end(args);
    if (fails(OPEN, CALLER))
        FAIL_WITH(EMFILE, -1);
    return NEXT(open)(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = mode_of(flags, args);
    va_end(args);
    if (fails(OPEN, CALLER))
        FAIL_WITH(EMFILE, -1);
    return NEXT(open64)(path, flags, mode);
}

/* name: a call that answers `answer` with errno `number` where it is the one, and else what it always does. */
#define MAY_FAIL(of, number, answer, type, name, parameters, arguments) \
    EXPORT type name parameters                                         \
    {                                                                   \
        if (fails(of, CALLER))                                          \
            FAIL_WITH(number, answer);                                  \
        return NEXT(name) arguments;                                    \
    }

MAY_FAIL(OPEN, EMFILE, NULL, FILE *, fopen, (const char *path, const char *mode), (path, mode))
MAY_FAIL(OPEN, EMFILE, NULL, FILE *, fopen64, (const char *path, const char *mode), (path, mode))
MAY_FAIL(READ, EIO, -1, ssize_t, read, (int file, void *to, size_t count), (file, to, count))
MAY_FAIL(READ, EIO, -1, ssize_t, pread, (int file, void *to, size_t count, off_t at), (file, to, count, at))
MAY_FAIL(READ, EIO, -1, ssize_t, pread64, (int file, void *to, size_t count, off64_t at), (file, to, count, at))
MAY_FAIL(READ, EIO, 0, size_t, fread, (void *to, size_t size, size_t count, FILE *file), (to, size, count, file))
MAY_FAIL(WRITE, ENOSPC, -1, ssize_t, pwrite64, (int file, const void *from, size_t count, off64_t at),
         (file, from, count, at))
MAY_FAIL(WRITE, EIO, -1, int, fsync, (int file), (file))
MAY_FAIL(WRITE, EIO, -1, int, fdatasync, (int file), (file))
MAY_FAIL(WRITE, EIO, -1, int, ftruncate64, (int file, off64_t length), (file, length))
MAY_FAIL(WRITE, EIO, -1, int, rename, (const char *from, const char *to), (from, to))
MAY_FAIL(WRITE, ENOSPC, -1, int, mkdir, (const char *path, mode_t mode), (path, mode))

EXPORT ssize_t write(int file, const void *bytes, size_t count)
{
    if (file > 2 && fails(WRITE, CALLER))
        FAIL_WITH(ENOSPC, -1);
    return NEXT(write)(file, bytes, count);
}

EXPORT void *mmap(void *at, size_t length, int protection, int flags, int file, off_t offset)
{
    if (file >= 0 && fails(READ, CALLER))
        FAIL_WITH(ENOMEM, MAP_FAILED);
    return NEXT(mmap)(at, length, protection, flags, file, offset);
}

EXPORT void *mmap64(void *at, size_t length, int protection, int flags, int file, off64_t offset)
{
    if (file >= 0 && fails(READ, CALLER))
        FAIL_WITH(ENOMEM, MAP_FAILED);
    return NEXT(mmap64)(at, length, protection, flags, file, offset);
}

/* ---- streams: once a write failed they say so for good ----------------------------------------------------------- */

static bool stream_fails(FILE *file, const void *caller)
{
    if (file == stderr || !fails(WRITE, caller))
        return false;
    file->_flags |= 0x20; /* glibc's _IO_ERR_SEEN, which ferror tells */
    errno = ENOSPC;
    return true;
}

EXPORT size_t fwrite(const void *from, size_t size, size_t count, FILE *file)
{
    return stream_fails(file, CALLER) ? 0 : NEXT(fwrite)(from, size, count, file);
}

EXPORT int fputs(const char *text, FILE *file)
{
    return stream_fails(file, CALLER) ? EOF : NEXT(fputs)(text, file);
}

EXPORT int fflush(FILE *file)
{
    return file != NULL && stream_fails(file, CALLER) ? EOF : NEXT(fflush)(file);
}

EXPORT int fclose(FILE *file)
{
    const bool fail = stream_fails(file, CALLER);
    const int closed = NEXT(fclose)(file);
    return fail ? EOF : closed;
}
