/* A data set: opened, checked, and what is known of it. */
#include "lesion/data.h"

#include "data/data_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const format_names[LSN_N_FORMATS] = {"idx", "npy", "cifar10", "imagefolder"};

const char *lsn_data_format_name(lsn_data_format format)
{
    assert(format >= 0 && format < LSN_N_FORMATS);
    return format_names[format];
}

lsn_data_format lsn_data_format_find(const char *name)
{
    lsn_data_format format = 0;
    while (format < LSN_N_FORMATS && strcmp(format_names[format], name) != 0)
        format++;
    return format;
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

static bool read_files(lsn_data *data, const lsn_data_spec *spec, lsn_error *err)
{
    switch (spec->format) {
    case LSN_IDX:
        return lsn_idx_read_images(&data->images, spec->images, err) &&
               lsn_idx_read_labels(&data->labels, spec->labels, err);
    case LSN_NPY:
        return lsn_npy_read_images(&data->images, spec->images, err) &&
               lsn_npy_read_labels(&data->labels, spec->labels, err);
    case LSN_CIFAR10:
        return lsn_cifar_read(&data->images, &data->labels, &data->names, spec->path, err);
    default:
        data->images.channels = spec->channels == 1 ? 1 : 3;
        if (!lsn_folder_list(&data->folder, &data->labels, &data->names, spec->path, spec->classes, err))
            return false;
        data->images.count = data->folder.count;
        return true;
    }
}

static bool read_names(lsn_data *data, const lsn_data_spec *spec, lsn_error *err)
{
    if (spec->classes == NULL || spec->format == LSN_IMAGEFOLDER)
        return true;
    lsn_class_names_finish(&data->names);
    return lsn_class_names_read(&data->names, spec->classes, err);
}

/* Labels for all images, and names for all labels. */
static bool check_labels(lsn_data *data, const lsn_data_spec *spec, lsn_error *err)
{
    if (data->labels.count != data->images.count)
        return lsn_fail_at(err, LSN_INVALID, spec->labels,
                           "has %" PRId32 " labels, but %s has %" PRId32 " images: are they of the same data set?",
                           data->labels.count, spec->images, data->images.count);
    int32_t greatest = 0, image = 0;
    for (int32_t i = 0; i < data->labels.count; i++)
        if (data->labels.labels[i] > greatest)
            greatest = data->labels.labels[image = i];
    data->classes = 1 + greatest;
    if (data->names.count == 0)
        return true;
    if (data->names.count < data->classes)
        return lsn_fail_at(err, LSN_INVALID, spec->classes,
                           "names %d classes, but the label of image %" PRId32 " in %s is %" PRId32, data->names.count,
                           image, spec->labels != NULL ? spec->labels : spec->path, greatest);
    data->classes = data->names.count;
    return true;
}

/* The size of an image file after resizing and cropping, from its header; false where it cannot be had. */
static bool size_from_header(lsn_data *data, int32_t image, lsn_error *err)
{
    lsn_image_header header;
    lsn_file file = {0};
    char *path = NULL;
    bool ok = lsn_folder_open(&data->folder, image, &path, &file, err) &&
              lsn_decode(&file, path, data->images.channels, &header, NULL, err) &&
              lsn_reshaped_size(&data->preprocess, header.h, header.w, &data->h, &data->w);
    lsn_file_unmap(&file);
    free(path);
    return ok;
}

/* Finds the size that images have after resizing and cropping. */
static bool find_size(lsn_data *data, lsn_error *err)
{
    const lsn_preprocess *preprocess = &data->preprocess;
    lsn_error why = {0};
    data->like = -1;
    if (data->images.preprocessed || preprocess->crop > 0 || data->images.pixels != NULL) {
        data->h = preprocess->crop > 0 ? preprocess->crop : data->images.h;
        data->w = preprocess->crop > 0 ? preprocess->crop : data->images.w;
        return data->images.pixels == NULL ||
               lsn_reshaped_size(preprocess, data->images.h, data->images.w, &data->h, &data->w) ||
               lsn_fail_part(err, LSN_INVALID, data->path, "preprocess",
                             "resize %d makes a side of more than %d pixels of %d x %d", preprocess->resize,
                             LSN_MAX_SIDE, data->images.w, data->images.h);
    }
    for (int32_t i = 0; i < data->images.count; i++)
        if (size_from_header(data, i, &why)) {
            data->like = i;
            return true;
        }
    return lsn_fail_at(err, LSN_INVALID, data->path, "none of its %" PRId32 " images can be read; the last one, %s",
                       data->images.count, why.text);
}

lsn_data *lsn_data_open(const lsn_data_spec *spec, lsn_error *err)
{
    assert(spec->format >= 0 && spec->format < LSN_N_FORMATS);
    const char *path = spec->format == LSN_IDX || spec->format == LSN_NPY ? spec->images : spec->path;
    assert(path != NULL && (spec->format > LSN_NPY || spec->labels != NULL));
    lsn_data *data = lsn_array(1, sizeof *data, err);
    if (data != NULL) {
        data->format = spec->format;
        data->preprocess = spec->preprocess;
    }
    if (data != NULL && (data->path = lsn_strdup(path, err)) != NULL && read_files(data, spec, err) &&
        lsn_transform_init(&data->transform, &spec->preprocess, &data->images, path, err) &&
        read_names(data, spec, err) && check_labels(data, spec, err) && find_size(data, err))
        return data;
    lsn_data_destroy(data);
    return NULL;
}

void lsn_data_destroy(lsn_data *data)
{
    if (data == NULL)
        return;
    lsn_images_finish(&data->images);
    lsn_folder_finish(&data->folder);
    lsn_class_names_finish(&data->names);
    free(data->labels.labels);
    free(data->path);
    free(data);
}

/* ---- what it is ---------------------------------------------------------------------------------------------- */

int lsn_data_count(const lsn_data *data)
{
    return data->images.count;
}

int lsn_data_height(const lsn_data *data)
{
    return data->h + 2 * data->transform.pad;
}

int lsn_data_width(const lsn_data *data)
{
    return data->w + 2 * data->transform.pad;
}

int lsn_data_channels(const lsn_data *data)
{
    return data->images.channels;
}

int lsn_data_label(const lsn_data *data, int image)
{
    assert(image >= 0 && image < data->images.count);
    return data->labels.labels[image];
}

int lsn_data_classes(const lsn_data *data)
{
    return data->classes;
}

const char *lsn_data_class_name(const lsn_data *data, int class_index)
{
    assert(class_index >= 0 && class_index < data->classes);
    return data->names.count > 0 ? data->names.names[class_index] : NULL;
}

bool lsn_data_is_costly(const lsn_data *data)
{
    return data->format == LSN_IMAGEFOLDER || data->preprocess.resize > 0;
}

bool lsn_data_is_8bit(const lsn_data *data)
{
    return !data->images.preprocessed;
}

int lsn_data_passed_over(const lsn_data *data)
{
    return data->folder.passed_over;
}
