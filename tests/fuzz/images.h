/* What the targets of files of images and labels do with what was read. */
#ifndef LESION_TESTS_FUZZ_IMAGES_H
#define LESION_TESTS_FUZZ_IMAGES_H

#include <assert.h>
#include <string.h>

#include "data/data_internal.h"

enum { MOST_OF_DEFLATE = 1032 }; /* bytes that it makes of one */

static inline void check_refusal(const lsn_error *err)
{
    assert(err->code == LSN_INVALID && err->text[0] != '\0' && strchr(err->text, '\n') == NULL);
}

/* Every pixel can be read. */
static inline void check_images(lsn_images *images, bool ok, const lsn_error *err)
{
    size_t bytes = ok ? (size_t)images->count * lsn_image_bytes(images) : 0;
    static volatile unsigned char read;
    for (size_t i = 0; i < bytes; i++)
        read = images->pixels[i];
    (void)read;
    if (!ok)
        check_refusal(err);
    lsn_images_finish(images);
}

static inline void check_labels(lsn_labels *labels, bool ok, const lsn_error *err)
{
    for (int32_t i = 0; ok && i < labels->count; i++)
        assert(labels->labels[i] >= 0 && labels->labels[i] < LSN_MAX_CLASSES);
    if (!ok)
        check_refusal(err);
    free(labels->labels);
}

#endif
