/* A file's tensors by the modules that they belong to. */
#include "formats/modules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIGITS = 4 };

/* ---- from names to modules ----------------------------------------------------------------------------------- */

/* What parts of names tell of networks that are not read. */
static const struct {
    const char *part, *what;
} foreign[] = {
    {"downsample", "a residual addition"},
    {"shortcut", "a residual addition"},
    {"skip", "a residual addition"},
    {"attn", "an attention layer"},
    {"layer1.0.conv", "a residual network's block"},
    {"denseblock", "a densely connected network's block"},
};

static bool refuse_foreign(const lsn_weights *weights, lsn_error *err)
{
    for (size_t k = 0; k < sizeof foreign / sizeof *foreign; k++)
        for (size_t i = 0; i < weights->count; i++)
            if (strstr(weights->tensors[i].name, foreign[k].part) != NULL)
                return lsn_fail_at(err, LSN_INVALID, weights->path,
                                   "tensor %s belongs to %s: only networks of the VGG family (a row of convolutions, "
                                   "then fully connected layers) and chains of fully connected layers are read",
                                   weights->tensors[i].name, foreign[k].what);
    return true;
}

/* Splits a tensor's name into the module's path and the place of the tensor in it; NULL where it is none of theirs. */
static const lsn_tensor **tensor_of(lsn_module *module, const char *key)
{
    const char *dot = strrchr(key, '.'), *last = dot == NULL ? key : dot + 1;
    const struct {
        const char *name;
        const lsn_tensor **tensor;
    } places[] = {
        {"weight", &module->weight},
        {"bias", &module->bias},
        {"running_mean", &module->mean},
        {"running_var", &module->var},
        {"num_batches_tracked", &module->counter},
    };
    module->path = key;
    module->path_bytes = dot == NULL ? 0 : (size_t)(dot - key);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(last, places[i].name) == 0)
            return places[i].tensor;
    return NULL;
}

static int by_path(const void *a, const void *b)
{
    const lsn_module *one = a, *two = b;
    size_t least = one->path_bytes < two->path_bytes ? one->path_bytes : two->path_bytes;
    int order = memcmp(one->path, two->path, least);
    if (order != 0 || one->path_bytes != two->path_bytes)
        return order != 0 ? order : one->path_bytes < two->path_bytes ? -1 : 1;
    return (one->order > two->order) - (one->order < two->order);
}

static int by_order(const void *a, const void *b)
{
    const lsn_module *one = a, *two = b;
    return (one->order > two->order) - (one->order < two->order);
}

/* A module for each tensor. */
static bool list_tensors(lsn_modules *modules, const lsn_weights *weights, lsn_error *err)
{
    modules->items = lsn_array(weights->count, sizeof *modules->items, err);
    if (modules->items == NULL)
        return false;
    for (; modules->count < weights->count; modules->count++) {
        const lsn_tensor *tensor = &weights->tensors[modules->count];
        lsn_module *module = &modules->items[modules->count];
        module->order = modules->count;
        const lsn_tensor **place = tensor_of(module, lsn_weights_key(weights, tensor));
        if (place == NULL)
            return lsn_fail_at(err, LSN_INVALID, weights->path,
                               "tensor %s is not of the VGG family: expected the weight and bias of convolutions and "
                               "fully connected layers, and what batch normalisations have",
                               tensor->name);
        if (!tensor->dtype->weights && place != &module->counter)
            return lsn_fail_at(err, LSN_INVALID, weights->path,
                               "tensor %s is of type %s: convert it to F32, F16 or BF16", tensor->name,
                               tensor->dtype->name);
        *place = tensor;
    }
    return true;
}

static void take_over(const lsn_tensor **to, const lsn_tensor *from)
{
    *to = *to == NULL ? from : *to;
}

/* Modules of one path become one. */
static void merge(lsn_modules *modules)
{
    size_t count = 0;
    qsort(modules->items, modules->count, sizeof *modules->items, by_path);
    for (size_t i = 0; i < modules->count; i++) {
        const lsn_module *next = &modules->items[i];
        lsn_module *last = count == 0 ? NULL : &modules->items[count - 1];
        if (last == NULL || last->path_bytes != next->path_bytes ||
            memcmp(last->path, next->path, next->path_bytes) != 0) {
            modules->items[count++] = *next;
            continue;
        }
        take_over(&last->weight, next->weight);
        take_over(&last->bias, next->bias);
        take_over(&last->mean, next->mean);
        take_over(&last->var, next->var);
        take_over(&last->counter, next->counter);
    }
    modules->count = count;
    qsort(modules->items, modules->count, sizeof *modules->items, by_order);
}

/* A name of the module's tensors as the file has it, up to the module's path: for a message. */
static const char *file_path(const lsn_weights *weights, const lsn_module *module, int *bytes)
{
    *bytes = (int)(weights->prefix + module->path_bytes);
    return weights->tensors[module->order].name;
}

static bool missing(const lsn_weights *weights, const lsn_module *module, const char *what, lsn_error *err)
{
    int bytes;
    const char *path = file_path(weights, module, &bytes);
    return lsn_fail_at(err, LSN_INVALID, weights->path, "tensor %.*s%s%s is missing: save the whole network again",
                       bytes, path, module->path_bytes == 0 ? "" : ".", what);
}

static bool check_complete(const lsn_weights *weights, const lsn_module *module, lsn_error *err)
{
    if (module->mean != NULL || module->var != NULL || module->counter != NULL) {
        if (module->mean == NULL)
            return missing(weights, module, "running_mean", err);
        return module->var != NULL || missing(weights, module, "running_var", err);
    }
    return module->weight != NULL || missing(weights, module, "weight", err);
}

bool lsn_modules_collect(lsn_modules *modules, const lsn_weights *weights, lsn_error *err)
{
    *modules = (lsn_modules){0};
    if (!refuse_foreign(weights, err) || !list_tensors(modules, weights, err))
        return false;
    if (modules->count == 0)
        return lsn_fail_at(err, LSN_INVALID, weights->path, "has no tensors: save the whole network again");
    merge(modules);
    for (size_t i = 0; i < modules->count; i++)
        if (!check_complete(weights, &modules->items[i], err))
            return false;
    return true;
}

void lsn_modules_finish(lsn_modules *modules)
{
    free(modules->items);
    *modules = (lsn_modules){0};
}

/* ---- what a module is ---------------------------------------------------------------------------------------- */

bool lsn_module_is_norm(const lsn_module *module)
{
    return module->mean != NULL;
}

char *lsn_module_name(const lsn_module *norm, lsn_error *err)
{
    char *name = lsn_strdup(norm->mean->name, err), *dot = name == NULL ? NULL : strrchr(name, '.');
    if (dot != NULL)
        *dot = '\0';
    return name;
}

char *lsn_module_path(const lsn_module *module, lsn_error *err)
{
    char *path = lsn_array(module->path_bytes + 1, 1, err);
    if (path != NULL)
        memcpy(path, module->path, module->path_bytes);
    return path;
}

bool lsn_module_is(const lsn_module *module, const char *path)
{
    return strlen(path) == module->path_bytes && memcmp(path, module->path, module->path_bytes) == 0;
}

int lsn_module_number(const lsn_module *module, const char *section)
{
    size_t length = strlen(section);
    if (module->path_bytes <= length + 1 || memcmp(module->path, section, length) != 0 || module->path[length] != '.')
        return -1;
    const char *at = module->path + length + 1;
    size_t digits = module->path_bytes - length - 1;
    if (digits > MOST_DIGITS || (digits > 1 && at[0] == '0'))
        return -1;
    int number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)at[i]))
            return -1;
        number = 10 * number + (at[i] - '0');
    }
    return number;
}

/* Digits from `at` on. */
static size_t digits_at(const lsn_module *module, size_t at)
{
    size_t end = at;
    while (end < module->path_bytes && isdigit((unsigned char)module->path[end]))
        end++;
    return end - at;
}

int lsn_module_compare(const lsn_module *a, const lsn_module *b)
{
    size_t i = 0, k = 0;
    while (i < a->path_bytes && k < b->path_bytes) {
        size_t m = digits_at(a, i), n = digits_at(b, k);
        int order = m > 0 && n > 0 && m != n ? (m > n) - (m < n) /* more digits: larger, without leading zeros */
                                             : (unsigned char)a->path[i] - (unsigned char)b->path[k];
        if (order != 0)
            return order;
        i++;
        k++;
    }
    return (i < a->path_bytes) - (k < b->path_bytes);
}
