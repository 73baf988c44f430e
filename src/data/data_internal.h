/* What the files of the data room share.
 *
 *   data.c           a data set: opened, checked, what is known of it
 *   idx.c, gunzip.c  images and labels from idx files, also gzipped
 *   npy.c            ... from NumPy files; npy_header.c reads their header, npy_write.c writes some
 *   cifar.c          ... from CIFAR's binary version
 *   folder.c         ... from a folder of JPEG and PNG files
 *   stored.c         the checks that the formats share
 *   names.c          lists of files and folders; class_names.c: names of classes
 *   decode.c         an image file; jpeg.c, png_read.c (png_write.c writes them)
 *   reshape.c        resize and crop, by resample.c; transform.c: pixels to floats; presets.c: both by name
 *   fetch.c          one image through all of this; check.c: whether that works, and its digest
 *   take.c           which images a study takes; sample_digest.c: the digest of those
 */
#ifndef LESION_DATA_INTERNAL_H
#define LESION_DATA_INTERNAL_H

#include "lesion/data.h"

enum { LSN_MAX_SIDE = 32768, LSN_MAX_CLASSES = 65536, LSN_MAX_PAD = 1024 };

/* ---- images and labels as stored ----------------------------------------------------------------------------- */

typedef struct lsn_images {
    const char *form;            /* what lsn_image_check calls them */
    lsn_file file;               /* mapped where the pixels are read in place, otherwise empty */
    unsigned char *owned;        /* decompressed pixels, otherwise NULL */
    const unsigned char *pixels; /* NULL where each image is a file of its own */
    bool preprocessed;           /* float32 [N][C][H][W], of no particular alignment; otherwise uint8 [N][H][W][C] */
    int32_t count;               /* N */
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

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Files or folders, each with a number (its class). Zero-initialised is empty. */
typedef struct lsn_name {
    char *name;
    int32_t number;
} lsn_name;

typedef struct lsn_names {
    lsn_name *list;
    size_t count, room;
} lsn_names;

/* Takes `name`, which may be NULL after a failure. */
bool lsn_names_add(lsn_names *names, char *name, int32_t number, lsn_error *err);
/* Bytewise ascending by name. */
void lsn_names_sort(lsn_names *names);
/* Whether a sorted list has that name. */
bool lsn_names_have(const lsn_names *names, const char *name);
void lsn_names_finish(lsn_names *names);

/* ---- class names --------------------------------------------------------------------------------------------- */

typedef struct lsn_class_names {
    char *text;   /* all names, each ended by a zero */
    char **names; /* [count], into text */
    int count;
} lsn_class_names;

bool lsn_class_names_read(lsn_class_names *classes, const char *path, lsn_error *err);
void lsn_class_names_finish(lsn_class_names *classes);

/* ---- cifar ---------------------------------------------------------------------------------------------------- */

/* Reads images, labels and, if there are any beside the files, names. */
bool lsn_cifar_read(lsn_images *images, lsn_labels *labels, lsn_class_names *names, const char *path, lsn_error *err);

/* ---- folders of images ---------------------------------------------------------------------------------------- */

typedef struct lsn_folder {
    char *root;
    char **paths;  /* [count], below root, bytewise ascending */
    int32_t count; /* images */
    int passed_over;
} lsn_folder;

/* Lists the images of all classes. `classes` (NULL: none) is a file whose lines begin with folders' names. */
bool lsn_folder_list(lsn_folder *folder, lsn_labels *labels, lsn_class_names *names, const char *root,
                     const char *classes, lsn_error *err);
void lsn_folder_finish(lsn_folder *folder);
/* Maps an image's file; *path is to be freed, also after a failure. */
bool lsn_folder_open(const lsn_folder *folder, int32_t image, char **path, lsn_file *file, lsn_error *err);

/* ---- decoding ------------------------------------------------------------------------------------------------- */

/* 8-bit pixels [h][w][channels]. Zero-initialised is empty. */
typedef struct lsn_pixels {
    unsigned char *data;
    int h, w, channels;
} lsn_pixels;

/* Uninitialised room: the old pixels are gone. */
bool lsn_pixels_create(lsn_pixels *pixels, int h, int w, int channels, lsn_error *err);
void lsn_pixels_finish(lsn_pixels *pixels);

/* What the header of a JPEG or PNG file says. */
typedef struct lsn_image_header {
    int h, w;
    bool odd_size; /* set by lsn_data_fetch_with_header */
    char form[sizeof((lsn_image_check *)0)->form];
} lsn_image_header;

/* Decodes a file into RGB (or, `channels` 1, grey) pixels; the header alone where `pixels` is NULL. LSN_INVALID with
 * `path` where that cannot be done; *pixels is to be finished also then. */
bool lsn_decode(const lsn_file *file, const char *path, int channels, lsn_image_header *header, lsn_pixels *pixels,
                lsn_error *err);
bool lsn_is_jpeg(const lsn_file *file);
bool lsn_is_png(const lsn_file *file);
bool lsn_jpeg_decode(const lsn_file *file, const char *path, lsn_image_header *header, lsn_pixels *pixels,
                     lsn_error *err);
bool lsn_png_decode(const lsn_file *file, const char *path, lsn_image_header *header, lsn_pixels *pixels,
                    lsn_error *err);
/* Refuses sizes that no image may have, and those for which the file is too small: a decoder makes at most
 * `per_byte` pixels of a byte of the file. */
bool lsn_check_size(const lsn_file *file, const char *path, uint64_t h, uint64_t w, double per_byte, lsn_error *err);

/* ---- resizing and cropping ------------------------------------------------------------------------------------ */

/* A part of an image: y .. y + h - 1, x .. x + w - 1. */
typedef struct lsn_window {
    int y, x, h, w;
} lsn_window;

/* Writes that part of `in` resized to h x w into out, whose rows are `stride` bytes apart: Pillow's resize, to the bit,
 * but only what is asked for is computed. */
bool lsn_resample(const lsn_pixels *in, int h, int w, lsn_interpolation interpolation, const lsn_window *part,
                  unsigned char *out, size_t stride, lsn_error *err);

/* The size that resize and crop make of h x w; false where it is beyond LSN_MAX_SIDE. */
bool lsn_reshaped_size(const lsn_preprocess *preprocess, int h, int w, int *out_h, int *out_w);
/* Resizes and crops `in` into out, of the size above. */
bool lsn_reshape(const lsn_preprocess *preprocess, const lsn_pixels *in, unsigned char *out, lsn_error *err);

/* ---- the data set -------------------------------------------------------------------------------------------- */

/* Pixels to floats: lsn_preprocess made ready for images of a known number of channels. */
typedef struct lsn_transform {
    int pad;
    float mean[LSN_MAX_CHANNELS], std[LSN_MAX_CHANNELS];
    float value[LSN_MAX_CHANNELS][256]; /* of each pixel; [c][0] is the border's too */
} lsn_transform;

/* LSN_INVALID where a parameter is out of range, or means anything for images that are preprocessed already. */
bool lsn_transform_init(lsn_transform *transform, const lsn_preprocess *preprocess, const lsn_images *images,
                        const char *path, lsn_error *err);
/* Writes an image of h x w as it was fetched to out[H][W][C]. False where a value is not finite. */
bool lsn_transform_apply(const lsn_transform *transform, const lsn_images *images, int h, int w,
                         const unsigned char *fetched, float *out);

struct lsn_data {
    lsn_data_format format;
    char *path;        /* of the images */
    lsn_images images; /* of an imagefolder: h and w are 0 */
    lsn_folder folder; /* of an imagefolder, otherwise empty */
    lsn_labels labels;
    lsn_class_names names;
    int classes;
    lsn_preprocess preprocess;
    int h, w;     /* of an image as it is fetched */
    int32_t like; /* the image that gave that size; -1: all have it */
    lsn_transform transform;
};

/* lsn_data_fetch, which also tells what the original was. */
bool lsn_data_fetch_with_header(const lsn_data *data, int32_t image, lsn_image_header *header, unsigned char *fetched,
                                lsn_error *err);
/* Says that an image has a pixel that is not finite; false. */
bool lsn_data_fail_finite(const lsn_data *data, int32_t image, lsn_error *err);

#endif
