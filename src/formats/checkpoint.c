/* Checkpoints of torch.save: which container a file is, and what the containers share. */
#include "formats/checkpoint.h"

#include "formats/container.h"

#include <stdlib.h>
#include <string.h>

/* ---- formats ------------------------------------------------------------------------------------------------- */

typedef enum format { NO_CHECKPOINT, ZIP, LEGACY, TAR } format;

static bool has_at(const lsn_file *file, size_t at, const void *bytes, size_t count)
{
    return file->bytes >= at + count && memcmp(file->data + at, bytes, count) == 0;
}

/* What PyTorch wrote before 1.6 begins with a pickled number, 0x1950a86a20f9469cfc6c (from protocol 4 on in a frame);
 * before 0.1.10 it was a tar. */
static format recognise(const lsn_file *file)
{
    enum { PROTOCOL_BYTES = 2, FRAME_BYTES = 9 };
    static const unsigned char zip[] = {'P', 'K', 3, 4}, empty_zip[] = {'P', 'K', 5, 6};
    static const unsigned char number[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    if (has_at(file, 0, zip, sizeof zip) || has_at(file, 0, empty_zip, sizeof empty_zip))
        return ZIP;
    if (has_at(file, 0, "\x80", 1) && (has_at(file, PROTOCOL_BYTES, number, sizeof number) ||
                                       has_at(file, PROTOCOL_BYTES + FRAME_BYTES, number, sizeof number)))
        return LEGACY;
    return has_at(file, 257, "ustar", 5) ? TAR : NO_CHECKPOINT;
}

bool lsn_checkpoint_recognise(const lsn_file *file)
{
    return recognise(file) != NO_CHECKPOINT;
}

static bool refuse_tar(const char *path, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, path,
                       "is in the oldest (tar) format that torch.save wrote before PyTorch 0.1.10; convert it once: "
                       "python -c \"import torch; torch.save(torch.load('%s', map_location='cpu'), 'weights.pth')\"",
                       path);
}

bool lsn_checkpoint_refuse_order(const char *path, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, path,
                       "was written on a machine of another byte order: load it with torch.load and save it again with "
                       "torch.save on this one");
}

/* ---- records ------------------------------------------------------------------------------------------------- */

int lsn_record_compare(const void *a, const void *b)
{
    const lsn_record *one = a, *two = b;
    size_t common = one->key_bytes < two->key_bytes ? one->key_bytes : two->key_bytes;
    int order = memcmp(one->key, two->key, common);
    return order != 0 ? order : (one->key_bytes > two->key_bytes) - (one->key_bytes < two->key_bytes);
}

lsn_record *lsn_record_find(const lsn_checkpoint *c, const void *key, size_t bytes)
{
    lsn_record wanted = {.key = key, .key_bytes = bytes};
    if (bytes > LSN_LONGEST_KEY || c->n_records == 0)
        return NULL;
    return bsearch(&wanted, c->records, c->n_records, sizeof wanted, lsn_record_compare);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

void lsn_checkpoint_finish(lsn_checkpoint *c)
{
    lsn_pickle_finish(&c->pickle);
    free(c->records);
    *c = (lsn_checkpoint){0};
}

bool lsn_checkpoint_read(lsn_weights *weights, lsn_error *err)
{
    lsn_checkpoint c = {.path = weights->path};
    format found = recognise(&weights->file);
    if (found == TAR)
        return refuse_tar(weights->path, err);
    bool ok = (found == ZIP ? lsn_checkpoint_open_zip(&c, &weights->file, err)
                            : lsn_checkpoint_open_legacy(&c, &weights->file, err)) &&
              lsn_state_dict_read(weights, &c, err);
    lsn_checkpoint_finish(&c);
    return ok;
}
