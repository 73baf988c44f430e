/* The tensors of a checkpoint: which of its values is the state dict, and where its tensors' elements lie. */
#include "formats/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* More than any network that is read has; a bound on the time that a hostile file takes. */
enum { MOST_TENSORS = 1 << 14 };

static const lsn_pickle_value *value_of(const lsn_checkpoint *c, lsn_pickle_ref ref)
{
    return lsn_pickle_at(&c->pickle, ref);
}

/* ---- the state dict ------------------------------------------------------------------------------------------ */

static bool has_tensor(const lsn_checkpoint *c, const lsn_pickle_value *dict)
{
    const lsn_pickle_value *key, *value;
    for (uint32_t link = dict->as.items.first; lsn_pickle_next_pair(&c->pickle, &link, &key, &value);)
        if (value->kind == LSN_PICKLE_TENSOR)
            return true;
    return false;
}

/* The dict with the tensors: that of the whole file, or one of those that training scripts put it under. */
static const lsn_pickle_value *find_state_dict(const lsn_checkpoint *c, lsn_error *err)
{
    static const char *const wrappers[] = {"state_dict", "model_state_dict", "model", "net"};
    enum { N_WRAPPERS = sizeof wrappers / sizeof *wrappers, DEEPEST = 3 };
    const lsn_pickle_value *dict = value_of(c, c->pickle.root);
    for (int depth = 0; dict != NULL && dict->kind == LSN_PICKLE_DICT && depth <= DEEPEST; depth++) {
        if (has_tensor(c, dict))
            return dict;
        const lsn_pickle_value *inner = NULL;
        for (int i = 0; inner == NULL && i < N_WRAPPERS; i++)
            inner = lsn_pickle_find(&c->pickle, dict, wrappers[i]);
        dict = inner;
    }
    lsn_fail_at(err, LSN_INVALID, c->path,
                "holds no state dict: expected a dict of tensors, or one under the key state_dict, model_state_dict, "
                "model or net; save the network's state_dict()");
    return NULL;
}

/* ---- shapes -------------------------------------------------------------------------------------------------- */

/* The next item of a tuple as a whole number. */
static bool next_number(const lsn_checkpoint *c, uint32_t *link, int64_t *number)
{
    const lsn_pickle_value *item;
    if (!lsn_pickle_next(&c->pickle, link, &item))
        return false;
    *number = item->as.number;
    return item->kind == LSN_PICKLE_INT;
}

static bool wrong_shape(const lsn_checkpoint *c, const lsn_tensor *tensor, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, c->path,
                       "tensor %s: its sizes, strides and offset are not whole numbers >= 0, one stride for each size; "
                       "write the checkpoint again with torch.save",
                       tensor->name);
}

/* Sets shape, strides and whether they are those of an array in C's order. */
static bool read_shape(const lsn_checkpoint *c, lsn_tensor *tensor, const lsn_pickle_value *value, lsn_error *err)
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

/* ---- places -------------------------------------------------------------------------------------------------- */

/* The elements among which a tensor's are: those of its storage, or of a part of it. */
typedef struct extent {
    const unsigned char *data;
    int64_t elements;
} extent;

/* Narrows the extent to the part that is used, where the storage is a view. */
static bool read_view(const lsn_checkpoint *c, const lsn_tensor *tensor, const lsn_pickle_value *storage, extent *of,
                      lsn_error *err)
{
    if (storage->as.storage.view_offset == LSN_PICKLE_END)
        return true;
    int64_t offset = value_of(c, storage->as.storage.view_offset)->as.number;
    int64_t elements = value_of(c, storage->as.storage.view_elements)->as.number;
    if (offset < 0 || elements < 0 || offset > of->elements || elements > of->elements - offset)
        return lsn_fail_at(err, LSN_INVALID, c->path,
                           "tensor %s: its storage should be %" PRId64 " elements from element %" PRId64
                           " on of one that has %" PRId64 "; copy or download the file again",
                           tensor->name, elements, offset, of->elements);
    of->data += (size_t)offset * tensor->dtype->bytes;
    of->elements = elements;
    return true;
}

static bool read_storage(const lsn_checkpoint *c, const lsn_tensor *tensor, const lsn_pickle_value *storage, extent *of,
                         lsn_error *err)
{
    const lsn_pickle_value *key = value_of(c, storage->as.storage.key);
    int64_t elements = value_of(c, storage->as.storage.elements)->as.number;
    const lsn_record *record = lsn_record_find(c, c->pickle.data + key->as.text.at, key->as.text.bytes);
    size_t bytes;
    if (record == NULL || record->data == NULL)
        return lsn_fail_at(err, LSN_INVALID, c->path,
                           "tensor %s: the record of its storage is missing; copy or download the file again",
                           tensor->name);
    if (elements < 0 || __builtin_mul_overflow((size_t)elements, tensor->dtype->bytes, &bytes) || bytes > record->bytes)
        return lsn_fail_at(err, LSN_INVALID, c->path,
                           "tensor %s: its storage should have %" PRId64
                           " elements of %s, but its record has %zu bytes; copy or download the file again",
                           tensor->name, elements, tensor->dtype->name, record->bytes);
    *of = (extent){.data = record->data, .elements = elements};
    return read_view(c, tensor, storage, of, err);
}

/* Places the tensor in its storage. */
static bool read_place(const lsn_checkpoint *c, lsn_tensor *tensor, const lsn_pickle_value *value, lsn_error *err)
{
    const lsn_pickle_value *storage = value_of(c, value->as.tensor.storage);
    int64_t offset = value_of(c, value->as.tensor.offset)->as.number;
    extent of = {0};
    size_t end;
    tensor->dtype = lsn_pickle_dtype(storage);
    if (!read_storage(c, tensor, storage, &of, err))
        return false;
    if (offset < 0 || !end_of(tensor, offset, &end) || end > (size_t)of.elements || tensor->count > (size_t)of.elements)
        return lsn_fail_at(err, LSN_INVALID, c->path,
                           "tensor %s reaches beyond its storage of %" PRId64
                           " elements, or reads elements several times (an expanded tensor): save a copy of it (clone)",
                           tensor->name, of.elements);
    tensor->data = of.data + (size_t)offset * tensor->dtype->bytes;
    return true;
}

/* ---- tensors ------------------------------------------------------------------------------------------------- */

static bool read_tensor(const lsn_checkpoint *c, lsn_tensor *tensor, const lsn_pickle_value *key,
                        const lsn_pickle_value *value, lsn_error *err)
{
    if (key->kind != LSN_PICKLE_TEXT)
        return lsn_fail_at(err, LSN_INVALID, c->path, "its state dict has a key that is no text");
    if (!lsn_tensor_set_name(tensor, (const char *)c->pickle.data + key->as.text.at, key->as.text.bytes, c->path, err))
        return false;
    if (value->kind != LSN_PICKLE_TENSOR)
        return lsn_fail_at(err, LSN_INVALID, c->path, "%s of its state dict is no tensor: remove it and save again",
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
            return lsn_fail_at(err, LSN_INVALID, weights->path,
                               "its tensors have more bytes than the file: some share their storage, as %s may; save "
                               "copies of them (clone)",
                               tensor->name);
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
            ok = lsn_fail_at(err, LSN_INVALID, weights->path, "tensor %s stands twice in its state dict",
                             sorted[i]->name);
    free(sorted);
    return ok;
}

bool lsn_state_dict_read(lsn_weights *weights, const lsn_checkpoint *c, lsn_error *err)
{
    const lsn_pickle_value *dict = find_state_dict(c, err), *key, *value;
    if (dict != NULL && dict->as.items.count / 2 > MOST_TENSORS)
        return lsn_fail_at(err, LSN_INVALID, c->path, "its state dict has more than %d tensors, the most that are read",
                           MOST_TENSORS);
    if (dict == NULL || (weights->tensors = lsn_array(dict->as.items.count / 2, sizeof *weights->tensors, err)) == NULL)
        return false;
    for (uint32_t link = dict->as.items.first; lsn_pickle_next_pair(&c->pickle, &link, &key, &value); weights->count++)
        if (!read_tensor(c, &weights->tensors[weights->count], key, value, err))
            return false;
    weights->in_module_order = true;
    return check_names(weights, err) && check_total(weights, err);
}
