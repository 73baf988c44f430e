/* A checkpoint of torch.save: a zip whose data.pkl describes the tensors; data/KEY holds a storage's bytes. */
#include "model/formats.h"
#include "model/pickle.h"
#include "model/zip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any network that is read has; a bound on the time that a hostile file takes. */
enum { MOST_TENSORS = 1 << 14, LONGEST_FOLDER = 1024, LONGEST_KEY = 64 };

/* What is needed while the tensors are listed. */
typedef struct checkpoint {
    const char *path;
    lsn_zip zip;
    lsn_pickle pickle;
    const char *folder; /* the archive's one folder with its /; not ended by 0 */
    size_t folder_bytes;
} checkpoint;

/* ---- formats ------------------------------------------------------------------------------------------------- */

typedef enum format { NO_CHECKPOINT, ZIP, LEGACY, LEGACY_TAR } format;

static bool has_at(const lsn_file *file, size_t at, const void *bytes, size_t count)
{
    return file->bytes >= at + count && memcmp(file->data + at, bytes, count) == 0;
}

/* What PyTorch wrote before 1.6 begins with a pickled number, 0x1950a86a20f9469cfc6c; before 0.1.10 it was a tar. */
static format recognise(const lsn_file *file)
{
    static const unsigned char zip[] = {'P', 'K', 3, 4}, empty_zip[] = {'P', 'K', 5, 6};
    static const unsigned char number[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    if (has_at(file, 0, zip, sizeof zip) || has_at(file, 0, empty_zip, sizeof empty_zip))
        return ZIP;
    if (has_at(file, 0, "\x80", 1) && has_at(file, 2, number, sizeof number))
        return LEGACY;
    return has_at(file, 257, "ustar", 5) ? LEGACY_TAR : NO_CHECKPOINT;
}

bool lsn_checkpoint_recognise(const lsn_file *file)
{
    return recognise(file) != NO_CHECKPOINT;
}

static bool refuse_legacy(format found, const char *path, lsn_error *err)
{
    return lsn_fail(err, LSN_INVALID,
                    "%s: is in the %s format that torch.save wrote before %s; convert it once: python -c \"import "
                    "torch; torch.save(torch.load('%s', map_location='cpu'), 'weights.pth')\"",
                    path, found == LEGACY ? "old (not zip)" : "oldest (tar)",
                    found == LEGACY ? "PyTorch 1.6" : "PyTorch 0.1.10", path);
}

/* ---- the archive --------------------------------------------------------------------------------------------- */

static const lsn_zip_entry *find_record(const checkpoint *c, const char *name)
{
    return lsn_zip_find(&c->zip, c->folder, c->folder_bytes, name, strlen(name));
}

/* Sets the folder: that of data.pkl, of which there must be one. */
static const lsn_zip_entry *find_pickle(checkpoint *c, lsn_error *err)
{
    static const char name[] = "data.pkl";
    const size_t bytes = sizeof name - 1;
    const lsn_zip_entry *found = NULL;
    for (size_t i = 0; i < c->zip.count; i++) {
        const lsn_zip_entry *entry = &c->zip.entries[i];
        if (entry->name_bytes < bytes || memcmp(entry->name + entry->name_bytes - bytes, name, bytes) != 0 ||
            (entry->name_bytes > bytes && entry->name[entry->name_bytes - bytes - 1] != '/'))
            continue;
        if (found != NULL) {
            lsn_fail(err, LSN_INVALID, "%s: is a zip file with more than one data.pkl, so no checkpoint of torch.save",
                     c->path);
            return NULL;
        }
        found = entry;
    }
    if (found == NULL) {
        lsn_fail(err, LSN_INVALID,
                 "%s: is a zip file without data.pkl, so no checkpoint of torch.save: save the network's state_dict() "
                 "with it",
                 c->path);
        return NULL;
    }
    c->folder = found->name;
    c->folder_bytes = found->name_bytes - bytes;
    return found;
}

static bool check_archive(const checkpoint *c, lsn_error *err)
{
    const lsn_zip_entry *order = find_record(c, "byteorder");
    if (c->folder_bytes > LONGEST_FOLDER)
        return lsn_fail(err, LSN_INVALID, "%s: the name of its folder has %zu bytes; at most %d are read", c->path,
                        c->folder_bytes, LONGEST_FOLDER);
    if (find_record(c, "constants.pkl") != NULL)
        return lsn_fail(err, LSN_INVALID,
                        "%s: is a TorchScript archive, not a state dict: python -c \"import torch; "
                        "torch.save(torch.jit.load('%s', map_location='cpu').state_dict(), 'weights.pth')\"",
                        c->path, c->path);
    if (order != NULL && (order->data == NULL || order->bytes != 6 || memcmp(order->data, "little", 6) != 0))
        return lsn_fail(err, LSN_INVALID,
                        "%s: was written on a machine of another byte order: load it with torch.load and save it again "
                        "with torch.save on this one",
                        c->path);
    return true;
}

/* Whether an entry can be read where it stands. */
static bool check_plain(const checkpoint *c, const lsn_zip_entry *entry, lsn_error *err)
{
    return entry->data != NULL ||
           lsn_fail(
               err, LSN_INVALID,
               "%s: is a zip file with compressed or encrypted entries, which torch.save does not write: unpack it "
               "and pack it with zip -0 -r, or write the checkpoint again",
               c->path);
}

/* ---- the state dict ------------------------------------------------------------------------------------------ */

static const lsn_pickle_value *value_of(const checkpoint *c, lsn_pickle_ref ref)
{
    return &c->pickle.values[ref];
}

/* Walks a dict: *link begins as items.first. False after the last. */
static bool next_item(const checkpoint *c, uint32_t *link, const lsn_pickle_value **key, const lsn_pickle_value **value)
{
    if (*link == LSN_PICKLE_END)
        return false;
    const lsn_pickle_link *first = &c->pickle.links[*link], *second = &c->pickle.links[first->next];
    *key = value_of(c, first->value);
    *value = value_of(c, second->value);
    *link = second->next;
    return true;
}

static bool text_is(const checkpoint *c, const lsn_pickle_value *value, const char *text)
{
    return value->kind == LSN_PICKLE_TEXT && value->as.text.bytes == strlen(text) &&
           memcmp(c->pickle.data + value->as.text.at, text, strlen(text)) == 0;
}

static const lsn_pickle_value *find_key(const checkpoint *c, const lsn_pickle_value *dict, const char *name)
{
    const lsn_pickle_value *key, *value;
    for (uint32_t link = dict->as.items.first; next_item(c, &link, &key, &value);)
        if (text_is(c, key, name))
            return value;
    return NULL;
}

static bool has_tensor(const checkpoint *c, const lsn_pickle_value *dict)
{
    const lsn_pickle_value *key, *value;
    for (uint32_t link = dict->as.items.first; next_item(c, &link, &key, &value);)
        if (value->kind == LSN_PICKLE_TENSOR)
            return true;
    return false;
}

/* The dict with the tensors: that of the whole file, or one of those that training scripts put it under. */
static const lsn_pickle_value *find_state_dict(const checkpoint *c, lsn_error *err)
{
    static const char *const wrappers[] = {"state_dict", "model_state_dict", "model", "net"};
    enum { N_WRAPPERS = sizeof wrappers / sizeof *wrappers, DEEPEST = 3 };
    const lsn_pickle_value *dict = value_of(c, c->pickle.root);
    for (int depth = 0; dict != NULL && dict->kind == LSN_PICKLE_DICT && depth <= DEEPEST; depth++) {
        if (has_tensor(c, dict))
            return dict;
        const lsn_pickle_value *inner = NULL;
        for (int i = 0; inner == NULL && i < N_WRAPPERS; i++)
            inner = find_key(c, dict, wrappers[i]);
        dict = inner;
    }
    lsn_fail(err, LSN_INVALID,
             "%s: holds no state dict: expected a dict of tensors, or one under the key state_dict, model_state_dict, "
             "model or net; save the network's state_dict()",
             c->path);
    return NULL;
}

/* ---- tensors ------------------------------------------------------------------------------------------------- */

/* The next item of a tuple as a whole number. */
static bool next_number(const checkpoint *c, uint32_t *link, int64_t *number)
{
    if (*link == LSN_PICKLE_END)
        return false;
    const lsn_pickle_value *item = value_of(c, c->pickle.links[*link].value);
    *link = c->pickle.links[*link].next;
    *number = item->as.number;
    return item->kind == LSN_PICKLE_INT;
}

static bool wrong_shape(const checkpoint *c, const lsn_tensor *tensor, lsn_error *err)
{
    return lsn_fail(err, LSN_INVALID,
                    "%s: tensor %s: its sizes, strides and offset are not whole numbers >= 0, one stride for each "
                    "size; write the checkpoint again with torch.save",
                    c->path, tensor->name);
}

/* Sets shape, strides and whether they are those of an array in C's order. */
static bool read_shape(const checkpoint *c, lsn_tensor *tensor, const lsn_pickle_value *value, lsn_error *err)
{
    const lsn_pickle_value *sizes = value_of(c, value->as.tensor.size), *steps = value_of(c, value->as.tensor.stride);
    uint32_t size_link = sizes->as.items.first, step_link = steps->as.items.first;
    if (sizes->as.items.count != steps->as.items.count)
        return wrong_shape(c, tensor, err);
    tensor->count = 1;
    for (uint32_t i = 0; i < sizes->as.items.count; i++) {
        int64_t size, step;
        if (!next_number(c, &size_link, &size) || !next_number(c, &step_link, &step) || size < 0 || step < 0)
            return wrong_shape(c, tensor, err);
        if (!lsn_tensor_add_size(tensor, size, c->path, err))
            return false;
        tensor->stride[i] = step;
    }
    tensor->dense = true;
    size_t expected = 1; /* no overflow: at most count, or 0 */
    for (int i = tensor->rank - 1; tensor->count > 0 && i >= 0; i--) {
        if (tensor->shape[i] != 1 && (size_t)tensor->stride[i] != expected)
            tensor->dense = false;
        expected *= (size_t)tensor->shape[i];
    }
    return true;
}

/* The index behind the last element that the tensor reads; false where it cannot be addressed. */
static bool end_of(const lsn_tensor *tensor, int64_t offset, size_t *end)
{
    *end = (size_t)offset;
    for (int i = 0; tensor->count > 0 && i < tensor->rank; i++) {
        size_t reach;
        if (__builtin_mul_overflow((size_t)tensor->shape[i] - 1, (size_t)tensor->stride[i], &reach) ||
            __builtin_add_overflow(*end, reach, end))
            return false;
    }
    return tensor->count == 0 || !__builtin_add_overflow(*end, 1, end);
}

static const lsn_zip_entry *find_storage(const checkpoint *c, const lsn_pickle_value *key)
{
    char name[LONGEST_KEY + 6];
    if (key->as.text.bytes > LONGEST_KEY)
        return NULL;
    snprintf(name, sizeof name, "data/%.*s", (int)key->as.text.bytes, (const char *)c->pickle.data + key->as.text.at);
    return find_record(c, name);
}

/* Places the tensor in its storage. */
static bool read_place(const checkpoint *c, lsn_tensor *tensor, const lsn_pickle_value *value, lsn_error *err)
{
    const lsn_pickle_value *storage = value_of(c, value->as.tensor.storage);
    const lsn_pickle_value *key = value_of(c, storage->as.storage.key);
    int64_t offset = value_of(c, value->as.tensor.offset)->as.number;
    int64_t elements = value_of(c, storage->as.storage.elements)->as.number;
    size_t bytes, end;
    tensor->dtype = lsn_pickle_dtype(storage);
    const lsn_zip_entry *record = find_storage(c, key);
    if (record == NULL)
        return lsn_fail(err, LSN_INVALID,
                        "%s: tensor %s: the record of its storage is missing; copy or download the "
                        "file again",
                        c->path, tensor->name);
    if (!check_plain(c, record, err))
        return false;
    if (elements < 0 || __builtin_mul_overflow((size_t)elements, tensor->dtype->bytes, &bytes) || bytes > record->bytes)
        return lsn_fail(err, LSN_INVALID,
                        "%s: tensor %s: its storage should have %" PRId64 " elements of %s, but its record has %zu "
                        "bytes; copy or download the file again",
                        c->path, tensor->name, elements, tensor->dtype->name, record->bytes);
    if (offset < 0 || !end_of(tensor, offset, &end) || end > (size_t)elements || tensor->count > (size_t)elements)
        return lsn_fail(err, LSN_INVALID,
                        "%s: tensor %s reaches beyond its storage of %" PRId64 " elements, or reads elements several "
                        "times (an expanded tensor): save a copy of it (clone)",
                        c->path, tensor->name, elements);
    tensor->data = record->data + (size_t)offset * tensor->dtype->bytes;
    return true;
}

static bool read_tensor(const checkpoint *c, lsn_tensor *tensor, const lsn_pickle_value *key,
                        const lsn_pickle_value *value, lsn_error *err)
{
    if (key->kind != LSN_PICKLE_TEXT)
        return lsn_fail(err, LSN_INVALID, "%s: its state dict has a key that is no text", c->path);
    if (!lsn_tensor_set_name(tensor, (const char *)c->pickle.data + key->as.text.at, key->as.text.bytes, c->path, err))
        return false;
    if (value->kind != LSN_PICKLE_TENSOR)
        return lsn_fail(err, LSN_INVALID, "%s: %s of its state dict is no tensor: remove it and save again", c->path,
                        tensor->name);
    return read_shape(c, tensor, value, err) && read_place(c, tensor, value, err);
}

/* What a model takes of memory is in proportion to its tensors, so these must be to the file. */
static bool check_total(const lsn_weights *weights, lsn_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < weights->count; i++) {
        const lsn_tensor *tensor = &weights->tensors[i];
        bytes += tensor->count * tensor->dtype->bytes; /* each at most the file's bytes */
        if (bytes > weights->file.bytes)
            return lsn_fail(err, LSN_INVALID,
                            "%s: its tensors have more bytes than the file: some share their storage, as %s may; save "
                            "copies of them (clone)",
                            weights->path, tensor->name);
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const lsn_tensor *const *)a)->name, (*(const lsn_tensor *const *)b)->name);
}

static bool check_names(const lsn_weights *weights, lsn_error *err)
{
    const lsn_tensor **sorted = lsn_array(weights->count, sizeof *sorted, err);
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < weights->count; i++)
        sorted[i] = &weights->tensors[i];
    qsort(sorted, weights->count, sizeof *sorted, by_name);
    bool ok = true;
    for (size_t i = 1; ok && i < weights->count; i++)
        if (by_name(&sorted[i - 1], &sorted[i]) == 0)
            ok = lsn_fail(err, LSN_INVALID, "%s: tensor %s stands twice in its state dict", weights->path,
                          sorted[i]->name);
    free(sorted);
    return ok;
}

static bool read_tensors(lsn_weights *weights, const checkpoint *c, lsn_error *err)
{
    const lsn_pickle_value *dict = find_state_dict(c, err), *key, *value;
    if (dict != NULL && dict->as.items.count / 2 > MOST_TENSORS)
        return lsn_fail(err, LSN_INVALID, "%s: its state dict has more than %d tensors, the most that are read",
                        c->path, MOST_TENSORS);
    if (dict == NULL || (weights->tensors = lsn_array(dict->as.items.count / 2, sizeof *weights->tensors, err)) == NULL)
        return false;
    for (uint32_t link = dict->as.items.first; next_item(c, &link, &key, &value); weights->count++)
        if (!read_tensor(c, &weights->tensors[weights->count], key, value, err))
            return false;
    weights->in_module_order = true;
    return check_names(weights, err) && check_total(weights, err);
}

bool lsn_checkpoint_read(lsn_weights *weights, lsn_error *err)
{
    checkpoint c = {.path = weights->path};
    format found = recognise(&weights->file);
    if (found != ZIP)
        return refuse_legacy(found, weights->path, err);
    if (!lsn_zip_open(&c.zip, &weights->file, weights->path, err))
        return false;
    const lsn_zip_entry *pickle = find_pickle(&c, err);
    bool ok = pickle != NULL && check_archive(&c, err) && check_plain(&c, pickle, err) &&
              lsn_pickle_read(&c.pickle, pickle->data, pickle->bytes, c.path, err) && read_tensors(weights, &c, err);
    lsn_pickle_finish(&c.pickle);
    lsn_zip_close(&c.zip);
    return ok;
}
