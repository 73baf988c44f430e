#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "check.h"

static network_file network;

static void values_are_those_of_the_file(const char *dtype, int shift, const char *expected_dtype)
{
    small_network(&network, dtype);
    network.shift = shift;
    lsn_net *net = loaded(network_write(&network, "values.safetensors"));
    assert_string_equal(net->dtype, expected_dtype);
    has_written_values(net);
    for (int i = 0; i < net->n_layers; i++)
        assert_int_equal((uintptr_t)layer_weights(net, i) % sizeof(float), 0);
    lsn_net_destroy(net);
}

static void every_type_gives_the_same_values(void **state)
{
    (void)state;
    values_are_those_of_the_file("F32", 0, "F32");
    values_are_those_of_the_file("F16", 0, "F16");
    values_are_those_of_the_file("BF16", 0, "BF16");
}

static void unaligned_values_are_copied(void **state)
{
    (void)state;
    for (int shift = 1; shift < 4; shift++) {
        values_are_those_of_the_file("F32", shift, "F32");
        values_are_those_of_the_file("F16", shift, "F16");
    }
}

static void types_may_be_mixed(void **state)
{
    (void)state;
    small_network(&network, "F16");
    strcpy(network_find(&network, "features.2.bias")->dtype, "F32");
    strcpy(network_find(&network, "classifier.3.weight")->dtype, "BF16");
    lsn_net *net = loaded(network_write(&network, "mixed.safetensors"));
    assert_string_equal(net->dtype, "mixed");
    for (int k = 0; k < 5; k++)
        assert_true(layer_bias(net, 1)[k] == network_value(k));
    for (int k = 0; k < 90; k++)
        assert_true(layer_weights(net, 5)[k] == network_value(k));
    lsn_net_destroy(net);
}

/* A network whose first bias, of 65536 - 2048 filters, holds every finite half; or whose first ones are `words`. */
static lsn_net *model_with_bias(const char *dtype, const uint16_t *words, int count)
{
    network_init(&network, dtype, 1, (const int[]){count, 1, -1}, 1, (const int[]){1, -1});
    size_t bytes;
    unsigned char *file = network_bytes(&network, &bytes);
    size_t after = 2 * (size_t)(9 * count + 1 + 1 + 1); /* what follows the bias: [1][count][3][3], 1, [1][1], 1 */
    memcpy(file + bytes - after - 2 * (size_t)count, words, 2 * (size_t)count);
    lsn_net *net = loaded(scratch_write("bias.safetensors", file, bytes));
    free(file);
    return net;
}

/* Computed from the definition: (-1)^sign * 2^(exponent - 15) * 1.fraction, or 2^-14 * 0.fraction where exponent = 0.
 */
static double value_of_half(unsigned half)
{
    int exponent = (int)(half >> 10 & 31);
    double fraction = (half & 1023) / 1024.0;
    double value = exponent == 0 ? ldexp(fraction, -14) : ldexp(1 + fraction, exponent - 15);
    return half & 0x8000 ? -value : value;
}

static void every_finite_half_is_converted_exactly(void **state)
{
    (void)state;
    static uint16_t words[65536];
    int count = 0;
    for (unsigned half = 0; half < 65536; half++)
        if ((half >> 10 & 31) != 31)
            words[count++] = (uint16_t)half;
    lsn_net *net = model_with_bias("F16", words, count);
    for (int i = 0; i < count; i++) {
        float value = layer_bias(net, 0)[i];
        assert_true((double)value == value_of_half(words[i]));
        assert_int_equal(signbit(value) != 0, words[i] >> 15);
    }
    lsn_net_destroy(net);
}

static void bfloats_are_converted_exactly(void **state)
{
    (void)state;
    static const uint16_t words[] = {0x0000, 0x8000, 0x3f80, 0xbf80, 0x4049, 0x0001, 0x807f, 0x0080, 0x7f7f, 0xff7f};
    static const float expected[] = {0,         -0.0f,         1,         -1,          3.140625f,
                                     0x1p-133f, -0x1.fcp-127f, 0x1p-126f, 0x1.fep127f, -0x1.fep127f};
    lsn_net *net = model_with_bias("BF16", words, 10);
    for (int i = 0; i < 10; i++) {
        assert_true(layer_bias(net, 0)[i] == expected[i]);
        assert_int_equal(signbit(layer_bias(net, 0)[i]) != 0, words[i] >> 15);
    }
    lsn_net_destroy(net);
}

static void poisoned(const char *name, int64_t index, const char *at)
{
    small_network(&network, "F32");
    network_find(&network, name)->poison = index;
    refused(network_write(&network, "poisoned.safetensors"), at, "finite");
}

static void infinite_weights_are_named(void **state)
{
    (void)state;
    poisoned("features.0.weight", 0, "features.0.weight[0][0][0][0] is inf");
    poisoned("features.2.weight", ((3 * 4 + 1) * 3 + 2) * 3 + 1, "features.2.weight[3][1][2][1] is inf");
    poisoned("features.7.bias", 6, "features.7.bias[6] is inf");
    poisoned("classifier.3.weight", 89, "classifier.3.weight[9][8] is inf");
    network_init(&network, "F32", 1, (const int[]){1000, -1}, 1, (const int[]){100, -1});
    network_find(&network, "classifier.0.weight")->poison = 77777;
    refused(network_write(&network, "poisoned.safetensors"), "classifier.0.weight[77][777] is inf", "");
}

/* Each bit pattern put into one weight of a file of that type. */
static void patched(const char *dtype, size_t bytes_each, uint32_t bits, const char *text)
{
    small_network(&network, dtype);
    size_t bytes;
    unsigned char *file = network_bytes(&network, &bytes);
    memcpy(file + bytes - 10 * bytes_each, &bits, bytes_each); /* classifier.3.bias[0] */
    const char *path = scratch_write("patched.safetensors", file, bytes);
    if (text != NULL)
        refused(path, text, "classifier.3.bias[0]");
    else
        lsn_net_destroy(loaded(path));
    free(file);
}

static void whatever_is_not_finite_is_refused(void **state)
{
    (void)state;
    patched("F32", 4, 0x7f800000, "inf");
    patched("F32", 4, 0xff800000, "-inf");
    patched("F32", 4, 0x7fc00000, "nan");
    patched("F32", 4, 0x7f800001, "nan");
    patched("F32", 4, 0x7f7fffff, NULL);
    patched("F32", 4, 0x00000001, NULL);
    patched("F16", 2, 0x7c00, "inf");
    patched("F16", 2, 0xfc00, "-inf");
    patched("F16", 2, 0x7e00, "nan");
    patched("F16", 2, 0x7c01, "nan");
    patched("F16", 2, 0x7bff, NULL);
    patched("BF16", 2, 0x7f80, "inf");
    patched("BF16", 2, 0x7fc0, "nan");
    patched("BF16", 2, 0x7f7f, NULL);
}

static void the_digest_is_of_the_whole_file(void **state)
{
    (void)state;
    small_network(&network, "F16");
    size_t bytes;
    unsigned char *file = network_bytes(&network, &bytes);
    lsn_net *net = loaded(scratch_write("one", file, bytes)), *same = loaded(scratch_write("two", file, bytes));
    lsn_hasher *hasher = lsn_hasher_create(NULL);
    lsn_digest expected;
    lsn_hasher_add(hasher, file, bytes);
    assert_true(lsn_hasher_take(hasher, &expected, NULL));
    lsn_hasher_destroy(hasher);
    assert_memory_equal(&net->digest, &expected, sizeof expected);
    assert_memory_equal(&same->digest, &expected, sizeof expected);
    lsn_net_destroy(same);
    file[bytes - 1] ^= 1;
    same = loaded(scratch_write("two", file, bytes));
    assert_memory_not_equal(&same->digest, &expected, sizeof expected);
    lsn_net_destroy(same);
    lsn_net_destroy(net);
    free(file);
}

static void no_model_may_be_destroyed(void **state)
{
    (void)state;
    lsn_net_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_gives_the_same_values),
        cmocka_unit_test(unaligned_values_are_copied),
        cmocka_unit_test(types_may_be_mixed),
        cmocka_unit_test(every_finite_half_is_converted_exactly),
        cmocka_unit_test(bfloats_are_converted_exactly),
        cmocka_unit_test(infinite_weights_are_named),
        cmocka_unit_test(whatever_is_not_finite_is_refused),
        cmocka_unit_test(the_digest_is_of_the_whole_file),
        cmocka_unit_test(no_model_may_be_destroyed),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
