/* The container: whatever the bytes are, the file is read whole or refused with one message. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check.h"

#define BIAS(begin, end) "\"features.0.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" #begin "," #end "]}"

static const unsigned char zeros[256];

static void refused_header(const char *header, const char *text, const char *also)
{
    refused(container_write("container", header, zeros, 40), text, also);
}

static void what_is_no_safetensors_file_is_refused(void **state)
{
    (void)state;
    refused(scratch_path("missing"), "cannot be opened", "No such file");
    refused(scratch_write("empty", "", 0), "0 bytes", "safetensors.torch.save_file");
    refused(scratch_write("short", "\x01\0\0\0\0\0\0", 7), "7 bytes", "safetensors.torch.save_file");
    refused(scratch_write("gzip", "\x1f\x8b\x08\x04 and so on, and more", 25), "promises a header", "save_file");
    refused(scratch_write("none", "\0\0\0\0\0\0\0\0", 8), "does not begin with {", "");
    refused(scratch_write("cut", "\x10\0\0\0\0\0\0\0{}", 10), "cut short", "16 bytes");
    refused(scratch_write("cut", "\x03\0\0\0\0\0\0\0{}", 10), "cut short", "3 bytes");
    refused(scratch_write("huge", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10), "cut short", "");
    refused(scratch_write("wrap", "\xf8\xff\xff\xff\xff\xff\xff\xff{}", 10), "cut short", "");
}

static void a_header_that_is_no_object_is_refused(void **state)
{
    (void)state;
    refused_header("{\"features.0.weight\":", "not valid JSON", "syntax error");
    refused_header(" {}", "does not begin with {", "");
    refused_header("[]", "does not begin with {", "");
    refused_header("{}x", "not valid JSON", "");
    refused_header("{" BIAS(0, 4) "," BIAS(4, 8) "}", "a name stands twice", "");
    refused_header("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\"}}", "a name stands twice", "");
    refused_header("{\"a\\u0000b\":{}}", "not valid JSON", "");
    refused_header("{\"a\":\"\xff\"}", "not valid JSON", "");
    refused_header("{\"a\":1e999}", "not valid JSON", "");
    refused_header("{\"a\":99999999999999999999999}", "not valid JSON", "");
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    char *header = malloc(DEPTH + 6);
    memcpy(header, "{\"a\":", 5);
    memset(header + 5, '[', DEPTH);
    header[DEPTH + 5] = '\0';
    refused_header(header, "not valid JSON", "");
    free(header);
}

static void wrong_metadata_is_refused(void **state)
{
    (void)state;
    refused_header("{\"__metadata__\":3}", "__metadata__", "object of strings");
    refused_header("{\"__metadata__\":{\"format\":1}}", "__metadata__", "object of strings");
    refused_header("{\"__metadata__\":{\"a\":\"b\",\"c\":{}}}", "__metadata__", "object of strings");
}

static void wrong_names_are_refused(void **state)
{
    (void)state;
    char header[512];
    refused_header("{\"\":{}}", "name has 0 bytes", "");
    refused_header("{\"a\\u001b[31m\":{}}", "control character", "byte 1");
    snprintf(header, sizeof header, "{\"%0200d\":{}}", 7);
    refused_header(header, "name has 200 bytes", "127");
}

static void wrong_entries_are_refused(void **state)
{
    (void)state;
    refused_header("{\"t\":3}", "tensor t", "not described by an object");
    refused_header("{\"t\":{}}", "tensor t", "no dtype");
    refused_header("{\"t\":{\"dtype\":7}}", "tensor t", "no dtype");
    refused_header("{\"t\":{\"dtype\":\"F31\"}}", "tensor t", "unknown dtype");
    refused_header("{\"t\":{\"dtype\":\"F32\"}}", "tensor t", "shape is not a list");
    refused_header("{\"t\":{\"dtype\":\"F32\",\"shape\":4}}", "tensor t", "shape is not a list");
    refused_header("{\"t\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1]}}", "tensor t", "at most 8");
    refused_header("{\"t\":{\"dtype\":\"F32\",\"shape\":[-1]}}", "tensor t", "not a whole number");
    refused_header("{\"t\":{\"dtype\":\"F32\",\"shape\":[2,1.0]}}", "tensor t", "size 1");
    refused_header("{\"t\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296]}}", "tensor t", "more elements");
    refused_header("{\"t\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,3]}}", "tensor t", "more elements");
}

static void wrong_places_are_refused(void **state)
{
    (void)state;
    static const char *const places[][3] = {
        {"0", "two whole numbers", ""},
        {"[0]", "two whole numbers", ""},
        {"[0,4,8]", "two whole numbers", ""},
        {"[0,4.0]", "two whole numbers", ""},
        {"[-4,0]", "[-4, 0]", "no range"},
        {"[8,4]", "[8, 4]", "no range"},
        {"[40,44]", "ends at byte 44", "4 bytes are missing"},
        {"[0,9223372036854775807]", "ends at byte 9223372036854775807", "are missing"},
        {"[0,8]", "shape [1] of F32", "8 bytes"},
        {"[0,0]", "shape [1] of F32", "0 bytes"},
    };
    char header[256];
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":%s}}", places[i][0]);
        refused_header(header, places[i][1], places[i][2]);
    }
    refused_header("{\"t\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}",
                   "does not fill", "tensor t");
    refused_header("{\"t\":{\"dtype\":\"F32\",\"shape\":[1]}}", "two whole numbers", "tensor t");
}

static void overlaps_and_holes_are_refused(void **state)
{
    (void)state;
#define TENSOR(name, size, begin, end) \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" #size "],\"data_offsets\":[" #begin "," #end "]}"
    refused_header("{" TENSOR("a", 6, 0, 24) "," TENSOR("b", 5, 20, 40) "}", "tensors a and b overlap", "");
    refused_header("{" TENSOR("b", 5, 20, 40) "," TENSOR("a", 10, 0, 40) "}", "overlap", "");
    refused_header("{" TENSOR("a", 10, 0, 40) "," TENSOR("b", 10, 0, 40) "}", "overlap", "");
    refused_header("{" TENSOR("a", 0, 20, 20) "," TENSOR("b", 10, 0, 40) "}", "overlap", "");
    refused_header("{" TENSOR("a", 5, 0, 20) "," TENSOR("b", 4, 24, 40) "}", "4 bytes before tensor b", "");
    refused_header("{" TENSOR("a", 9, 0, 36) "}", "4 bytes at its end", "");
    refused_header("{" TENSOR("a", 9, 4, 40) "}", "4 bytes before tensor a", "");
    refused_header("{}", "40 bytes at its end", "");
    /* whole, with empty tensors at every seam: refused only for its names */
    refused_header("{" TENSOR("b", 5, 20, 40) "," TENSOR("c", 0, 20, 20) "," TENSOR("a", 5, 0, 20) "," TENSOR(
                       "d", 0, 0, 0) "," TENSOR("e", 0, 40, 40) "}",
                   "tensor b", "not of the VGG family");
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    network_file *network = malloc(sizeof *network);
    small_network(network, "F32");
    size_t bytes;
    unsigned char *file = network_bytes(network, &bytes);
    for (size_t cut = 0; cut < bytes; cut += 1 + cut / 16) {
        lsn_error err = {0};
        assert_null(lsn_net_load(scratch_write("cut", file, cut), &err));
        assert_int_equal(err.code, LSN_INVALID);
    }
    refused(scratch_write("cut", file, bytes - 1), "1 bytes are missing", "classifier.3.bias");
    lsn_net_destroy(loaded(scratch_write("whole", file, bytes)));
    free(file);
    free(network);
}

/* Changes bytes of a sound file, mostly of its header. The file may load or not, but must be read within its bounds,
 * which the sanitizers watch, and every weight must then be readable. */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    network_file *network = malloc(sizeof *network);
    network_init(network, "F16", 1, (const int[]){2, -1}, 1, (const int[]){3, -1});
    size_t bytes;
    unsigned char *file = network_bytes(network, &bytes), *damaged = malloc(bytes);
    static const char alphabet[] = "0123456789[]{},:\"-.e \\uFBI6\xff";
    lsn_random random;
    lsn_random_init(&random, 2024, 0);
    int loads = 0;
    for (int round = 0; round < 2500; round++) {
        memcpy(damaged, file, bytes);
        for (uint64_t k = 0; k <= lsn_random_below(&random, 4); k++) {
            size_t at = lsn_random_below(&random, round % 8 == 0 ? bytes : bytes - 200);
            uint64_t any = lsn_random_below(&random, 256);
            damaged[at] = (unsigned char)(round % 2 == 0 ? any : (unsigned char)alphabet[any % sizeof alphabet]);
        }
        lsn_error err = {0};
        lsn_net *net = lsn_net_load(scratch_write("damaged", damaged, bytes), &err);
        float sum = 0;
        for (int i = 0; net != NULL && i < net->n_layers; i++) {
            const lsn_constant *weights = &lsn_layer_node(net, i)->weights;
            for (size_t k = 0; k < weights->count; k++)
                sum += weights->values[k];
        }
        assert_true(sum - sum == 0);
        assert_true(net != NULL || (err.code == LSN_INVALID && strlen(err.text) > 0));
        loads += net != NULL;
        lsn_net_destroy(net);
    }
    assert_in_range(loads, 1, 2000);
    free(damaged);
    free(file);
    free(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_safetensors_file_is_refused),
        cmocka_unit_test(a_header_that_is_no_object_is_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(wrong_metadata_is_refused),
        cmocka_unit_test(wrong_names_are_refused),
        cmocka_unit_test(wrong_entries_are_refused),
        cmocka_unit_test(wrong_places_are_refused),
        cmocka_unit_test(overlaps_and_holes_are_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(damaged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
