/* torchvision's Resize(S) of the shorter side and CenterCrop(C), on 8-bit pixels. */
#include "data/data_internal.h"

#include <stdlib.h>
#include <string.h>

static const char *const interpolation_names[LSN_N_INTERPOLATIONS] = {"bilinear", "bicubic"};

const char *lsn_interpolation_name(lsn_interpolation interpolation)
{
    return interpolation_names[interpolation];
}

bool lsn_pixels_create(lsn_pixels *pixels, int h, int w, int channels, lsn_error *err)
{
    size_t bytes = (size_t)h * (size_t)w; /* within LSN_MOST_PIXELS, or of an image that is in memory already */
    lsn_pixels_finish(pixels);
    if (!__builtin_mul_overflow(bytes, (size_t)channels, &bytes))
        pixels->data = malloc(bytes == 0 ? 1 : bytes);
    if (pixels->data == NULL)
        return lsn_fail(err, LSN_FAILED, "out of memory: an image of %d x %d x %d could not be held", h, w, channels);
    pixels->h = h;
    pixels->w = w;
    pixels->channels = channels;
    return true;
}

void lsn_pixels_finish(lsn_pixels *pixels)
{
    free(pixels->data);
    *pixels = (lsn_pixels){0};
}

/* The size after resizing; the longer side is rounded down. */
static void resized_size(int resize, int h, int w, int64_t *out_h, int64_t *out_w)
{
    *out_h = resize == 0 ? h : h < w ? resize : (int64_t)resize * h / w;
    *out_w = resize == 0 ? w : h < w ? (int64_t)resize * w / h : resize;
}

bool lsn_reshaped_size(const lsn_preprocess *preprocess, int h, int w, int *out_h, int *out_w)
{
    int64_t new_h, new_w;
    resized_size(preprocess->resize, h, w, &new_h, &new_w);
    *out_h = preprocess->crop > 0 ? preprocess->crop : (int)new_h;
    *out_w = preprocess->crop > 0 ? preprocess->crop : (int)new_w;
    return (preprocess->crop > 0 && new_h <= INT32_MAX && new_w <= INT32_MAX) ||
           (new_h <= LSN_MAX_SIDE && new_w <= LSN_MAX_SIDE);
}

/* Where the crop begins in a side of `size` pixels: at the middle, halves to even; less than 0 where zeros come first.
 */
static int crop_offset(int size, int crop)
{
    int rest = size - crop;
    if (rest < 0)
        return -(-rest / 2);
    return rest / 2 + (rest % 2 == 1 && rest / 2 % 2 == 1);
}

/* The part of a side that is cropped: `first` of the resized image .. + `count`, at `at` of the result. */
static void crop_side(int size, int crop, int *first, int *count, int *at)
{
    int offset = crop == 0 ? 0 : crop_offset(size, crop);
    *first = offset < 0 ? 0 : offset;
    *at = offset < 0 ? -offset : 0;
    *count = crop == 0 || size < crop ? size : crop;
}

/* The same without resizing. */
static void copy_part(const lsn_pixels *in, const lsn_window *part, unsigned char *out, size_t stride)
{
    const size_t channels = (size_t)in->channels;
    for (int y = 0; y < part->h; y++)
        memcpy(out + (size_t)y * stride,
               in->data + ((size_t)(part->y + y) * (size_t)in->w + (size_t)part->x) * channels,
               (size_t)part->w * channels);
}

bool lsn_reshape(const lsn_preprocess *preprocess, const lsn_pixels *in, unsigned char *out, lsn_error *err)
{
    int64_t h, w;
    int out_h, out_w, at_y, at_x;
    lsn_window part;
    resized_size(preprocess->resize, in->h, in->w, &h, &w);
    lsn_reshaped_size(preprocess, in->h, in->w, &out_h, &out_w);
    crop_side((int)h, preprocess->crop, &part.y, &part.h, &at_y);
    crop_side((int)w, preprocess->crop, &part.x, &part.w, &at_x);
    const size_t channels = (size_t)in->channels, stride = (size_t)out_w * channels;
    if (part.h < out_h || part.w < out_w)
        memset(out, 0, (size_t)out_h * stride);
    out += (size_t)at_y * stride + (size_t)at_x * channels;
    if (h != in->h || w != in->w)
        return lsn_resample(in, (int)h, (int)w, preprocess->interpolation, &part, out, stride, err);
    copy_part(in, &part, out, stride);
    return true;
}
