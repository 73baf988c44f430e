/* The format of torch.save before the zip: five pickles and the storages, none of them aligned. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check.h"

#include "torch_file.h"

typedef struct text {
    const char *data;
    size_t bytes;
} text;

#define TEXT(literal) ((text){literal, sizeof(literal) - 1})

/* A file of these parts; the path. */
static const char *joined(text header, text object, text keys, text storages)
{
    static char file[8192];
    const text parts[] = {header, object, keys, storages};
    size_t bytes = 0;
    for (int i = 0; i < 4; i++) {
        assert_true(parts[i].bytes <= sizeof file - bytes);
        memcpy(file + bytes, parts[i].data, parts[i].bytes);
        bytes += parts[i].bytes;
    }
    return scratch_write("legacy.pth", file, bytes);
}

#define WRITE(header, object, keys, storages) joined(TEXT(header), TEXT(object), TEXT(keys), TEXT(storages))

/* As Python 2 and PyTorch 0.1 wrote them: two layers of 2 x 2, each with a storage. */
#define STORED(type, key, elements, view) "(U\7storagectorch\n" type "Storage\nU\1" key "U\3cpu" elements view "tQ"
#define TENSOR(storage, offset) "ctorch._utils\n_rebuild_tensor\n(" storage offset "K\2K\2\x86K\2K\1\x86tR"
#define FIRST \
    "U\x0a"   \
    "fc1.weight"
#define SECOND \
    "U\x0a"    \
    "fc2.weight"
#define ONE TENSOR(STORED("Float", "a", "K\4", "N"), "K\0")
#define TWO TENSOR(STORED("Float", "b", "K\4", "N"), "K\0")
#define OBJECT "\x80\2}(" FIRST ONE SECOND TWO "u."
#define KEYS "\x80\2](U\1aU\1be."
#define COUNT(low) low "\0\0\0\0\0\0\0"
#define ONES "\0\0\x80?\0\0\x80?\0\0\x80?\0\0\x80?"
#define STORAGES COUNT("\4") ONES COUNT("\4") ONES

#define REFUSED(header, object, keys, storages, text, also) refused(WRITE(header, object, keys, storages), text, also)

static void the_parts_make_a_network(void **state)
{
    (void)state;
    lsn_net *net = loaded(WRITE(LEGACY_HEADER, OBJECT, KEYS, STORAGES));
    assert_int_equal(net->n_layers, 2);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 4; k++)
            assert_true(layer_weights(net, i)[k] == 1);
    lsn_net_destroy(net);
    /* The number in a frame, as from protocol 4 on. */
    lsn_net_destroy(loaded(
        WRITE("\x80\4\x95\x0d\0\0\0\0\0\0\0\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19." LEGACY_VERSION LEGACY_MACHINE("\x88"),
              OBJECT, KEYS, STORAGES)));
}

/* ---- the header ---------------------------------------------------------------------------------------------- */

static void the_header_must_be_known(void **state)
{
    (void)state;
    REFUSED(LEGACY_NUMBER "\x80\2M\xea\3." LEGACY_MACHINE("\x88"), OBJECT, KEYS, STORAGES, "version 1002",
            "torch.load");
    REFUSED(LEGACY_NUMBER "\x80\2N." LEGACY_MACHINE("\x88"), OBJECT, KEYS, STORAGES, "no whole number", "again");
    REFUSED(LEGACY_NUMBER LEGACY_VERSION LEGACY_MACHINE("\x89"), OBJECT, KEYS, STORAGES, "another byte order", "again");
    REFUSED(LEGACY_NUMBER LEGACY_VERSION LEGACY_MACHINE("K\1"), OBJECT, KEYS, STORAGES, "order bytes are", "again");
    REFUSED(LEGACY_NUMBER LEGACY_VERSION "\x80\2}.", OBJECT, KEYS, STORAGES, "order bytes are", "again");
    REFUSED(LEGACY_NUMBER LEGACY_VERSION "\x80\2].", OBJECT, KEYS, STORAGES, "order bytes are", "again");
    REFUSED("\x80\2\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19\x85.", OBJECT, KEYS, STORAGES, "more than a number", "again");
    REFUSED(LEGACY_NUMBER "\x80\2cos\nsystem\n.", OBJECT, KEYS, STORAGES, "os.system", "");
    REFUSED(LEGACY_NUMBER LEGACY_VERSION "\x80\2cos\nsystem\n.", OBJECT, KEYS, STORAGES, "os.system", "");
}

/* ---- the object ---------------------------------------------------------------------------------------------- */

static void other_objects_are_refused(void **state)
{
    (void)state;
    REFUSED(LEGACY_HEADER, "\x80\2(U\6modulectorchvision.models.vgg\nVGG\nU\6vgg.pyU\0tQ)\x81.", "\x80\2].", "",
            "whole pickled object of class torchvision.models.vgg.VGG", ".state_dict()");
    REFUSED(LEGACY_HEADER, "\x80\2}U\1acos\nsystem\ns.", "\x80\2].", "", "os.system", "nothing of Python's is run");
    REFUSED(LEGACY_HEADER, "\x80\2}.", "\x80\2].", "", "holds no state dict", "state_dict()");
    REFUSED(LEGACY_HEADER, OBJECT, "\x80\2cos\nsystem\n)R.", STORAGES, "os.system", "");
    REFUSED(LEGACY_HEADER, "\x80\2}(" FIRST ONE SECOND "ctorch\nFloatTensor\n)Ru.", "\x80\2]U\1aa.", COUNT("\4") ONES,
            "fc2.weight of its state dict is no tensor", "");
}

static void storages_must_make_sense(void **state)
{
    (void)state;
#define WITH(storage) "\x80\2}(" FIRST ONE SECOND TENSOR(storage, "K\0") "u."
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "b", "J\xff\xff\xff\xff", "N")), KEYS, STORAGES, "-1 elements", "");
    REFUSED(LEGACY_HEADER, WITH(STORED("Byte", "b", "J\xff\xff\xff\xff", "N")), KEYS, STORAGES, "-1 elements of U8",
            "");
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "b", "\x8a\x08\0\0\0\0\0\0\0\x40", "N")), KEYS, STORAGES,
            "4611686018427387904 elements", "");
    REFUSED(LEGACY_HEADER, WITH(STORED("Double", "a", "K\4", "N")), KEYS, STORAGES, "the same storage differently", "");
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "a", "K\5", "N")), KEYS, STORAGES, "the same storage differently", "");
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "a", "K\4", "K\1")), KEYS, STORAGES, "does not describe a storage", "");
    REFUSED(LEGACY_HEADER,
            WITH("(U\7storagectorch\nFloatStorage\nU\x41"
                 "0123456789012345678901234567890123456789012345678901234567890123x"
                 "U\3cpuK\4NtQ"),
            KEYS, STORAGES, "key of a storage is too long", "");
}

static void a_storage_may_be_shared_or_a_part(void **state)
{
    (void)state;
    static const char object[] = "\x80\2}(" FIRST TENSOR(STORED("Float", "a", "K\x0a", "U\1bK\1K\5\x87"), "K\1")
        SECOND TENSOR(STORED("Float", "a", "K\x0a", "N"), "K\6") "u.";
    float values[10];
    char storages[8 + sizeof values] = "\x0a";
    for (int i = 0; i < 10; i++)
        values[i] = (float)i;
    memcpy(storages + 8, values, sizeof values);
    lsn_net *net =
        loaded(joined(TEXT(LEGACY_HEADER), TEXT(object), TEXT("\x80\2]U\1aa."), (text){storages, sizeof storages}));
    for (int k = 0; k < 4; k++) {
        assert_true(layer_weights(net, 0)[k] == (float)(2 + k));
        assert_true(layer_weights(net, 1)[k] == (float)(6 + k));
    }
    lsn_net_destroy(net);
}

static void parts_must_lie_in_their_storage(void **state)
{
    (void)state;
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "b", "K\4", "U\1cK\1K\4\x87")), KEYS, STORAGES, "tensor fc2.weight",
            "4 elements from element 1");
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "b", "K\4", "U\1cK\5K\0\x87")), KEYS, STORAGES, "tensor fc2.weight",
            "0 elements from element 5");
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "b", "K\4", "U\1cJ\xff\xff\xff\xffK\4\x87")), KEYS, STORAGES,
            "from element -1", "");
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "b", "K\4", "U\1cK\0J\xff\xff\xff\xff\x87")), KEYS, STORAGES,
            "-1 elements", "");
    REFUSED(LEGACY_HEADER,
            WITH(STORED("Float", "b", "K\4",
                        "U\1c\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x87")),
            KEYS, STORAGES, "tensor fc2.weight", "of one that has 4");
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "b", "K\4", "U\1cK\1K\3\x87")), KEYS, STORAGES,
            "tensor fc2.weight reaches beyond its storage of 3", "");
}

/* ---- keys and storages --------------------------------------------------------------------------------------- */

static void keys_must_be_those_of_the_object(void **state)
{
    (void)state;
    REFUSED(LEGACY_HEADER, OBJECT, "\x80\2]U\1aa.", COUNT("\4") ONES, "tensor fc2.weight",
            "record of its storage is missing");
    REFUSED(LEGACY_HEADER, OBJECT, "\x80\2](U\1aU\1ae.", STORAGES, "listed twice", "again");
    REFUSED(LEGACY_HEADER, OBJECT, "\x80\2](U\1aU\1be](.", STORAGES, "", "again");
    REFUSED(LEGACY_HEADER, OBJECT, "\x80\2](U\1aU\1bU\1ce.", STORAGES, "that no tensor has", "again");
    REFUSED(LEGACY_HEADER, OBJECT, "\x80\2](U\1aK\1e.", STORAGES, "that no tensor has", "again");
    REFUSED(LEGACY_HEADER, OBJECT, "\x80\2](U\1aU\2bbe.", STORAGES, "that no tensor has", "again");
    REFUSED(LEGACY_HEADER, OBJECT, "\x80\2U\1aU\1b\x86.", STORAGES, "are no list", "again");
    REFUSED(LEGACY_HEADER, OBJECT, "\x80\2}.", STORAGES, "are no list", "again");
    REFUSED(LEGACY_HEADER, "\x80\2}.", KEYS, STORAGES, "that no tensor has", "again");
}

static void counts_must_be_right(void **state)
{
    (void)state;
    REFUSED(LEGACY_HEADER, OBJECT, KEYS, COUNT("\3") ONES COUNT("\4") ONES, "storage 0 has 3 elements", "say 4");
    REFUSED(LEGACY_HEADER, OBJECT, KEYS, COUNT("\4") ONES COUNT("\5") ONES, "storage 1 has 5 elements", "say 4");
    REFUSED(LEGACY_HEADER, OBJECT, KEYS, COUNT("\4") ONES "\4\0\0\0\0\0\0\x80" ONES,
            "storage 1 has 9223372036854775812 elements", "");
    REFUSED(LEGACY_HEADER, OBJECT, KEYS, STORAGES "x", "belong to no storage", "again");
    REFUSED(LEGACY_HEADER, WITH(STORED("Float", "b", "J\0\0\0\x40", "N")), KEYS, STORAGES, "cut short",
            "storage 1 needs 4294967296 bytes");
}

static void nothing_need_be_aligned(void **state)
{
    (void)state;
    static const char keys[] = "\x80\2](U\1aU\1be.";
    static const char object[] = "\x80\2}(" FIRST TENSOR(STORED("Float", "a", "K\4", "N"), "K\0")
        SECOND TENSOR(STORED("Double", "b", "K\4", "N"), "K\0") "u.";
    static const float values[] = {1, 2, 3, 4};
    static const double doubles[] = {5, 6, 7, 8};
    char storages[16 + sizeof values + sizeof doubles] = "\4";
    memcpy(storages + 8, values, sizeof values);
    storages[8 + sizeof values] = 4;
    memcpy(storages + 16 + sizeof values, doubles, sizeof doubles);
    for (size_t shift = 0; shift < 8; shift++) {
        char header[256] = LEGACY_NUMBER LEGACY_VERSION "", *end = header + sizeof(LEGACY_NUMBER LEGACY_VERSION) - 1;
        memcpy(end, "\x80\2}(U", 5);
        end[5] = (char)shift;
        memcpy(end + 6, "1234567", shift);
        memcpy(end + 6 + shift, "NU\x0dlittle_endian\x88u.", 19);
        lsn_net *net = loaded(joined((text){header, (size_t)(end - header) + 25 + shift}, TEXT(object), TEXT(keys),
                                     (text){storages, sizeof storages}));
        for (int k = 0; k < 4; k++) {
            assert_true(layer_weights(net, 0)[k] == values[k]);
            assert_true(layer_weights(net, 1)[k] == (float)doubles[k]);
        }
        assert_int_equal((uintptr_t)layer_weights(net, 0) % _Alignof(float), 0);
        lsn_net_destroy(net);
    }
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static char file[8192];
    FILE *from = fopen(WRITE(LEGACY_HEADER, OBJECT, KEYS, STORAGES), "rb");
    size_t bytes = fread(file, 1, sizeof file, from);
    fclose(from);
    lsn_net_destroy(loaded(scratch_write("whole.pth", file, bytes)));
    for (size_t cut = 0; cut < bytes; cut++)
        refused(scratch_write("cut.pth", file, cut), cut < sizeof LEGACY_NUMBER - 2 ? "" : "cut short", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_make_a_network),          cmocka_unit_test(the_header_must_be_known),
        cmocka_unit_test(other_objects_are_refused),         cmocka_unit_test(storages_must_make_sense),
        cmocka_unit_test(a_storage_may_be_shared_or_a_part), cmocka_unit_test(parts_must_lie_in_their_storage),
        cmocka_unit_test(keys_must_be_those_of_the_object),  cmocka_unit_test(counts_must_be_right),
        cmocka_unit_test(nothing_need_be_aligned),           cmocka_unit_test(a_file_cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
