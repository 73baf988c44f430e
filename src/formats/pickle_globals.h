/* The names of Python's that a checkpoint may use. Private to the pickle reader. */
#ifndef LESION_FORMATS_PICKLE_GLOBALS_H
#define LESION_FORMATS_PICKLE_GLOBALS_H

#include "formats/tensor.h"

typedef enum lsn_global_role {
    LSN_GLOBAL_DICT,      /* makes a dict of nothing */
    LSN_GLOBAL_SIZE,      /* makes a tuple of a tuple */
    LSN_GLOBAL_TENSOR,    /* makes a tensor of a storage, an offset, sizes, strides, and what does not matter here */
    LSN_GLOBAL_TENSOR_V1, /* makes a tensor of a storage, an offset, sizes and strides alone (until PyTorch 0.3) */
    LSN_GLOBAL_PARAMETER, /* makes a tensor of a tensor */
    LSN_GLOBAL_CLASS,     /* makes a tensor of a tensor, or of nothing one that is filled later (until PyTorch 0.1) */
    LSN_GLOBAL_STORAGE,   /* names the type of a storage; makes nothing */
} lsn_global_role;

/* Which global has this module and name; -1 if none may be used. */
int lsn_global_find(const char *module, size_t module_bytes, const char *name, size_t name_bytes);
lsn_global_role lsn_global_role_of(int global);
/* Of a LSN_GLOBAL_STORAGE: the type of the elements. */
const lsn_dtype *lsn_global_dtype(int global);

#endif
