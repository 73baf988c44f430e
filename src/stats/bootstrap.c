/* Many arms share one set of draws. Draws are made in batches: how often each image was drawn (`counts`), so that a
 * draw's mean is a sum of products, and a batch for a group of arms a matrix product, CHUNK images at a time to stay in
 * the cache. Every sum runs over the images in their order, whatever the grouping. */
#include "lesion/stats.h"

#include "stats/stats_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, BATCH = 32, CHUNK = 256, GROUP = 128 };

static const uint64_t PURPOSE = 0x626F6F7473747261u; /* "bootstra": keeps these draws apart from others of the seed */

typedef struct plan {
    uint64_t seed;
    size_t draws, batches, n;
    double confidence;
    bool percentile;
    uint16_t *drawn; /* [BATCH][n] times drawn. More than 65535 would have a chance below 1 / 65536! */
    double *counts;  /* [BATCH / LANES][CHUNK][LANES] */
    double *sums;    /* [GROUP][batches * BATCH] */
} plan;

/* n images with replacement. An image is the high half of 32 random bits times n, the low half of each word of the
 * generator before the high one; without bias by leaving out low products below 2^32 mod n (Lemire 2019). */
static void draw_images(uint16_t *drawn, uint32_t n, uint64_t seed, uint64_t draw)
{
    lsn_random random;
    lsn_random_init(&random, seed ^ PURPOSE, draw);
    memset(drawn, 0, n * sizeof *drawn);
    const uint32_t floor = -n % n;
    for (uint32_t taken = 0; taken < n;) {
        uint64_t word = lsn_random_next(&random);
        uint64_t low = (word & UINT32_MAX) * n, high = (word >> 32) * n;
        if ((uint32_t)low >= floor) {
            drawn[low >> 32]++;
            taken++;
        }
        if ((uint32_t)high >= floor && taken < n) {
            drawn[high >> 32]++;
            taken++;
        }
    }
}

typedef double pair __attribute__((vector_size(16))); /* GNU C: two lanes, split where the processor has none */

/* sums[d] += sum over images of counts[image][d] * row[image], for two rows at once. */
static void add_images(const double *counts, const double *row0, const double *row1, size_t images, double *sums0,
                       double *sums1)
{
    pair a[LANES / 2], b[LANES / 2];
    memcpy(a, sums0, sizeof a);
    memcpy(b, sums1, sizeof b);
    for (size_t i = 0; i < images; i++) {
        const pair *c = (const pair *)(counts + i * LANES);
        pair x = {row0[i], row0[i]}, y = {row1[i], row1[i]};
        for (int d = 0; d < LANES / 2; d++) {
            a[d] += c[d] * x;
            b[d] += c[d] * y;
        }
    }
    memcpy(sums0, a, sizeof a);
    memcpy(sums1, b, sizeof b);
}

/* The counts of a chunk of images from `first` on, in the order in which add_images reads them. */
static void arrange_counts(plan *p, size_t first, size_t images)
{
    for (size_t d = 0; d < BATCH; d++) {
        const uint16_t *drawn = p->drawn + d * p->n + first;
        double *counts = p->counts + d / LANES * CHUNK * LANES + d % LANES;
        for (size_t i = 0; i < images; i++)
            counts[i * LANES] = drawn[i];
    }
}

static void add_batch(plan *p, size_t batch, const double *const *rows, size_t arms)
{
    const size_t stride = p->batches * BATCH;
    double *sums = p->sums + batch * BATCH, unused[LANES] = {0};
    for (size_t d = 0; d < BATCH; d++)
        draw_images(p->drawn + d * p->n, (uint32_t)p->n, p->seed, batch * BATCH + d);
    for (size_t first = 0; first < p->n; first += CHUNK) {
        size_t images = p->n - first < CHUNK ? p->n - first : CHUNK;
        arrange_counts(p, first, images);
        for (size_t arm = 0; arm < arms; arm += 2) {
            bool two = arm + 1 < arms;
            const double *row0 = rows[arm] + first, *row1 = two ? rows[arm + 1] + first : row0;
            for (size_t d = 0; d < BATCH; d += LANES)
                add_images(p->counts + d * CHUNK, row0, row1, images, sums + arm * stride + d,
                           two ? sums + (arm + 1) * stride + d : unused);
        }
    }
}

static void swap(double *a, double *b)
{
    double value = *a;
    *a = *b;
    *b = value;
}

/* The k-th least of values[count], from 0, by Hoare's selection; what is before it is not greater, what is after it not
 * less. */
static double select_least(double *values, size_t count, size_t k)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;; i++, j--) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            swap(values + i, values + j);
        }
        /* low .. i-1 are at most the pivot, j+1 .. high at least it. */
        if (k < i)
            high = i - 1;
        else if (k > j)
            low = j + 1;
        else
            break;
    }
    return values[k];
}

/* The p-quantile at position (count + 1) p, held within 1 .. count. */
static double quantile_of(double *values, size_t count, double p)
{
    double position = fmax(1, fmin((double)count, (double)(count + 1) * p)) - 1;
    size_t below = (size_t)position;
    double value = select_least(values, count, below), share = position - (double)below;
    if (share == 0 || below + 1 == count)
        return value;
    return value + share * (select_least(values, count, below + 1) - value);
}

/* Phi(shift + z / (1 - acceleration z)), 1 or 0 where the fraction has passed infinity. */
static double corrected_share(double shift, double acceleration, double z)
{
    double divisor = 1 - acceleration * z;
    if (divisor <= 0)
        return z > 0 ? 1 : 0;
    return normal_below(shift + z / divisor);
}

/* The shares at which BCa takes the draws' quantiles. */
static lsn_interval corrected_shares(const double *row, size_t n, double mean, const double *means, size_t draws,
                                     double z)
{
    double below = 0, square = 0, cube = 0;
    for (size_t i = 0; i < n; i++) {
        double rest = row[i] - mean;
        square += rest * rest;
        cube += rest * rest * rest;
    }
    const double tie = 1e-12 * (fabs(mean) + sqrt(square / (double)n)); /* means that differ by rounding are equal */
    for (size_t d = 0; d < draws; d++)
        below += means[d] < mean - tie ? 1 : means[d] <= mean + tie ? 0.5 : 0;
    double acceleration = cube / (6 * square * sqrt(square));
    /* With all draws on one side the shift would be infinite; half a draw on the other side keeps it finite. */
    below = fmax(0.5, fmin((double)draws - 0.5, below));
    double shift = normal_quantile(below / (double)draws);
    return (lsn_interval){corrected_share(shift, acceleration, shift - z),
                          corrected_share(shift, acceleration, shift + z)};
}

static lsn_interval interval_of(const plan *p, const double *row, double *sums)
{
    double sum = 0, least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < p->n; i++) {
        sum += row[i];
        least = fmin(least, row[i]);
        most = fmax(most, row[i]);
    }
    if (p->n == 0 || !isfinite(sum))
        return (lsn_interval){NAN, NAN};
    if (least == most)
        return (lsn_interval){least, least};
    for (size_t d = 0; d < p->draws; d++)
        sums[d] /= (double)p->n;
    double tail = (1 - p->confidence) / 2;
    lsn_interval shares = {tail, 1 - tail};
    if (!p->percentile)
        shares = corrected_shares(row, p->n, sum / (double)p->n, sums, p->draws, -normal_quantile(tail));
    return (lsn_interval){quantile_of(sums, p->draws, shares.low), quantile_of(sums, p->draws, shares.high)};
}

static bool prepare(plan *p, const lsn_bootstrap *how, size_t arms, size_t n, lsn_error *err)
{
    int32_t draws = how->draws == 0 ? LSN_DRAWS : how->draws;
    double confidence = how->confidence == 0 ? 0.95 : how->confidence;
    if (draws < 1 || !(confidence > 0 && confidence < 1))
        return lsn_fail(err, LSN_INVALID,
                        "a bootstrap of %d draws at confidence %g: give at least 1 draw and a confidence "
                        "between 0 and 1, as 0.95",
                        (int)draws, confidence);
    if (n > INT32_MAX)
        return lsn_fail(err, LSN_INVALID, "a bootstrap of %zu images: at most %d are possible", n, INT32_MAX);
    *p = (plan){.seed = how->seed, .draws = draws, .n = n, .confidence = confidence, .percentile = how->percentile};
    p->batches = (p->draws + BATCH - 1) / BATCH;
    p->drawn = lsn_array(n, BATCH * sizeof *p->drawn, err);
    p->counts = lsn_array(CHUNK, BATCH * sizeof *p->counts, err);
    p->sums = lsn_array(arms < GROUP ? arms : GROUP, p->batches * BATCH * sizeof *p->sums, err);
    return p->drawn != NULL && p->counts != NULL && p->sums != NULL;
}

bool lsn_bootstrap_means(const lsn_bootstrap *how, const double *const *rows, size_t arms, size_t n,
                         lsn_interval *intervals, lsn_error *err)
{
    plan p = {0};
    bool ok = prepare(&p, how, arms, n, err);
    const size_t stride = p.batches * BATCH;
    for (size_t first = 0; ok && first < arms; first += GROUP) {
        size_t group = arms - first < GROUP ? arms - first : GROUP;
        memset(p.sums, 0, group * stride * sizeof *p.sums);
        for (size_t batch = 0; n > 0 && batch < p.batches; batch++)
            add_batch(&p, batch, rows + first, group);
        for (size_t arm = 0; arm < group; arm++)
            intervals[first + arm] = interval_of(&p, rows[first + arm], p.sums + arm * stride);
    }
    free(p.drawn);
    free(p.counts);
    free(p.sums);
    return ok;
}

void lsn_interaction(const double *both, const double *one, const double *other, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = both[i] - one[i] - other[i];
}
