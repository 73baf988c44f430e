#include "lesion/data.h"

#include "data/data_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct file_format {
    const char *name;
    bool (*read_images)(lsn_images *images, const char *path, lsn_error *err);
    bool (*read_labels)(lsn_labels *labels, const char *path, lsn_error *err);
} file_format;

static const file_format formats[LSN_N_FORMATS] = {
    [LSN_IDX] = {"idx", lsn_idx_read_images, lsn_idx_read_labels},
    [LSN_NPY] = {"npy", lsn_npy_read_images, lsn_npy_read_labels},
};

const char *lsn_data_format_name(lsn_data_format format)
{
    assert(format >= 0 && format < LSN_N_FORMATS);
    return formats[format].name;
}

lsn_data_format lsn_data_format_find(const char *name)
{
    lsn_data_format format = 0;
    while (format < LSN_N_FORMATS && strcmp(formats[format].name, name) != 0)
        format++;
    return format;
}

/* Labels for all images, and names for all labels. */
static bool check_labels(lsn_data *data, const lsn_data_spec *spec, lsn_error *err)
{
    if (data->labels.count != data->images.count)
        return lsn_fail(err, LSN_INVALID,
                        "%s has %" PRId32 " labels, but %s has %" PRId32 " images: are they of the same data set?",
                        spec->labels, data->labels.count, spec->images, data->images.count);
    int32_t greatest = 0, image = 0;
    for (int32_t i = 0; i < data->labels.count; i++)
        if (data->labels.labels[i] > greatest)
            greatest = data->labels.labels[image = i];
    data->classes = 1 + greatest;
    if (spec->classes == NULL)
        return true;
    if (data->names.count < data->classes)
        return lsn_fail(err, LSN_INVALID, "%s names %d classes, but the label of image %" PRId32 " in %s is %" PRId32,
                        spec->classes, data->names.count, image, spec->labels, greatest);
    data->classes = data->names.count;
    return true;
}

lsn_data *lsn_data_open(const lsn_data_spec *spec, lsn_error *err)
{
    assert(spec->format >= 0 && spec->format < LSN_N_FORMATS && spec->images != NULL && spec->labels != NULL);
    const file_format *format = &formats[spec->format];
    lsn_data *data = lsn_array(1, sizeof *data, err);
    if (data != NULL && (data->path = lsn_strdup(spec->images, err)) != NULL &&
        format->read_images(&data->images, spec->images, err) &&
        lsn_transform_init(&data->transform, &spec->preprocess, &data->images, spec->images, err) &&
        format->read_labels(&data->labels, spec->labels, err) &&
        (spec->classes == NULL || lsn_class_names_read(&data->names, spec->classes, err)) &&
        check_labels(data, spec, err))
        return data;
    lsn_data_destroy(data);
    return NULL;
}

void lsn_data_destroy(lsn_data *data)
{
    if (data == NULL)
        return;
    lsn_images_finish(&data->images);
    lsn_class_names_finish(&data->names);
    free(data->labels.labels);
    free(data->path);
    free(data);
}

int lsn_data_count(const lsn_data *data)
{
    return data->images.count;
}

int lsn_data_height(const lsn_data *data)
{
    return data->images.h + 2 * data->transform.pad;
}

int lsn_data_width(const lsn_data *data)
{
    return data->images.w + 2 * data->transform.pad;
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

bool lsn_data_load(const lsn_data *data, const int32_t *which, int n, float *out, lsn_error *err)
{
    size_t floats = (size_t)lsn_data_height(data) * (size_t)lsn_data_width(data) * (size_t)lsn_data_channels(data);
    for (int i = 0; i < n; i++) {
        assert(which[i] >= 0 && which[i] < data->images.count);
        if (!lsn_transform_apply(&data->transform, &data->images, which[i], out + (size_t)i * floats))
            return lsn_fail(err, LSN_INVALID, "%s: image %" PRId32 " has a pixel that is not finite: store it again",
                            data->path, which[i]);
    }
    return true;
}
