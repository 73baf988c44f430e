#include "lesion/stats.h"

#include <assert.h>
#include <math.h>

static const double PI = 3.14159265358979323846;

/* log n! less Stirling's n log n - n + log(2 pi n) / 2, n > 0: small, so that nothing large has to cancel. */
static double stirling_rest(double n)
{
    if (n >= 16) {
        double r = 1 / n, s = r * r;
        return r * (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s * (1.0 / 1188)))));
    }
    double factorial = 1;
    for (double i = 2; i <= n; i++)
        factorial *= i;
    return log(factorial / sqrt(2 * PI * n)) - n * (log(n) - 1);
}

/* (1 + a) log(1 + a) + (1 - a) log(1 - a), 0 <= a < 1. The sum of a^2j / (j (2j - 1)) has positive terms only: it is
 * exact to rounding where the logarithms would cancel. */
static double deviance(double a)
{
    if (a > 0.8)
        return (1 + a) * log1p(a) + (1 - a) * log1p(-a);
    double square = a * a, power = square, sum = 0;
    for (int j = 1; power > 1e-17 * sum; j++) {
        sum += power / (j * (2.0 * j - 1));
        power *= square;
    }
    return sum;
}

/* P[Bin(n, 1/2) = k], k <= n / 2. The saddle-point form (Loader 2000, "Fast and accurate computation of binomial
 * probabilities"): no term of the exponent is greater than its value, so that the result is good to 1e-13 for any n. */
static double chance_of(int64_t k, int64_t n)
{
    if (k == 0)
        return n > 2000 ? 0 : ldexp(1, (int)-n);
    double count = (double)n, few = (double)k, many = (double)(n - k);
    double exponent = stirling_rest(count) - stirling_rest(few) - stirling_rest(many);
    exponent -= count / 2 * deviance((many - few) / count);
    return exp(exponent) * sqrt(count / (2 * PI * few * many));
}

/* P[Bin(n, 1/2) <= k] / P[Bin(n, 1/2) = k]: 1 + k / (n-k+1) + k (k-1) / ((n-k+1) (n-k+2)) + ... */
static double tail_ratio(int64_t k, int64_t n)
{
    double term = 1, sum = 1;
    for (int64_t i = 0; i < k && term > 1e-18 * sum; i++) {
        term *= (double)(k - i) / (double)(n - k + 1 + i);
        sum += term;
    }
    return sum;
}

double lsn_mcnemar_exact(int64_t b, int64_t c)
{
    assert(b >= 0 && c >= 0);
    int64_t few = b < c ? b : c;
    if (b == c)
        return 1;
    return fmin(1, 2 * chance_of(few, b + c) * tail_ratio(few, b + c));
}

double lsn_mcnemar_mid(int64_t b, int64_t c)
{
    assert(b >= 0 && c >= 0);
    int64_t few = b < c ? b : c;
    if (b + c == 0)
        return 1;
    double chance = chance_of(few, b + c);
    if (b == c)
        return 1 - chance / 2;
    /* fmin: where |b - c| = 1 twice the tail is 1 exactly, and must not be more by rounding. */
    return fmin(1, 2 * chance * tail_ratio(few, b + c)) - chance;
}
