/* Arrays, zeroed and aligned or growing, and copies of strings. */
#include "lesion/base.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 }; /* bytes: a cache line, and the widest vector */

void *lsn_array(size_t count, size_t size, lsn_error *err)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT) {
        lsn_fail(err, LSN_FAILED, "out of memory: %zu items of %zu bytes are more than can be addressed", count, size);
        return NULL;
    }
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *items = aligned_alloc(ALIGNMENT, bytes == 0 ? ALIGNMENT : bytes);
    if (items == NULL) {
        lsn_fail(err, LSN_FAILED, "out of memory allocating %zu bytes", bytes);
        return NULL;
    }
    memset(items, 0, bytes == 0 ? ALIGNMENT : bytes);
    return items;
}

bool lsn_grow(void **items, size_t count, size_t *room, size_t size, lsn_error *err)
{
    if (count < *room)
        return true;
    size_t wanted = *room < 8 ? 8 : *room + *room / 2;
    size_t bytes;
    void *old, *grown = NULL;
    memcpy(&old, items, sizeof old); /* the pointer may be of another type: never read as a void * */
    if (!__builtin_mul_overflow(wanted, size, &bytes))
        grown = realloc(old, bytes);
    if (grown == NULL)
        return lsn_fail(err, LSN_FAILED, "out of memory allocating %zu items of %zu bytes", wanted, size);
    memcpy(items, &grown, sizeof grown);
    *room = wanted;
    return true;
}

char *lsn_strdup(const char *text, lsn_error *err)
{
    char *copy = strdup(text);
    if (copy == NULL)
        lsn_fail(err, LSN_FAILED, "out of memory copying a text of %zu bytes", strlen(text));
    return copy;
}
