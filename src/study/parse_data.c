/* The section `data:`. */
#include "study/spec.h"

#include <string.h>

/* ---- take ---------------------------------------------------------------------------------------------------- */

static const char *const take_right =
    "all, or a map such as {count: 1000, seed: 7}, {per_class: 10, seed: 7} or {first: 100}";

/* An option adds a key to those of the file; to take their place it has to give the whole map. */
static void refuse_two(lsn_reading *in, const char *what, const lsn_node *first, const lsn_node *second,
                       const lsn_node *value)
{
    const lsn_node *option = first->origin != NULL ? first : second, *key = first->origin != NULL ? second : first;
    if ((first->origin == NULL) == (second->origin == NULL))
        lsn_mistake_at(in, second, "%s: give only one of count, per_class and first", what);
    else
        lsn_mistake_at(in, option,
                       "%s: give only one of count, per_class and first; the file gives %s: to replace that, --set "
                       "'data.%s={%s: %s}'",
                       what, key->text, what, option->text, value->text);
}

/* The one of count, per_class and first that is given. */
static const lsn_node *find_amount(lsn_reading *in, const lsn_node *node, const char *what, lsn_take *take)
{
    static const struct {
        const char *key;
        lsn_take_kind kind;
    } amounts[] = {{"count", LSN_TAKE_COUNT}, {"per_class", LSN_TAKE_PER_CLASS}, {"first", LSN_TAKE_FIRST}};
    const lsn_node *found = NULL, *key = NULL;
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        int at = lsn_node_find(node, amounts[i].key);
        if (at < 0)
            continue;
        if (found != NULL) {
            refuse_two(in, what, key, node->keys[at], key->origin != NULL ? found : node->items[at]);
            return NULL;
        }
        key = node->keys[at];
        found = node->items[at];
        take->kind = amounts[i].kind;
    }
    if (found == NULL && !lsn_has_unknown_key(node))
        lsn_mistake_at(in, node, "%s does not say how many images; give %s", what, take_right);
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
    if (!lsn_read_map(in, node, what, take_right, keys))
        return;
    const lsn_node *amount = find_amount(in, node, what, &spec->take);
    int64_t seed;
    const int at = lsn_node_find(node, "seed");
    bool ok = lsn_read_seed(in, node, &seed);
    if (at >= 0 && amount != NULL && spec->take.kind == LSN_TAKE_FIRST)
        ok = lsn_mistake_at(in, node->keys[at], "%s: nothing is random about the first images; remove seed", what);
    spec->take.seed = (uint64_t)seed;
    spec->ok = amount != NULL && lsn_read_whole(in, amount, "number of images", 1, INT32_MAX, &spec->take.count) && ok;
}

/* ---- the section --------------------------------------------------------------------------------------------- */

static bool read_format(lsn_reading *in, const lsn_node *node, lsn_data_format *format)
{
    const char *names[LSN_N_FORMATS + 1] = {NULL};
    for (int i = 0; i < LSN_N_FORMATS; i++)
        names[i] = lsn_data_format_name((lsn_data_format)i);
    int found = node == NULL ? -1 : lsn_read_word(in, node, "format", names);
    *format = (lsn_data_format)found;
    return found >= 0;
}

/* A key that the format has no use for. */
static bool refuse_key(lsn_reading *in, const lsn_node *node, const char *key, const char *format, const char *instead)
{
    int at = lsn_node_find(node, key);
    return at < 0 || lsn_mistake_at(in, node->keys[at], "format %s has no key \"%s\"; give %s", format, key, instead);
}

/* images: and labels:, or path:. */
static bool read_paths(lsn_reading *in, const lsn_node *node, lsn_images_spec *data)
{
    const char *format = lsn_data_format_name(data->format);
    if (data->format == LSN_IDX || data->format == LSN_NPY) {
        bool ok = refuse_key(in, node, "path", format, "images and labels");
        const lsn_node *images = lsn_node_need(in, node, "images", "give the path of the file of images");
        const lsn_node *labels = lsn_node_need(in, node, "labels", "give the path of the file of labels");
        lsn_path_read(in, images, "images", &data->images);
        lsn_path_read(in, labels, "labels", &data->labels);
        return ok && data->images.path != NULL && data->labels.path != NULL;
    }
    bool ok = refuse_key(in, node, "images", format, "path");
    ok = refuse_key(in, node, "labels", format, "path") && ok;
    const lsn_node *path = lsn_node_need(in, node, "path",
                                         data->format == LSN_IMAGEFOLDER
                                             ? "give the path of the folder that has a folder of each class"
                                             : "give the path of a file of CIFAR's binary version, or of their folder");
    lsn_path_read(in, path, "path", &data->path);
    return ok && data->path.path != NULL;
}

void lsn_images_read(lsn_reading *in, const lsn_node *node)
{
    static const char *const keys[] = {"format",     "images", "labels",      "path",        "classes",
                                       "preprocess", "take",   "calibration", "skip_broken", NULL};
    lsn_images_spec *data = &in->spec->data;
    data->at = node;
    data->take.ok = data->calibration.ok = false;
    if (node == NULL || !lsn_read_map(in, node, "data", "a map with format, and images and labels or path", keys))
        return;
    bool ok =
        read_format(in, lsn_node_need(in, node, "format", "give imagefolder, cifar10, idx or npy"), &data->format);
    ok = ok && read_paths(in, node, data);
    const lsn_node *classes = lsn_node_get(node, "classes");
    lsn_path_read(in, classes, "classes", &data->classes);
    data->preprocess_at = lsn_node_get(node, "preprocess");
    ok = lsn_preprocess_read(in, data->preprocess_at, &data->preprocess) && ok;
    data->ok = ok && (classes == NULL || data->classes.path != NULL);
    data->skip_broken = lsn_read_flag(in, node, "skip_broken");
    read_take(in, lsn_node_get(node, "take"), "take", &data->take);
    read_take(in, lsn_node_get(node, "calibration"), "calibration", &data->calibration);
    if (data->calibration.at != NULL && data->take.ok && data->take.take.kind == LSN_TAKE_ALL)
        data->calibration.ok = lsn_mistake_at(in, data->calibration.at,
                                              "take: all leaves no images for calibration; give take a count, such as "
                                              "take: {count: 1000, seed: 7}");
}
