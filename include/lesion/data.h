/* Lesion: labelled images. File formats, preprocessing, and the choice of images for a study.
 *
 * A data set is opened once and read in blocks. Loading is thread-safe; nothing here is collective over MPI.
 */
#ifndef LESION_DATA_H
#define LESION_DATA_H

#include "lesion/base.h"

typedef enum lsn_data_format {
    LSN_IDX, /* Yann LeCun's format, also gzipped: uint8 [N][H][W], labels uint8 [N] */
    LSN_NPY, /* NumPy arrays: uint8 [N][H][W][C] or [N][H][W], or float32 [N][C][H][W] (preprocessed already);
              * labels of any integer type [N] */
    LSN_N_FORMATS
} lsn_data_format;

LSN_API const char *lsn_data_format_name(lsn_data_format format);
LSN_API lsn_data_format lsn_data_format_find(const char *name); /* LSN_N_FORMATS if there is none */

#define LSN_MAX_CHANNELS 16

/* What is done to 8-bit pixels: x = (pixel / 255 - mean[c]) / std[c], `pad` zero pixels having been put on each side
 * first (so that the border is (0 - mean) / std). */
typedef struct lsn_preprocess {
    int pad;                      /* 0 .. 1024 */
    int channels;                 /* how many means and stds were given: 0 (mean 0, std 1), 1 (for all), or C */
    float mean[LSN_MAX_CHANNELS]; /* in units of pixel / 255 */
    float std[LSN_MAX_CHANNELS];  /* > 0 */
} lsn_preprocess;

typedef struct lsn_data_spec {
    lsn_data_format format;
    const char *images, *labels; /* paths */
    const char *classes;         /* path of a text file whose line i names class i; NULL: no names */
    lsn_preprocess preprocess;
} lsn_data_spec;

typedef struct lsn_data lsn_data;

/* Opens and checks everything but the pixels' values: LSN_INVALID names the file and what is wrong with it. Images have
 * sides of 1 to 32768 and at most LSN_MAX_CHANNELS channels; labels are 0 .. 65535. `spec` and what it points to are
 * not needed afterwards. The caller owns the data. */
LSN_API lsn_data *lsn_data_open(const lsn_data_spec *spec, lsn_error *err);
LSN_API void lsn_data_destroy(lsn_data *data);

LSN_API int lsn_data_count(const lsn_data *data);  /* images in the files */
LSN_API int lsn_data_height(const lsn_data *data); /* after preprocessing */
LSN_API int lsn_data_width(const lsn_data *data);
LSN_API int lsn_data_channels(const lsn_data *data);
LSN_API int lsn_data_label(const lsn_data *data, int image);
/* 1 + the greatest label; where class names are given, their number. */
LSN_API int lsn_data_classes(const lsn_data *data);
/* The class's name, or NULL where no names were given. Valid as long as the data. */
LSN_API const char *lsn_data_class_name(const lsn_data *data, int class_index);

/* Writes the preprocessed images `which[0 .. n-1]` to out[n][H][W][C], each value computed in float as written above.
 * LSN_INVALID, naming the image, where a float32 pixel is not finite. */
LSN_API bool lsn_data_load(const lsn_data *data, const int32_t *which, int n, float *out, lsn_error *err);

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

/* The digest of all that the network will see of these images: pixels, labels, preprocessing. It does not depend on
 * file names, file format or compression, nor on the images that are not in the sample. */
LSN_API bool lsn_data_digest(const lsn_data *data, const lsn_sample *sample, lsn_digest *digest, lsn_error *err);

/* ---- arrays for other programs ------------------------------------------------------------------------------- */

/* Writes values[rows][columns] as a NumPy file of float32; LSN_FAILED where that cannot be done whole. */
LSN_API bool lsn_npy_write(const char *path, const float *values, int64_t rows, int64_t columns, lsn_error *err);

#endif
