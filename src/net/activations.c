/* Sums of activations, and the statistics they give. */
#include "lesion/activations.h"

#include <math.h>
#include <stdlib.h>

/* Units of sums of squares. Two numbers hold what one could not: squares as large as LSN_FIXED_LIMIT's and as small as
 * those of a deviation of 1e-7. */
static const double COARSE = 0x1p10, FINE = 0x1p50;
static const double MOST_SQUARE = LSN_FIXED_LIMIT * LSN_FIXED_LIMIT;

/* Takes `count` of the sums; before there are any, only counts. */
static int64_t *take(lsn_activations *a, bool wanted, size_t count)
{
    if (!wanted)
        return NULL;
    int64_t *at = a->sums == NULL ? NULL : a->sums + a->count;
    a->count += count;
    return at;
}

static void lay_out(lsn_activations *a, lsn_activation_needs needs)
{
    const size_t filters = (size_t)a->filters, classes = (size_t)a->classes;
    a->count = 0;
    a->images = take(a, true, 1);
    a->mean = take(a, needs.means || needs.deviations, filters);
    a->square = take(a, needs.deviations, 2 * filters);
    a->zeros = take(a, needs.zeros, filters);
    a->class_mean = take(a, needs.by_class, classes * filters);
    a->class_count = take(a, needs.by_class, classes);
}

bool lsn_activations_init(lsn_activations *a, const lsn_net *net, lsn_activation_needs needs, lsn_error *err)
{
    *a = (lsn_activations){.filters = lsn_net_filters(net), .classes = net->classes};
    lay_out(a, needs);
    a->sums = lsn_array(a->count, sizeof *a->sums, err);
    if (a->sums != NULL)
        lay_out(a, needs);
    return a->sums != NULL;
}

void lsn_activations_finish(lsn_activations *a)
{
    free(a->sums);
    *a = (lsn_activations){0};
}

void lsn_activations_add_square(lsn_activations *a, int filter, double square)
{
    const double value = square < MOST_SQUARE ? square : MOST_SQUARE;
    const int64_t coarse = (int64_t)(value * COARSE);
    a->square[2 * (size_t)filter] += coarse;
    a->square[2 * (size_t)filter + 1] += (int64_t)((value - (double)coarse / COARSE) * FINE + 0.5);
}

double lsn_activations_mean(const lsn_activations *a, int filter)
{
    return (double)a->mean[filter] / LSN_FIXED / (double)*a->images;
}

double lsn_activations_deviation(const lsn_activations *a, int filter)
{
    const int64_t *square = a->square + 2 * (size_t)filter;
    const double mean = lsn_activations_mean(a, filter);
    const double sum = (double)square[0] / COARSE + (double)square[1] / FINE;
    const double variance = sum / (double)*a->images - mean * mean;
    return variance > 0 ? sqrt(variance) : 0;
}

double lsn_activations_zeros(const lsn_activations *a, int filter, int positions)
{
    return (double)a->zeros[filter] / ((double)*a->images * positions);
}

double lsn_activations_selectivity(const lsn_activations *a, int filter)
{
    double most = 0, sum = 0;
    int classes = 0;
    for (int c = 0; c < a->classes; c++) {
        if (a->class_count[c] == 0)
            continue;
        const double mean = (double)a->class_mean[(size_t)c * (size_t)a->filters + (size_t)filter] / LSN_FIXED /
                            (double)a->class_count[c];
        most = mean > most ? mean : most;
        sum += mean;
        classes++;
    }
    if (classes < 2 || !(most > 0))
        return 0;
    const double rest = fmin((sum - most) / (classes - 1), most); /* rounded, it might be more */
    return (most - rest) / (most + rest);
}
