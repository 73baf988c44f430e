/* Tests that a forced instruction set is lacking for are skipped, visibly. */
#ifndef TESTS_ENGINE_ISA_H
#define TESTS_ENGINE_ISA_H

#include "engine/kernels/kernels.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { ISA_SKIPPED = 77 };

static inline bool isa_is_lacking(void)
{
    const char *forced = getenv("LESION_ISA");
    if (forced == NULL || lsn_isa_find(forced) != NULL)
        return false;
    printf("skipped: this processor lacks %s\n", forced);
    return true;
}

#endif
