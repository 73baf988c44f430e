/* How many images or filters it takes to see an effect. */
#include "lesion/stats.h"

#include "stats/stats_internal.h"

#include <assert.h>
#include <math.h>

int lsn_flips_needed(int64_t comparisons, double q)
{
    assert(comparisons >= 0 && q > 0 && q <= 1);
    int flips = 0;
    while (ldexp((double)comparisons, -flips) >= q)
        flips++;
    return flips;
}

bool lsn_too_few_images(int64_t n, int64_t comparisons, double change)
{
    assert(n >= 0 && change >= 0 && change <= 1);
    return (double)n * change < lsn_flips_needed(comparisons, LSN_LEVEL);
}

int64_t lsn_filters_to_sample(int64_t population, double margin, double confidence)
{
    assert(population >= 0 && margin > 0 && confidence > 0 && confidence < 1);
    if (population == 0)
        return 0;
    double t = normal_quantile((1 + confidence) / 2), spread = t * t / 4, all = (double)population;
    return (int64_t)ceil(all * spread / (margin * margin * (all - 1) + spread));
}
