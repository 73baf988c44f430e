/* gzip, as a stream over a mapped file. */
#define ZLIB_CONST
#include "data/data_internal.h"

#include <stdlib.h>
#include <zlib.h>

enum { STEP = 1 << 30 }; /* bytes: zlib counts in 32 bits */

struct lsn_gunzip {
    z_stream z;
    const lsn_file *file;
    const char *path;
    size_t at; /* compressed bytes consumed */
    bool ended;
};

bool lsn_is_gzip(const lsn_file *file)
{
    return file->bytes >= 2 && file->data[0] == 0x1f && file->data[1] == 0x8b;
}

lsn_gunzip *lsn_gunzip_create(const lsn_file *file, const char *path, lsn_error *err)
{
    enum { LARGEST_WINDOW = 15, GZIP_ONLY = 16 };
    lsn_gunzip *stream = lsn_array(1, sizeof *stream, err);
    if (stream == NULL)
        return NULL;
    stream->file = file;
    stream->path = path;
    if (inflateInit2(&stream->z, LARGEST_WINDOW + GZIP_ONLY) != Z_OK) {
        lsn_fail_at(err, LSN_FAILED, path, "out of memory: decompression could not be prepared");
        free(stream);
        return NULL;
    }
    return stream;
}

void lsn_gunzip_destroy(lsn_gunzip *stream)
{
    if (stream == NULL)
        return;
    inflateEnd(&stream->z);
    free(stream);
}

static unsigned step_of(size_t bytes)
{
    return bytes < STEP ? (unsigned)bytes : STEP;
}

bool lsn_gunzip_read(lsn_gunzip *stream, unsigned char *out, size_t wanted, size_t *got, lsn_error *err)
{
    z_stream *z = &stream->z;
    *got = 0;
    while (*got < wanted && !stream->ended) {
        unsigned in = step_of(stream->file->bytes - stream->at), room = step_of(wanted - *got);
        z->next_in = stream->file->data + stream->at;
        z->avail_in = in;
        z->next_out = out + *got;
        z->avail_out = room;
        int status = inflate(z, Z_NO_FLUSH);
        bool moved = z->avail_in < in || z->avail_out < room;
        stream->at += in - z->avail_in;
        *got += room - z->avail_out;
        if (status == Z_STREAM_END && stream->at == stream->file->bytes)
            stream->ended = true;
        else if (status == Z_STREAM_END) /* another member follows: gzip files may be joined */
            inflateReset(z);
        else if (status == Z_MEM_ERROR)
            return lsn_fail_at(err, LSN_FAILED, stream->path, "out of memory while decompressing");
        else if (status != Z_OK && status != Z_BUF_ERROR)
            return lsn_fail_at(err, LSN_INVALID, stream->path,
                               "its compressed contents are damaged (%s): copy it again",
                               z->msg != NULL ? z->msg : "not gzip");
        else if (!moved) /* the file is cut short */
            break;
    }
    return true;
}

bool lsn_gunzip_ended(const lsn_gunzip *stream)
{
    return stream->ended;
}
