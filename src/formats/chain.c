/* Chains of fully connected layers with ReLUs between, whatever their modules are called. A checkpoint's tensors stand
 * in the order in which the modules were defined; a safetensors file's do not, so that there the order is that of the
 * numbers in the names. */
#include "formats/architecture.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct chain {
    const lsn_weights *weights;
    const lsn_modules *modules;
    const lsn_module **linear; /* the fully connected layers, in order */
    int count;
} chain;

/* ---- the order ----------------------------------------------------------------------------------------------- */

/* The first layer that does not take what the one before gives; `count` if all do. */
static int first_break(const chain *c)
{
    for (int i = 1; i < c->count; i++)
        if (c->linear[i]->weight->shape[1] != c->linear[i - 1]->weight->shape[0])
            return i;
    return c->count;
}

static int by_name(const void *a, const void *b)
{
    return lsn_module_compare(*(const lsn_module *const *)a, *(const lsn_module *const *)b);
}

/* Whether two paths differ in nothing but numbers. */
static bool numbered_alike(const lsn_module *a, const lsn_module *b)
{
    size_t i = 0, k = 0;
    while (true) {
        while (i < a->path_bytes && isdigit((unsigned char)a->path[i]))
            i++;
        while (k < b->path_bytes && isdigit((unsigned char)b->path[k]))
            k++;
        if (i == a->path_bytes || k == b->path_bytes)
            return i == a->path_bytes && k == b->path_bytes;
        if (a->path[i++] != b->path[k++])
            return false;
    }
}

/* Two layers of one shape might be exchanged: only numbers in their names tell which is first. */
static bool check_unambiguous(const chain *c, lsn_error *err)
{
    for (int i = 0; i < c->count; i++)
        for (int k = i + 1; k < c->count; k++) {
            const lsn_tensor *one = c->linear[i]->weight, *two = c->linear[k]->weight;
            if (one->shape[0] == two->shape[0] && one->shape[1] == two->shape[1] &&
                !numbered_alike(c->linear[i], c->linear[k]))
                return lsn_fail_at(err, LSN_INVALID, c->weights->path,
                                   "which of the layers of %s and %s is first cannot be told, since a safetensors file "
                                   "has no order: number their names, or save the state dict with torch.save",
                                   one->name, two->name);
        }
    return true;
}

static bool put_in_order(chain *c, lsn_error *err)
{
    if (c->weights->in_module_order && first_break(c) == c->count)
        return true;
    qsort(c->linear, (size_t)c->count, sizeof *c->linear, by_name);
    int at = first_break(c);
    if (at == c->count)
        return check_unambiguous(c, err);
    const lsn_tensor *before = c->linear[at - 1]->weight, *after = c->linear[at]->weight;
    return lsn_fail_at(err, LSN_INVALID, c->weights->path,
                       "tensor %s takes %lld inputs, but %s gives %lld: a network without convolutions must be a chain "
                       "of fully connected layers, in the order of the numbers in their names",
                       after->name, (long long)after->shape[1], before->name, (long long)before->shape[0]);
}

/* ---- batch normalisations ------------------------------------------------------------------------------------ */

/* A path's last part, and the number that it ends with (-1: none). */
typedef struct last_part {
    size_t parent_bytes; /* of what is before, with the dot */
    size_t word_bytes;   /* of the part without its number */
    int number;
} last_part;

static last_part split(const lsn_module *module)
{
    enum { MOST_DIGITS = 9 };
    size_t digits = 0, bytes = module->path_bytes;
    last_part part = {.number = -1};
    while (digits < bytes && digits < MOST_DIGITS && isdigit((unsigned char)module->path[bytes - digits - 1]))
        digits++;
    for (size_t i = bytes - digits; i < bytes; i++)
        part.number = 10 * (part.number < 0 ? 0 : part.number) + (module->path[i] - '0');
    part.parent_bytes = bytes - digits;
    while (part.parent_bytes > 0 && module->path[part.parent_bytes - 1] != '.')
        part.parent_bytes--;
    part.word_bytes = bytes - digits - part.parent_bytes;
    return part;
}

/* Whether a batch normalisation's name says that it follows that layer at once: the next module of a Sequential (0 and
 * 1), of the same number (fc1 and bn1), or the same block's (block1.fc and block1.bn). */
static bool follows(const lsn_module *norm, const lsn_module *linear)
{
    last_part one = split(norm), two = split(linear);
    if (one.parent_bytes != two.parent_bytes || memcmp(norm->path, linear->path, one.parent_bytes) != 0)
        return false;
    if (one.word_bytes == 0 && two.word_bytes == 0)
        return one.number == two.number + 1;
    return one.word_bytes > 0 && two.word_bytes > 0 && one.number == two.number;
}

static bool add_norm(const chain *c, lsn_row *row, const lsn_module *norm, lsn_error *err)
{
    int found = -1;
    for (int i = 0; i < c->count; i++)
        if (follows(norm, c->linear[i])) {
            if (found >= 0 || row->layers[i].norm != NULL)
                found = c->count;
            else
                found = i;
        }
    if (found < 0 || found >= c->count)
        return lsn_fail_at(err, LSN_INVALID, c->weights->path,
                           "tensor %s belongs to a batch normalisation, and its name does not tell which fully "
                           "connected layer it follows at once: number them alike (fc1, bn1), or fold it yourself",
                           norm->mean->name);
    return lsn_row_add_norm(row, &row->layers[found], norm, err);
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static bool list_linear(chain *c, lsn_error *err)
{
    for (size_t i = 0; i < c->modules->count; i++) {
        const lsn_module *module = &c->modules->items[i];
        char shape[LSN_SHAPE_BYTES];
        if (lsn_module_is_norm(module))
            continue;
        if (module->weight->rank != 2)
            return lsn_fail_at(err, LSN_INVALID, c->weights->path,
                               "tensor %s has shape %s; expected [outputs, inputs], fully connected (of normalisations "
                               "only those with running_mean and running_var are read)",
                               module->weight->name, lsn_tensor_shape(module->weight, shape));
        if (c->count == LSN_MOST_LAYERS)
            return lsn_refuse_more_layers(c->weights->path, err);
        c->linear[c->count++] = module;
    }
    if (c->count < 2)
        return lsn_fail_at(err, LSN_INVALID, c->weights->path,
                           "has no convolution and %s: a network has at least one layer before the logits, of which "
                           "something can be removed",
                           c->count == 0 ? "no fully connected layer" : "one fully connected layer");
    return true;
}

static bool add_layers(const chain *c, lsn_row *row, lsn_error *err)
{
    for (int i = 0; i < c->count; i++) {
        lsn_layer_sizes sizes;
        if (!lsn_row_read(row, LSN_CONNECTED, c->linear[i], i == 0, &sizes, err) ||
            (i == 0 && !lsn_row_goes_on(row, lsn_net_add_input(row->net, 0, err))) ||
            !lsn_row_goes_on(row,
                             lsn_net_add_plain(row->net, i == 0 ? LSN_OP_FLATTEN : LSN_OP_RELU, row->value, err)) ||
            !lsn_row_add(row, LSN_CONNECTED, c->linear[i], sizes, err))
            return false;
    }
    return true;
}

bool lsn_chain_infer(lsn_row *row, const lsn_modules *modules, lsn_error *err)
{
    chain c = {.weights = row->weights, .modules = modules};
    c.linear = lsn_array(modules->count, sizeof *c.linear, err);
    bool ok = c.linear != NULL && list_linear(&c, err) && put_in_order(&c, err) && add_layers(&c, row, err);
    for (size_t i = 0; ok && i < modules->count; i++)
        ok = !lsn_module_is_norm(&modules->items[i]) || add_norm(&c, row, &modules->items[i], err);
    free(c.linear);
    return ok;
}
