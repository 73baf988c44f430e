/* Image and label files made for a test, in memory and in the scratch folder; to be included after cmocka.h. */
#ifndef LESION_TESTS_IMAGE_FILES_H
#define LESION_TESTS_IMAGE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../base/scratch.h"
#include "lesion/data.h"

/* A file's bytes; `data` is to be freed. */
typedef struct bytes {
    unsigned char *data;
    size_t count;
} bytes;

/* Pixel (y, x) of channel c of image n: different for neighbours. */
unsigned char pixel(int n, int y, int x, int c);

/* Images of those pixels, and labels n * 3 % classes. */
bytes idx_images(int n, int h, int w);
bytes idx_labels(int n, int classes);
bytes npy_images(int n, int h, int w, int channels);
/* The same as float32 [N][C][H][W], each pixel divided by 256. */
bytes npy_float_images(int n, int h, int w, int channels);
bytes npy_labels(int n, int classes);

/* An array with any header (the dict's text), of format 1.0 or, for `version` 2 or 3, of that. */
bytes npy(int version, const char *header, const void *items, size_t item_bytes);

bytes gzipped(bytes plain); /* `plain` stays */
bytes joined(bytes one, bytes two);

/* Writes and frees. */
static inline const char *save(const char *name, bytes file)
{
    const char *path = scratch_write(name, file.data, file.count);
    free(file.data);
    return path;
}

/* The files must not open, for the reason that the texts tell. */
static inline void not_opened(const lsn_data_spec *spec, const char *text, const char *also)
{
    lsn_error err = {0};
    lsn_data *data = lsn_data_open(spec, &err);
    if (data != NULL || strstr(err.text, text) == NULL || strstr(err.text, also) == NULL)
        print_error("expected \"%s\" and \"%s\" in: %s\n", text, also, data == NULL ? err.text : "(it opened)");
    assert_null(data);
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, also));
    assert_null(strchr(err.text, '\n'));
    assert_null(lsn_data_open(spec, NULL));
}

static inline lsn_data *opened(const lsn_data_spec *spec)
{
    lsn_error err = {0};
    lsn_data *data = lsn_data_open(spec, &err);
    if (data == NULL)
        print_error("%s\n", err.text);
    assert_non_null(data);
    return data;
}

#endif
