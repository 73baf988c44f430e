/* Correction for many comparisons. */
#include "lesion/stats.h"

#include <math.h>
#include <stdlib.h>

typedef struct ranked {
    double p;
    size_t index;
} ranked;

static int by_p(const void *a, const void *b)
{
    double left = ((const ranked *)a)->p, right = ((const ranked *)b)->p;
    return (left > right) - (left < right);
}

bool lsn_benjamini_hochberg(const double *p, size_t count, double *q, lsn_error *err)
{
    ranked *order = lsn_array(count, sizeof *order, err);
    if (order == NULL)
        return false;
    size_t m = 0;
    for (size_t i = 0; i < count; i++)
        if (isnan(p[i]))
            q[i] = NAN;
        else
            order[m++] = (ranked){p[i], i};
    qsort(order, m, sizeof *order, by_p);
    /* From the greatest p down, keeping the least seen. Of equal p the one ranked last comes first and has the least
     * value, so that they all get the same. */
    double least = 1;
    for (size_t rank = m; rank > 0; rank--) {
        double value = (double)m * order[rank - 1].p / (double)rank;
        if (value < least)
            least = value;
        q[order[rank - 1].index] = least;
    }
    free(order);
    return true;
}
