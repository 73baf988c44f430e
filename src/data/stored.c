/* Images and labels as a file stores them: the checks that all formats share. */
#include "data/data_internal.h"

#include <inttypes.h>
#include <stdlib.h>

bool lsn_images_set_shape(lsn_images *images, const uint64_t shape[4], size_t *bytes, const char *path, lsn_error *err)
{
    static const char *const what[4] = {"images", "rows", "columns", "channels"};
    static const uint64_t most[4] = {INT32_MAX, LSN_MAX_SIDE, LSN_MAX_SIDE, LSN_MAX_CHANNELS};
    for (int i = 0; i < 4; i++)
        if (shape[i] < 1 || shape[i] > most[i])
            return lsn_fail_at(err, LSN_INVALID, path, "its header says %" PRIu64 " %s; expected 1 to %" PRIu64,
                               shape[i], what[i], most[i]);
    images->count = (int32_t)shape[0];
    images->h = (int)shape[1];
    images->w = (int)shape[2];
    images->channels = (int)shape[3];
    if (__builtin_mul_overflow((size_t)images->count, lsn_image_bytes(images), bytes))
        return lsn_fail_at(err, LSN_INVALID, path, "its header says more pixels than can be addressed");
    return true;
}

size_t lsn_image_bytes(const lsn_images *images)
{
    return (size_t)images->h * (size_t)images->w * (size_t)images->channels *
           (images->preprocessed ? sizeof(float) : 1);
}

bool lsn_check_bytes(size_t there, size_t promised, const char *path, lsn_error *err)
{
    if (there < promised)
        return lsn_fail_at(err, LSN_INVALID, path,
                           "is cut short: %zu of the %zu bytes that its header promises are missing; copy it again",
                           promised - there, promised);
    if (there > promised)
        return lsn_fail_at(
            err, LSN_INVALID, path,
            "goes on after the %zu bytes that its header promises: it is damaged, or its header is of another file",
            promised);
    return true;
}

void lsn_images_finish(lsn_images *images)
{
    lsn_file_unmap(&images->file);
    free(images->owned);
    *images = (lsn_images){0};
}

bool lsn_labels_create(lsn_labels *labels, uint64_t count, const char *path, lsn_error *err)
{
    if (count < 1 || count > INT32_MAX)
        return lsn_fail_at(err, LSN_INVALID, path, "its header says %" PRIu64 " labels; expected 1 to %" PRId32, count,
                           INT32_MAX);
    labels->count = (int32_t)count;
    labels->labels = lsn_array((size_t)count, sizeof *labels->labels, err);
    return labels->labels != NULL;
}

bool lsn_labels_set(lsn_labels *labels, int32_t image, int64_t label, const char *path, lsn_error *err)
{
    if (label < 0 || label >= LSN_MAX_CLASSES)
        return lsn_fail_at(err, LSN_INVALID, path, "the label of image %" PRId32 " is %" PRId64 "; classes are 0 to %d",
                           image, label, LSN_MAX_CLASSES - 1);
    labels->labels[image] = (int32_t)label;
    return true;
}
