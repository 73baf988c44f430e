/* Checkpoints of torch.save: the same network as from a safetensors file, or one message. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check.h"

#include "torch_file.h"

static network_file network;
static const char *const plain[] = {NULL};

/* What holds for every container is tested with each. */
static const char *(*const writers[])(const network_file *network, const char *const wrappers[], const char *prefix,
                                      const char *name) = {network_write_checkpoint, network_write_legacy};
enum { N_WRITERS = sizeof writers / sizeof *writers };

static void is_small_network(const char *path, const char *dtype, const char *first)
{
    lsn_net *net = loaded(path);
    assert_int_equal(net->n_layers, 6);
    assert_string_equal(net->dtype, dtype);
    assert_string_equal(net->layers[0].weights_tensor, first);
    has_written_values(net);
    lsn_net_destroy(net);
}

static void every_type_is_read(void **state)
{
    (void)state;
    static const char *const types[] = {"F32", "F16", "BF16", "F64"};
    for (int i = 0; i < 4; i++) {
        small_network(&network, types[i]);
        for (int k = 0; k < N_WRITERS; k++)
            is_small_network(writers[k](&network, plain, "", "small.pth"), types[i], "features.0.weight");
    }
}

static void the_state_dict_may_be_wrapped(void **state)
{
    (void)state;
    static const char *const wrappers[][3] = {
        {"state_dict"}, {"model"}, {"model_state_dict"}, {"net"}, {"model", "state_dict"}};
    static const char *const optimizer[] = {"optimizer", NULL}, *const deep[] = {"net", "net", "net", "net", NULL};
    small_network(&network, "F16");
    for (int k = 0; k < N_WRITERS; k++) {
        for (int i = 0; i < 5; i++)
            is_small_network(writers[k](&network, wrappers[i], "", "small.pth"), "F16", "features.0.weight");
        refused(writers[k](&network, optimizer, "", "small.pth"), "holds no state dict", "state_dict()");
        refused(writers[k](&network, deep, "", "deep.pth"), "holds no state dict", "");
    }
}

static void prefixes_are_ignored(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"module.", "_orig_mod.",        "model.",
                                           "net.",    "module._orig_mod.", "_orig_mod.module.model."};
    char first[64];
    small_network(&network, "F16");
    for (int k = 0; k < N_WRITERS; k++) {
        for (int i = 0; i < 6; i++) {
            snprintf(first, sizeof first, "%sfeatures.0.weight", prefixes[i]);
            is_small_network(writers[k](&network, plain, prefixes[i], "small.pth"), "F16", first);
        }
        refused(writers[k](&network, plain, "other.", "small.pth"), "other.features.0.weight", "not of the VGG family");
    }
}

static void the_name_of_the_file_says_nothing(void **state)
{
    (void)state;
    small_network(&network, "F32");
    for (int k = 0; k < N_WRITERS; k++)
        is_small_network(writers[k](&network, plain, "", "small.safetensors"), "F32", "features.0.weight");
    is_small_network(network_write(&network, "small.pth"), "F32", "features.0.weight");
}

/* ---- archives ------------------------------------------------------------------------------------------------ */

static void archives_without_a_state_dict_are_refused(void **state)
{
    (void)state;
    archive zip = {0};
    archive_end(&zip, false);
    refused(archive_write(&zip, "empty.pth"), "without data.pkl", "state_dict()");
    archive_add(&zip, "a/data.pkl2", "N.", 2);
    archive_add(&zip, "a/xdata.pkl", "N.", 2);
    archive_end(&zip, true);
    refused(archive_write(&zip, "none.pth"), "without data.pkl", "");
    archive_add(&zip, "a/data.pkl", "N.", 2);
    archive_add(&zip, "b/data.pkl", "N.", 2);
    archive_end(&zip, true);
    refused(archive_write(&zip, "two.pth"), "more than one data.pkl", "");
    archive_add(&zip, "a/data.pkl", "N.", 2);
    archive_add(&zip, "a/constants.pkl", "N.", 2);
    archive_end(&zip, true);
    refused(archive_write(&zip, "script.pth"), "TorchScript", "torch.jit.load");
    archive_add(&zip, "a/data.pkl", "N.", 2);
    archive_add(&zip, "a/byteorder", "big", 3);
    archive_end(&zip, true);
    refused(archive_write(&zip, "big.pth"), "another byte order", "torch.save");
    zip.method = 8;
    archive_add(&zip, "a/data.pkl", "N.", 2);
    archive_end(&zip, true);
    refused(archive_write(&zip, "deflated.pth"), "compressed", "zip -0");
    archive_add(&zip, "data.pkl", "N.", 2);
    archive_end(&zip, true);
    refused(archive_write(&zip, "bare.pth"), "holds no state dict", "");
}

static void other_formats_are_refused_with_the_remedy(void **state)
{
    (void)state;
    char tar[512] = "sys_info";
    memcpy(tar + 257, "ustar", 5);
    refused(scratch_write("older.pth", tar, sizeof tar), "oldest (tar) format",
            "python -c \"import torch; torch.save(torch.load('");
    refused(scratch_write("pickle", "\x80\x02}q\0. and more bytes than a few", 32), "promises a header", "torch.save");
}

static void other_values_are_no_state_dict(void **state)
{
    (void)state;
    refused(PICKLE_WRITE("none.pth", "N.", "", 0), "holds no state dict", "");
    refused(PICKLE_WRITE("list.pth", "].", "", 0), "holds no state dict", "");
    refused(PICKLE_WRITE("empty.pth", "}.", "", 0), "holds no state dict", "");
    refused(PICKLE_WRITE("self.pth", "}q\0X\5\0\0\0modelh\0s.", "", 0), "holds no state dict", "");
    refused(PICKLE_WRITE("number.pth", "}X\5\0\0\0modelK\1s.", "", 0), "holds no state dict", "");
    refused(PICKLE_WRITE("object.pth", "}X\5\0\0\0modelcos\nsystem\n)Rs.", "", 0), "os.system", "nothing of Python's");
}

/* ---- tensors ------------------------------------------------------------------------------------------------- */

#define TENSOR(type, elements, offset, size, stride)                                            \
    "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\n" type "Storage\nX\1\0\0\000" \
    "0X\3\0\0\0cpu" elements "tQ" offset size stride "\x89"                                     \
    "ccollections\nOrderedDict\n)RtR"
#define FIRST     \
    "X\x0a\0\0\0" \
    "fc1.weight"
#define SECOND    \
    "X\x0a\0\0\0" \
    "fc2.weight"

static const unsigned char zeros[64];

static void refused_tensor(const char *pickle, size_t bytes, const char *text)
{
    refused(pickle_write("tensor.pth", pickle, bytes, zeros, sizeof zeros), text, "");
}

#define REFUSED(pickle, text) refused_tensor(pickle, sizeof(pickle) - 1, text)

static void tensors_must_lie_in_their_storage(void **state)
{
    (void)state;
    REFUSED("}" FIRST TENSOR("Float", "K\x11", "K\0", "K\2K\2\x86", "K\2K\1\x86") "s.", "should have 17 elements");
    REFUSED("}" FIRST TENSOR("Double", "K\x09", "K\0", "K\2K\2\x86", "K\2K\1\x86") "s.", "should have 9 elements");
    REFUSED("}" FIRST TENSOR("Float", "J\xff\xff\xff\xff", "K\0", "K\2K\2\x86", "K\2K\1\x86") "s.", "-1 elements");
    REFUSED("}" FIRST TENSOR("Float", "\x8a\x08\0\0\0\0\0\0\0\x40", "K\0", "K\2K\2\x86", "K\2K\1\x86") "s.",
            "4611686018427387904 elements");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "K\1", "K\2K\2\x86", "K\2K\1\x86") "s.",
            "reaches beyond its storage of 4");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "J\xff\xff\xff\xff", "K\2K\2\x86", "K\2K\1\x86") "s.", "reaches beyond");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "K\0", "K\2K\2\x86", "K\3K\1\x86") "s.", "reaches beyond");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "K\0", "K\3K\2\x86", "K\0K\1\x86") "s.", "several times");
    REFUSED(
        "}" FIRST TENSOR("Float", "K\4", "K\0", "K\2K\2\x86", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\1\x86") "s.",
        "reaches beyond");
    REFUSED(
        "}" FIRST TENSOR("Float", "K\4", "K\0", "K\3K\2\x86",
                         "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86") "s.",
        "reaches beyond");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "))", "") "s.",
            "reaches beyond");
}

static void shapes_must_be_whole_numbers(void **state)
{
    (void)state;
    REFUSED("}" FIRST TENSOR("Float", "K\4", "K\0", "K\2K\2\x86", "K\1\x85") "s.", "one stride for each size");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "K\0", "NK\2\x86", "K\2K\1\x86") "s.", "whole numbers");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "K\0", "K\2K\2\x86", "NK\1\x86") "s.", "whole numbers");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "K\0", "J\xff\xff\xff\xffK\2\x86", "K\2K\1\x86") "s.",
            "whole numbers >= 0");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "K\0", "K\2K\2\x86", "J\xff\xff\xff\xffK\1\x86") "s.",
            "whole numbers >= 0");
    REFUSED(
        "}" FIRST TENSOR("Float", "K\4", "K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t") "s.",
        "at most 8");
    REFUSED("}" FIRST TENSOR("Float", "K\4", "K\0", "\x8a\x05\0\0\0\0\1\x8a\x05\0\0\0\0\1\x86", "K\1K\1\x86") "s.",
            "more elements than can be addressed");
    REFUSED("}" FIRST TENSOR("Int", "K\4", "K\0", "K\2K\2\x86", "K\2K\1\x86") "s.", "is of type I32");
}

static void entries_must_be_tensors_with_names(void **state)
{
    (void)state;
#define GOOD TENSOR("Float", "K\4", "K\0", "K\2K\2\x86", "K\2K\1\x86")
    REFUSED("}(" FIRST GOOD "X\5\0\0\0epochK\3u.", "epoch of its state dict is no tensor");
    REFUSED("}(" FIRST GOOD "K\3" GOOD "u.", "a key that is no text");
    REFUSED("}(" FIRST GOOD "X\0\0\0\0" GOOD "u.", "name has 0 bytes");
    REFUSED("}(" FIRST GOOD "X\2\0\0\0a\x1b" GOOD "u.", "control character");
    REFUSED("}(" FIRST GOOD FIRST GOOD "u.", "fc1.weight stands twice");
    archive zip = {0};
    archive_add(&zip, "a/data.pkl", "}" FIRST GOOD "s.", sizeof("}" FIRST GOOD "s.") - 1);
    archive_add(&zip, "a/data/1", zeros, sizeof zeros);
    archive_end(&zip, true);
    refused(archive_write(&zip, "lost.pth"), "tensor fc1.weight", "the record of its storage is missing");
}

/* Tensors that share one storage would make a model that is larger than the file many times over. */
static void shared_storages_are_bounded(void **state)
{
    (void)state;
    enum { TENSORS = 99, ELEMENTS = 1 << 15 };
    static const char tensor[] = TENSOR("Float", "J\0\x80\0\0", "K\0", "K\1J\0\x80\0\0\x86", "K\1K\1\x86");
    static float storage[ELEMENTS];
    size_t each = 15 + sizeof tensor - 1, bytes = 2 + TENSORS * each + 2;
    char *pickle = malloc(bytes), name[24];
    memcpy(pickle, "}(", 2);
    memcpy(pickle + bytes - 2, "u.", 2);
    for (int i = 0; i < TENSORS; i++) {
        char *at = pickle + 2 + (size_t)i * each;
        snprintf(name, sizeof name, "f%02d.weight", i);
        memcpy(at, "X\x0a\0\0\0", 5);
        memcpy(at + 5, name, 10);
        memcpy(at + 15, tensor, sizeof tensor - 1);
    }
    refused(pickle_write("shared.pth", pickle, bytes, storage, sizeof storage), "more bytes than the file", "clone");
    free(pickle);
}

/* The values 1..12 stored as a transposed [4][3], a slice of it, and behind an offset. */
static void strided_tensors_are_read_in_order(void **state)
{
    (void)state;
    float values[16];
    for (int i = 0; i < 16; i++)
        values[i] = (float)(i + 1);
    lsn_net *net = loaded(PICKLE_WRITE("strided.pth",
                                       "}(" FIRST TENSOR("Float", "K\x10", "K\0", "K\3K\4\x86", "K\1K\3\x86")
                                           SECOND TENSOR("Float", "K\x10", "K\5", "K\2K\3\x86", "K\5K\2\x86") "u.",
                                       values, sizeof values));
    for (int f = 0; f < 3; f++)
        for (int c = 0; c < 4; c++)
            assert_true(layer_weights(net, 0)[4 * f + c] == values[f + 3 * c]);
    for (int f = 0; f < 2; f++)
        for (int c = 0; c < 3; c++)
            assert_true(layer_weights(net, 1)[3 * f + c] == values[5 + 5 * f + 2 * c]);
    assert_null(net->layers[0].bias_tensor);
    assert_true(layer_bias(net, 0)[2] == 0);
    lsn_net_destroy(net);
}

static void a_checkpoint_cut_anywhere_is_refused(void **state)
{
    (void)state;
    small_network(&network, "F16");
    const char *path = network_write_checkpoint(&network, plain, "", "whole.pth");
    static unsigned char file[1 << 16];
    FILE *from = fopen(path, "rb");
    size_t bytes = fread(file, 1, sizeof file, from);
    fclose(from);
    for (size_t cut = 4; cut < bytes; cut += 1 + cut / 16)
        refused(scratch_write("cut.pth", file, cut), "cut short", "again");
    refused(scratch_write("cut.pth", file, bytes - 1), "cut short", "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(the_state_dict_may_be_wrapped),
        cmocka_unit_test(prefixes_are_ignored),
        cmocka_unit_test(the_name_of_the_file_says_nothing),
        cmocka_unit_test(archives_without_a_state_dict_are_refused),
        cmocka_unit_test(other_formats_are_refused_with_the_remedy),
        cmocka_unit_test(other_values_are_no_state_dict),
        cmocka_unit_test(tensors_must_lie_in_their_storage),
        cmocka_unit_test(shapes_must_be_whole_numbers),
        cmocka_unit_test(entries_must_be_tensors_with_names),
        cmocka_unit_test(shared_storages_are_bounded),
        cmocka_unit_test(strided_tensors_are_read_in_order),
        cmocka_unit_test(a_checkpoint_cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
