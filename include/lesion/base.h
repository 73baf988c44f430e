/* Lesion: errors, memory, text, exact sums, seeded random numbers, digests, files, processes.
 *
 * Everything here is thread-safe as long as no two threads share one object. Nothing here is collective over MPI. Each
 * section is a file of src/base: error.c, memory.c, text.c (with log.c), utf8.c, fixed.c, random.c, digest.c, file.c
 * and new_file.c, process.c.
 */
#ifndef LESION_BASE_H
#define LESION_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__cplusplus)
#define LSN_C extern "C"
#else
#define LSN_C
#endif

/* What the library exports. */
#if defined(__GNUC__)
#define LSN_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define LSN_API LSN_C __attribute__((visibility("default")))
#else
#define LSN_PRINTF(text, first)
#define LSN_API LSN_C
#endif

/* The version of the library that is running, "0.1.0". */
LSN_API const char *lsn_version(void);

/* ---- errors -------------------------------------------------------------------------------------------------- */

/* What went wrong, as the program's exit code. */
typedef enum lsn_code {
    LSN_OK = 0,          /* complete */
    LSN_FAILED = 1,      /* I/O, storage, memory or MPI */
    LSN_USAGE = 2,       /* a command line that makes no sense */
    LSN_INVALID = 3,     /* an invalid study, model or data file */
    LSN_JOBS_FAILED = 4, /* complete, but some jobs failed */
    LSN_STOPPED = 75,    /* stopped early: run again to continue */
} lsn_code;

#define LSN_ERROR_BYTES 1024

/* Owned by the caller. Plain data without pointers: it may be sent from rank to rank as its bytes. What it is about is
 * told by fields, never to be looked for in `text`. */
typedef struct lsn_error {
    lsn_code code;
    int line;                   /* of `file`, from 1; 0: the file as a whole */
    char file[LSN_ERROR_BYTES]; /* the path that was given; empty: about no file */
    char part[64];              /* of the file or of how it is used: "preprocess"; empty: no particular one */
    char text[LSN_ERROR_BYTES]; /* one message without a final newline: where, what happened, and what to do next */
} lsn_error;

/* Sets *err (which may be NULL), about no file, and returns false, so that `return lsn_fail(err, ...)` is one line. */
LSN_API bool lsn_fail(lsn_error *err, lsn_code code, const char *format, ...) LSN_PRINTF(3, 4);

/* The same about a file, a line of it, or a part of it; the text is "FILE: ...", "FILE:LINE: ..." or
 * "FILE: PART: ...". */
LSN_API bool lsn_fail_at(lsn_error *err, lsn_code code, const char *file, const char *format, ...) LSN_PRINTF(4, 5);
LSN_API bool lsn_fail_line(lsn_error *err, lsn_code code, const char *file, int line, const char *format, ...)
    LSN_PRINTF(5, 6);
LSN_API bool lsn_fail_part(lsn_error *err, lsn_code code, const char *file, const char *part, const char *format, ...)
    LSN_PRINTF(5, 6);

/* Puts "prefix: " before the text of *err (NULL is accepted), which stays about the same file, and returns false. */
LSN_API bool lsn_fail_in(lsn_error *err, const char *format, ...) LSN_PRINTF(2, 3);

/* Hands an error on: sets *err (which may be NULL) to what `cause` is, and returns false. */
LSN_API bool lsn_fail_as(lsn_error *err, const lsn_error *cause);

/* Whether an error is about this file (NULL: false). */
LSN_API bool lsn_error_is_about(const lsn_error *err, const char *file);

/* ---- comparing ----------------------------------------------------------------------------------------------- */

/* Arguments are evaluated more than once. LSN_ORDER is what qsort's comparisons return: < 0, 0 or > 0; NaN equals
 * everything. */
#define LSN_MIN(a, b) ((a) < (b) ? (a) : (b))
#define LSN_MAX(a, b) ((a) > (b) ? (a) : (b))
#define LSN_ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* A zeroed array of `count` items of `size` bytes, 64-byte aligned; NULL and *err set (LSN_FAILED) where the product
 * overflows or memory is short. A count of 0 gives a valid pointer. Released with free(). */
LSN_API void *lsn_array(size_t count, size_t size, lsn_error *err);

/* Makes room for one more item in an array that has `count` items of `size` bytes and room for `*room`. On failure
 * *items stays as it was and *err is set (LSN_FAILED). The array is released with free(). */
LSN_API bool lsn_grow(void **items, size_t count, size_t *room, size_t size, lsn_error *err);

LSN_API char *lsn_strdup(const char *text, lsn_error *err);

/* ---- text ---------------------------------------------------------------------------------------------------- */

/* A growing string. Zero-initialised is empty. `failed` is set, and stays set, when memory was short: check it once, at
 * the end. `data` is NULL while nothing was added. */
typedef struct lsn_text {
    char *data;
    size_t length, room;
    bool failed;
} lsn_text;

LSN_API void lsn_text_add(lsn_text *text, const char *format, ...) LSN_PRINTF(2, 3);
LSN_API void lsn_text_add_v(lsn_text *text, const char *format, va_list args) LSN_PRINTF(2, 0);
/* Adds bytes as they are, none of them zero: for text that is written a million times, where the C library's formatting
 * is too slow. */
LSN_API void lsn_text_put(lsn_text *text, const char *bytes, size_t count);
LSN_API void lsn_text_finish(lsn_text *text);
/* Hands the string over, empty where nothing was added; NULL and *err set (LSN_FAILED) where memory was short. `text`
 * is finished in either case. Released with free(). */
LSN_API char *lsn_text_take(lsn_text *text, lsn_error *err);
/* A string of its own, by the format; NULL and *err set (LSN_FAILED) where memory is short. Released with free(). */
LSN_API char *lsn_compose(lsn_error *err, const char *format, ...) LSN_PRINTF(2, 3);

/* Bytes of the UTF-8 character that begins at `text` (RFC 3629); 0 where none does. */
LSN_API int lsn_utf8_bytes(const char *text);
/* Characters of UTF-8 in `bytes` bytes: those that do not continue another. */
LSN_API int lsn_utf8_count(const char *text, size_t bytes);

/* A finite number with the fewest of 15 to 17 digits that read back as the same one. Returns the length. */
#define LSN_REAL_BYTES 32
LSN_API int lsn_real_text(double number, char text[LSN_REAL_BYTES]);

/* What is wrong with a file that has several mistakes: messages in the order they were found. Zero-initialised is
 * empty. */
typedef struct lsn_problems {
    char **text;
    size_t count, room;
} lsn_problems;

/* Adds a message; always returns false. Where memory is short the message is lost, but `count` is at least 1. */
LSN_API bool lsn_problem(lsn_problems *problems, const char *format, ...) LSN_PRINTF(2, 3);
LSN_API void lsn_problems_finish(lsn_problems *problems);

/* The word of `known` (ended by NULL) that is nearest to `word` by edit distance; NULL where none is near enough to be
 * what was meant (more than 2 edits away, and more than a third of the word's length). */
LSN_API const char *lsn_nearest(const char *word, const char *const known[]);

/* ---- log ----------------------------------------------------------------------------------------------------- */

/* Prints one line to stderr, "lesion: ..."; lsn_log_quiet(true) silences it (on worker ranks). */
LSN_API void lsn_log(const char *format, ...) LSN_PRINTF(1, 2);
LSN_API void lsn_log_quiet(bool quiet);

/* ---- time ---------------------------------------------------------------------------------------------------- */

/* Seconds of a clock that never goes back and does not stop while the host sleeps; its zero is arbitrary. */
LSN_API double lsn_now_s(void);

/* How long this process was awake. One that is stopped (SIGSTOP, a suspended job, a sleeping host) hears nothing, so
 * the silence of others must be measured by this clock. Between two looks at it `step_s` passes at most, or the
 * processor time that this process took in between where that is more: it computed, and did not sleep. */
typedef struct lsn_awake {
    double step_s, total_s;
    double looked_s, cpu_s; /* at the last look */
} lsn_awake;

LSN_API lsn_awake lsn_awake_begin(double step_s);
/* Seconds awake since the beginning. */
LSN_API double lsn_awake_s(lsn_awake *awake);

/* ---- exact sums ---------------------------------------------------------------------------------------------- */

/* Sums over images are whole multiples of 2^-30, so that they are exact and do not depend on the order of addition:
 * results are the same to the bit however the work was split. */
#define LSN_FIXED 1073741824.0  /* 2^30 units to 1 */
#define LSN_FIXED_LIMIT 65536.0 /* a single value is clamped to +- this before it is converted (NaN: to +limit) */

/* `value` in units of 1 / LSN_FIXED, rounded to nearest (halves away from zero). 2^16 values at the limit add up
 * without overflow. */
LSN_API int64_t lsn_fixed(double value);

/* ---- seeded random numbers ----------------------------------------------------------------------------------- */

/* xoshiro256** (Blackman & Vigna, 2021), seeded through splitmix64: the same numbers on every machine. */
typedef struct lsn_random {
    uint64_t state[4];
} lsn_random;

/* Two streams with different `stream` are independent for the same seed. */
LSN_API void lsn_random_init(lsn_random *random, uint64_t seed, uint64_t stream);
LSN_API uint64_t lsn_random_next(lsn_random *random);
/* Uniform in 0 .. below-1, without bias (Lemire, 2019). below > 0. */
LSN_API uint64_t lsn_random_below(lsn_random *random, uint64_t below);
/* Moves a uniform random choice of `take` of the `count` items to the front of `items`, in random order (partial
 * Fisher-Yates). take <= count. */
LSN_API void lsn_random_choose(lsn_random *random, int32_t *items, size_t count, size_t take);

/* ---- digests ------------------------------------------------------------------------------------------------- */

#define LSN_DIGEST_BYTES 32
#define LSN_HEX_BYTES (2 * LSN_DIGEST_BYTES + 1)

/* A SHA-256. */
typedef struct lsn_digest {
    unsigned char bytes[LSN_DIGEST_BYTES];
} lsn_digest;

typedef struct lsn_hasher lsn_hasher;

LSN_API lsn_hasher *lsn_hasher_create(lsn_error *err);
LSN_API void lsn_hasher_add(lsn_hasher *hasher, const void *data, size_t bytes);
/* Adds a label and a value so that no two different sequences of calls give the same bytes. */
LSN_API void lsn_hasher_text(lsn_hasher *hasher, const char *label, const char *value);
LSN_API void lsn_hasher_number(lsn_hasher *hasher, const char *label, int64_t value);
/* Sets the digest of all that was added and empties the hasher. False (LSN_FAILED) if any step failed. */
LSN_API bool lsn_hasher_take(lsn_hasher *hasher, lsn_digest *digest, lsn_error *err);
LSN_API void lsn_hasher_destroy(lsn_hasher *hasher);

/* `hex` has room for LSN_HEX_BYTES. */
LSN_API void lsn_digest_hex(const lsn_digest *digest, char *hex);

/* ---- files --------------------------------------------------------------------------------------------------- */

/* A whole file, mapped read-only. An empty file has data == NULL and bytes == 0. */
typedef struct lsn_file {
    const unsigned char *data;
    size_t bytes;
} lsn_file;

/* LSN_INVALID with the path and the reason where it cannot be read. */
LSN_API bool lsn_file_map(lsn_file *file, const char *path, lsn_error *err);
LSN_API void lsn_file_unmap(lsn_file *file);

/* A file that is being written. It gets its name, and replaces an older file, only once it is whole. A device or a pipe
 * is written into instead. */
typedef struct lsn_new_file {
    FILE *out;
    const char *path; /* not owned */
    char *part;       /* its name until then; NULL: a device or a pipe */
} lsn_new_file;

/* LSN_FAILED with the path and the reason; there is nothing to close then. */
LSN_API bool lsn_new_file_open(lsn_new_file *file, const char *path, lsn_error *err);
/* Where `ok`, all of it was written, and it gets its name (LSN_FAILED where that cannot be done, or not everything
 * could be written); otherwise it is removed and *err stays as it is. Returns whether it has got its name. */
LSN_API bool lsn_new_file_close(lsn_new_file *file, bool ok, lsn_error *err);

/* `name` relative to the folder that the file `beside` is in, or `name` itself where it is absolute. To be freed. */
LSN_API char *lsn_path_beside(const char *beside, const char *name, lsn_error *err);

/* ---- processes ----------------------------------------------------------------------------------------------- */

/* Identifies a process among all that ever ran: its number alone may be used again later, on another host or in another
 * name space. */
typedef struct lsn_process {
    int64_t pid;
    uint64_t begun; /* when it was started, in ticks of its kernel */
    uint64_t space; /* its name space of process numbers */
    char boot[40];  /* which boot of which kernel it runs under; "": not known */
} lsn_process;

LSN_API lsn_process lsn_process_self(void);
/* Whether two processes run under the same kernel, so that both see the same files; and whether, besides, one can see
 * the other's process number. */
LSN_API bool lsn_process_same_kernel(const lsn_process *a, const lsn_process *b);
LSN_API bool lsn_process_sees(const lsn_process *self, const lsn_process *other);
/* Whether a process that this one can see has ended (it may not have been waited for yet). */
LSN_API bool lsn_process_ended(const lsn_process *process);
/* The same where only a number was noted, on this host: whether a process of that number is there that is older than
 * age_s (or whose age is not to be had). */
LSN_API bool lsn_process_is_there(int64_t pid, double age_s);
/* Whether it exists but is stopped (SIGSTOP, SIGTSTP, a debugger). */
LSN_API bool lsn_process_stopped(const lsn_process *process);

#endif
