/* Counts what a target allocates, libraries included, through the address sanitizer's hooks. */
#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef FUZZ_ASAN

/* Of the sanitizer's library; not every compiler brings its headers along. */
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
                                              void (*released)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *data);

static _Thread_local bool counting;
static _Thread_local size_t allowed;
static _Thread_local int64_t live; /* allocated since the beginning less freed since then; may fall below 0 */

static void on_allocation(const volatile void *data, size_t bytes)
{
    (void)data;
    if (!counting)
        return;
    live += (int64_t)bytes;
    if (live <= (int64_t)allowed)
        return;
    counting = false;
    fprintf(stderr, "an allocation of %zu bytes makes %lld in all, but %zu are in proportion to the input\n", bytes,
            (long long)live, allowed);
    abort();
}

static void on_release(const volatile void *data)
{
    if (counting && data != NULL)
        live -= (int64_t)__sanitizer_get_allocated_size(data);
}

void fuzz_allow(size_t base, size_t factor, size_t size)
{
    static bool installed;
    if (!installed && __sanitizer_install_malloc_and_free_hooks(on_allocation, on_release) == 0) {
        fprintf(stderr, "the sanitizer has no room for one more allocation hook\n");
        abort();
    }
    installed = true;
    live = 0;
    allowed = base + factor * size;
    counting = true;
}

void fuzz_allow_end(void)
{
    counting = false;
}

#else

void fuzz_allow(size_t base, size_t factor, size_t size)
{
    (void)base, (void)factor, (void)size;
}

void fuzz_allow_end(void)
{
}

#endif
