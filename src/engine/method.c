#include "engine_internal.h"

#include <assert.h>
#include <string.h>

static const char *const names[LSN_N_METHODS] = {
    [LSN_METHOD_REFERENCE] = "reference",
    [LSN_METHOD_BLAS] = "blas",
    [LSN_METHOD_WINOGRAD] = "winograd",
};

const engine_kernels *engine_kernels_of(lsn_method method)
{
    assert(method == LSN_METHOD_REFERENCE || method == LSN_METHOD_BLAS);
    return method == LSN_METHOD_REFERENCE ? &engine_reference_kernels : &engine_blas_kernels;
}

const char *lsn_method_name(lsn_method method)
{
    assert((unsigned)method < LSN_N_METHODS);
    return names[method];
}

lsn_method lsn_method_find(const char *name)
{
    for (int i = 0; i < LSN_N_METHODS; i++)
        if (strcmp(name, names[i]) == 0)
            return (lsn_method)i;
    return LSN_N_METHODS;
}
