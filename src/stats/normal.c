/* The normal distribution. */
#include "stats/stats_internal.h"

#include <assert.h>
#include <math.h>

static const double PI = 3.14159265358979323846;

double normal_below(double z)
{
    return erfc(-z / sqrt(2)) / 2;
}

double normal_quantile(double p)
{
    if (p <= 0 || p >= 1)
        return p <= 0 ? -INFINITY : INFINITY;
    if (p > 0.5)
        return -normal_quantile(1 - p);
    /* From Abramowitz & Stegun 26.2.23, within 4.5e-4, by Halley's rule: each step triples the digits. */
    double t = sqrt(-2 * log(p));
    double z = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
    for (int step = 0; step < 3; step++) {
        double excess = (normal_below(z) - p) * sqrt(2 * PI) * exp(z * z / 2);
        z -= excess / (1 + z * excess / 2);
    }
    return z;
}
