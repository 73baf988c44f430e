/* A tensor's name, type and shape. */
#include "formats/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const lsn_dtype dtypes[] = {
    {"F32", 4, true},      {"F16", 2, true},      {"BF16", 2, true},  {"F64", 8, true},  {"I64", 8, false},
    {"U64", 8, false},     {"I32", 4, false},     {"U32", 4, false},  {"I16", 2, false}, {"U16", 2, false},
    {"I8", 1, false},      {"U8", 1, false},      {"BOOL", 1, false}, {"C64", 8, false}, {"C128", 16, false},
    {"F8_E4M3", 1, false}, {"F8_E5M2", 1, false},
};

const lsn_dtype *lsn_dtype_find(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return &dtypes[i];
    return NULL;
}

bool lsn_tensor_set_name(lsn_tensor *tensor, const char *name, size_t bytes, const char *path, lsn_error *err)
{
    if (bytes == 0 || bytes >= sizeof tensor->name)
        return lsn_fail_at(err, LSN_INVALID, path, "a tensor's name has %zu bytes; expected 1 to %zu", bytes,
                           sizeof tensor->name - 1);
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)name[i] < 0x20 || (unsigned char)name[i] >= 0x7f)
            return lsn_fail_at(err, LSN_INVALID, path,
                               "a tensor's name has a control character, or one outside ASCII, at byte %zu", i);
    memcpy(tensor->name, name, bytes);
    tensor->name[bytes] = '\0';
    return true;
}

bool lsn_tensor_add_size(lsn_tensor *tensor, int64_t size, const char *path, lsn_error *err)
{
    if (tensor->rank == LSN_TENSOR_MAX_RANK)
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s: its shape is not a list of at most %d sizes",
                           tensor->name, LSN_TENSOR_MAX_RANK);
    if (size < 0)
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s: size %d of its shape is not a whole number >= 0",
                           tensor->name, tensor->rank);
    if (__builtin_mul_overflow(tensor->count, size, &tensor->count))
        return lsn_fail_at(err, LSN_INVALID, path, "tensor %s: its shape has more elements than can be addressed",
                           tensor->name);
    tensor->shape[tensor->rank++] = size;
    return true;
}

const char *lsn_tensor_shape(const lsn_tensor *tensor, char *text)
{
    size_t used = (size_t)snprintf(text, LSN_SHAPE_BYTES, "[");
    for (int i = 0; i < tensor->rank; i++)
        used +=
            (size_t)snprintf(text + used, LSN_SHAPE_BYTES - used, "%s%" PRId64, i == 0 ? "" : ", ", tensor->shape[i]);
    snprintf(text + used, LSN_SHAPE_BYTES - used, "]");
    return text;
}
