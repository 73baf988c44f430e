/* Pixels to floats: the border, the mean, the standard deviation. */
#include "data/data_internal.h"

#include <math.h>
#include <string.h>

static bool check(const lsn_preprocess *preprocess, const lsn_images *images, const char *path, lsn_error *err)
{
    int given = preprocess->channels;
    if (images->preprocessed &&
        (preprocess->resize != 0 || preprocess->crop != 0 || preprocess->pad != 0 || given != 0))
        return lsn_fail_part(err, LSN_INVALID, path, "preprocess",
                             "holds float32 images, which are taken as preprocessed already: leave out preprocess, or "
                             "store uint8 images");
    if (preprocess->resize < 0 || preprocess->resize > LSN_MAX_RESIZE || preprocess->crop < 0 ||
        preprocess->crop > LSN_MAX_RESIZE)
        return lsn_fail_part(err, LSN_INVALID, path, "preprocess", "resize is %d and crop %d; expected 1 to %d",
                             preprocess->resize, preprocess->crop, LSN_MAX_RESIZE);
    if (preprocess->pad < 0 || preprocess->pad > LSN_MAX_PAD)
        return lsn_fail_part(err, LSN_INVALID, path, "preprocess", "pad is %d; expected 0 to %d", preprocess->pad,
                             LSN_MAX_PAD);
    if (given != 0 && given != 1 && given != images->channels)
        return lsn_fail_part(err, LSN_INVALID, path, "preprocess",
                             "%d means and stds are given, but the images have %d channels; give 1 or %d", given,
                             images->channels, images->channels);
    for (int c = 0; c < given; c++)
        if (!isfinite(preprocess->mean[c]) || !isfinite(preprocess->std[c]) || !(preprocess->std[c] > 0))
            return lsn_fail_part(err, LSN_INVALID, path, "preprocess",
                                 "mean %g and std %g: both must be finite, and a std greater than 0",
                                 (double)preprocess->mean[c], (double)preprocess->std[c]);
    return true;
}

bool lsn_transform_init(lsn_transform *transform, const lsn_preprocess *preprocess, const lsn_images *images,
                        const char *path, lsn_error *err)
{
    if (!check(preprocess, images, path, err))
        return false;
    transform->pad = preprocess->pad;
    for (int c = 0; c < images->channels; c++) {
        int given = preprocess->channels == 1 ? 0 : c;
        float mean = preprocess->channels == 0 ? 0 : preprocess->mean[given];
        float std = preprocess->channels == 0 ? 1 : preprocess->std[given];
        transform->mean[c] = mean;
        transform->std[c] = std;
        for (int pixel = 0; pixel < 256; pixel++) /* in float, step by step, as ToTensor and Normalize do it */
            transform->value[c][pixel] = ((float)pixel / 255.0f - mean) / std;
        if (!isfinite(transform->value[c][0]) || !isfinite(transform->value[c][255]))
            return lsn_fail_part(err, LSN_INVALID, path, "preprocess", "mean %g and std %g make pixels infinite",
                                 (double)mean, (double)std);
    }
    return true;
}

/* float32 [C][H][W] to [H][W][C]. */
static bool apply_to_floats(const lsn_images *images, const unsigned char *stored, float *out)
{
    size_t area = (size_t)images->h * (size_t)images->w, channels = (size_t)images->channels;
    bool finite = true;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < area; i++) {
            float value;
            memcpy(&value, stored + (c * area + i) * sizeof value, sizeof value);
            finite = finite && isfinite(value);
            out[i * channels + c] = value;
        }
    return finite;
}

bool lsn_transform_apply(const lsn_transform *transform, const lsn_images *images, int h, int w,
                         const unsigned char *fetched, float *out)
{
    if (images->preprocessed)
        return apply_to_floats(images, fetched, out);
    const int pad = transform->pad, channels = images->channels;
    for (int y = -pad; y < h + pad; y++)
        for (int x = -pad; x < w + pad; x++) {
            bool inside = y >= 0 && y < h && x >= 0 && x < w;
            for (int c = 0; c < channels; c++)
                *out++ = transform->value[c][inside ? *fetched++ : 0];
        }
    return true;
}
