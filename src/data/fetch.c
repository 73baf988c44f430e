/* One image: decoded where it is a file of its own, resized, cropped; then padded and normalised. */
#include "data/data_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lsn_data_image_name(const lsn_data *data, int image, char name[LSN_IMAGE_NAME_BYTES])
{
    assert(image >= 0 && image < data->images.count);
    if (data->format != LSN_IMAGEFOLDER) {
        snprintf(name, LSN_IMAGE_NAME_BYTES, "image %d", image);
        return name;
    }
    const char *path = data->folder.paths[image];
    size_t length = strlen(path), most = LSN_IMAGE_NAME_BYTES - 1;
    snprintf(name, LSN_IMAGE_NAME_BYTES, "%s%s", length > most ? "..." : "",
             length > most ? path + (length - most + 3) : path);
    return name;
}

size_t lsn_data_fetched_bytes(const lsn_data *data)
{
    return (size_t)data->h * (size_t)data->w * (size_t)data->images.channels *
           (data->images.preprocessed ? sizeof(float) : 1);
}

/* ---- fetching ------------------------------------------------------------------------------------------------ */

/* An image as the file of all images has it. */
static bool fetch_stored(const lsn_data *data, int32_t image, lsn_image_header *header, unsigned char *fetched,
                         lsn_error *err)
{
    const lsn_images *images = &data->images;
    const size_t bytes = lsn_image_bytes(images);
    const unsigned char *stored = images->pixels + (size_t)image * bytes;
    header->h = images->h;
    header->w = images->w;
    snprintf(header->form, sizeof header->form, "%s", images->form);
    if (images->preprocessed) {
        memcpy(fetched, stored, bytes);
        return true;
    }
    const lsn_pixels in = {
        .data = (unsigned char *)(uintptr_t)stored, .h = images->h, .w = images->w, .channels = images->channels};
    return lsn_reshape(&data->preprocess, &in, fetched, err);
}

static bool check_size(const lsn_data *data, const char *path, lsn_image_header *header, lsn_error *err)
{
    int h, w;
    if (!lsn_reshaped_size(&data->preprocess, header->h, header->w, &h, &w))
        return lsn_fail_at(err, LSN_INVALID, path, "has %d x %d pixels, too many on its longer side once resized",
                           header->w, header->h);
    if (h == data->h && w == data->w)
        return true;
    header->odd_size = true;
    return lsn_fail_at(
        err, LSN_INVALID, path,
        "has another size: %d x %d%s, not %d x %d as %s; add crop to preprocess, so that all have one size", w, h,
        data->preprocess.resize > 0 ? " once resized" : "", data->w, data->h, data->folder.paths[data->like]);
}

/* An image that is a file of its own. */
static bool fetch_file(const lsn_data *data, int32_t image, lsn_image_header *header, unsigned char *fetched,
                       lsn_error *err)
{
    lsn_file file = {0};
    lsn_pixels pixels = {0};
    char *path = NULL;
    bool ok = lsn_folder_open(&data->folder, image, &path, &file, err) &&
              lsn_decode(&file, path, data->images.channels, header, &pixels, err) &&
              check_size(data, path, header, err) && lsn_reshape(&data->preprocess, &pixels, fetched, err);
    lsn_pixels_finish(&pixels);
    lsn_file_unmap(&file);
    free(path);
    return ok;
}

bool lsn_data_fetch_with_header(const lsn_data *data, int32_t image, lsn_image_header *header, unsigned char *fetched,
                                lsn_error *err)
{
    assert(image >= 0 && image < data->images.count);
    return data->format == LSN_IMAGEFOLDER ? fetch_file(data, image, header, fetched, err)
                                           : fetch_stored(data, image, header, fetched, err);
}

bool lsn_data_fetch(const lsn_data *data, int32_t image, unsigned char *fetched, lsn_error *err)
{
    lsn_image_header header = {0};
    return lsn_data_fetch_with_header(data, image, &header, fetched, err);
}

/* ---- to floats ----------------------------------------------------------------------------------------------- */

bool lsn_data_normalise(const lsn_data *data, const unsigned char *fetched, float *out)
{
    return lsn_transform_apply(&data->transform, &data->images, data->h, data->w, fetched, out);
}

float lsn_data_denormalise(const lsn_data *data, int channel, float value)
{
    return (value * data->transform.std[channel] + data->transform.mean[channel]) * 255;
}

bool lsn_data_fail_finite(const lsn_data *data, int32_t image, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, data->path, "image %" PRId32 " has a pixel that is not finite: store it again",
                       image);
}

bool lsn_data_load(const lsn_data *data, const int32_t *which, int n, float *out, lsn_error *err)
{
    size_t floats = (size_t)lsn_data_height(data) * (size_t)lsn_data_width(data) * (size_t)lsn_data_channels(data);
    unsigned char *fetched = malloc(lsn_data_fetched_bytes(data));
    bool ok = fetched != NULL || lsn_fail(err, LSN_FAILED, "out of memory: an image could not be held");
    for (int i = 0; ok && i < n; i++) {
        ok = lsn_data_fetch(data, which[i], fetched, err);
        if (ok && !lsn_data_normalise(data, fetched, out + (size_t)i * floats))
            ok = lsn_data_fail_finite(data, which[i], err);
    }
    free(fetched);
    return ok;
}
