/* A network without its weights as bytes, which processes send each other: whole numbers of 8 bytes, the lowest first;
 * texts as a number of bytes (-1: none) and these. In order: the mark; nodes, layers; what else there is; and the
 * SHA-256 of all that. What follows from the graph is not in it. */
#include "net/build.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char MARK[] = "lesion network 1";

/* ---- both ways ----------------------------------------------------------------------------------------------- */

enum { NUMBERS = 15 }; /* of a node, besides operator and inputs */

static void list_numbers(lsn_net_node *node, int *numbers[NUMBERS])
{
    int n = 0;
    numbers[n++] = &node->filters;
    numbers[n++] = &node->channels;
    numbers[n++] = &node->groups;
    for (int i = 0; i < 2; i++) {
        numbers[n++] = &node->window.kernel[i];
        numbers[n++] = &node->window.stride[i];
        numbers[n++] = &node->window.dilation[i];
        numbers[n++] = &node->grid[i];
    }
    for (int i = 0; i < 4; i++)
        numbers[n++] = &node->window.padding[i];
}

static bool digest_of(const unsigned char *bytes, size_t count, lsn_digest *digest, lsn_error *err)
{
    lsn_hasher *hasher = lsn_hasher_create(err);
    if (hasher == NULL)
        return false;
    lsn_hasher_add(hasher, bytes, count);
    const bool ok = lsn_hasher_take(hasher, digest, err);
    lsn_hasher_destroy(hasher);
    return ok;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

typedef struct writer {
    unsigned char *bytes;
    size_t count, room;
    bool failed;
    lsn_error *err;
} writer;

static void put(writer *w, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count && !w->failed; i++)
        if (lsn_grow((void **)&w->bytes, w->count, &w->room, 1, w->err))
            w->bytes[w->count++] = ((const unsigned char *)bytes)[i];
        else
            w->failed = true;
}

static void put_number(writer *w, int64_t number)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)number >> (8 * i));
    put(w, bytes, sizeof bytes);
}

static void put_text(writer *w, const char *text)
{
    put_number(w, text == NULL ? -1 : (int64_t)strlen(text));
    if (text != NULL)
        put(w, text, strlen(text));
}

static void put_node(writer *w, lsn_net_node node)
{
    int *numbers[NUMBERS];
    list_numbers(&node, numbers);
    put_number(w, node.op);
    put_number(w, node.n_inputs);
    for (int i = 0; i < node.n_inputs; i++)
        put_number(w, node.inputs[i]);
    for (int i = 0; i < NUMBERS; i++)
        put_number(w, *numbers[i]);
    put_number(w, node.no_larger);
}

static void put_layer(writer *w, const lsn_layer *layer)
{
    put_number(w, layer->node);
    put_text(w, layer->name);
    put_text(w, layer->alias);
    put_text(w, layer->weights_tensor);
    put_text(w, layer->bias_tensor);
    put_text(w, layer->norm);
}

void *lsn_net_write(const lsn_net *net, size_t *bytes, lsn_error *err)
{
    writer w = {.err = err};
    put(&w, MARK, sizeof MARK);
    put_number(&w, net->n_nodes);
    for (int i = 0; i < net->n_nodes; i++)
        put_node(&w, net->nodes[i]);
    put_number(&w, net->n_layers);
    for (int l = 0; l < net->n_layers; l++)
        put_layer(&w, &net->layers[l]);
    put_number(&w, net->nodes[0].shape.h);
    put_number(&w, net->nodes[0].shape.w);
    put_number(&w, net->nodes[0].shape.channels);
    put_text(&w, net->dtype);
    put(&w, net->digest.bytes, sizeof net->digest.bytes);
    lsn_digest digest;
    if (!w.failed && digest_of(w.bytes, w.count, &digest, err)) {
        put(&w, digest.bytes, sizeof digest.bytes);
        *bytes = w.count;
        if (!w.failed)
            return w.bytes;
    }
    free(w.bytes);
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const unsigned char *next, *end;
    const char *path;
    lsn_error *err;
} reader;

static bool damaged(const reader *r)
{
    return lsn_fail_at(r->err, LSN_FAILED, r->path, "the network came damaged from another process");
}

static bool get(reader *r, void *to, size_t count)
{
    if ((size_t)(r->end - r->next) < count)
        return damaged(r);
    memcpy(to, r->next, count);
    r->next += count;
    return true;
}

static bool get_number(reader *r, int *number)
{
    unsigned char bytes[8];
    if (!get(r, bytes, sizeof bytes))
        return false;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits |= (uint64_t)bytes[i] << (8 * i);
    const int64_t value = (int64_t)bits;
    *number = (int)value;
    return *number == value || damaged(r);
}

/* *text is to be freed, on failure too. */
static bool get_text(reader *r, char **text)
{
    int length;
    *text = NULL;
    if (!get_number(r, &length) || length == -1)
        return length == -1;
    if (length < 0 || r->end - r->next < length || memchr(r->next, '\0', (size_t)length) != NULL)
        return damaged(r);
    *text = lsn_array((size_t)length + 1, 1, r->err);
    return *text != NULL && get(r, *text, (size_t)length);
}

static bool get_node(reader *r, lsn_net *net)
{
    lsn_net_node node = {0};
    int op, no_larger = 0, *numbers[NUMBERS];
    list_numbers(&node, numbers);
    if (!get_number(r, &op) || !get_number(r, &node.n_inputs))
        return false;
    if (node.n_inputs < 0 || node.n_inputs > (r->end - r->next) / 8)
        return damaged(r);
    node.op = (lsn_operator)op;
    node.inputs = lsn_array((size_t)node.n_inputs, sizeof *node.inputs, r->err);
    bool ok = node.inputs != NULL;
    for (int i = 0; ok && i < node.n_inputs; i++)
        ok = get_number(r, &node.inputs[i]);
    for (int i = 0; ok && i < NUMBERS; i++)
        ok = get_number(r, numbers[i]);
    ok = ok && get_number(r, &no_larger);
    node.no_larger = no_larger != 0;
    ok = ok && lsn_net_add(net, node, r->err) >= 0;
    free(node.inputs);
    return ok;
}

static bool get_layer(reader *r, lsn_net *net)
{
    enum { NAMES = 5 };
    int node;
    char *names[NAMES] = {NULL};
    bool ok = get_number(r, &node);
    for (int i = 0; ok && i < NAMES; i++)
        ok = get_text(r, &names[i]);
    ok = ok && (names[0] != NULL || damaged(r)) &&
         lsn_net_add_layer(net, node, (lsn_layer_names){names[0], names[1], names[2], names[3], names[4]}, r->err);
    for (int i = 0; i < NAMES; i++)
        free(names[i]);
    return ok;
}

static bool get_list(reader *r, lsn_net *net, bool (*get_one)(reader *r, lsn_net *net))
{
    int count;
    bool ok = get_number(r, &count);
    for (int i = 0; ok && i < count; i++)
        ok = get_one(r, net);
    return ok;
}

/* The mark, and the digest at the end, which is taken off. */
static bool check_whole(reader *r)
{
    char mark[sizeof MARK];
    lsn_digest digest;
    const size_t bytes = (size_t)(r->end - r->next);
    if (bytes < sizeof MARK + sizeof digest.bytes)
        return damaged(r);
    r->end -= sizeof digest.bytes;
    if (!digest_of(r->next, bytes - sizeof digest.bytes, &digest, r->err))
        return false;
    return (memcmp(r->end, digest.bytes, sizeof digest.bytes) == 0 && get(r, mark, sizeof mark) &&
            memcmp(mark, MARK, sizeof mark) == 0) ||
           damaged(r);
}

static bool get_net(reader *r, lsn_net *net)
{
    lsn_net_shape input = {0};
    return get_list(r, net, get_node) && get_list(r, net, get_layer) && get_number(r, &input.h) &&
           get_number(r, &input.w) && get_number(r, &input.channels) && get_text(r, &net->dtype) &&
           get(r, net->digest.bytes, sizeof net->digest.bytes) && (r->next == r->end || damaged(r)) &&
           lsn_net_complete(net, r->err) &&
           (input.h == 0 || lsn_net_set_input(net, input.h, input.w, input.channels, r->err));
}

lsn_net *lsn_net_read(const void *bytes, size_t size, const char *path, const float *weights, size_t floats,
                      lsn_error *err)
{
    reader r = {.next = bytes, .end = (const unsigned char *)bytes + size, .path = path, .err = err};
    if (!check_whole(&r))
        return NULL;
    lsn_net *net = lsn_net_create(path, err);
    if (net != NULL && get_net(&r, net) && (lsn_net_floats(net) == floats || damaged(&r))) {
        lsn_net_use_weights(net, weights);
        return net;
    }
    lsn_net_destroy(net);
    return NULL;
}
