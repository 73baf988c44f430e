#include "lesion/stats.h"

#include <assert.h>
#include <math.h>

lsn_effect lsn_paired_effect(int64_t b, int64_t c, int64_t n)
{
    assert(b >= 0 && c >= 0 && b + c <= n);
    double count = (double)n, change = (double)(c - b);
    /* (b + c) - (b - c)^2 / n as a sum of terms that are not negative: nothing cancels where all images flip. */
    double square = (double)(n - b - c) * ((double)(b + c) / count) + 4 * (double)b * ((double)c / count);
    return (lsn_effect){.value = change / count, .error = sqrt(square) / count};
}
