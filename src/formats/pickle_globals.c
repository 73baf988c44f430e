/* The names of Python's that a checkpoint may use. */
#include "formats/pickle_globals.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *module, *name;
    lsn_global_role role;
    const char *dtype;
} globals[] = {
    {"collections", "OrderedDict", LSN_GLOBAL_DICT, NULL},
    {"torch", "Size", LSN_GLOBAL_SIZE, NULL},
    {"torch._utils", "_rebuild_tensor_v2", LSN_GLOBAL_TENSOR, NULL},
    {"torch._utils", "_rebuild_tensor", LSN_GLOBAL_TENSOR_V1, NULL},
    {"torch._utils", "_rebuild_parameter", LSN_GLOBAL_PARAMETER, NULL},
    {"torch.nn.parameter", "Parameter", LSN_GLOBAL_CLASS, NULL},
    {"torch.autograd.variable", "Variable", LSN_GLOBAL_CLASS, NULL},
    {"torch", "FloatTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch", "HalfTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch", "DoubleTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch", "LongTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch", "IntTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch", "ShortTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch", "CharTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch", "ByteTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch.cuda", "FloatTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch.cuda", "HalfTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch.cuda", "DoubleTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch.cuda", "LongTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch.cuda", "IntTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch.cuda", "ShortTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch.cuda", "CharTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch.cuda", "ByteTensor", LSN_GLOBAL_CLASS, NULL},
    {"torch", "FloatStorage", LSN_GLOBAL_STORAGE, "F32"},
    {"torch", "HalfStorage", LSN_GLOBAL_STORAGE, "F16"},
    {"torch", "BFloat16Storage", LSN_GLOBAL_STORAGE, "BF16"},
    {"torch", "DoubleStorage", LSN_GLOBAL_STORAGE, "F64"},
    {"torch", "LongStorage", LSN_GLOBAL_STORAGE, "I64"},
    {"torch", "IntStorage", LSN_GLOBAL_STORAGE, "I32"},
    {"torch", "ShortStorage", LSN_GLOBAL_STORAGE, "I16"},
    {"torch", "CharStorage", LSN_GLOBAL_STORAGE, "I8"},
    {"torch", "ByteStorage", LSN_GLOBAL_STORAGE, "U8"},
    {"torch", "BoolStorage", LSN_GLOBAL_STORAGE, "BOOL"},
    {"torch", "ComplexFloatStorage", LSN_GLOBAL_STORAGE, "C64"},
    {"torch", "ComplexDoubleStorage", LSN_GLOBAL_STORAGE, "C128"},
    {"torch.storage", "UntypedStorage", LSN_GLOBAL_STORAGE, "U8"},
    {"torch.storage", "TypedStorage", LSN_GLOBAL_STORAGE, "U8"},
    {"torch.storage", "_UntypedStorage", LSN_GLOBAL_STORAGE, "U8"},
    {"torch.storage", "_TypedStorage", LSN_GLOBAL_STORAGE, "U8"},
};

enum { N_GLOBALS = sizeof globals / sizeof *globals };

static bool is(const char *text, const char *given, size_t bytes)
{
    return strlen(text) == bytes && memcmp(text, given, bytes) == 0;
}

int lsn_global_find(const char *module, size_t module_bytes, const char *name, size_t name_bytes)
{
    for (int i = 0; i < N_GLOBALS; i++)
        if (is(globals[i].module, module, module_bytes) && is(globals[i].name, name, name_bytes))
            return i;
    return -1;
}

lsn_global_role lsn_global_role_of(int global)
{
    assert(global >= 0 && global < N_GLOBALS);
    return globals[global].role;
}

const lsn_dtype *lsn_global_dtype(int global)
{
    assert(global >= 0 && global < N_GLOBALS && globals[global].role == LSN_GLOBAL_STORAGE);
    return lsn_dtype_find(globals[global].dtype);
}
