/* The container: 8 bytes length of the header (little-endian), the header (JSON), the data. */
#include "formats/container.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, LARGEST_HEADER = 100000000 };

/* ---- one tensor ---------------------------------------------------------------------------------------------- */

static bool read_dtype(lsn_tensor *tensor, const json_t *value, const char *path, lsn_error *err)
{
    if (!json_is_string(value))
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s has no dtype: write the file again", tensor->name);
    tensor->dtype = lsn_dtype_find(json_string_value(value));
    if (tensor->dtype == NULL)
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s has an unknown dtype: convert it to F32, F16 or BF16",
                           tensor->name);
    return true;
}

static bool read_shape(lsn_tensor *tensor, const json_t *value, const char *path, lsn_error *err)
{
    if (!json_is_array(value) || json_array_size(value) > LSN_TENSOR_MAX_RANK)
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s: its shape is not a list of at most %d sizes",
                           tensor->name, LSN_TENSOR_MAX_RANK);
    tensor->count = 1;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *size = json_array_get(value, i);
        if (!lsn_tensor_add_size(tensor, json_is_integer(size) ? json_integer_value(size) : -1, path, err))
            return false;
    }
    return true;
}

/* Sets tensor->data. The data section has `size` bytes at `data`. */
static bool read_place(lsn_tensor *tensor, const json_t *value, const unsigned char *data, size_t size,
                       const char *path, lsn_error *err)
{
    const json_t *from = json_array_get(value, 0), *to = json_array_get(value, 1);
    if (!json_is_array(value) || json_array_size(value) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s: its data_offsets are not two whole numbers",
                           tensor->name);
    json_int_t begin = json_integer_value(from), end = json_integer_value(to);
    if (begin < 0 || begin > end)
        return lsn_fail_at(err, LSN_INVALID, path,
                           "tensor %s: its data_offsets [%" PRId64 ", %" PRId64 "] are no range", tensor->name,
                           (int64_t)begin, (int64_t)end);
    if ((uint64_t)end > size)
        return lsn_fail_at(err, LSN_INVALID, path,
                           "tensor %s ends at byte %" PRId64 " of the data, but the file has %zu: %" PRIu64
                           " bytes are missing; copy or download the file again",
                           tensor->name, (int64_t)end, size, (uint64_t)end - size);
    size_t bytes;
    char shape[LSN_SHAPE_BYTES];
    if (__builtin_mul_overflow(tensor->count, tensor->dtype->bytes, &bytes) || bytes != (size_t)(end - begin))
        return lsn_fail_at(err, LSN_INVALID, path,
                           "tensor %s: shape %s of %s does not fill its data_offsets, %" PRId64
                           " bytes: write the file again",
                           tensor->name, lsn_tensor_shape(tensor, shape), tensor->dtype->name, (int64_t)(end - begin));
    tensor->data = data + begin;
    tensor->dense = true;
    return true;
}

/* ---- the header ---------------------------------------------------------------------------------------------- */

static bool check_metadata(const json_t *metadata, const char *path, lsn_error *err)
{
    const char *key;
    json_t *value;
    bool ok = json_is_object(metadata);
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value) ok = ok && json_is_string(value);
    return ok || lsn_fail_at(err, LSN_INVALID, path, "__metadata__ is not an object of strings: write the file again");
}

static int by_place(const void *a, const void *b)
{
    const lsn_tensor *one = *(const lsn_tensor *const *)a, *two = *(const lsn_tensor *const *)b;
    if (one->data != two->data)
        return one->data < two->data ? -1 : 1;
    return (one->count > two->count) - (one->count < two->count); /* an empty tensor goes before its neighbour */
}

/* The tensors must lie one after another and fill the data, as the format demands. */
static bool check_places(const lsn_weights *weights, const unsigned char *data, lsn_error *err)
{
    const lsn_tensor **sorted = lsn_array(weights->count, sizeof *sorted, err);
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < weights->count; i++)
        sorted[i] = &weights->tensors[i];
    qsort(sorted, weights->count, sizeof *sorted, by_place);
    const unsigned char *at = data, *end = weights->file.data + weights->file.bytes;
    bool ok = true;
    for (size_t i = 0; ok && i < weights->count; i++) {
        const lsn_tensor *tensor = sorted[i];
        if (tensor->data < at)
            ok = lsn_fail_at(err, LSN_INVALID, weights->path, "tensors %s and %s overlap: write the file again",
                             sorted[i - 1]->name, tensor->name);
        else if (tensor->data > at)
            ok = lsn_fail_at(err, LSN_INVALID, weights->path,
                             "%zu bytes before tensor %s belong to no tensor: write the file again",
                             (size_t)(tensor->data - at), tensor->name);
        at = tensor->data + tensor->count * tensor->dtype->bytes;
    }
    if (ok && at != end)
        ok = lsn_fail_at(err, LSN_INVALID, weights->path,
                         "%zu bytes at its end belong to no tensor: write the file again", (size_t)(end - at));
    free(sorted);
    return ok;
}

static bool read_tensors(lsn_weights *weights, const json_t *header, const unsigned char *data, lsn_error *err)
{
    size_t size = (size_t)(weights->file.data + weights->file.bytes - data);
    weights->tensors = lsn_array(json_object_size(header), sizeof *weights->tensors, err);
    if (weights->tensors == NULL)
        return false;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)header, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            if (!check_metadata(value, weights->path, err))
                return false;
            continue;
        }
        lsn_tensor *tensor = &weights->tensors[weights->count];
        if (!lsn_tensor_set_name(tensor, key, strlen(key), weights->path, err))
            return false;
        if (!json_is_object(value))
            return lsn_fail_at(err, LSN_INVALID, weights->path, "tensor %s is not described by an object",
                               tensor->name);
        if (!read_dtype(tensor, json_object_get(value, "dtype"), weights->path, err) ||
            !read_shape(tensor, json_object_get(value, "shape"), weights->path, err) ||
            !read_place(tensor, json_object_get(value, "data_offsets"), data, size, weights->path, err))
            return false;
        weights->count++;
    }
    return check_places(weights, data, err);
}

/* jansson takes a text that it has no memory for as a mistake in the text, or goes on without a letter of a name: so
 * its allocations are watched while it reads. Of others' allocators all but this is left as it was. */
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
static json_malloc_t allocate;
static _Thread_local bool lacked_memory;

static void *watched(size_t bytes)
{
    void *made = allocate(bytes);
    lacked_memory = lacked_memory || made == NULL;
    return made;
}

static json_t *load_json(const char *text, size_t bytes, json_error_t *problem)
{
    json_free_t release;
    pthread_mutex_lock(&reading);
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(watched, release);
    lacked_memory = false;
    json_t *header = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, problem);
    json_set_alloc_funcs(allocate, release);
    pthread_mutex_unlock(&reading);
    return header;
}

static json_t *parse_header(const char *text, size_t bytes, const char *path, lsn_error *err)
{
    json_error_t problem;
    json_t *header = load_json(text, bytes, &problem);
    if (header != NULL && lacked_memory) {
        json_decref(header);
        header = NULL;
    }
    if (header == NULL) {
        enum json_error_code code = json_error_code(&problem);
        if (lacked_memory || code == json_error_out_of_memory)
            lsn_fail_at(err, LSN_FAILED, path, "out of memory: its header of %zu bytes could not be read", bytes);
        else
            lsn_fail_at(err, LSN_INVALID, path, "its header is not valid JSON: %s before byte %d; write the file again",
                        code == json_error_duplicate_key ? "a name stands twice" : "a syntax error", problem.position);
    } else if (!json_is_object(header)) {
        lsn_fail_at(err, LSN_INVALID, path, "its header is not a JSON object: write the file again");
        json_decref(header);
        header = NULL;
    }
    return header;
}

bool lsn_safetensors_read(lsn_weights *weights, lsn_error *err)
{
    const char *remedy = "weights are read from safetensors files and checkpoints of torch.save: convert others with "
                         "safetensors.torch.save_file";
    if (weights->file.bytes < LENGTH_BYTES)
        return lsn_fail_at(err, LSN_INVALID, weights->path, "has %zu bytes, too few for a safetensors file; %s",
                           weights->file.bytes, remedy);
    uint64_t bytes = 0;
    for (int i = 0; i < LENGTH_BYTES; i++)
        bytes |= (uint64_t)weights->file.data[i] << (8 * i);
    const unsigned char *text = weights->file.data + LENGTH_BYTES;
    if (bytes > LARGEST_HEADER || bytes > weights->file.bytes - LENGTH_BYTES)
        return lsn_fail_at(err, LSN_INVALID, weights->path,
                           "is cut short or no safetensors file: it promises a header of %" PRIu64
                           " bytes, and has %zu in all; %s",
                           bytes, weights->file.bytes, remedy);
    if (bytes == 0 || text[0] != '{')
        return lsn_fail_at(err, LSN_INVALID, weights->path,
                           "is no safetensors file: its header does not begin with {; %s", remedy);
    json_t *header = parse_header((const char *)text, (size_t)bytes, weights->path, err);
    bool ok = header != NULL && read_tensors(weights, header, text + bytes, err);
    json_decref(header);
    return ok;
}
