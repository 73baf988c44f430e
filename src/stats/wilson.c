/* Wilson's interval for a share. */
#include "lesion/stats.h"

#include <assert.h>
#include <math.h>

lsn_interval lsn_wilson(int64_t k, int64_t n)
{
    assert(n > 0 && k >= 0 && k <= n);
    const double z = 1.959964;
    double count = (double)n, share = (double)k / count;
    double middle = share + z * z / (2 * count);
    double half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count));
    double scale = 1 + z * z / count;
    /* At the ends the bound is 0 or 1 exactly; the formula would give it with a rounding error. */
    return (lsn_interval){.low = k == 0 ? 0 : fmax(0, (middle - half) / scale),
                          .high = k == n ? 1 : fmin(1, (middle + half) / scale)};
}
