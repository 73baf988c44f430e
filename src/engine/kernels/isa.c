/* Picks the kernels' instruction set. */
#include "kernels_internal.h"

#include <stdlib.h>
#include <string.h>

/* Best first. Without AVX2 an x86-64 has no fused multiply-add, which makes the portable set slow. Elsewhere the
 * portable one is taken, though neither was measured there yet. */
static const lsn_isa *const isas[] = {
#ifdef LSN_ISA_X86
    &lsn_isa_avx512,
    &lsn_isa_avx2,
    &lsn_isa_openblas,
    &lsn_isa_portable,
#else
    &lsn_isa_portable,
    &lsn_isa_openblas,
#endif
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
    return isa == &lsn_isa_portable || isa == &lsn_isa_openblas;
}

static const lsn_isa *prepared(const lsn_isa *isa)
{
    if (isa->prepare != NULL)
        isa->prepare();
    return isa;
}

const lsn_isa *lsn_isa_find(const char *name)
{
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        if (strcmp(isas[i]->name, name) == 0)
            return runs_here(isas[i]) ? prepared(isas[i]) : NULL;
    return NULL;
}

static const lsn_isa *choose(void)
{
    const char *forced = getenv("LESION_ISA");
    if (forced != NULL && *forced != '\0')
        return lsn_isa_find(forced);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        if (runs_here(isas[i]))
            return prepared(isas[i]);
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

bool lsn_isa_is_own(const lsn_isa *isa)
{
    return isa->multiply == NULL;
}
