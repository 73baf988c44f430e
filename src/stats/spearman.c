/* Rank correlation. */
#include "lesion/stats.h"

#include "stats/stats_internal.h"

#include <math.h>
#include <stdlib.h>

typedef struct ranked {
    double value;
    double rank; /* times two, so that means of ranks are whole */
    size_t index;
} ranked;

static int by_value(const void *a, const void *b)
{
    double left = ((const ranked *)a)->value, right = ((const ranked *)b)->value;
    return (left > right) - (left < right);
}

static int by_index(const void *a, const void *b)
{
    size_t left = ((const ranked *)a)->index, right = ((const ranked *)b)->index;
    return (left > right) - (left < right);
}

/* Gives every item its rank less the mean rank, times two. */
static void rank_all(ranked *items, size_t n)
{
    qsort(items, n, sizeof *items, by_value);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && items[end].value == items[first].value; end++)
            ;
        for (size_t i = first; i < end; i++)
            items[i].rank = (double)(first + end) - (double)n; /* ranks first+1 .. end, the mean of all (n + 1) / 2 */
    }
    qsort(items, n, sizeof *items, by_index);
}

static double correlation_of(const ranked *x, const ranked *y, size_t n)
{
    double xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        xx += x[i].rank * x[i].rank;
        yy += y[i].rank * y[i].rank;
        xy += x[i].rank * y[i].rank;
    }
    if (xx == 0 || yy == 0)
        return NAN;
    return fmax(-1, fmin(1, xy / sqrt(xx * yy)));
}

static lsn_interval interval_of(double rho, size_t n, double confidence)
{
    if (isnan(rho) || n < 4)
        return (lsn_interval){NAN, NAN};
    double half = normal_quantile((1 + confidence) / 2) * sqrt((1 + rho * rho / 2) / (double)(n - 3));
    return (lsn_interval){tanh(atanh(rho) - half), tanh(atanh(rho) + half)};
}

bool lsn_spearman(const double *x, const double *y, size_t count, double confidence, lsn_correlation *correlation,
                  lsn_error *err)
{
    if (confidence == 0)
        confidence = 0.95;
    if (!(confidence > 0 && confidence < 1))
        return lsn_fail(err, LSN_INVALID, "a confidence of %g: give one between 0 and 1, as 0.95", confidence);
    ranked *left = lsn_array(count, sizeof *left, err), *right = lsn_array(count, sizeof *right, err);
    bool ok = left != NULL && right != NULL;
    if (!ok)
        goto done;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(x[i]) && !isnan(y[i])) {
            left[n] = (ranked){.value = x[i], .index = n};
            right[n] = (ranked){.value = y[i], .index = n};
            n++;
        }
    rank_all(left, n);
    rank_all(right, n);
    double rho = correlation_of(left, right, n);
    *correlation = (lsn_correlation){.rho = rho, .interval = interval_of(rho, n, confidence), .n = n};
done:
    free(left);
    free(right);
    return ok;
}
