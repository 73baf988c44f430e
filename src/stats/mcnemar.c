/* McNemar's test, exact and mid-p. */
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

/* ---- steps of one and of two --------------------------------------------------------------------------------- */

/* P[Bin(n, 1/2) <= k]. */
static double below(int64_t k, int64_t n)
{
    if (k < 0 || k >= n)
        return k < 0 ? 0 : 1;
    return 2 * k < n ? chance_of(k, n) * tail_ratio(k, n) : 1 - below(n - k - 1, n);
}

/* P[Bin(n, 1/2) = k]; 0 where there is no such k. */
static double chance(int64_t k, int64_t n)
{
    return k < 0 || k > n ? 0 : n == 0 ? 1 : chance_of(k < n - k ? k : n - k, n);
}

double lsn_steps_mid(const lsn_steps *steps)
{
    const int64_t ones = steps->up[0] + steps->down[0], twos = steps->up[1] + steps->down[1];
    const int64_t sum = steps->up[0] - steps->down[0] + 2 * (steps->up[1] - steps->down[1]), t = sum < 0 ? -sum : sum;
    assert(steps->up[0] >= 0 && steps->down[0] >= 0 && steps->up[1] >= 0 && steps->down[1] >= 0);
    if (twos == 0)
        return lsn_mcnemar_mid(steps->down[0], steps->up[0]);
    double beyond = 0, equal = 0; /* P[T > t], P[T = t], T the sum with signs drawn */
    for (int64_t k = 0; k <= twos; k++) {
        const int64_t rest = t - 2 * (2 * k - twos); /* that the steps of one must give */
        const int64_t least = rest + ones;           /* twice the steps up that give it */
        const double weight = chance(k, twos);
        /* P[2 K > least], K ~ Bin(ones, 1/2), is P[K < ones - least / 2]. */
        const int64_t over = least < 0 ? 0 : least / 2 + 1;
        beyond += weight * below(ones - over, ones);
        if (least % 2 == 0)
            equal += weight * chance(least / 2, ones);
    }
    return t == 0 ? 1 - equal / 2 : fmin(1, 2 * beyond + equal);
}
