/* JPEG and PNG files, told apart by their contents. */
#include "data/data_internal.h"

#include <inttypes.h>
#include <stdio.h>

bool lsn_check_size(const lsn_file *file, const char *path, uint64_t h, uint64_t w, double per_byte, lsn_error *err)
{
    if (h < 1 || w < 1 || h > INT32_MAX || w > INT32_MAX)
        return lsn_fail_at(err, LSN_INVALID, path, "its header says %" PRIu64 " x %" PRIu64 " pixels", w, h);
    if (h * w > LSN_MOST_PIXELS)
        return lsn_fail_at(err, LSN_INVALID, path,
                           "its header says %" PRIu64 " x %" PRIu64 " pixels; at most %d are read", w, h,
                           LSN_MOST_PIXELS);
    if ((double)(h * w) > per_byte * (double)file->bytes)
        return lsn_fail_at(err, LSN_INVALID, path,
                           "its header says %" PRIu64 " x %" PRIu64 " pixels, more than its %zu bytes can hold", w, h,
                           file->bytes);
    return true;
}

/* Pillow's convert('L') of RGB: ITU-R 601-2 luma, 16 fractional bits. */
static void make_grey(lsn_pixels *pixels)
{
    const unsigned char *rgb = pixels->data;
    const size_t count = (size_t)pixels->h * (size_t)pixels->w;
    for (size_t i = 0; i < count; i++, rgb += 3)
        pixels->data[i] = (unsigned char)((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
    pixels->channels = 1;
}

bool lsn_decode(const lsn_file *file, const char *path, int channels, lsn_image_header *header, lsn_pixels *pixels,
                lsn_error *err)
{
    if (file->bytes == 0)
        return lsn_fail_at(err, LSN_INVALID, path, "is empty");
    if (!lsn_is_jpeg(file) && !lsn_is_png(file))
        return lsn_fail_at(err, LSN_INVALID, path, "is neither a JPEG nor a PNG file");
    bool ok = lsn_is_jpeg(file) ? lsn_jpeg_decode(file, path, header, pixels, err)
                                : lsn_png_decode(file, path, header, pixels, err);
    if (ok && pixels != NULL && channels == 1)
        make_grey(pixels);
    return ok;
}
