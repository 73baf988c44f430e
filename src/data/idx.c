/* idx: a magic number, the sizes, the bytes; all numbers big-endian. */
#include "data/data_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct idx_kind {
    uint32_t magic; /* 0x08 for bytes, then the rank */
    uint32_t rank;
    const char *what;
} idx_kind;

static const idx_kind images_kind = {0x00000803, 3, "images"}, labels_kind = {0x00000801, 1, "labels"};

enum { LONGEST_HEADER = 16 };

typedef struct idx_file {
    const char *path;
    lsn_file file;
    lsn_gunzip *stream; /* NULL where the file is not compressed */
    uint64_t shape[3];
    const unsigned char *contents;
    unsigned char *owned; /* the contents where they were compressed */
} idx_file;

static void idx_finish(idx_file *idx)
{
    lsn_gunzip_destroy(idx->stream);
    lsn_file_unmap(&idx->file);
    free(idx->owned);
}

static uint32_t read_number(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool parse_header(idx_file *idx, const unsigned char *header, size_t bytes, const idx_kind *kind, lsn_error *err)
{
    const idx_kind *other = kind == &images_kind ? &labels_kind : &images_kind;
    if (bytes < 4)
        return lsn_fail_at(err, LSN_INVALID, idx->path, "has %zu bytes, too few for an idx file of %s", bytes,
                           kind->what);
    uint32_t magic = read_number(header);
    if (magic == other->magic)
        return lsn_fail_at(err, LSN_INVALID, idx->path, "is an idx file of %s, not of %s: are the two swapped?",
                           other->what, kind->what);
    if (magic != kind->magic)
        return lsn_fail_at(err, LSN_INVALID, idx->path,
                           "is not an idx file of %s: it begins with 0x%08" PRIx32 " instead of 0x%08" PRIx32,
                           kind->what, magic, kind->magic);
    if (bytes < 4 + 4 * kind->rank)
        return lsn_fail_at(err, LSN_INVALID, idx->path,
                           "is cut short in its header: %zu of %" PRIu32 " bytes are missing",
                           4 + 4 * kind->rank - bytes, 4 + 4 * kind->rank);
    for (uint32_t i = 0; i < kind->rank; i++)
        idx->shape[i] = read_number(header + 4 + 4 * i);
    return true;
}

/* Maps the file, and reads the header of what it holds. */
static bool idx_open(idx_file *idx, const char *path, const idx_kind *kind, lsn_error *err)
{
    unsigned char header[LONGEST_HEADER];
    size_t wanted = 4 + 4 * kind->rank, got;
    idx->path = path;
    if (!lsn_file_map(&idx->file, path, err))
        return false;
    if (!lsn_is_gzip(&idx->file)) {
        got = idx->file.bytes < wanted ? idx->file.bytes : wanted;
        return parse_header(idx, idx->file.data, got, kind, err);
    }
    idx->stream = lsn_gunzip_create(&idx->file, path, err);
    return idx->stream != NULL && lsn_gunzip_read(idx->stream, header, wanted, &got, err) &&
           parse_header(idx, header, got, kind, err);
}

/* Decompresses what follows the header. Room grows with what is really there, and never beyond what was promised, so
 * that a small hostile file cannot ask for much. */
static bool decompress(idx_file *idx, size_t promised, lsn_error *err)
{
    enum { FIRST_ROOM = 1 << 20 };
    size_t room = 0, there = 0, got = 0;
    do {
        room = room == 0 ? FIRST_ROOM : 2 * room;
        room = room < promised ? room : promised;
        unsigned char *grown = realloc(idx->owned, room);
        if (grown == NULL)
            return lsn_fail_at(err, LSN_FAILED, idx->path, "out of memory allocating %zu bytes", room);
        idx->owned = grown;
        if (!lsn_gunzip_read(idx->stream, grown + there, room - there, &got, err))
            return false;
        there += got;
    } while (there == room && room < promised);
    unsigned char more;
    if (there == promised && !lsn_gunzip_read(idx->stream, &more, 1, &got, err))
        return false;
    if (!lsn_check_bytes(there == promised ? there + got : there, promised, idx->path, err))
        return false;
    if (!lsn_gunzip_ended(idx->stream))
        return lsn_fail_at(err, LSN_INVALID, idx->path,
                           "is cut short: the gzip check sum at its end is missing; copy it again");
    idx->contents = idx->owned;
    return true;
}

/* Sets idx->contents to the `promised` bytes after the header. */
static bool idx_read_contents(idx_file *idx, const idx_kind *kind, size_t promised, lsn_error *err)
{
    if (idx->stream != NULL)
        return decompress(idx, promised, err);
    size_t header = 4 + 4 * kind->rank;
    idx->contents = idx->file.data + header;
    return lsn_check_bytes(idx->file.bytes - header, promised, idx->path, err);
}

bool lsn_idx_read_images(lsn_images *images, const char *path, lsn_error *err)
{
    idx_file idx = {0};
    size_t bytes;
    images->form = "idx";
    bool ok =
        idx_open(&idx, path, &images_kind, err) &&
        lsn_images_set_shape(images, (uint64_t[]){idx.shape[0], idx.shape[1], idx.shape[2], 1}, &bytes, path, err) &&
        idx_read_contents(&idx, &images_kind, bytes, err);
    if (ok) {
        images->pixels = idx.contents;
        images->owned = idx.owned;
        idx.owned = NULL;
        if (images->owned == NULL) {
            images->file = idx.file;
            idx.file = (lsn_file){0};
        }
    }
    idx_finish(&idx);
    return ok;
}

bool lsn_idx_read_labels(lsn_labels *labels, const char *path, lsn_error *err)
{
    idx_file idx = {0};
    bool ok = idx_open(&idx, path, &labels_kind, err);
    if (ok && idx.shape[0] == 0)
        ok = lsn_fail_at(err, LSN_INVALID, path, "holds no labels");
    ok = ok && idx_read_contents(&idx, &labels_kind, (size_t)idx.shape[0], err) &&
         lsn_labels_create(labels, idx.shape[0], path, err);
    for (int32_t i = 0; ok && i < labels->count; i++)
        ok = lsn_labels_set(labels, i, idx.contents[i], path, err);
    idx_finish(&idx);
    return ok;
}
