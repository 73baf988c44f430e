/* The VGG family by its modules' names. features.N is the N-th module of a row of convolutions, batch normalisations,
 * ReLUs and poolings. The fully connected layers are torchvision's classifier.N (a row of fully connected layers,
 * ReLUs and dropouts), a single one named classifier, or timm's pre_logits.fc1, pre_logits.fc2 and head.fc, of which
 * the first two are written as convolutions. Where a pooling stands follows from the numbers left out. */
#include "formats/architecture.h"

#include <stdlib.h>

/* The modules of a network, each section in order. */
typedef struct sections {
    const lsn_weights *weights;
    const lsn_module **features, **classifier;
    int n_features, n_classifier;
    bool timm;
} sections;

/* ---- from modules to sections -------------------------------------------------------------------------------- */

static const char *const timm_names[] = {"pre_logits.fc1", "pre_logits.fc2", "head.fc"};
enum { N_TIMM_NAMES = 3 };

static bool is_timm(const lsn_module *module)
{
    for (int i = 0; i < N_TIMM_NAMES; i++)
        if (lsn_module_is(module, timm_names[i]))
            return true;
    return false;
}

static const lsn_tensor *any_tensor(const lsn_module *module)
{
    return module->weight != NULL ? module->weight : module->mean;
}

static int by_number(const void *a, const void *b)
{
    return lsn_module_compare(*(const lsn_module *const *)a, *(const lsn_module *const *)b);
}

static bool refuse_module(const sections *s, const lsn_module *module, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, s->weights->path,
                       "tensor %s is not of the VGG family: expected convolutions and batch normalisations named "
                       "features.N, and fully connected layers named classifier.N or classifier (torchvision's), or "
                       "pre_logits.fc1, pre_logits.fc2 and head.fc (timm's)",
                       any_tensor(module)->name);
}

/* The classifier may be named in one of three ways. */
static bool check_classifier(sections *s, lsn_error *err)
{
    int timm = 0;
    for (int i = 0; i < s->n_classifier; i++) {
        const lsn_module *module = s->classifier[i];
        timm += is_timm(module);
        if (lsn_module_is_norm(module))
            return lsn_fail_at(err, LSN_INVALID, s->weights->path,
                               "tensor %s belongs to a batch normalisation among the fully connected layers, which the "
                               "VGG family has not",
                               module->mean->name);
        if ((timm != 0 && timm != i + 1) || (s->n_classifier > 1 && lsn_module_is(module, "classifier")))
            return refuse_module(s, module, err);
    }
    s->timm = timm > 0;
    for (int i = 0; s->timm && i < N_TIMM_NAMES; i++)
        if (timm != N_TIMM_NAMES)
            return lsn_fail_at(err, LSN_INVALID, s->weights->path,
                               "of the tensors %s.weight, %s.weight and %s.weight some are missing", timm_names[0],
                               timm_names[1], timm_names[2]);
    return true;
}

static bool sort_modules(sections *s, const lsn_modules *modules, lsn_error *err)
{
    for (size_t i = 0; i < modules->count; i++) {
        const lsn_module *module = &modules->items[i];
        if (lsn_module_number(module, "features") >= 0)
            s->features[s->n_features++] = module;
        else if (lsn_module_number(module, "classifier") >= 0 || lsn_module_is(module, "classifier") || is_timm(module))
            s->classifier[s->n_classifier++] = module;
        else
            return refuse_module(s, module, err);
    }
    if (s->n_features == 0 || s->n_classifier == 0)
        return lsn_fail_at(err, LSN_INVALID, s->weights->path,
                           "has no tensor %s.N.weight: a whole network of the VGG family has convolutions (features) "
                           "and fully connected layers (classifier)",
                           s->n_features == 0 ? "features" : "classifier");
    qsort(s->features, s->n_features, sizeof(lsn_module *), by_number);
    qsort(s->classifier, s->n_classifier, sizeof(lsn_module *), by_number);
    return check_classifier(s, err);
}

/* ---- convolutions -------------------------------------------------------------------------------------------- */

static int number_of(const sections *s, int i)
{
    return lsn_module_number(s->features[i], "features");
}

/* What stands between module i, the last before a ReLU, and the next convolution tells whether the map is pooled. */
static bool read_pooling(lsn_row_layer *layer, const sections *s, int i, lsn_error *err)
{
    layer->pooled = true; /* after the last convolution, always */
    if (i + 1 == s->n_features)
        return true;
    int number = number_of(s, i), next = number_of(s, i + 1);
    if (lsn_module_is_norm(s->features[i + 1]))
        return lsn_fail_at(err, LSN_INVALID, s->weights->path,
                           "tensor %s belongs to a batch normalisation that does not follow a convolution at once: it "
                           "cannot be folded into one",
                           s->features[i + 1]->mean->name);
    if (next - number != 2 && next - number != 3)
        return lsn_fail_at(err, LSN_INVALID, s->weights->path,
                           "tensor %s: features.%d follows features.%d: expected %d (ReLU between) or %d (ReLU and "
                           "pooling between), as torchvision numbers them",
                           any_tensor(s->features[i + 1])->name, next, number, number + 2, number + 3);
    layer->pooled = next - number == 3;
    return true;
}

/* The ReLU and, where there is one, the pooling. */
static bool finish_convolution(lsn_row *row, lsn_error *err)
{
    const lsn_net_window window = {.kernel = {2, 2}, .stride = {2, 2}};
    return lsn_row_goes_on(row, lsn_net_add_plain(row->net, LSN_OP_RELU, row->value, err)) &&
           (!row->layers[row->count - 1].pooled ||
            lsn_row_goes_on(row, lsn_net_add_max_pool(row->net, row->value, window, err)));
}

static bool read_convolutions(lsn_row *row, const sections *s, lsn_error *err)
{
    if (number_of(s, 0) != 0 || lsn_module_is_norm(s->features[0]))
        return lsn_fail_at(err, LSN_INVALID, s->weights->path,
                           "tensor features.0.weight is missing, or no convolution: the first one is %s",
                           any_tensor(s->features[0])->name);
    for (int i = 0; i < s->n_features; i++) {
        const lsn_module *module = s->features[i];
        lsn_layer_sizes sizes;
        if (!lsn_row_read(row, LSN_CONVOLUTION, module, i == 0, &sizes, err) ||
            (i == 0 && !lsn_row_goes_on(row, lsn_net_add_input(row->net, sizes.channels, err))) ||
            !lsn_row_add(row, LSN_CONVOLUTION, module, sizes, err))
            return false;
        lsn_row_layer *layer = &row->layers[row->count - 1];
        if (i + 1 < s->n_features && number_of(s, i + 1) == number_of(s, i) + 1 &&
            lsn_module_is_norm(s->features[i + 1]) && !lsn_row_add_norm(row, layer, s->features[++i], err))
            return false;
        if (!read_pooling(layer, s, i, err) || !finish_convolution(row, err))
            return false;
    }
    return true;
}

/* ---- fully connected layers ---------------------------------------------------------------------------------- */

/* The first fully connected layer sees C x grid x grid values of the last convolution's C channels. */
static bool add_grid(lsn_row *row, const sections *s, int inputs, lsn_error *err)
{
    int channels = row->net->nodes[row->layers[row->count - 1].node].filters, grid = 0;
    while ((int64_t)channels * grid * grid < inputs)
        grid++;
    if ((int64_t)channels * grid * grid != inputs)
        return lsn_fail_at(err, LSN_INVALID, s->weights->path,
                           "tensor %s takes %d inputs, which are not grid x grid maps of the last convolution's %d "
                           "channels for any grid",
                           s->classifier[0]->weight->name, inputs, channels);
    const lsn_net_node average = {
        .op = LSN_OP_AVERAGE_GRID, .n_inputs = 1, .inputs = &row->value, .grid = {grid, grid}, .no_larger = s->timm};
    return lsn_row_goes_on(row, lsn_net_add(row->net, average, err)) &&
           lsn_row_goes_on(row, lsn_net_add_plain(row->net, LSN_OP_FLATTEN, row->value, err));
}

/* Only timm's first two are written as convolutions: the first with a kernel as large as the map, which must take the
 * channels there are, the second with one of 1 x 1. */
static bool check_rank(const sections *s, int i, const lsn_row *row, lsn_error *err)
{
    const lsn_tensor *weights = s->classifier[i]->weight;
    char shape[LSN_SHAPE_BYTES];
    bool conv = s->timm && i < 2;
    int filters = row->net->nodes[row->layers[row->count - 1].node].filters;
    if (weights->rank != (conv ? 4 : 2) || (conv && weights->shape[2] != weights->shape[3]) ||
        (conv && i == 0 && weights->shape[1] != filters) || (conv && i == 1 && weights->shape[2] != 1))
        return lsn_fail_at(err, LSN_INVALID, s->weights->path, "tensor %s has shape %s; expected %s", weights->name,
                           lsn_tensor_shape(weights, shape),
                           !conv    ? "[outputs, inputs], fully connected"
                           : i == 0 ? "[outputs, channels of the last convolution, grid, grid]"
                                    : "[outputs, inputs, 1, 1]");
    return true;
}

static bool read_fully_connected(lsn_row *row, const sections *s, lsn_error *err)
{
    static const int timm_order[N_TIMM_NAMES] = {1, 2, 0}; /* head.fc is sorted to the front */
    const lsn_module *sorted[N_TIMM_NAMES];
    for (int i = 0; s->timm && i < N_TIMM_NAMES; i++)
        sorted[i] = s->classifier[timm_order[i]];
    for (int i = 0; s->timm && i < N_TIMM_NAMES; i++)
        s->classifier[i] = sorted[i];
    for (int i = 0; i < s->n_classifier; i++) {
        lsn_layer_sizes sizes;
        if (!check_rank(s, i, row, err) || !lsn_row_read(row, LSN_CONNECTED, s->classifier[i], i == 0, &sizes, err) ||
            !(i == 0 ? add_grid(row, s, sizes.channels, err)
                     : lsn_row_goes_on(row, lsn_net_add_plain(row->net, LSN_OP_RELU, row->value, err))) ||
            !lsn_row_add(row, LSN_CONNECTED, s->classifier[i], sizes, err))
            return false;
    }
    return true;
}

bool lsn_vgg_infer(lsn_row *row, const lsn_modules *modules, lsn_error *err)
{
    sections s = {.weights = row->weights};
    s.features = lsn_array(modules->count, sizeof *s.features, err);
    s.classifier = lsn_array(modules->count, sizeof *s.classifier, err);
    bool ok = s.features != NULL && s.classifier != NULL && sort_modules(&s, modules, err) &&
              read_convolutions(row, &s, err) && read_fully_connected(row, &s, err);
    free(s.features);
    free(s.classifier);
    return ok;
}
