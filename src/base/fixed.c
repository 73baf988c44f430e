/* Values as whole numbers, so that sums are exact. */
#include "lesion/base.h"

#include <math.h>

int64_t lsn_fixed(double value)
{
    if (!(value <= LSN_FIXED_LIMIT)) /* NaN too */
        value = LSN_FIXED_LIMIT;
    if (value < -LSN_FIXED_LIMIT)
        value = -LSN_FIXED_LIMIT;
    return llround(value * LSN_FIXED);
}
