/* What the files of the data room share. */
#ifndef LESION_DATA_INTERNAL_H
#define LESION_DATA_INTERNAL_H

#include "lesion/data.h"

enum { LSN_MAX_SIDE = 32768, LSN_MAX_CLASSES = 65536, LSN_MAX_PAD = 1024 };

/* ---- images and labels as stored ----------------------------------------------------------------------------- */

typedef struct lsn_images {
    lsn_file file;        /* mapped where the pixels are read in place, otherwise empty */
    unsigned char *owned; /* decompressed pixels, otherwise NULL */
    const unsigned char *pixels;
    bool preprocessed; /* float32 [N][C][H][W], of no particular alignment; otherwise uint8 [N][H][W][C] */
    int32_t count;     /* N */
    int h, w, channels;
} lsn_images;

typedef struct lsn_labels {
    int32_t *labels; /* [count], each 0 .. LSN_MAX_CLASSES-1 */
    int32_t count;
} lsn_labels;

/* Each reads one file; LSN_INVALID with its path on anything wrong. On failure the result is to be finished too. */
bool lsn_idx_read_images(lsn_images *images, const char *path, lsn_error *err);
bool lsn_idx_read_labels(lsn_labels *labels, const char *path, lsn_error *err);
bool lsn_npy_read_images(lsn_images *images, const char *path, lsn_error *err);
bool lsn_npy_read_labels(lsn_labels *labels, const char *path, lsn_error *err);
void lsn_images_finish(lsn_images *images);

/* Checks the sizes [n][h][w][channels] that a file's header gives, sets them, and computes the bytes of all pixels. */
bool lsn_images_set_shape(lsn_images *images, const uint64_t shape[4], size_t *bytes, const char *path, lsn_error *err);
/* Room for `count` labels, as a file's header gives them. */
bool lsn_labels_create(lsn_labels *labels, uint64_t count, const char *path, lsn_error *err);
bool lsn_labels_set(lsn_labels *labels, int32_t image, int64_t label, const char *path, lsn_error *err);

/* Compares the bytes that are there with those that the file's header promises. */
bool lsn_check_bytes(size_t there, size_t promised, const char *path, lsn_error *err);

/* Bytes of one image as stored. */
size_t lsn_image_bytes(const lsn_images *images);

/* ---- gzip ---------------------------------------------------------------------------------------------------- */

typedef struct lsn_gunzip lsn_gunzip;

bool lsn_is_gzip(const lsn_file *file);
/* `file` and `path` must outlive it. */
lsn_gunzip *lsn_gunzip_create(const lsn_file *file, const char *path, lsn_error *err);
void lsn_gunzip_destroy(lsn_gunzip *stream);
/* Decompresses the next bytes, at most `wanted`; *got is less only where the contents end. LSN_INVALID where they are
 * damaged. */
bool lsn_gunzip_read(lsn_gunzip *stream, unsigned char *out, size_t wanted, size_t *got, lsn_error *err);
/* Whether the contents ended where gzip says so, the check sum being right; false while they have not, and where the
 * file is cut short. */
bool lsn_gunzip_ended(const lsn_gunzip *stream);

/* ---- npy headers --------------------------------------------------------------------------------------------- */

enum { LSN_NPY_MAX_RANK = 8 };

typedef struct lsn_npy_header {
    char descr[16]; /* "<f4" */
    bool fortran_order;
    int rank;
    uint64_t shape[LSN_NPY_MAX_RANK];
} lsn_npy_header;

/* Reads the dict in text[0 .. length-1]. LSN_INVALID with `path` and the byte where it is not one. */
bool lsn_npy_header_parse(lsn_npy_header *header, const char *text, size_t length, const char *path, lsn_error *err);

/* ---- class names --------------------------------------------------------------------------------------------- */

typedef struct lsn_class_names {
    char *text;   /* all names, each ended by a zero */
    char **names; /* [count], into text */
    int count;
} lsn_class_names;

bool lsn_class_names_read(lsn_class_names *classes, const char *path, lsn_error *err);
void lsn_class_names_finish(lsn_class_names *classes);

/* ---- the data set -------------------------------------------------------------------------------------------- */

/* lsn_preprocess made ready for images of a known number of channels. */
typedef struct lsn_transform {
    int pad;
    float mean[LSN_MAX_CHANNELS], std[LSN_MAX_CHANNELS];
    float value[LSN_MAX_CHANNELS][256]; /* of each pixel; [c][0] is the border's too */
} lsn_transform;

/* LSN_INVALID where a parameter is out of range, or means anything for images that are preprocessed already. */
bool lsn_transform_init(lsn_transform *transform, const lsn_preprocess *preprocess, const lsn_images *images,
                        const char *path, lsn_error *err);
/* Writes one image as stored to out[H][W][C]. False where a value is not finite. */
bool lsn_transform_apply(const lsn_transform *transform, const lsn_images *images, int32_t image, float *out);

struct lsn_data {
    char *path; /* of the images */
    lsn_images images;
    lsn_labels labels;
    lsn_class_names names;
    int classes;
    lsn_transform transform;
};

#endif
