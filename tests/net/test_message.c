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

static void same_network(const lsn_net *a, const lsn_net *b)
{
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->n_conv, b->n_conv);
    assert_int_equal(a->n_folded, b->n_folded);
    assert_int_equal(a->grid, b->grid);
    assert_int_equal(a->fixed_map, b->fixed_map);
    assert_int_equal(a->classes, b->classes);
    assert_int_equal(a->input_channels, b->input_channels);
    assert_int_equal(a->input_h, b->input_h);
    assert_memory_equal(&a->digest, &b->digest, sizeof a->digest);
    same_text(a->dtype, b->dtype);
    for (int i = 0; i < a->n_layers; i++) {
        const lsn_layer *one = &a->layers[i], *two = &b->layers[i];
        assert_string_equal(one->name, two->name);
        assert_int_equal(one->kind, two->kind);
        assert_int_equal(one->filters, two->filters);
        assert_int_equal(one->channels, two->channels);
        assert_int_equal(one->kernel, two->kernel);
        assert_int_equal(one->pool, two->pool);
        assert_int_equal(one->logits, two->logits);
        assert_int_equal(one->h, two->h);
        same_text(one->weights_tensor, two->weights_tensor);
        same_text(one->bias_tensor, two->bias_tensor);
        same_text(one->norm, two->norm);
        assert_ptr_equal(one->weights, two->weights);
        assert_ptr_equal(one->bias, two->bias);
    }
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
    lsn_net *other = lsn_net_read(message, bytes, "elsewhere.safetensors", weights, &err);
    assert_non_null(other);
    assert_string_equal(other->path, "elsewhere.safetensors");
    same_network(net, other);
    assert_int_equal(remove(path), 0);
    lsn_net_destroy(net);
    for (int i = 0; i < other->n_layers; i++)
        assert_int_equal((uintptr_t)other->layers[i].weights % 64, 0);
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
        assert_true(net->layers[1].bias[f] == 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_any_type_are_shared),
        cmocka_unit_test(what_a_file_may_lack_is_still_lacking),
        cmocka_unit_test(folded_normalisations_are_shared),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
