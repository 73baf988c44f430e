/* What torch.save wrote before PyTorch 1.6, and writes to this day where it is told to: five pickles one after another
 * (a number to know the format by, its version, what machine wrote it, the object, the keys of the object's storages),
 * and then the storages in the order of the keys: a count of elements, of 8 bytes, and the elements. Nothing is
 * aligned. */
#include "formats/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>

enum { VERSION = 1001, COUNT_BYTES = 8 };

/* How far a file was read. */
typedef struct reader {
    const lsn_file *file;
    const char *path;
    size_t at;
} reader;

static bool damaged(const char *path, const char *what, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, path,
                       "is a damaged checkpoint of torch.save's old format: %s; copy or download it again", what);
}

static bool read_pickle(reader *in, lsn_pickle *pickle, const char *name, lsn_error *err)
{
    if (!lsn_pickle_read(pickle, in->file->data + in->at, in->file->bytes - in->at, in->path, name, err))
        return false;
    in->at += pickle->bytes;
    return true;
}

/* ---- the header ---------------------------------------------------------------------------------------------- */

static bool check_number(const lsn_pickle *pickle, const char *path, lsn_error *err)
{
    return lsn_pickle_at(pickle, pickle->root)->kind == LSN_PICKLE_NUMBER ||
           damaged(path, "it begins with more than a number", err);
}

static bool check_version(const lsn_pickle *pickle, const char *path, lsn_error *err)
{
    const lsn_pickle_value *version = lsn_pickle_at(pickle, pickle->root);
    if (version->kind != LSN_PICKLE_INT)
        return damaged(path, "its version is no whole number", err);
    return version->as.number == VERSION ||
           lsn_fail_at(
               err, LSN_INVALID, path,
               "has version %" PRId64
               " of torch.save's old format; %d is read: load it with torch.load and save it again with torch.save",
               version->as.number, VERSION);
}

/* The sizes of C's types, which are told too, are those of no element: a LongStorage has 64 bits everywhere. */
static bool check_machine(const lsn_pickle *pickle, const char *path, lsn_error *err)
{
    const lsn_pickle_value *machine = lsn_pickle_at(pickle, pickle->root);
    const lsn_pickle_value *little =
        machine->kind == LSN_PICKLE_DICT ? lsn_pickle_find(pickle, machine, "little_endian") : NULL;
    if (little == NULL || little->kind != LSN_PICKLE_BOOL)
        return damaged(path, "it does not say in which order bytes are", err);
    return little->as.number == 1 || lsn_checkpoint_refuse_order(path, err);
}

static bool read_header(reader *in, lsn_error *err)
{
    static const struct {
        const char *name;
        bool (*check)(const lsn_pickle *pickle, const char *path, lsn_error *err);
    } parts[] = {
        {"pickle 1 of 5 (the format's number)", check_number},
        {"pickle 2 of 5 (its version)", check_version},
        {"pickle 3 of 5 (the machine)", check_machine},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        lsn_pickle pickle;
        bool ok = read_pickle(in, &pickle, parts[i].name, err) && parts[i].check(&pickle, in->path, err);
        lsn_pickle_finish(&pickle);
        if (!ok)
            return false;
    }
    return true;
}

/* ---- storages ------------------------------------------------------------------------------------------------ */

/* What the object says of a storage: all but where it is. */
static bool describe_record(const lsn_checkpoint *c, const lsn_pickle_value *storage, lsn_record *record,
                            lsn_error *err)
{
    const lsn_pickle_value *key = lsn_pickle_at(&c->pickle, storage->as.storage.key);
    int64_t elements = lsn_pickle_at(&c->pickle, storage->as.storage.elements)->as.number;
    *record = (lsn_record){.key = (const char *)c->pickle.data + key->as.text.at,
                           .key_bytes = key->as.text.bytes,
                           .dtype = lsn_pickle_dtype(storage)};
    if (record->key_bytes > LSN_LONGEST_KEY)
        return damaged(c->path, "the key of a storage is too long", err);
    if (elements < 0 || __builtin_mul_overflow((size_t)elements, record->dtype->bytes, &record->bytes))
        return lsn_fail_at(err, LSN_INVALID, c->path,
                           "a storage should have %" PRId64 " elements of %s; copy or download the file again",
                           elements, record->dtype->name);
    return true;
}

/* One record for each key; storages of the same key must be described alike. */
static bool collect_records(lsn_checkpoint *c, lsn_error *err)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < c->pickle.n_values; i++)
        count += c->pickle.values[i].kind == LSN_PICKLE_STORAGE;
    c->records = lsn_array(count, sizeof *c->records, err);
    if (c->records == NULL)
        return false;
    for (size_t i = 0; i < c->pickle.n_values; i++)
        if (c->pickle.values[i].kind == LSN_PICKLE_STORAGE &&
            !describe_record(c, &c->pickle.values[i], &c->records[c->n_records++], err))
            return false;
    qsort(c->records, count, sizeof *c->records, lsn_record_compare);
    for (size_t i = 0; i < count; i++) {
        const lsn_record *before = kept > 0 ? &c->records[kept - 1] : NULL, *record = &c->records[i];
        if (before == NULL || lsn_record_compare(before, record) != 0)
            c->records[kept++] = *record;
        else if (before->bytes != record->bytes || before->dtype != record->dtype)
            return damaged(c->path, "two tensors describe the same storage differently", err);
    }
    c->n_records = kept;
    return true;
}

static uint64_t read_count(const unsigned char *at)
{
    uint64_t count = 0;
    for (int i = 0; i < COUNT_BYTES; i++)
        count |= (uint64_t)at[i] << (8 * i);
    return count;
}

/* The elements of the next storage, the `index`th of the file, of which the record says how many there are. */
static bool place_record(reader *in, size_t index, lsn_record *record, lsn_error *err)
{
    size_t left = in->file->bytes - in->at, elements = record->bytes / record->dtype->bytes;
    if (left < COUNT_BYTES || left - COUNT_BYTES < record->bytes)
        return lsn_fail_at(
            err, LSN_INVALID, in->path,
            "is cut short: storage %zu needs %zu bytes and their count, but %zu are left; copy or download it again",
            index, record->bytes, left);
    uint64_t count = read_count(in->file->data + in->at);
    if (count != elements)
        return lsn_fail_at(err, LSN_INVALID, in->path,
                           "storage %zu has %" PRIu64
                           " elements where its tensors say %zu; copy or download the file again",
                           index, count, elements);
    record->data = in->file->data + in->at + COUNT_BYTES;
    in->at += COUNT_BYTES + record->bytes;
    return true;
}

static bool place_records(reader *in, const lsn_checkpoint *c, const lsn_pickle *keys, lsn_error *err)
{
    const lsn_pickle_value *list = lsn_pickle_at(keys, keys->root), *key;
    if (list->kind != LSN_PICKLE_LIST)
        return damaged(in->path, "its storages' keys are no list", err);
    size_t index = 0;
    for (uint32_t link = list->as.items.first; lsn_pickle_next(keys, &link, &key); index++) {
        lsn_record *record = NULL;
        if (key->kind == LSN_PICKLE_TEXT)
            record = lsn_record_find(c, keys->data + key->as.text.at, key->as.text.bytes);
        if (record == NULL)
            return damaged(in->path, "a storage is listed that no tensor has", err);
        if (record->data != NULL)
            return damaged(in->path, "a storage is listed twice", err);
        if (!place_record(in, index, record, err))
            return false;
    }
    return in->at == in->file->bytes || damaged(in->path, "bytes at its end belong to no storage", err);
}

bool lsn_checkpoint_open_legacy(lsn_checkpoint *c, const lsn_file *file, lsn_error *err)
{
    reader in = {.file = file, .path = c->path};
    lsn_pickle keys = {0};
    bool ok = read_header(&in, err) && read_pickle(&in, &c->pickle, "pickle 4 of 5 (the object)", err) &&
              read_pickle(&in, &keys, "pickle 5 of 5 (the storages' keys)", err) && collect_records(c, err) &&
              place_records(&in, c, &keys, err);
    lsn_pickle_finish(&keys);
    return ok;
}
