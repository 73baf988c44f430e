/* A weights file's tensor: its name, type, shape and place. Private to the room. */
#ifndef LESION_FORMATS_TENSOR_H
#define LESION_FORMATS_TENSOR_H

#include "lesion/base.h"

enum { LSN_TENSOR_MAX_RANK = 8, LSN_TENSOR_NAME_BYTES = 128 };

typedef struct lsn_dtype {
    const char *name;
    size_t bytes; /* of one element */
    bool weights; /* F32, F16, BF16, F64: a type that a model's weights may have */
} lsn_dtype;

/* The type of that name, safetensors' ("F32"); NULL if there is none. */
const lsn_dtype *lsn_dtype_find(const char *name);

typedef struct lsn_tensor {
    char name[LSN_TENSOR_NAME_BYTES]; /* printable ASCII */
    const lsn_dtype *dtype;
    int rank;
    int64_t shape[LSN_TENSOR_MAX_RANK];  /* >= 0 */
    int64_t stride[LSN_TENSOR_MAX_RANK]; /* >= 0, in elements; where not `dense` */
    bool dense;                          /* element after element in the order of the indices */
    size_t count;                        /* elements */
    const unsigned char *data;           /* the first element; all are inside the file; of no particular alignment */
} lsn_tensor;

/* Sets the name, which goes into messages and terminals: LSN_INVALID where it is empty, long or not printable. */
bool lsn_tensor_set_name(lsn_tensor *tensor, const char *name, size_t bytes, const char *path, lsn_error *err);

/* Appends a size to the shape and counts the elements. LSN_INVALID where it is negative, one too many, or the elements
 * cannot be addressed. tensor->count must be 1 before the first. */
bool lsn_tensor_add_size(lsn_tensor *tensor, int64_t size, const char *path, lsn_error *err);

/* "[64, 3, 3, 3]" in `text`, which has room for LSN_SHAPE_BYTES; returns it. */
enum { LSN_SHAPE_BYTES = LSN_TENSOR_MAX_RANK * 22 + 3 };
const char *lsn_tensor_shape(const lsn_tensor *tensor, char *text);

#endif
