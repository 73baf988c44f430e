/* A network whose weights lie in one place for several models: those of other processes, in use. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "../formats/check.h"

static network_file network;

static void same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL)
        assert_string_equal(a, b);
}

static void same_node(const lsn_net_node *one, const lsn_net_node *two)
{
    assert_int_equal(one->op, two->op);
    assert_int_equal(one->n_inputs, two->n_inputs);
    assert_int_equal(one->n_consumers, two->n_consumers);
    assert_memory_equal(one->inputs, two->inputs, (size_t)one->n_inputs * sizeof(int));
    assert_memory_equal(one->consumers, two->consumers, (size_t)one->n_consumers * sizeof(int));
    assert_memory_equal(&one->shape, &two->shape, sizeof one->shape);
    assert_int_equal(one->filters, two->filters);
    assert_int_equal(one->channels, two->channels);
    assert_int_equal(one->groups, two->groups);
    assert_memory_equal(&one->window, &two->window, sizeof one->window);
    assert_memory_equal(one->grid, two->grid, sizeof one->grid);
    assert_int_equal(one->no_larger, two->no_larger);
    assert_ptr_equal(one->weights.values, two->weights.values);
    assert_int_equal(one->weights.count, two->weights.count);
    assert_ptr_equal(one->bias.values, two->bias.values);
    assert_int_equal(one->bias.count, two->bias.count);
}

static void same_layer(const lsn_layer *one, const lsn_layer *two)
{
    same_text(one->name, two->name);
    same_text(one->alias, two->alias);
    same_text(one->weights_tensor, two->weights_tensor);
    same_text(one->bias_tensor, two->bias_tensor);
    same_text(one->norm, two->norm);
    assert_int_equal(one->kind, two->kind);
    assert_int_equal(one->filters, two->filters);
    assert_int_equal(one->logits, two->logits);
    assert_int_equal(one->node, two->node);
    assert_int_equal(one->output, two->output);
    assert_int_equal(one->seen, two->seen);
    assert_int_equal(one->segment, two->segment);
}

static void same_network(const lsn_net *a, const lsn_net *b)
{
    assert_int_equal(a->n_nodes, b->n_nodes);
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->n_cuts, b->n_cuts);
    assert_int_equal(a->n_segments, b->n_segments);
    assert_memory_equal(a->cuts, b->cuts, (size_t)a->n_cuts * sizeof(int));
    assert_memory_equal(a->segments, b->segments, (size_t)a->n_segments * sizeof *a->segments);
    assert_int_equal(a->n_folded, b->n_folded);
    assert_int_equal(a->classes, b->classes);
    assert_memory_equal(&a->digest, &b->digest, sizeof a->digest);
    same_text(a->dtype, b->dtype);
    for (int i = 0; i < a->n_nodes; i++)
        same_node(&a->nodes[i], &b->nodes[i]);
    for (int i = 0; i < a->n_layers; i++)
        same_layer(&a->layers[i], &b->layers[i]);
}

/* Moves the model's weights and makes another of its message: equal, in the same place, and of no file any more. */
static void is_shared(const char *path, bool as_written)
{
    lsn_error err = {0};
    lsn_net *net = loaded(path);
    float *weights = lsn_array(lsn_net_floats(net), sizeof(float), &err);
    size_t bytes;
    void *message = lsn_net_write(net, &bytes, &err);
    assert_true(weights != NULL && message != NULL);
    lsn_net_move_weights(net, weights);
    lsn_net *other = lsn_net_read(message, bytes, "elsewhere.safetensors", weights, lsn_net_floats(net), &err);
    assert_non_null(other);
    assert_string_equal(other->path, "elsewhere.safetensors");
    same_network(net, other);
    assert_int_equal(remove(path), 0);
    lsn_net_destroy(net);
    for (int i = 0; i < other->n_layers; i++)
        assert_int_equal((uintptr_t)layer_weights(other, i) % 64, 0);
    if (as_written)
        has_written_values(other);
    assert_true(lsn_net_set_input(other, 8, 8, 3, &err)); /* an input belongs to each model alone */
    lsn_net_destroy(other);
    free(message);
    free(weights);
}

static void weights_of_any_type_are_shared(void **state)
{
    (void)state;
    static const char *const dtypes[] = {"F32", "F16", "BF16"};
    for (int i = 0; i < 3; i++)
        for (int shift = 0; shift < 2; shift++) { /* mapped where they are aligned floats, else converted */
            small_network(&network, dtypes[i]);
            network.shift = shift;
            is_shared(network_write(&network, "shared.safetensors"), true);
        }
}

static void what_a_file_may_lack_is_still_lacking(void **state)
{
    (void)state;
    small_network(&network, "F32");
    network_remove(&network, "features.2.bias");
    lsn_error err = {0};
    lsn_net *net = loaded(network_write(&network, "lacking.safetensors"));
    float *weights = lsn_array(lsn_net_floats(net), sizeof(float), &err);
    lsn_net_move_weights(net, weights);
    assert_null(net->layers[1].bias_tensor);
    for (int f = 0; f < net->layers[1].filters; f++)
        assert_true(layer_bias(net, 1)[f] == 0);
    lsn_net_destroy(net);
    free(weights);
    is_shared(network_write(&network, "lacking.safetensors"), false);
}

static void folded_normalisations_are_shared(void **state)
{
    (void)state;
    network_init(&network, "F32", 3, (const int[]){4, -1}, 2, (const int[]){9, 10, -1});
    network_add_norm(&network, "features.1", "F32", 4);
    lsn_net *net = loaded(network_write(&network, "norm.safetensors"));
    assert_int_equal(net->n_folded, 1);
    lsn_net_destroy(net);
    is_shared(network_write(&network, "norm.safetensors"), false);
}

/* ---- what is not whole --------------------------------------------------------------------------------------- */

typedef struct message {
    unsigned char *bytes;
    size_t count, floats;
    float *weights;
} message;

static message made(void)
{
    message m = {0};
    small_network(&network, "F32");
    lsn_net *net = loaded(network_write(&network, "message.safetensors"));
    assert_true(lsn_net_set_input(net, 8, 8, 3, NULL));
    m.floats = lsn_net_floats(net);
    m.weights = lsn_array(m.floats, sizeof(float), NULL);
    m.bytes = lsn_net_write(net, &m.count, NULL);
    assert_true(m.weights != NULL && m.bytes != NULL);
    lsn_net_destroy(net);
    return m;
}

static void finish(message *m)
{
    free(m->bytes);
    free(m->weights);
}

/* Reads a copy that ends where its memory does. */
static lsn_net *read_copy(const message *m, size_t count, lsn_error *err)
{
    unsigned char *copy = malloc(count == 0 ? 1 : count);
    assert_non_null(copy);
    memcpy(copy, m->bytes, count);
    *err = (lsn_error){0};
    lsn_net *net = lsn_net_read(copy, count, "sent", m->weights, m->floats, err);
    free(copy);
    return net;
}

static void is_damaged(const message *m, size_t count)
{
    lsn_error err;
    assert_null(read_copy(m, count, &err));
    assert_int_equal(err.code, LSN_FAILED);
    assert_string_equal(err.text, "sent: the network came damaged from another process");
}

static void a_cut_or_flipped_message_is_refused(void **state)
{
    (void)state;
    message m = made();
    lsn_error err;
    for (size_t count = 0; count < m.count; count++)
        is_damaged(&m, count);
    for (size_t i = 0; i < m.count; i++) {
        m.bytes[i] ^= (unsigned char)(1 << i % 8);
        is_damaged(&m, m.count);
        m.bytes[i] ^= (unsigned char)(1 << i % 8);
    }
    lsn_net *net = read_copy(&m, m.count, &err);
    assert_non_null(net);
    assert_int_equal(net->nodes[0].shape.h, 8); /* the input came with it */
    lsn_net_destroy(net);
    m.floats--; /* another network's weights */
    is_damaged(&m, m.count);
    finish(&m);
}

/* The digest of the first bytes, put behind them. */
static void sign(message *m)
{
    lsn_digest digest;
    lsn_hasher *hasher = lsn_hasher_create(NULL);
    lsn_hasher_add(hasher, m->bytes, m->count - sizeof digest.bytes);
    assert_true(lsn_hasher_take(hasher, &digest, NULL));
    lsn_hasher_destroy(hasher);
    memcpy(m->bytes + m->count - sizeof digest.bytes, digest.bytes, sizeof digest.bytes);
}

/* Whatever bytes have a right digest: every number and length is checked all the same. */
static void wrong_numbers_are_refused(void **state)
{
    (void)state;
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    message m = made();
    int refused = 0, read = 0;
    for (size_t i = 0; i < m.count - LSN_DIGEST_BYTES; i++)
        for (size_t v = 0; v < sizeof values; v++) {
            const unsigned char before = m.bytes[i];
            lsn_error err;
            m.bytes[i] = values[v];
            sign(&m);
            lsn_net *net = read_copy(&m, m.count, &err);
            assert_true(net != NULL || (err.code != LSN_OK && err.text[0] != '\0'));
            *(net == NULL ? &refused : &read) += 1;
            lsn_net_destroy(net);
            m.bytes[i] = before;
        }
    assert_true(refused > 5000 && read > 500); /* a letter of a name may be another one */
    const size_t whole = m.count;
    for (m.count = LSN_DIGEST_BYTES; m.count < whole; m.count++) {
        lsn_error err;
        unsigned char rest[LSN_DIGEST_BYTES];
        memcpy(rest, m.bytes + m.count - LSN_DIGEST_BYTES, sizeof rest);
        sign(&m);
        assert_null(read_copy(&m, m.count, &err));
        assert_int_equal(err.code, LSN_FAILED);
        memcpy(m.bytes + m.count - LSN_DIGEST_BYTES, rest, sizeof rest);
    }
    finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_any_type_are_shared),   cmocka_unit_test(what_a_file_may_lack_is_still_lacking),
        cmocka_unit_test(folded_normalisations_are_shared), cmocka_unit_test(a_cut_or_flipped_message_is_refused),
        cmocka_unit_test(wrong_numbers_are_refused),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
