/* Degradation curves: area, half, quantiles, bands. */
#include "lesion/stats.h"

#include <math.h>
#include <stdlib.h>

static bool well_formed(const double *fractions, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fractions[i] >= (i == 0 ? 0 : fractions[i - 1]) && fractions[i] <= 1) || isnan(values[i]))
            return false;
    return count > 0 && fractions[count - 1] > 0;
}

lsn_curve lsn_curve_of(const double *fractions, const double *values, size_t count, double baseline, double chance)
{
    lsn_curve curve = {.area = NAN, .half = NAN};
    if (!(baseline > chance) || !well_formed(fractions, values, count))
        return curve;
    const double middle = (baseline + chance) / 2;
    double fraction = 0, value = baseline, area = 0;
    for (size_t i = 0; i < count; i++) {
        double width = fractions[i] - fraction;
        area += width * (value + values[i]) / 2;
        if (isnan(curve.half) && values[i] <= middle)
            curve.half = fraction + width * (value - middle) / (value - values[i]);
        fraction = fractions[i];
        value = values[i];
    }
    curve.area = (area / fraction - chance) / (baseline - chance);
    return curve;
}

double lsn_quantile(const double *sorted, size_t count, double p)
{
    if (count == 0)
        return NAN;
    double position = (double)(count - 1) * p;
    size_t below = (size_t)position;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (position - (double)below) * (sorted[below + 1] - sorted[below]);
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

lsn_band lsn_band_of(double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    if (count == 0 || isnan(sum))
        return (lsn_band){NAN, NAN, NAN, NAN, NAN, NAN};
    qsort(values, count, sizeof *values, ascending);
    return (lsn_band){.least = values[0],
                      .lower = lsn_quantile(values, count, 0.25),
                      .median = lsn_quantile(values, count, 0.5),
                      .upper = lsn_quantile(values, count, 0.75),
                      .most = values[count - 1],
                      .mean = sum / (double)count};
}
