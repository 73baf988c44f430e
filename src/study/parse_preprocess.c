/* `preprocess:` of the section `data:`. */
#include "study/spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- mean and std -------------------------------------------------------------------------------------------- */

/* Reads mean or std, a number or a list: how many there are; 0 where something is wrong. */
static int read_channels(lsn_reading *in, const lsn_node *node, const char *what, float *values)
{
    int count = lsn_read_count(in, node, what, "a number, or a list of one number a channel");
    if (count > LSN_MAX_CHANNELS) {
        lsn_mistake_at(in, node, "%s has %d numbers; images have at most %d channels", what, count, LSN_MAX_CHANNELS);
        return 0;
    }
    bool ok = count > 0;
    for (int i = 0; i < count; i++) {
        const lsn_node *item = lsn_node_item(node, i);
        double value;
        if (!lsn_read_real(in, item, what, &value))
            ok = false;
        else if (!(fabs(value) <= 1e6))
            ok = lsn_mistake_at(in, item, "%s is out of range; it is in units of pixel / 255, usually 0..1", what);
        else
            values[i] = (float)value;
    }
    return ok ? count : 0;
}

static bool check_std(lsn_reading *in, const lsn_node *node, const float *std, int count)
{
    bool ok = true;
    for (int i = 0; i < count; i++)
        if (!(std[i] > 0))
            ok = lsn_mistake_at(in, lsn_node_item(node, i),
                                "std must be greater than 0: pixels are divided "
                                "by it");
    return ok;
}

/* One value stands for all channels where the other list is longer. */
static void widen(float *values, int count, int channels)
{
    for (int i = count; i < channels; i++)
        values[i] = values[0];
}

static bool read_mean_and_std(lsn_reading *in, const lsn_node *node, lsn_preprocess *preprocess)
{
    const lsn_node *mean = lsn_node_get(node, "mean"), *std = lsn_node_get(node, "std");
    int n_mean = 1, n_std = 1;
    preprocess->mean[0] = 0;
    preprocess->std[0] = 1;
    if (mean != NULL)
        n_mean = read_channels(in, mean, "mean", preprocess->mean);
    if (std != NULL) {
        n_std = read_channels(in, std, "std", preprocess->std);
        if (n_std > 0 && !check_std(in, std, preprocess->std, n_std))
            n_std = 0;
    }
    if (n_mean == 0 || n_std == 0)
        return false;
    if (n_mean > 1 && n_std > 1 && n_mean != n_std)
        return lsn_mistake_at(in, std, "std has %d numbers, but mean has %d; give one a channel to both", n_std,
                              n_mean);
    int channels = n_mean > n_std ? n_mean : n_std;
    widen(preprocess->mean, n_mean, channels);
    widen(preprocess->std, n_std, channels);
    preprocess->channels = mean == NULL && std == NULL ? 0 : channels;
    return true;
}

static bool read_size(lsn_reading *in, const lsn_node *node, const char *what, int *size)
{
    int64_t pixels;
    if (node == NULL)
        return true;
    if (!lsn_read_whole(in, node, what, 1, LSN_MAX_RESIZE, &pixels))
        return false;
    *size = (int)pixels;
    return true;
}

static bool read_interpolation(lsn_reading *in, const lsn_node *node, const lsn_node *resize,
                               lsn_interpolation *interpolation)
{
    const char *names[LSN_N_INTERPOLATIONS + 1] = {NULL};
    if (node == NULL)
        return true;
    if (resize == NULL)
        return lsn_mistake_at(in, node, "interpolation is that of resize; give resize too, or remove it");
    for (int i = 0; i < LSN_N_INTERPOLATIONS; i++)
        names[i] = lsn_interpolation_name((lsn_interpolation)i);
    int found = lsn_read_word(in, node, "interpolation", names);
    *interpolation = found < 0 ? LSN_BILINEAR : (lsn_interpolation)found;
    return found >= 0;
}

/* The map. */
static bool read_steps(lsn_reading *in, const lsn_node *node, lsn_preprocess *preprocess)
{
    static const char *const keys[] = {"resize", "interpolation", "crop", "pad", "mean", "std", NULL};
    if (!lsn_read_map(in, node, "preprocess",
                      "imagenet, cifar10, or a map such as {resize: 256, crop: 224, mean: 0.286, std: 0.353}", keys))
        return false;
    const lsn_node *resize = lsn_node_get(node, "resize"), *pad = lsn_node_get(node, "pad");
    int64_t pixels = 0;
    bool ok = read_size(in, resize, "resize", &preprocess->resize);
    ok = read_interpolation(in, lsn_node_get(node, "interpolation"), resize, &preprocess->interpolation) && ok;
    ok = read_size(in, lsn_node_get(node, "crop"), "crop", &preprocess->crop) && ok;
    ok = (pad == NULL || lsn_read_whole(in, pad, "pad", 0, 1024, &pixels)) && ok;
    preprocess->pad = (int)pixels;
    return read_mean_and_std(in, node, preprocess) && ok;
}

bool lsn_preprocess_read(lsn_reading *in, const lsn_node *node, lsn_preprocess *preprocess)
{
    static const char *const names[] = {"imagenet", "cifar10", NULL};
    if (node == NULL)
        return true;
    if (node->kind != LSN_SCALAR || node->text[0] == '\0')
        return read_steps(in, node, preprocess);
    int found = lsn_read_word(in, node, "preprocess", names);
    return found >= 0 && lsn_preprocess_find(names[found], preprocess);
}

/* ---- in words ------------------------------------------------------------------------------------------------ */

/* The fewest digits that give the same float. */
static void add_float(lsn_text *text, float value)
{
    char digits[32];
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value)
            break;
    }
    lsn_text_add(text, "%s", digits);
}

static void add_channels(lsn_text *text, const char *what, const float *values, int count)
{
    lsn_text_add(text, "%s%s ", text->length > 0 ? ", " : "", what);
    for (int i = 0; i < count; i++) {
        lsn_text_add(text, "%s", i > 0 ? " " : "");
        add_float(text, values[i]);
    }
}

void lsn_preprocess_words(const lsn_preprocess *preprocess, lsn_text *text)
{
    if (preprocess->resize > 0)
        lsn_text_add(text, "resize %d %s", preprocess->resize, lsn_interpolation_name(preprocess->interpolation));
    if (preprocess->crop > 0)
        lsn_text_add(text, "%scrop %d", text->length > 0 ? ", " : "", preprocess->crop);
    if (preprocess->pad > 0)
        lsn_text_add(text, "%spad %d", text->length > 0 ? ", " : "", preprocess->pad);
    if (preprocess->channels > 0) {
        add_channels(text, "mean", preprocess->mean, preprocess->channels);
        add_channels(text, "std", preprocess->std, preprocess->channels);
    }
    if (text->length == 0)
        lsn_text_add(text, "none");
}
