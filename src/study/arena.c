/* Memory that is taken piece by piece and released at once. */
#include "study/tree.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 256 * 1024, ALIGNMENT = 8 };

struct lsn_chunk {
    struct lsn_chunk *next;
    size_t used, room; /* of `data` */
    _Alignas(ALIGNMENT) unsigned char data[];
};

static struct lsn_chunk *add_chunk(lsn_arena *arena, size_t bytes, lsn_error *err)
{
    size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    struct lsn_chunk *chunk = NULL;
    if (room <= SIZE_MAX - sizeof *chunk)
        chunk = calloc(1, sizeof *chunk + room);
    if (chunk == NULL) {
        lsn_fail(err, LSN_FAILED, "out of memory allocating %zu bytes", room);
        return NULL;
    }
    chunk->room = room;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

void *lsn_arena_take(lsn_arena *arena, size_t bytes, lsn_error *err)
{
    struct lsn_chunk *chunk = arena->chunks;
    if (chunk == NULL || bytes > chunk->room - chunk->used) {
        chunk = add_chunk(arena, bytes, err);
        if (chunk == NULL)
            return NULL;
    }
    void *taken = chunk->data + chunk->used;
    size_t next = (chunk->used + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    chunk->used = next < chunk->room ? next : chunk->room;
    return taken;
}

void *lsn_arena_array(lsn_arena *arena, size_t count, size_t size, lsn_error *err)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        lsn_fail(err, LSN_FAILED, "out of memory: %zu items of %zu bytes are more than can be addressed", count, size);
        return NULL;
    }
    return lsn_arena_take(arena, bytes, err);
}

char *lsn_arena_text(lsn_arena *arena, const char *text, size_t bytes, lsn_error *err)
{
    char *copy = bytes < SIZE_MAX ? lsn_arena_take(arena, bytes + 1, err) : NULL;
    if (copy != NULL && bytes > 0)
        memcpy(copy, text, bytes);
    return copy;
}

char *lsn_arena_keep(lsn_arena *arena, lsn_text *text, lsn_error *err)
{
    char *taken = lsn_text_take(text, err), *kept = NULL;
    if (taken != NULL)
        kept = lsn_arena_text(arena, taken, strlen(taken), err);
    free(taken);
    return kept;
}

void *lsn_keep(lsn_reading *in, size_t count, size_t size)
{
    return lsn_arena_array(in->arena, count, size, &in->failure);
}

char *lsn_keep_text(lsn_reading *in, const char *text, size_t bytes)
{
    return lsn_arena_text(in->arena, text, bytes, &in->failure);
}

void lsn_arena_finish(lsn_arena *arena)
{
    while (arena->chunks != NULL) {
        struct lsn_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
}
