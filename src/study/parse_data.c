/* The section `data:`. */
#include "study/spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- take ---------------------------------------------------------------------------------------------------- */

static const char *const take_right =
    "all, or a map such as {count: 1000, seed: 7}, {per_class: 10, seed: 7} or {first: 100}";

/* The one of count, per_class and first that is given. */
static const lsn_node *find_amount(lsn_reading *in, const lsn_node *node, const char *what, lsn_take *take)
{
    static const struct {
        const char *key;
        lsn_take_kind kind;
    } amounts[] = {{"count", LSN_TAKE_COUNT}, {"per_class", LSN_TAKE_PER_CLASS}, {"first", LSN_TAKE_FIRST}};
    const lsn_node *found = NULL;
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        int at = lsn_node_find(node, amounts[i].key);
        if (at < 0)
            continue;
        if (found != NULL) {
            lsn_mistake_at(in->mistakes, node->keys[at], "%s: give only one of count, per_class and first", what);
            return NULL;
        }
        found = node->items[at];
        take->kind = amounts[i].kind;
    }
    if (found == NULL && !lsn_has_unknown_key(node))
        lsn_mistake_at(in->mistakes, node, "%s does not say how many images; give %s", what, take_right);
    return found;
}

static void read_take(lsn_reading *in, const lsn_node *node, const char *what, lsn_take_spec *spec)
{
    static const char *const keys[] = {"count", "per_class", "first", "seed", NULL};
    spec->at = node;
    spec->ok = node == NULL;
    if (node == NULL || (node->kind == LSN_SCALAR && strcmp(node->text, "all") == 0)) {
        spec->take.kind = LSN_TAKE_ALL;
        spec->ok = true;
        return;
    }
    if (!lsn_read_map(in->mistakes, node, what, take_right, keys, NULL))
        return;
    const lsn_node *amount = find_amount(in, node, what, &spec->take);
    int64_t seed = 0;
    int at = lsn_node_find(node, "seed");
    bool ok = at < 0 || lsn_read_whole(in->mistakes, node->items[at], "seed", 0, INT64_MAX / 2, &seed);
    if (at >= 0 && amount != NULL && spec->take.kind == LSN_TAKE_FIRST)
        ok = lsn_mistake_at(in->mistakes, node->keys[at], "%s: nothing is random about the first images; remove seed",
                            what);
    spec->take.seed = (uint64_t)seed;
    spec->ok = amount != NULL &&
               lsn_read_whole(in->mistakes, amount, "number of images", 1, INT32_MAX, &spec->take.count) && ok;
}

/* ---- preprocess ---------------------------------------------------------------------------------------------- */

/* Reads mean or std, a number or a list: how many there are; 0 where something is wrong. */
static int read_channels(lsn_reading *in, const lsn_node *node, const char *what, float *values)
{
    int count = lsn_read_count(in->mistakes, node, what, "a number, or a list of one number a channel");
    if (count > LSN_MAX_CHANNELS) {
        lsn_mistake_at(in->mistakes, node, "%s has %d numbers; images have at most %d channels", what, count,
                       LSN_MAX_CHANNELS);
        return 0;
    }
    bool ok = count > 0;
    for (int i = 0; i < count; i++) {
        const lsn_node *item = lsn_node_item(node, i);
        double value;
        if (!lsn_read_real(in->mistakes, item, what, &value))
            ok = false;
        else if (!(fabs(value) <= 1e6))
            ok = lsn_mistake_at(in->mistakes, item, "%s is out of range; it is in units of pixel / 255, usually 0..1",
                                what);
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
            ok = lsn_mistake_at(in->mistakes, lsn_node_item(node, i),
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
        return lsn_mistake_at(in->mistakes, std, "std has %d numbers, but mean has %d; give one a channel to both",
                              n_std, n_mean);
    int channels = n_mean > n_std ? n_mean : n_std;
    widen(preprocess->mean, n_mean, channels);
    widen(preprocess->std, n_std, channels);
    preprocess->channels = mean == NULL && std == NULL ? 0 : channels;
    return true;
}

static bool read_preprocess(lsn_reading *in, const lsn_node *node, lsn_preprocess *preprocess)
{
    static const char *const keys[] = {"pad", "mean", "std", NULL};
    static const char *const later[] = {"resize", "crop", NULL};
    const char *right = "a map such as {pad: 2, mean: 0.286, std: 0.353}";
    if (node == NULL)
        return true;
    if (node->kind == LSN_SCALAR && strcmp(node->text, "imagenet") == 0)
        return lsn_mistake_at(in->mistakes, node, "preprocess imagenet is not available in this version; give %s",
                              right);
    if (!lsn_read_map(in->mistakes, node, "preprocess", right, keys, later))
        return false;
    const lsn_node *pad = lsn_node_get(node, "pad");
    int64_t pixels = 0;
    bool ok = pad == NULL || lsn_read_whole(in->mistakes, pad, "pad", 0, 1024, &pixels);
    preprocess->pad = (int)pixels;
    return read_mean_and_std(in, node, preprocess) && ok;
}

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
    if (preprocess->pad > 0)
        lsn_text_add(text, "pad %d", preprocess->pad);
    if (preprocess->channels > 0) {
        add_channels(text, "mean", preprocess->mean, preprocess->channels);
        add_channels(text, "std", preprocess->std, preprocess->channels);
    }
    if (text->length == 0)
        lsn_text_add(text, "none");
}

/* ---- the section --------------------------------------------------------------------------------------------- */

static bool read_format(lsn_reading *in, const lsn_node *node, lsn_data_format *format)
{
    static const char *const later[] = {"cifar10", "imagefolder", NULL};
    const char *names[LSN_N_FORMATS + 1] = {NULL};
    for (int i = 0; i < LSN_N_FORMATS; i++)
        names[i] = lsn_data_format_name((lsn_data_format)i);
    int found = node == NULL ? -1 : lsn_read_word(in->mistakes, node, "format", names, later);
    *format = (lsn_data_format)found;
    return found >= 0;
}

void lsn_images_read(lsn_reading *in, const lsn_node *node)
{
    static const char *const keys[] = {"format",     "images", "labels",      "classes",
                                       "preprocess", "take",   "calibration", NULL};
    static const char *const later[] = {"path", NULL};
    lsn_images_spec *data = &in->spec->data;
    data->at = node;
    data->take.ok = data->calibration.ok = false;
    if (node == NULL || !lsn_read_map(in->mistakes, node, "data", "a map with format, images and labels", keys, later))
        return;
    bool ok = read_format(in, lsn_node_need(in->mistakes, node, "format", "give idx or npy"), &data->format);
    const lsn_node *images = lsn_node_need(in->mistakes, node, "images", "give the path of the file of images");
    const lsn_node *labels = lsn_node_need(in->mistakes, node, "labels", "give the path of the file of labels");
    const lsn_node *classes = lsn_node_get(node, "classes");
    lsn_path_read(in, images, "images", &data->images);
    lsn_path_read(in, labels, "labels", &data->labels);
    lsn_path_read(in, classes, "classes", &data->classes);
    data->preprocess_at = lsn_node_get(node, "preprocess");
    ok = read_preprocess(in, data->preprocess_at, &data->preprocess) && ok;
    data->ok =
        ok && data->images.path != NULL && data->labels.path != NULL && (classes == NULL || data->classes.path != NULL);
    read_take(in, lsn_node_get(node, "take"), "take", &data->take);
    read_take(in, lsn_node_get(node, "calibration"), "calibration", &data->calibration);
    if (data->calibration.at != NULL && data->take.ok && data->take.take.kind == LSN_TAKE_ALL)
        data->calibration.ok = lsn_mistake_at(in->mistakes, data->calibration.at,
                                              "take: all leaves no images for calibration; give take a count, such as "
                                              "take: {count: 1000, seed: 7}");
}
