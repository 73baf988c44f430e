/* torchvision's names: features.N is the N-th module of a row of convolutions, ReLUs and poolings, classifier.N of a
 * row of fully connected layers, ReLUs and dropouts. Only convolutions and fully connected layers have tensors; where
 * a pooling stands follows from the numbers left out. */
#include "model/family.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { LARGEST_LAYER = 1 << 20 }; /* filters: all layers' filters together stay countable in an int */

enum { FEATURES, CLASSIFIER, N_SECTIONS };
static const char *const section_names[N_SECTIONS] = {"features", "classifier"};

/* A module with weights: its number in its section. */
typedef struct module {
    int number;
    lsn_layer_tensors tensors;
} module;

typedef struct section {
    module modules[LSN_MAX_LAYERS]; /* ascending by number once sorted */
    int count;
} section;

/* ---- from names to modules ----------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), n = strlen(end);
    return length >= n && strcmp(text + length - n, end) == 0;
}

/* Batch normalisation is looked for first, since its other tensors would pass for odd convolutions. */
static bool refuse_batch_norm(const lsn_safetensors *file, lsn_error *err)
{
    static const char *const ends[] = {".running_mean", ".running_var", ".num_batches_tracked"};
    for (size_t i = 0; i < file->count; i++)
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
            if (ends_with(file->tensors[i].name, ends[k]))
                return lsn_fail(err, LSN_INVALID,
                                "%s: tensor %s belongs to a batch normalisation: fold each one into the weights and "
                                "bias of the convolution before it, and number the modules as without it",
                                file->path, file->tensors[i].name);
    return true;
}

/* Reads "features.12.weight". A number has no leading zeros, so that no two names mean the same tensor. */
static bool parse_name(const char *name, int *section_index, int *number, bool *bias)
{
    for (int s = 0; s < N_SECTIONS; s++) {
        size_t length = strlen(section_names[s]);
        if (strncmp(name, section_names[s], length) != 0 || name[length] != '.')
            continue;
        const char *at = name + length + 1;
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 4 || (digits > 1 && at[0] == '0'))
            return false;
        *number = 0;
        for (size_t i = 0; i < digits; i++)
            *number = 10 * *number + (at[i] - '0');
        *section_index = s;
        *bias = strcmp(at + digits, ".bias") == 0;
        return *bias || strcmp(at + digits, ".weight") == 0;
    }
    return false;
}

/* The section's module of that number, added where it is new; NULL where there are too many. */
static module *find_module(section *in, int number)
{
    int at = in->count;
    while (at > 0 && in->modules[at - 1].number >= number)
        at--;
    if (at < in->count && in->modules[at].number == number)
        return &in->modules[at];
    if (in->count == LSN_MAX_LAYERS)
        return NULL;
    memmove(&in->modules[at + 1], &in->modules[at], (size_t)(in->count - at) * sizeof *in->modules);
    in->modules[at] = (module){.number = number};
    in->count++;
    return &in->modules[at];
}

static bool collect(section sections[N_SECTIONS], const lsn_safetensors *file, lsn_error *err)
{
    for (size_t i = 0; i < file->count; i++) {
        const lsn_tensor *tensor = &file->tensors[i];
        int s, number;
        bool bias;
        if (!parse_name(tensor->name, &s, &number, &bias))
            return lsn_fail(err, LSN_INVALID,
                            "%s: tensor %s is not of the VGG family: expected features.N.weight, features.N.bias, "
                            "classifier.N.weight and classifier.N.bias only, as torchvision names them",
                            file->path, tensor->name);
        if (!tensor->dtype->weights)
            return lsn_fail(err, LSN_INVALID, "%s: tensor %s is of type %s: convert it to F32, F16 or BF16", file->path,
                            tensor->name, tensor->dtype->name);
        module *of = find_module(&sections[s], number);
        if (of == NULL || sections[FEATURES].count + sections[CLASSIFIER].count > LSN_MAX_LAYERS)
            return lsn_fail(err, LSN_INVALID, "%s: has more than %d layers, the most that are read", file->path,
                            LSN_MAX_LAYERS);
        *(bias ? &of->tensors.bias : &of->tensors.weights) = tensor;
    }
    return true;
}

/* Weights and bias for every module, and modules in both sections. */
static bool check_complete(const section sections[N_SECTIONS], const lsn_safetensors *file, lsn_error *err)
{
    for (int s = 0; s < N_SECTIONS; s++) {
        if (sections[s].count == 0)
            return lsn_fail(err, LSN_INVALID,
                            "%s: has no tensor %s.N.weight: a whole network of the VGG family has "
                            "convolutions (features) and fully connected layers (classifier)",
                            file->path, section_names[s]);
        for (int i = 0; i < sections[s].count; i++) {
            const module *of = &sections[s].modules[i];
            if (of->tensors.weights == NULL || of->tensors.bias == NULL)
                return lsn_fail(err, LSN_INVALID, "%s: tensor %s.%d.%s is missing: save the whole network again",
                                file->path, section_names[s], of->number,
                                of->tensors.weights == NULL ? "weight" : "bias");
        }
    }
    return true;
}

/* ---- from modules to layers ---------------------------------------------------------------------------------- */

/* Reads F and C, which both kinds of layer have, and checks the bias. */
static bool read_sizes(lsn_layer *layer, const lsn_layer_tensors *tensors, int rank, const char *path, lsn_error *err)
{
    const lsn_tensor *weights = tensors->weights, *bias = tensors->bias;
    char shape[LSN_SHAPE_BYTES];
    if (weights->rank != rank)
        return lsn_fail(err, LSN_INVALID, "%s: tensor %s has shape %s; expected %s", path, weights->name,
                        lsn_tensor_shape(weights, shape),
                        rank == 4 ? "[filters, channels, 3, 3], a convolution" : "[outputs, inputs], fully connected");
    int most[2] = {LARGEST_LAYER, rank == 4 ? LARGEST_LAYER : INT_MAX};
    for (int i = 0; i < 2; i++)
        if (weights->shape[i] < 1 || weights->shape[i] > most[i])
            return lsn_fail(err, LSN_INVALID, "%s: tensor %s has shape %s; size %d must be from 1 to %d", path,
                            weights->name, lsn_tensor_shape(weights, shape), i, most[i]);
    layer->filters = (int)weights->shape[0];
    layer->channels = (int)weights->shape[1];
    if (bias->rank != 1 || bias->shape[0] != layer->filters)
        return lsn_fail(err, LSN_INVALID, "%s: tensor %s has shape %s; expected [%d], one for each filter of %s", path,
                        bias->name, lsn_tensor_shape(bias, shape), layer->filters, weights->name);
    return true;
}

/* What stands between a convolution and the next tells whether its map is pooled. */
static bool read_pooling(lsn_layer *layer, const section *features, int i, const char *path, lsn_error *err)
{
    const module *modules = features->modules;
    layer->pool = true; /* after the last convolution, always */
    if (i + 1 == features->count)
        return true;
    int gap = modules[i + 1].number - modules[i].number;
    if (gap != 2 && gap != 3)
        return lsn_fail(err, LSN_INVALID,
                        "%s: features.%d follows features.%d: expected %d (ReLU between) or %d (ReLU and pooling "
                        "between); number the modules as torchvision does without batch normalisation",
                        path, modules[i + 1].number, modules[i].number, modules[i].number + 2, modules[i].number + 3);
    layer->pool = gap == 3;
    return true;
}

static bool read_convolutions(lsn_model *model, const section *features, const char *path, lsn_error *err)
{
    if (features->modules[0].number != 0)
        return lsn_fail(err, LSN_INVALID, "%s: tensor features.0.weight is missing: the first one is features.%d", path,
                        features->modules[0].number);
    for (int i = 0; i < features->count; i++) {
        lsn_layer *layer = &model->layers[i];
        const lsn_tensor *weights = features->modules[i].tensors.weights;
        char shape[LSN_SHAPE_BYTES];
        if (!read_sizes(layer, &features->modules[i].tensors, 4, path, err) ||
            !read_pooling(layer, features, i, path, err))
            return false;
        if (weights->shape[2] != 3 || weights->shape[3] != 3)
            return lsn_fail(err, LSN_INVALID, "%s: tensor %s has shape %s; the family's kernels are 3 x 3", path,
                            weights->name, lsn_tensor_shape(weights, shape));
        if (i > 0 && layer->channels != layer[-1].filters)
            return lsn_fail(err, LSN_INVALID, "%s: tensor %s takes %d channels, but features.%d gives %d", path,
                            weights->name, layer->channels, features->modules[i - 1].number, layer[-1].filters);
        layer->kind = LSN_CONV;
        layer->kernel = 3;
    }
    model->n_conv = features->count;
    model->input_channels = model->layers[0].channels;
    return true;
}

/* The first fully connected layer sees C x grid x grid values of the last convolution's C channels. */
static bool read_grid(lsn_model *model, const lsn_tensor *weights, const char *path, lsn_error *err)
{
    const lsn_layer *first = &model->layers[model->n_conv];
    int channels = first[-1].filters, grid = 0;
    while ((int64_t)channels * grid * grid < first->channels)
        grid++;
    if ((int64_t)channels * grid * grid != first->channels)
        return lsn_fail(err, LSN_INVALID,
                        "%s: tensor %s takes %d inputs, which are not grid x grid maps of the last convolution's %d "
                        "channels for any grid",
                        path, weights->name, first->channels, channels);
    model->grid = grid;
    return true;
}

static bool read_fully_connected(lsn_model *model, const section *classifier, const char *path, lsn_error *err)
{
    for (int i = 0; i < classifier->count; i++) {
        lsn_layer *layer = &model->layers[model->n_conv + i];
        const lsn_tensor *weights = classifier->modules[i].tensors.weights;
        if (!read_sizes(layer, &classifier->modules[i].tensors, 2, path, err))
            return false;
        if (i > 0 && layer->channels != layer[-1].filters)
            return lsn_fail(err, LSN_INVALID, "%s: tensor %s takes %d inputs, but classifier.%d gives %d", path,
                            weights->name, layer->channels, classifier->modules[i - 1].number, layer[-1].filters);
        layer->kind = LSN_FC;
        layer->kernel = 1;
        layer->logits = i + 1 == classifier->count;
    }
    model->n_layers = model->n_conv + classifier->count;
    model->classes = model->layers[model->n_layers - 1].filters;
    return read_grid(model, classifier->modules[0].tensors.weights, path, err);
}

/* A network of five blocks bears the names of Simonyan & Zisserman's; others are numbered through. */
static void name_layers(lsn_model *model)
{
    int pools = 0;
    uint8_t block = 1, place = 0; /* below LSN_MAX_LAYERS */
    for (int i = 0; i < model->n_conv; i++)
        pools += model->layers[i].pool;
    for (int i = 0; i < model->n_layers; i++) {
        lsn_layer *layer = &model->layers[i];
        int fc = i - model->n_conv;
        if (fc >= 0)
            snprintf(layer->name, sizeof layer->name, "fc%d", pools == 5 ? 6 + fc : 1 + fc);
        else if (pools != 5)
            snprintf(layer->name, sizeof layer->name, "conv%d", i + 1);
        else {
            snprintf(layer->name, sizeof layer->name, "conv%d_%d", block, ++place);
            if (layer->pool) {
                place = 0;
                block++;
            }
        }
    }
}

bool lsn_family_infer(lsn_model *model, const lsn_safetensors *file, lsn_layer_tensors *tensors, lsn_error *err)
{
    section sections[N_SECTIONS] = {0};
    if (!refuse_batch_norm(file, err) || !collect(sections, file, err) || !check_complete(sections, file, err))
        return false;
    const section *features = &sections[FEATURES], *classifier = &sections[CLASSIFIER];
    model->layers = lsn_array((size_t)(features->count + classifier->count), sizeof *model->layers, err);
    if (model->layers == NULL || !read_convolutions(model, features, file->path, err) ||
        !read_fully_connected(model, classifier, file->path, err))
        return false;
    name_layers(model);
    for (int i = 0; i < model->n_layers; i++)
        tensors[i] = i < model->n_conv ? features->modules[i].tensors : classifier->modules[i - model->n_conv].tensors;
    return true;
}
