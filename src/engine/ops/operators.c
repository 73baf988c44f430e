/* The table of operators. */
#include "engine/ops/ops.h"

const engine_operator *engine_operator_of(lsn_operator op)
{
    static const engine_operator *const operators[] = {&engine_convolution, &engine_dense, &engine_average};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (operators[i]->op == op)
            return operators[i];
    return NULL;
}
