/* Checkpoints made for a test, byte by byte as torch.save writes them. */
#ifndef LESION_TESTS_TORCH_FILE_H
#define LESION_TESTS_TORCH_FILE_H

#include "network_file.h"

/* A zip archive while it is written. */
typedef struct archive {
    unsigned char *data;
    size_t bytes, room;
    struct {
        char name[80];
        size_t at, bytes;
    } entries[NETWORK_MAX_TENSORS];
    int count;
    int method; /* of the entries that are added from now on: 0 stored (8: said to be deflated) */
} archive;

/* Appends an entry, its data at a multiple of 64 bytes; no CRC. */
void archive_add(archive *to, const char *name, const void *data, size_t bytes);
/* Writes the directory; `wide` with zip64's records, as torch.save does. */
void archive_end(archive *to, bool wide);
/* Writes the archive into the scratch folder, frees it, and returns the path. */
const char *archive_write(archive *from, const char *name);

/* A checkpoint of nothing but this pickle and a storage, data/0. */
const char *pickle_write(const char *name, const char *pickle, size_t pickle_bytes, const void *storage,
                         size_t storage_bytes);
#define PICKLE_WRITE(name, pickle, storage, bytes) pickle_write(name, pickle, sizeof(pickle) - 1, storage, bytes)

/* The network as a checkpoint: its state dict, under the keys of `wrappers` (outermost first, ended by NULL), with
 * `prefix` before every name. */
const char *network_write_checkpoint(const network_file *network, const char *const wrappers[], const char *prefix,
                                     const char *name);

/* The three pickles with which the format before the zip begins; `rest` is of the third, a dict. */
#define LEGACY_NUMBER "\x80\2\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19."
#define LEGACY_VERSION "\x80\2M\xe9\3."
#define LEGACY_MACHINE(rest) "\x80\2}(U\x10protocol_versionM\xe9\3U\x0dlittle_endian" rest "u."
#define LEGACY_HEADER LEGACY_NUMBER LEGACY_VERSION LEGACY_MACHINE("\x88U\x0atype_sizes}(U\3intK\4U\4longK\4u")

/* The network in that format. */
const char *network_write_legacy(const network_file *network, const char *const wrappers[], const char *prefix,
                                 const char *name);

#endif
