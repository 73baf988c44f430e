/* Distances of filters. */
#include "study/cluster.h"

#include <math.h>
#include <stdlib.h>

const char *const lsn_normalise_names[LSN_N_NORMALISE + 1] = {
    [LSN_AS_IT_IS] = "none", [LSN_BY_L2] = "l2", [LSN_BY_MAX] = "max"};
const char *const lsn_metric_names[LSN_N_METRICS + 1] = {[LSN_EUCLIDEAN] = "euclidean", [LSN_COSINE] = "cosine"};

enum { LANES = 8 }; /* sums side by side: an order of additions that a compiler can turn into vectors */

static double add_lanes(const double *sums)
{
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/* Sum of (s v - t w)^2. */
static double squared_distance(const float *v, double s, const float *w, double t, size_t n)
{
    double sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            double d = s * (double)v[i + k] - t * (double)w[i + k];
            sums[k] += d * d;
        }
    for (size_t k = 0; i < n; i++, k++) {
        double d = s * (double)v[i] - t * (double)w[i];
        sums[k] += d * d;
    }
    return add_lanes(sums);
}

static double product(const float *v, const float *w, size_t n)
{
    double sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sums[k] += (double)v[i + k] * (double)w[i + k];
    for (size_t k = 0; i < n; i++, k++)
        sums[k] += (double)v[i] * (double)w[i];
    return add_lanes(sums);
}

static double largest(const float *w, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)w[i]));
    return most;
}

/* What a filter is multiplied by. */
static double scale_of(const float *w, size_t n, lsn_normalise normalise)
{
    double length = normalise == LSN_BY_L2 ? sqrt(product(w, w, n)) : normalise == LSN_BY_MAX ? largest(w, n) : 1;
    return length > 0 ? 1 / length : 0;
}

/* `v2` and `w2` are the filters' sums of squares. */
static double cosine_distance(const float *v, double v2, const float *w, double w2, size_t n)
{
    if (!(v2 > 0 && w2 > 0))
        return v2 > 0 || w2 > 0 ? 1 : 0;
    return fmax(0, 1 - product(v, w, n) / (sqrt(v2) * sqrt(w2)));
}

bool lsn_distances(const lsn_layer *layer, lsn_metric metric, lsn_normalise normalise, double *distances,
                   lsn_error *err)
{
    const size_t count = (size_t)layer->filters;
    const size_t n = (size_t)layer->channels * (size_t)layer->kernel * (size_t)layer->kernel;
    double *of = lsn_array(count, sizeof *of, err); /* each filter's scale, or its sum of squares */
    if (of == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const float *w = layer->weights + i * n;
        of[i] = metric == LSN_COSINE ? product(w, w, n) : scale_of(w, n, normalise);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++) {
            const float *v = layer->weights + i * n, *w = layer->weights + j * n;
            *distances++ = metric == LSN_COSINE ? cosine_distance(v, of[i], w, of[j], n)
                                                : sqrt(squared_distance(v, of[i], w, of[j], n));
        }
    free(of);
    return true;
}
