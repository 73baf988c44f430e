/* The zip of torch.save: data.pkl describes the tensors, data/KEY holds a storage's bytes. */
#include "formats/checkpoint.h"
#include "formats/zip.h"

#include <string.h>

enum { LONGEST_FOLDER = 1024 };

typedef struct archive {
    const char *path;
    lsn_zip zip;
    const char *folder; /* the archive's one folder with its /; not ended by 0 */
    size_t folder_bytes;
} archive;

static const lsn_zip_entry *find_record(const archive *a, const char *name)
{
    return lsn_zip_find(&a->zip, a->folder, a->folder_bytes, name, strlen(name));
}

/* Sets the folder: that of data.pkl, of which there must be one. */
static const lsn_zip_entry *find_pickle(archive *a, lsn_error *err)
{
    static const char name[] = "data.pkl";
    const size_t bytes = sizeof name - 1;
    const lsn_zip_entry *found = NULL;
    for (size_t i = 0; i < a->zip.count; i++) {
        const lsn_zip_entry *entry = &a->zip.entries[i];
        if (entry->name_bytes < bytes || memcmp(entry->name + entry->name_bytes - bytes, name, bytes) != 0 ||
            (entry->name_bytes > bytes && entry->name[entry->name_bytes - bytes - 1] != '/'))
            continue;
        if (found != NULL) {
            lsn_fail_at(err, LSN_INVALID, a->path,
                        "is a zip file with more than one data.pkl, so no checkpoint of torch.save");
            return NULL;
        }
        found = entry;
    }
    if (found == NULL) {
        lsn_fail_at(
            err, LSN_INVALID, a->path,
            "is a zip file without data.pkl, so no checkpoint of torch.save: save the network's state_dict() with it");
        return NULL;
    }
    a->folder = found->name;
    a->folder_bytes = found->name_bytes - bytes;
    return found;
}

static bool check_archive(const archive *a, lsn_error *err)
{
    const lsn_zip_entry *order = find_record(a, "byteorder");
    if (a->folder_bytes > LONGEST_FOLDER)
        return lsn_fail_at(err, LSN_INVALID, a->path, "the name of its folder has %zu bytes; at most %d are read",
                           a->folder_bytes, LONGEST_FOLDER);
    if (find_record(a, "constants.pkl") != NULL)
        return lsn_fail_at(err, LSN_INVALID, a->path,
                           "is a TorchScript archive, not a state dict: python -c \"import torch; "
                           "torch.save(torch.jit.load('%s', map_location='cpu').state_dict(), 'weights.pth')\"",
                           a->path);
    if (order != NULL && (order->data == NULL || order->bytes != 6 || memcmp(order->data, "little", 6) != 0))
        return lsn_checkpoint_refuse_order(a->path, err);
    return true;
}

/* Whether an entry can be read where it stands. */
static bool check_plain(const archive *a, const lsn_zip_entry *entry, lsn_error *err)
{
    return entry->data != NULL ||
           lsn_fail_at(err, LSN_INVALID, a->path,
                       "is a zip file with compressed or encrypted entries, which torch.save does not write: unpack it "
                       "and pack it with zip -0 -r, or write the checkpoint again");
}

/* A record for each file in the folder's folder data; they are sorted as the entries are. */
static bool collect_records(lsn_checkpoint *c, const archive *a, lsn_error *err)
{
    static const char data[] = "data/";
    const size_t skipped = a->folder_bytes + sizeof data - 1;
    c->records = lsn_array(a->zip.count, sizeof *c->records, err);
    if (c->records == NULL)
        return false;
    for (size_t i = 0; i < a->zip.count; i++) {
        const lsn_zip_entry *entry = &a->zip.entries[i];
        if (entry->name_bytes < skipped || memcmp(entry->name, a->folder, a->folder_bytes) != 0 ||
            memcmp(entry->name + a->folder_bytes, data, sizeof data - 1) != 0)
            continue;
        if (!check_plain(a, entry, err))
            return false;
        c->records[c->n_records++] = (lsn_record){.key = entry->name + skipped,
                                                  .key_bytes = entry->name_bytes - skipped,
                                                  .data = entry->data,
                                                  .bytes = entry->bytes};
    }
    return true;
}

bool lsn_checkpoint_open_zip(lsn_checkpoint *c, const lsn_file *file, lsn_error *err)
{
    archive a = {.path = c->path};
    if (!lsn_zip_open(&a.zip, file, c->path, err))
        return false;
    const lsn_zip_entry *pickle = find_pickle(&a, err);
    bool ok = pickle != NULL && check_archive(&a, err) && check_plain(&a, pickle, err) && collect_records(c, &a, err) &&
              lsn_pickle_read(&c->pickle, pickle->data, pickle->bytes, c->path, "data.pkl", err);
    lsn_zip_close(&a.zip);
    return ok;
}
