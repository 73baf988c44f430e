/* Batch normalisation as part of the layer before it. */
#include "formats/architecture.h"
#include "formats/convert.h"

#include <math.h>

/* The tensor's values in `out`, or `otherwise` where there is no tensor. */
static bool read_vector(const lsn_tensor *tensor, float otherwise, int filters, float *out, const char *path,
                        lsn_error *err)
{
    for (int f = 0; tensor == NULL && f < filters; f++)
        out[f] = otherwise;
    if (tensor == NULL)
        return true;
    lsn_tensor_convert(tensor, out);
    return lsn_tensor_check_finite(tensor, out, path, err);
}

static bool scale_filter(float *weights, size_t count, double scale)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        double value = weights[i] * scale;
        weights[i] = (float)value;
        largest = fabs(value) > largest ? fabs(value) : largest;
    }
    return isfinite((float)largest);
}

bool lsn_fold(const lsn_module *norm, float *weights, float *bias, int filters, size_t per_filter, float *room,
              const char *path, lsn_error *err)
{
    float *gain = room, *shift = room + filters, *mean = room + 2 * (size_t)filters, *var = room + 3 * (size_t)filters;
    if (!read_vector(norm->weight, 1, filters, gain, path, err) ||
        !read_vector(norm->bias, 0, filters, shift, path, err) ||
        !read_vector(norm->mean, 0, filters, mean, path, err) || !read_vector(norm->var, 1, filters, var, path, err))
        return false;
    for (int f = 0; f < filters; f++) {
        if (var[f] < 0)
            return lsn_fail_at(err, LSN_INVALID, path,
                               "%s[%d] is %g: a variance is not negative; train the network again", norm->var->name, f,
                               (double)var[f]);
        double scale = gain[f] / sqrt(var[f] + LSN_NORM_EPSILON);
        double shifted = (bias[f] - (double)mean[f]) * scale + shift[f];
        bias[f] = (float)shifted;
        if (!scale_filter(weights + (size_t)f * per_filter, per_filter, scale) || !isfinite(bias[f]))
            return lsn_fail_at(err, LSN_INVALID, path,
                               "filter %d is not finite once the batch normalisation of %s is folded into it: train or "
                               "convert the network again",
                               f, norm->mean->name);
    }
    return true;
}
