#include "engine_internal.h"

#include <assert.h>
#include <string.h>

static const engine_kernels *const methods[LSN_N_METHODS] = {
    [LSN_METHOD_REFERENCE] = &engine_reference_kernels,
    [LSN_METHOD_BLAS] = &engine_blas_kernels,
};

const engine_kernels *engine_kernels_of(lsn_method method)
{
    assert((unsigned)method < LSN_N_METHODS);
    return methods[method];
}

const char *lsn_method_name(lsn_method method)
{
    return engine_kernels_of(method)->name;
}

lsn_method lsn_method_find(const char *name)
{
    for (int i = 0; i < LSN_N_METHODS; i++)
        if (strcmp(name, methods[i]->name) == 0)
            return (lsn_method)i;
    return LSN_N_METHODS;
}
