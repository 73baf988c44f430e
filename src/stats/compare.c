/* Two networks, or two runs, against each other. */
#include "lesion/stats.h"

#include <assert.h>
#include <math.h>

double lsn_normal_p(double difference, double error)
{
    if (isnan(difference) || isnan(error))
        return NAN;
    if (!(difference < 0 || difference > 0))
        return 1;
    return error > 0 ? erfc(fabs(difference) / error / sqrt(2)) : 0;
}

lsn_interval lsn_newcombe(int64_t k1, int64_t n1, int64_t k2, int64_t n2)
{
    const double one = (double)k1 / (double)n1, other = (double)k2 / (double)n2, change = other - one;
    const lsn_interval first = lsn_wilson(k1, n1), second = lsn_wilson(k2, n2);
    return (lsn_interval){.low = change - hypot(other - second.low, first.high - one),
                          .high = change + hypot(second.high - other, one - first.low)};
}

double lsn_proportions_p(int64_t k1, int64_t n1, int64_t k2, int64_t n2)
{
    assert(n1 > 0 && n2 > 0);
    const double one = (double)n1, other = (double)n2, share = (double)(k1 + k2) / (one + other);
    return lsn_normal_p((double)k2 / other - (double)k1 / one, sqrt(share * (1 - share) * (1 / one + 1 / other)));
}

double lsn_changes_p(int64_t b1, int64_t c1, int64_t n1, int64_t b2, int64_t c2, int64_t n2)
{
    assert(n1 > 0 && n2 > 0);
    const double one = (double)n1, other = (double)n2;
    return lsn_normal_p((double)(c2 - b2) / other - (double)(c1 - b1) / one,
                        sqrt((double)(b1 + c1) / (one * one) + (double)(b2 + c2) / (other * other)));
}

lsn_effect lsn_steps_effect(const lsn_steps *steps, int64_t n)
{
    const double count = (double)n,
                 sum = (double)(steps->up[0] - steps->down[0]) + 2 * (double)(steps->up[1] - steps->down[1]);
    const double squares = (double)(steps->up[0] + steps->down[0]) + 4 * (double)(steps->up[1] + steps->down[1]);
    return (lsn_effect){.value = sum / count, .error = sqrt(fmax(0, squares - sum * sum / count)) / count};
}
