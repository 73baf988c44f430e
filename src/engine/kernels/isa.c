/* Picks the kernels' instruction set. */
#include "kernels_internal.h"

#include <stdlib.h>
#include <string.h>

/* Best first. */
static const lsn_isa *const isas[] = {
#ifdef LSN_ISA_X86
    &lsn_isa_avx512,
    &lsn_isa_avx2,
#endif
    &lsn_isa_portable,
};

static bool runs_here(const lsn_isa *isa)
{
#ifdef LSN_ISA_X86
    if (isa == &lsn_isa_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == &lsn_isa_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return isa == &lsn_isa_portable;
}

const lsn_isa *lsn_isa_find(const char *name)
{
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        if (strcmp(isas[i]->name, name) == 0)
            return runs_here(isas[i]) ? isas[i] : NULL;
    return NULL;
}

static const lsn_isa *choose(void)
{
    const char *forced = getenv("LESION_ISA");
    if (forced != NULL && *forced != '\0')
        return lsn_isa_find(forced);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        if (runs_here(isas[i]))
            return isas[i];
    return &lsn_isa_portable;
}

const lsn_isa *lsn_isa_choose(void)
{
    static const lsn_isa *chosen; /* racing threads would store the same */
    const lsn_isa *isa = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
    if (isa == NULL) {
        isa = choose();
        __atomic_store_n(&chosen, isa, __ATOMIC_RELAXED);
    }
    return isa;
}

const char *lsn_isa_name(const lsn_isa *isa)
{
    return isa->name;
}
