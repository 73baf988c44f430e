/* Distances of filters. */
#include "study/cluster.h"

#include <math.h>
#include <stdlib.h>

const char *const lsn_normalise_names[LSN_N_NORMALISE + 1] = {
    [LSN_AS_IT_IS] = "none", [LSN_BY_L2] = "l2", [LSN_BY_MAX] = "max"};
const char *const lsn_metric_names[LSN_N_METRICS + 1] = {[LSN_EUCLIDEAN] = "euclidean", [LSN_COSINE] = "cosine"};

/* Sum of (s v - t w)^2. */
static double squared_distance(const float *v, double s, const float *w, double t, size_t n)
{
    double sums[LSN_LANES] = {0};
    size_t i = 0;
    for (; i + LSN_LANES <= n; i += LSN_LANES)
        for (size_t k = 0; k < LSN_LANES; k++) {
            double d = s * (double)v[i + k] - t * (double)w[i + k];
            sums[k] += d * d;
        }
    for (size_t k = 0; i < n; i++, k++) {
        double d = s * (double)v[i] - t * (double)w[i];
        sums[k] += d * d;
    }
    return lsn_add_lanes(sums);
}

static double largest(const float *w, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)w[i]));
    return most;
}

/* What a filter is multiplied by; `square` is its sum of squares. */
static double scale_of(const float *w, size_t n, double square, lsn_normalise normalise)
{
    double length = normalise == LSN_BY_L2 ? sqrt(square) : normalise == LSN_BY_MAX ? largest(w, n) : 1;
    return length > 0 ? 1 / length : 0;
}

/* |s v - t w|^2 = |s v|^2 + |t w|^2 - 2 s t v w; where the difference is small, that loses digits, and is not used. */
static double euclidean(const lsn_net_node *node, size_t n, const lsn_products *products, const double *scales,
                        size_t i, size_t j)
{
    const double near = 0.01, s = scales[i], t = scales[j];
    const double both = s * s * products->squares[i] + t * t * products->squares[j];
    const double square = both - 2 * (s * t * products->pairs[lsn_pair((size_t)node->filters, i, j)]);
    if (square > near * both)
        return sqrt(square);
    return sqrt(squared_distance(node->weights.values + i * n, s, node->weights.values + j * n, t, n));
}

static double cosine(const lsn_net_node *node, const lsn_products *products, size_t i, size_t j)
{
    const double v2 = products->squares[i], w2 = products->squares[j];
    if (!(v2 > 0 && w2 > 0))
        return v2 > 0 || w2 > 0 ? 1 : 0;
    return fmax(0, 1 - products->pairs[lsn_pair((size_t)node->filters, i, j)] / (sqrt(v2) * sqrt(w2)));
}

bool lsn_distances(const lsn_net_node *node, const lsn_products *products, lsn_metric metric, lsn_normalise normalise,
                   double *distances, lsn_error *err)
{
    const size_t count = (size_t)node->filters;
    const size_t n = lsn_net_node_terms(node);
    double *scales = lsn_array(count, sizeof *scales, err);
    if (scales == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        scales[i] = scale_of(node->weights.values + i * n, n, products->squares[i], normalise);
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            *distances++ =
                metric == LSN_COSINE ? cosine(node, products, i, j) : euclidean(node, n, products, scales, i, j);
    free(scales);
    return true;
}
