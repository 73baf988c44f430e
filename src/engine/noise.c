/* Normal numbers by counter: each is a function of its key and its place alone, so that it does not matter who draws
 * it, in what order, or what else is drawn.
 *
 * Bits come from Philox4x32-10 (Salmon, Moraes, Dror and Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011),
 * with the seed as its key and (window, filter, layer, image) as its counter; the four words belong to the positions of
 * a 2x2 window of the map. A word becomes a normal by the inverse of the distribution function, algorithm AS 241,
 * PPND16 (Wichura: The percentage points of the normal distribution, Applied Statistics 37, 1988), whose outermost
 * branch is never reached from 32 bits.
 *
 * Only integers, + - * / and the square root, which IEEE 754 rounds correctly: bits are the same on every machine. */
#include "engine/engine_internal.h"

#include <math.h>
#include <string.h>

/* ---- words --------------------------------------------------------------------------------------------------- */

void engine_philox(uint64_t key, uint32_t counters[4][ENGINE_LANES], int n)
{
    uint32_t *c0 = counters[0], *c1 = counters[1], *c2 = counters[2], *c3 = counters[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < n; i++) {
            const uint64_t a = (uint64_t)0xD2511F53u * c0[i], b = (uint64_t)0xCD9E8D57u * c2[i];
            c0[i] = (uint32_t)(b >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)b;
            c2[i] = (uint32_t)(a >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)a;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* ---- quantiles ----------------------------------------------------------------------------------------------- */

static const double MIDDLE = 0.425; /* |p - 1/2| up to which one rational function does */

static inline double polynomial(const double c[8], double x)
{
    return ((((((c[7] * x + c[6]) * x + c[5]) * x + c[4]) * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0];
}

/* The logarithm of a normal x > 0. x = m 2^e with m in 1/sqrt(2) .. sqrt(2); log m = 2 artanh s, s = (m - 1) / (m + 1),
 * |s| < 0.172, of whose series in s^2 ten terms are as good as all. */
static double logarithm(double x)
{
    static const double HALF_ROOT = 0x1.6a09e667f3bcdp-1, LOG_2 = 0x1.62e42fefa39efp-1;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1022;
    bits = (bits & 0x000FFFFFFFFFFFFFu) | 0x3FE0000000000000u; /* the same digits in 1/2 .. 1 */
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m < HALF_ROOT) {
        m *= 2;
        exponent--;
    }
    const double s = (m - 1) / (m + 1);
    double sum = 0;
    for (int k = 19; k >= 1; k -= 2)
        sum = sum * (s * s) + 1.0 / k;
    return exponent * LOG_2 + 2 * s * sum;
}

/* At 1/2 + q, |q| <= MIDDLE. */
static inline double middle_quantile(double q)
{
    static const double over[8] = {3.387132872796366608,  133.14166789178437745, 1971.5909503065514427,
                                   13731.693765509461125, 45921.953931549871457, 67265.770927008700853,
                                   33430.575583588128105, 2509.0809287301226727};
    static const double under[8] = {1.0,
                                    42.313330701600911252,
                                    687.1870074920579083,
                                    5394.1960214247511077,
                                    21213.794301586595867,
                                    39307.89580009271061,
                                    28729.085735721942674,
                                    5226.495278852545925};
    const double r = 0.180625 - q * q; /* MIDDLE squared */
    return q * polynomial(over, r) / polynomial(under, r);
}

/* At 1 - tail, exp(-25) <= tail <= 1/2 - MIDDLE. */
static double tail_quantile(double tail)
{
    static const double over[8] = {1.42343711074968357734,   4.6303378461565452959,   5.7694972214606914055,
                                   3.64784832476320460504,   1.27045825245236838258,  0.24178072517745061177,
                                   0.0227238449892691845833, 7.7454501427834140764e-4};
    static const double under[8] = {1.0,
                                    2.05319162663775882187,
                                    1.6763848301838038494,
                                    0.68976733498510000455,
                                    0.14810397642748007459,
                                    0.0151986665636164571966,
                                    5.475938084995344946e-4,
                                    1.05075007164441684324e-9};
    const double r = sqrt(-logarithm(tail)) - 1.6;
    return polynomial(over, r) / polynomial(under, r);
}

/* (word + 1/2) / 2^32 - 1/2, exactly. */
static inline double centred(uint32_t word)
{
    return ((double)(int32_t)(word ^ 0x80000000u) + 0.5) * 0x1p-32;
}

/* The middle's function for all, without branches, then the tails. */
void engine_quantiles(const uint32_t *words, int n, double *z)
{
    for (int i = 0; i < n; i++)
        z[i] = middle_quantile(centred(words[i]));
    for (int i = 0; i < n; i++) {
        const double q = centred(words[i]);
        if (q > MIDDLE)
            z[i] = tail_quantile(0.5 - q);
        else if (q < -MIDDLE)
            z[i] = -tail_quantile(0.5 + q);
    }
}

/* ---- maps ---------------------------------------------------------------------------------------------------- */

/* The words of n windows from `window` on. */
static void draw_words(const engine_noise *noise, int window, int n, uint32_t words[4][ENGINE_LANES])
{
    for (int i = 0; i < n; i++) {
        words[0][i] = (uint32_t)(window + i);
        words[1][i] = noise->filter;
        words[2][i] = noise->layer;
        words[3][i] = noise->image;
    }
    engine_philox(noise->seed, words, n);
}

/* to[stride i] from words[n]. */
static void write(const engine_noise *noise, const uint32_t *words, int n, float *to, size_t stride)
{
    double z[ENGINE_LANES];
    engine_quantiles(words, n, z);
    for (int i = 0; i < n; i++)
        to[i * stride] = (float)((double)noise->mean + (double)noise->deviation * z[i]);
}

/* Windows j .. j+n-1 of row pair i. */
static void write_map(const engine_noise *noise, uint32_t words[4][ENGINE_LANES], int h, int w, int i, int j, int n,
                      float *to, size_t stride)
{
    for (int k = 0; k < 4; k++) {
        const int row = 2 * i + k / 2, column = 2 * j + k % 2, here = (w - column + 1) / 2;
        if (row < h && column < w)
            write(noise, words[k], n < here ? n : here, to + ((size_t)row * w + column) * stride, 2 * stride);
    }
}

static inline uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The greatest of a window is that of its greatest word: greater words give no smaller numbers. */
static void write_maxima(const engine_noise *noise, uint32_t words[4][ENGINE_LANES], int n, float *to, size_t stride)
{
    for (int i = 0; i < n; i++)
        words[0][i] = greater(greater(words[0][i], words[1][i]), greater(words[2][i], words[3][i]));
    write(noise, words[0], n, to, stride);
}

int engine_noise_rows(int h, bool pool)
{
    return pool ? h / 2 : (h + 1) / 2;
}

void engine_draw_noise(const engine_noise *noise, int h, int w, bool pool, int row, float *to, size_t stride)
{
    const int across = (w + 1) / 2; /* windows; an odd last column has half ones, which pooling drops */
    const int columns = pool ? w / 2 : across;
    uint32_t words[4][ENGINE_LANES];
    for (int j = 0; j < columns; j += ENGINE_LANES) {
        const int n = ENGINE_LANES < columns - j ? ENGINE_LANES : columns - j;
        draw_words(noise, row * across + j, n, words);
        if (pool)
            write_maxima(noise, words, n, to + ((size_t)row * columns + j) * stride, stride);
        else
            write_map(noise, words, h, w, row, j, n, to, stride);
    }
}
