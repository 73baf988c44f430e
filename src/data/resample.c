/* Pillow's antialiased resizing of 8-bit images, to the bit: a horizontal pass, then a vertical one, each rounded to 8
 * bits, with weights of 22 fractional bits. */
#include "data/data_internal.h"

#include <math.h>
#include <stdlib.h>

enum { WEIGHT_BITS = 22 };

/* How some consecutive outputs of an axis follow from inputs. */
typedef struct axis {
    int n;            /* outputs */
    int most;         /* weights of an output, at most */
    int *first;       /* [n]: its first input */
    int *count;       /* [n]: its inputs */
    int32_t *weights; /* [n][most] */
} axis;

/* ---- weights ------------------------------------------------------------------------------------------------- */

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* Cubic convolution (Keys, 1981) with a = -1/2. */
static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

typedef struct kernel {
    double (*value)(double x);
    double support; /* it is 0 beyond */
} kernel;

static const kernel kernels[LSN_N_INTERPOLATIONS] = {[LSN_BILINEAR] = {bilinear, 1}, [LSN_BICUBIC] = {bicubic, 2}};

/* The weights of output `at`, as doubles that sum to 1, into work[most]. */
static void weigh(const kernel *filter, double scale, int n_in, int at, axis *a, int i, double *work)
{
    double stretch = scale < 1 ? 1 : scale, support = filter->support * stretch;
    double centre = (at + 0.5) * scale, sum = 0, shrink = 1 / stretch;
    int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
    first = first < 0 ? 0 : first;
    end = end > n_in ? n_in : end;
    for (int k = 0; k < end - first; k++) {
        work[k] = filter->value((k + first - centre + 0.5) * shrink);
        sum += work[k];
    }
    int32_t *weights = a->weights + (size_t)i * (size_t)a->most;
    for (int k = 0; k < end - first; k++) {
        double weight = sum != 0 ? work[k] / sum : work[k];
        weights[k] = (int32_t)((weight < 0 ? -0.5 : 0.5) + weight * (1 << WEIGHT_BITS));
    }
    a->first[i] = first;
    a->count[i] = end - first;
}

static void axis_finish(axis *a)
{
    free(a->first);
    free(a->count);
    free(a->weights);
}

/* Outputs begin .. begin + n - 1 of n_out that are made of n_in inputs. */
static bool axis_init(axis *a, lsn_interpolation interpolation, int n_in, int n_out, int begin, int n, lsn_error *err)
{
    const kernel *filter = &kernels[interpolation];
    double scale = (double)n_in / n_out;
    *a = (axis){.n = n, .most = (int)ceil(filter->support * (scale < 1 ? 1 : scale)) * 2 + 1};
    a->first = lsn_array((size_t)n, sizeof *a->first, err);
    a->count = a->first == NULL ? NULL : lsn_array((size_t)n, sizeof *a->count, err);
    a->weights = a->count == NULL ? NULL : lsn_array((size_t)n * (size_t)a->most, sizeof *a->weights, err);
    double *work = a->weights == NULL ? NULL : lsn_array((size_t)a->most, sizeof *work, err);
    for (int i = 0; work != NULL && i < n; i++)
        weigh(filter, scale, n_in, begin + i, a, i, work);
    free(work);
    return work != NULL;
}

/* ---- passes -------------------------------------------------------------------------------------------------- */

static unsigned char clip(int32_t sum)
{
    sum >>= WEIGHT_BITS;
    return sum < 0 ? 0 : sum > 255 ? 255 : (unsigned char)sum;
}

/* One row of all columns. */
static void pass_row(const axis *columns, const unsigned char *in, int channels, unsigned char *out)
{
    for (int x = 0; x < columns->n; x++) {
        const int32_t *weights = columns->weights + (size_t)x * (size_t)columns->most;
        const unsigned char *from = in + (size_t)columns->first[x] * (size_t)channels;
        for (int c = 0; c < channels; c++) {
            int32_t sum = 1 << (WEIGHT_BITS - 1);
            for (int k = 0; k < columns->count[x]; k++)
                sum += from[(size_t)k * (size_t)channels + (size_t)c] * weights[k];
            *out++ = clip(sum);
        }
    }
}

/* Row y of `rows` out of rows of `bytes` bytes, the first of which is the input's row `top`. */
static void pass_column(const axis *rows, int y, int top, const unsigned char *in, size_t stride, size_t bytes,
                        unsigned char *out)
{
    const int32_t *weights = rows->weights + (size_t)y * (size_t)rows->most;
    const unsigned char *from = in + (size_t)(rows->first[y] - top) * stride;
    for (size_t i = 0; i < bytes; i++) {
        int32_t sum = 1 << (WEIGHT_BITS - 1);
        for (int k = 0; k < rows->count[y]; k++)
            sum += from[(size_t)k * stride + i] * weights[k];
        out[i] = clip(sum);
    }
}

bool lsn_resample(const lsn_pixels *in, int h, int w, lsn_interpolation interpolation, const lsn_window *part,
                  unsigned char *out, size_t stride, lsn_error *err)
{
    axis rows = {0}, columns = {0};
    lsn_pixels middle = {0};
    bool ok = axis_init(&rows, interpolation, in->h, h, part->y, part->h, err) &&
              axis_init(&columns, interpolation, in->w, w, part->x, part->w, err);
    if (ok) {
        const int last = part->h - 1, top = rows.first[0], bottom = rows.first[last] + rows.count[last];
        const size_t bytes = (size_t)part->w * (size_t)in->channels, in_stride = (size_t)in->w * (size_t)in->channels;
        ok = lsn_pixels_create(&middle, bottom - top, part->w, in->channels, err);
        for (int y = top; ok && y < bottom; y++)
            pass_row(&columns, in->data + (size_t)y * in_stride, in->channels, middle.data + (size_t)(y - top) * bytes);
        for (int y = 0; ok && y < part->h; y++)
            pass_column(&rows, y, top, middle.data, bytes, bytes, out + (size_t)y * stride);
    }
    lsn_pixels_finish(&middle);
    axis_finish(&rows);
    axis_finish(&columns);
    return ok;
}

bool lsn_pixels_resize(const unsigned char *pixels, int h, int w, unsigned char *out, int out_h, int out_w,
                       lsn_error *err)
{
    const lsn_pixels in = {.data = (unsigned char *)(uintptr_t)pixels, .h = h, .w = w, .channels = 3};
    return lsn_resample(&in, out_h, out_w, LSN_BILINEAR, &(lsn_window){0, 0, out_h, out_w}, out, 3 * (size_t)out_w,
                        err);
}
