/* Lesion: labelled images. File formats, decoding, preprocessing, and the choice of images for a study.
 *
 * A data set is opened once and read in blocks. Opening reads no pixels: whether each image can be decoded is found by
 * lsn_data_check. Fetching, checking and loading are thread-safe; nothing here is collective over MPI.
 */
#ifndef LESION_DATA_H
#define LESION_DATA_H

#include "lesion/base.h"

typedef enum lsn_data_format {
    LSN_IDX,         /* Yann LeCun's format, also gzipped: uint8 [N][H][W], labels uint8 [N] */
    LSN_NPY,         /* NumPy arrays: uint8 [N][H][W][C] or [N][H][W], or float32 [N][C][H][W] (preprocessed already);
                      * labels of any integer type [N] */
    LSN_CIFAR10,     /* the binary version of CIFAR-10, also of CIFAR-100 (its fine labels): uint8, 32 x 32 RGB */
    LSN_IMAGEFOLDER, /* JPEG and PNG files in one folder a class, at any depth below it */
    LSN_N_FORMATS
} lsn_data_format;

LSN_API const char *lsn_data_format_name(lsn_data_format format);
LSN_API lsn_data_format lsn_data_format_find(const char *name); /* LSN_N_FORMATS if there is none */

#define LSN_MAX_CHANNELS 16

typedef enum lsn_interpolation { LSN_BILINEAR, LSN_BICUBIC, LSN_N_INTERPOLATIONS } lsn_interpolation;

LSN_API const char *lsn_interpolation_name(lsn_interpolation interpolation);

/* What is done to 8-bit pixels, in this order:
 *   resize  the shorter side to `resize` pixels and the longer one in proportion, rounded down, as torchvision's
 *           Resize does it to a Pillow image: antialiased, to the bit
 *   crop    the middle `crop` x `crop` pixels, as torchvision's CenterCrop: of two middles the even offset; where the
 *           image is smaller, zero pixels around it
 *   pad     this many zero pixels on each side (so that the border is (0 - mean) / std)
 *   x = (pixel / 255 - mean[c]) / std[c] */
typedef struct lsn_preprocess {
    int resize; /* 1 .. LSN_MAX_RESIZE; 0: none */
    lsn_interpolation interpolation;
    int crop;                     /* 1 .. LSN_MAX_RESIZE; 0: none */
    int pad;                      /* 0 .. 1024 */
    int channels;                 /* how many means and stds were given: 0 (mean 0, std 1), 1 (for all), or C */
    float mean[LSN_MAX_CHANNELS]; /* in units of pixel / 255 */
    float std[LSN_MAX_CHANNELS];  /* > 0 */
} lsn_preprocess;

#define LSN_MAX_RESIZE 4096

/* The usual preprocessings by name: "imagenet" (resize 256 bilinear, crop 224, ImageNet's mean and std), "cifar10"
 * (CIFAR-10's mean and std). False if there is none of that name. */
LSN_API bool lsn_preprocess_find(const char *name, lsn_preprocess *preprocess);

/* Which files. LSN_IDX and LSN_NPY take `images` and `labels`, the others `path`.
 *
 * LSN_IMAGEFOLDER: `path` is a folder with a folder of each class in it; files whose names end in .jpg, .jpeg or .png
 * (in any case) are images, whatever format their contents then are; hidden files and others are passed over. Images
 * are in bytewise order of their paths. Line i of `classes` begins with the name of the folder of class i; the rest of
 * the line, where there is any, names the class for people; a class without a folder has no images. Without `classes`,
 * the folders are the classes, in bytewise order. Pixels are those of Pillow's Image.open(...).convert('RGB'), to the
 * bit, and with `channels` 1 those of a further convert('L'): the orientation in EXIF is not applied.
 *
 * LSN_CIFAR10: `path` is one file, or a folder: its test images (test_batch.bin, test.bin) if it has any, otherwise its
 * training images (data_batch_*.bin, train.bin). Class names come from the list of names beside the files. */
typedef struct lsn_data_spec {
    lsn_data_format format;
    const char *images, *labels;
    const char *path;
    const char *classes; /* path of a text file whose line i names class i; NULL: no names */
    int channels;        /* LSN_IMAGEFOLDER: 1 or 3; 0: 3 */
    lsn_preprocess preprocess;
} lsn_data_spec;

typedef struct lsn_data lsn_data;

/* Opens and checks everything but the pixels' values: LSN_INVALID names the file and what is wrong with it. Images have
 * sides of 1 to 32768 and at most LSN_MAX_CHANNELS channels; labels are 0 .. 65535. `spec` and what it points to are
 * not needed afterwards. The caller owns the data. */
LSN_API lsn_data *lsn_data_open(const lsn_data_spec *spec, lsn_error *err);
LSN_API void lsn_data_destroy(lsn_data *data);

LSN_API int lsn_data_count(const lsn_data *data); /* images in the files */
/* After preprocessing. Without a crop, and where the files' sizes may differ, the size of the first image whose header
 * can be read: lsn_data_check then finds those that differ. */
LSN_API int lsn_data_height(const lsn_data *data);
LSN_API int lsn_data_width(const lsn_data *data);
LSN_API int lsn_data_channels(const lsn_data *data);
LSN_API int lsn_data_label(const lsn_data *data, int image);
/* 1 + the greatest label; where class names are given, their number. */
LSN_API int lsn_data_classes(const lsn_data *data);
/* The class's name, or NULL where no names were given. Valid as long as the data. */
LSN_API const char *lsn_data_class_name(const lsn_data *data, int class_index);

/* An image's name: its path below the folder, or "image 7". `name` has room for LSN_IMAGE_NAME_BYTES; longer paths lose
 * their beginning. Returns `name`. */
#define LSN_IMAGE_NAME_BYTES 512
LSN_API const char *lsn_data_image_name(const lsn_data *data, int image, char name[LSN_IMAGE_NAME_BYTES]);

/* Whether fetching an image decodes or resizes it, so that it is worth doing ahead of need, and only once. */
LSN_API bool lsn_data_is_costly(const lsn_data *data);

/* Files and folders below an imagefolder's path that are not images of any class; 0 for other formats. */
LSN_API int lsn_data_passed_over(const lsn_data *data);

/* ---- pixels --------------------------------------------------------------------------------------------------- */

/* Bytes of one image as it is fetched. */
LSN_API size_t lsn_data_fetched_bytes(const lsn_data *data);
/* Decodes one image, resizes and crops it: uint8 [H][W][C] without the border of `pad`, or, where float32 images are
 * stored, those, [C][H][W]. LSN_INVALID, naming the image, where it cannot be decoded or differs in size from the
 * others; LSN_FAILED where memory is short. */
LSN_API bool lsn_data_fetch(const lsn_data *data, int32_t image, unsigned char *fetched, lsn_error *err);
/* Pads and normalises a fetched image into out[H][W][C], each value computed in float as written above. False where a
 * float32 pixel is not finite. */
LSN_API bool lsn_data_normalise(const lsn_data *data, const unsigned char *fetched, float *out);
/* Writes the preprocessed images `which[0 .. n-1]` to out[n][H][W][C]: the two steps above. LSN_INVALID also where a
 * float32 pixel is not finite. */
LSN_API bool lsn_data_load(const lsn_data *data, const int32_t *which, int n, float *out, lsn_error *err);
/* The pixel, 0 .. 255, that a normalised value of a channel comes from: what is shown to people. */
LSN_API float lsn_data_denormalise(const lsn_data *data, int channel, float value);
/* Whether the pixels are 8-bit ones, not float32. */
LSN_API bool lsn_data_is_8bit(const lsn_data *data);

/* The most pixels a JPEG or PNG file may have: twice as many as Pillow warns of, where it refuses them too. Those whose
 * header promises more pixels than the file's bytes can hold are refused before any memory is taken for them. */
#define LSN_MOST_PIXELS 178956970

/* What is known of an image once it has been decoded. Plain bytes: may be sent from rank to rank. */
typedef struct lsn_image_check {
    bool readable;
    bool odd_size;         /* readable, but of another size than the others, and there is no crop */
    char form[30];         /* "JPEG", "PNG palette", "JPEG CMYK progressive" */
    int32_t height, width; /* of the original */
    lsn_digest digest;     /* of its fetched bytes and their shape; zero where it is not readable */
} lsn_image_check;

/* Fetches one image (into `scratch`, lsn_data_fetched_bytes, or, where that is NULL, into memory of its own). False
 * with the reason in *err where that fails or its size is odd: LSN_INVALID where the image is to blame. */
LSN_API bool lsn_data_check(const lsn_data *data, int32_t image, unsigned char *scratch, lsn_image_check *check,
                            lsn_error *err);
/* The digest of a fetched image, as lsn_data_check gives it. */
LSN_API bool lsn_data_fetched_digest(const lsn_data *data, const unsigned char *fetched, lsn_digest *digest,
                                     lsn_error *err);

/* ---- which images -------------------------------------------------------------------------------------------- */

typedef enum lsn_take_kind { LSN_TAKE_ALL, LSN_TAKE_FIRST, LSN_TAKE_COUNT, LSN_TAKE_PER_CLASS } lsn_take_kind;

typedef struct lsn_take {
    lsn_take_kind kind;
    int64_t count; /* images, or images per class; > 0 */
    uint64_t seed; /* of the random choice (COUNT, PER_CLASS) */
} lsn_take;

/* Images of a data set: ascending, without repeats. */
typedef struct lsn_sample {
    int32_t *images;
    int32_t count;
} lsn_sample;

/* Chooses images, none of them in `without` (NULL: no exclusion); the same on every machine for the same seed.
 * LSN_INVALID where there are fewer images (or fewer of some class: it is named) than asked for; *sample is then empty.
 * COUNT: lsn_random_choose with stream 0 over the allowed images, ascending. PER_CLASS: the same within each class in
 * turn, with stream class + 1. FIRST: the lowest. What was chosen is sorted. */
LSN_API bool lsn_data_take(const lsn_data *data, const lsn_take *take, const lsn_sample *without, lsn_sample *sample,
                           lsn_error *err);
LSN_API void lsn_sample_finish(lsn_sample *sample);

/* The digest of all that the network will see of these images: pixels, labels, preprocessing. `pixels[sample->count]`
 * are the digests that lsn_data_check gave. It does not depend on file names, file format or compression, nor on the
 * images that are not in the sample, nor on how the pixels came to be (by which resize, say). */
LSN_API bool lsn_data_digest(const lsn_data *data, const lsn_sample *sample, const lsn_digest *pixels,
                             lsn_digest *digest, lsn_error *err);

/* ---- files for other programs -------------------------------------------------------------------------------- */

/* Writes values[rows][columns] as a NumPy file of float32; LSN_FAILED where not all of it can be written. */
LSN_API bool lsn_npy_write(const char *path, const float *values, int64_t rows, int64_t columns, lsn_error *err);
/* Writes pixels[height][width][3] as a PNG file; LSN_FAILED where not all of it can be written. */
LSN_API bool lsn_png_write(const char *path, const unsigned char *pixels, int height, int width, lsn_error *err);
/* Resizes pixels[h][w][3] to out[out_h][out_w][3] with the bilinear filter of `resize`. */
LSN_API bool lsn_pixels_resize(const unsigned char *pixels, int h, int w, unsigned char *out, int out_h, int out_w,
                               lsn_error *err);

/* Versions of the libraries that decode: "libjpeg-turbo 2.1.5, libpng 1.6.39". */
LSN_API const char *lsn_data_library(void);

#endif
