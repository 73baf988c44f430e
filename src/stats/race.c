/* Confidence sequences: when images are enough. */
#include "lesion/stats.h"

#include <assert.h>
#include <math.h>

void lsn_race_add(lsn_race *race, int64_t images, int64_t lost, int64_t gained)
{
    assert(lost >= 0 && gained >= 0 && lost + gained <= images);
    race->images += images;
    race->lost += lost;
    race->gained += gained;
}

/* 1F1(1; a + 1; x) = 1 + x / (a + 1) + x^2 / ((a + 1) (a + 2)) + ..., x >= 0, and its derivative by x. All terms are
 * positive; they grow until the k-th has a + k > x and are summed until they no longer count. */
static double kummer(double a, double x, double *slope)
{
    double term = 1, sum = 1, rise = 0;
    for (int64_t k = 1; a + (double)k <= x || term > 1e-17 * sum; k++) {
        rise += (double)k * term / (a + (double)k);
        term *= x / (a + (double)k);
        sum += term;
    }
    *slope = rise;
    return sum;
}

/* The root s of log M(s, v) = log_level > 0. log M is convex and rises in s (its slope is a mean of lambda), so
 * Newton's steps from the right of the root come down to it and never pass it. */
static double boundary(double v, double log_level)
{
    const double rho = LSN_RACE_RHO, a = v + rho;
    double slope, constant = log(rho / a) - log(kummer(rho, rho, &slope));
    double s = sqrt(2 * a * log_level) + log_level;
    for (int step = 0; step < 100; step++) {
        double value = kummer(a, a + s, &slope);
        double down = (log(value) + constant - log_level) * value / slope;
        s -= down;
        if (fabs(down) <= 1e-12 * s)
            break;
    }
    return s;
}

double lsn_race_half_width(const lsn_race *race, double confidence)
{
    assert(confidence > 0 && confidence < 1);
    if (race->images == 0)
        return INFINITY;
    return boundary((double)(race->lost + race->gained), log(2 / (1 - confidence))) / (double)race->images;
}

lsn_interval lsn_race_interval(const lsn_race *race, double confidence)
{
    double half = lsn_race_half_width(race, confidence);
    if (race->images == 0)
        return (lsn_interval){-1, 1};
    double mean = (double)(race->gained - race->lost) / (double)race->images;
    return (lsn_interval){.low = fmax(-1, mean - half), .high = fmin(1, mean + half)};
}
