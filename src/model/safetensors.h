/* A safetensors file: a checked table of tensors over the file's mapped bytes. Private to the model room. */
#ifndef LESION_MODEL_SAFETENSORS_H
#define LESION_MODEL_SAFETENSORS_H

#include "lesion/base.h"

enum { LSN_TENSOR_MAX_RANK = 8, LSN_TENSOR_NAME_BYTES = 128 };

typedef struct lsn_dtype {
    const char *name;
    size_t bytes; /* of one element */
    bool weights; /* F32, F16, BF16: a type that a model's weights may have */
} lsn_dtype;

typedef struct lsn_tensor {
    char name[LSN_TENSOR_NAME_BYTES]; /* without control characters */
    const lsn_dtype *dtype;
    int rank;
    int64_t shape[LSN_TENSOR_MAX_RANK]; /* >= 0 */
    size_t count;                       /* elements */
    const unsigned char *data;          /* count * dtype->bytes bytes inside the file; of no particular alignment */
} lsn_tensor;

typedef struct lsn_safetensors {
    const char *path; /* borrowed */
    lsn_file file;
    lsn_tensor *tensors; /* in the header's order */
    size_t count;
} lsn_safetensors;

/* Maps and checks the file: afterwards every tensor lies inside it, none overlaps another, and no byte of the data is
 * outside all of them. LSN_INVALID with path and tensor; `file` is then empty. The path must outlive it. */
bool lsn_safetensors_open(lsn_safetensors *file, const char *path, lsn_error *err);
void lsn_safetensors_close(lsn_safetensors *file);

/* "[64, 3, 3, 3]" in `text`, which has room for LSN_SHAPE_BYTES; returns it. */
enum { LSN_SHAPE_BYTES = LSN_TENSOR_MAX_RANK * 22 + 3 };
const char *lsn_tensor_shape(const lsn_tensor *tensor, char *text);

#endif
