/* The pickle machine: what torch.save writes becomes values; all else is refused. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/pickle.h"

static const char path[] = "file.pth";

static void refused_bytes(const char *data, size_t bytes, const char *text)
{
    lsn_pickle pickle;
    lsn_error err = {0};
    unsigned char *copy = malloc(bytes + (bytes == 0));
    memcpy(copy, data, bytes);
    bool read = lsn_pickle_read(&pickle, copy, bytes, path, "data.pkl", &err);
    if (read || strstr(err.text, text) == NULL)
        fail_msg("expected \"%s\" in: %s", text, read ? "(it was read)" : err.text);
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, path));
    assert_null(strchr(err.text, '\n'));
    assert_null(pickle.values);
    assert_false(lsn_pickle_read(&pickle, copy, bytes, path, "data.pkl", NULL));
    free(copy);
}

#define REFUSED(literal, text) refused_bytes(literal, sizeof(literal) - 1, text)

/* The root of the pickle `data`, which must be read. */
static lsn_pickle read_bytes(const char *data, size_t bytes)
{
    lsn_pickle pickle;
    lsn_error err = {0};
    if (!lsn_pickle_read(&pickle, (const unsigned char *)data, bytes, path, "data.pkl", &err))
        fail_msg("%s", err.text);
    return pickle;
}

#define READ(literal) read_bytes(literal, sizeof(literal) - 1)

static const lsn_pickle_value *root(const lsn_pickle *pickle)
{
    return &pickle->values[pickle->root];
}

static const lsn_pickle_value *item(const lsn_pickle *pickle, const lsn_pickle_value *of, int index)
{
    uint32_t link = of->as.items.first;
    while (index-- > 0)
        link = pickle->links[link].next;
    return &pickle->values[pickle->links[link].value];
}

static void is_text(const lsn_pickle *pickle, const lsn_pickle_value *value, const char *text)
{
    assert_int_equal(value->kind, LSN_PICKLE_TEXT);
    assert_int_equal(value->as.text.bytes, strlen(text));
    assert_memory_equal(pickle->data + value->as.text.at, text, strlen(text));
}

static void plain_values_are_read(void **state)
{
    (void)state;
    lsn_pickle pickle = READ("\x80\x02(N\x88\x89K\x07M\x01\x02J\xfe\xff\xff\xffG\x40\x09\x21\xfb\x54\x44\x2d\x18"
                             "X\x03\0\0\0abcC\x02\xff\0t.");
    static const uint8_t kinds[] = {LSN_PICKLE_NONE,   LSN_PICKLE_BOOL, LSN_PICKLE_BOOL,
                                    LSN_PICKLE_INT,    LSN_PICKLE_INT,  LSN_PICKLE_INT,
                                    LSN_PICKLE_NUMBER, LSN_PICKLE_TEXT, LSN_PICKLE_BYTES};
    const lsn_pickle_value *all = root(&pickle);
    assert_int_equal(all->kind, LSN_PICKLE_TUPLE);
    assert_int_equal(all->as.items.count, 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(item(&pickle, all, i)->kind, kinds[i]);
    assert_int_equal(item(&pickle, all, 3)->as.number, 7);
    assert_int_equal(item(&pickle, all, 4)->as.number, 0x201);
    assert_int_equal(item(&pickle, all, 5)->as.number, -2);
    is_text(&pickle, item(&pickle, all, 7), "abc");
    lsn_pickle_finish(&pickle);
    assert_null(pickle.values);
}

static void is_int(const char *data, size_t bytes, int64_t number)
{
    lsn_pickle pickle = read_bytes(data, bytes);
    assert_int_equal(root(&pickle)->kind, LSN_PICKLE_INT);
    assert_true(root(&pickle)->as.number == number);
    lsn_pickle_finish(&pickle);
}

static void long_integers_are_read(void **state)
{
    (void)state;
    is_int("\x8a\0.", 3, 0);
    is_int("\x8a\x01\xff.", 4, -1);
    is_int("\x8a\x02\xff\0.", 5, 255);
    is_int("\x8a\x08\0\0\0\0\0\0\0\x80.", 11, INT64_MIN);
    is_int("\x8b\x04\0\0\0\xff\xff\xff\x7f.", 10, INT32_MAX);
    lsn_pickle pickle = READ("\x8a\x09\0\0\0\0\0\0\0\0\x40.");
    assert_int_equal(root(&pickle)->kind, LSN_PICKLE_NUMBER);
    lsn_pickle_finish(&pickle);
}

static void lines_of_digits_are_read(void **state)
{
    (void)state;
    is_int("I140213456789012\n.", 18, 140213456789012);
    is_int("I-7\n.", 5, -7);
    is_int("I00\n.", 5, 0); /* False, of the first protocols */
    is_int("I999999999999999999\n.", 21, 999999999999999999);
    REFUSED("I9999999999999999999\n.", "whole number");
    REFUSED("I\n.", "whole number");
    REFUSED("I-\n.", "whole number");
    REFUSED("I1x\n.", "whole number");
    REFUSED("I12", "cut short");
}

static void booleans_keep_their_value(void **state)
{
    (void)state;
    lsn_pickle pickle = READ("\x88\x89\x86.");
    assert_int_equal(item(&pickle, root(&pickle), 0)->as.number, 1);
    assert_int_equal(item(&pickle, root(&pickle), 1)->as.number, 0);
    lsn_pickle_finish(&pickle);
}

/* Pickles may follow one another. */
static void a_pickle_ends_where_it_says(void **state)
{
    (void)state;
    lsn_pickle pickle = READ("K\7.K\x08.");
    assert_int_equal(pickle.bytes, 3);
    assert_int_equal(root(&pickle)->as.number, 7);
    lsn_pickle_finish(&pickle);
}

static void containers_are_filled(void **state)
{
    (void)state;
    lsn_pickle pickle = READ("}(X\x01\0\0\0a](K\1K\2eX\x01\0\0\0b]K\3aX\x01\0\0\0c)uX\x01\0\0\0d\x88s.");
    const lsn_pickle_value *dict = root(&pickle);
    assert_int_equal(dict->kind, LSN_PICKLE_DICT);
    assert_int_equal(dict->as.items.count, 8);
    is_text(&pickle, item(&pickle, dict, 0), "a");
    assert_int_equal(item(&pickle, dict, 1)->kind, LSN_PICKLE_LIST);
    assert_int_equal(item(&pickle, dict, 1)->as.items.count, 2);
    assert_int_equal(item(&pickle, item(&pickle, dict, 1), 1)->as.number, 2);
    assert_int_equal(item(&pickle, dict, 3)->as.items.count, 1);
    assert_int_equal(item(&pickle, dict, 5)->kind, LSN_PICKLE_TUPLE);
    assert_int_equal(item(&pickle, dict, 5)->as.items.count, 0);
    is_text(&pickle, item(&pickle, dict, 6), "d");
    lsn_pickle_finish(&pickle);
    pickle = READ("K\1K\2K\3\x87\x85K\4\x86.");
    assert_int_equal(root(&pickle)->as.items.count, 2);
    assert_int_equal(item(&pickle, item(&pickle, root(&pickle), 0), 0)->as.items.count, 3);
    lsn_pickle_finish(&pickle);
}

static void values_are_remembered(void **state)
{
    (void)state;
    lsn_pickle pickle = READ("(X\1\0\0\0xq\0h\0X\1\0\0\0yr\5\0\0\0j\5\0\0\0X\1\0\0\0z\x94h\x06t.");
    static const char *const texts[] = {"x", "x", "y", "y", "z", "z"};
    assert_int_equal(root(&pickle)->as.items.count, 6);
    for (int i = 0; i < 6; i++)
        is_text(&pickle, item(&pickle, root(&pickle), i), texts[i]);
    lsn_pickle_finish(&pickle);
    pickle = READ("]q\0h\0a."); /* a list that is in itself */
    assert_ptr_equal(item(&pickle, root(&pickle), 0), root(&pickle));
    lsn_pickle_finish(&pickle);
}

#define STORAGE                                         \
    "(X\7\0\0\0storagectorch\nHalfStorage\nX\2\0\0\000" \
    "12X\3\0\0\0cpuK\x09tQ"

static void tensors_are_described(void **state)
{
    (void)state;
    lsn_pickle pickle = READ("ctorch._utils\n_rebuild_parameter\nctorch._utils\n_rebuild_tensor_v2\n(" STORAGE
                             "K\1K\2K\3\x86K\3K\1\x86\x89"
                             "ccollections\nOrderedDict\n)RtR\x88N\x87R.");
    const lsn_pickle_value *tensor = root(&pickle), *storage = &pickle.values[tensor->as.tensor.storage];
    assert_int_equal(tensor->kind, LSN_PICKLE_TENSOR);
    assert_int_equal(pickle.values[tensor->as.tensor.offset].as.number, 1);
    assert_int_equal(item(&pickle, &pickle.values[tensor->as.tensor.size], 1)->as.number, 3);
    assert_int_equal(item(&pickle, &pickle.values[tensor->as.tensor.stride], 0)->as.number, 3);
    assert_int_equal(storage->kind, LSN_PICKLE_STORAGE);
    assert_string_equal(lsn_pickle_dtype(storage)->name, "F16");
    is_text(&pickle, &pickle.values[storage->as.storage.key], "12");
    assert_int_equal(pickle.values[storage->as.storage.elements].as.number, 9);
    lsn_pickle_finish(&pickle);
}

static void objects_of_the_state_dict_are_plain(void **state)
{
    (void)state;
    lsn_pickle pickle = READ("\x80\x05\x95\x0a\0\0\0\0\0\0\0\x8c\x0b"
                             "collections\x8c\x0bOrderedDict\x93)R}b.");
    assert_int_equal(root(&pickle)->kind, LSN_PICKLE_DICT);
    lsn_pickle_finish(&pickle);
    pickle = READ("ctorch\nSize\nK\4\x85\x85R.");
    assert_int_equal(root(&pickle)->kind, LSN_PICKLE_TUPLE);
    assert_int_equal(item(&pickle, root(&pickle), 0)->as.number, 4);
    lsn_pickle_finish(&pickle);
    pickle = READ("ccollections\nOrderedDict\n)\x81.");
    assert_int_equal(root(&pickle)->kind, LSN_PICKLE_DICT);
    lsn_pickle_finish(&pickle);
}

static void storages_may_be_parts(void **state)
{
    (void)state;
    lsn_pickle pickle = READ("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0aX\3\0\0\0cpuK\x09NtQ.");
    assert_int_equal(root(&pickle)->as.storage.view_offset, LSN_PICKLE_END);
    lsn_pickle_finish(&pickle);
    pickle = READ("(U\7storagectorch\nFloatStorage\nU\1aU\3cpuK\x09U\1bK\2K\3\x87tQ.");
    const lsn_pickle_value *storage = root(&pickle);
    is_text(&pickle, &pickle.values[storage->as.storage.key], "a");
    assert_int_equal(pickle.values[storage->as.storage.elements].as.number, 9);
    assert_int_equal(pickle.values[storage->as.storage.view_offset].as.number, 2);
    assert_int_equal(pickle.values[storage->as.storage.view_elements].as.number, 3);
    lsn_pickle_finish(&pickle);
#define VIEW(view) "(U\7storagectorch\nFloatStorage\nU\1aU\3cpuK\x09" view "tQ."
    REFUSED(VIEW("K\1"), "does not describe a storage");
    REFUSED(VIEW("U\1bK\2\x86"), "does not describe a storage");
    REFUSED(VIEW("U\1bNK\3\x87"), "does not describe a storage");
    REFUSED(VIEW("U\1bK\2N\x87"), "does not describe a storage");
    REFUSED(VIEW("NN"), "does not describe a storage");
}

/* Every way in which PyTorch once wrote a tensor. */
static void old_tensors_are_described(void **state)
{
    (void)state;
#define PARTS STORAGE "K\1K\2K\3\x86K\3K\1\x86"
#define FILLED "ctorch\nFloatTensor\n)R(" PARTS "tb"
    static const struct {
        const char *data;
        size_t bytes;
    } ways[] = {
#define WAY(text) {text, sizeof(text) - 1}
        WAY("ctorch._utils\n_rebuild_tensor\n(" PARTS "tR."),
        WAY(FILLED "."),
        WAY("ctorch.cuda\nHalfTensor\n)\x81(" PARTS "tb."),
        WAY("ctorch.nn.parameter\nParameter\n)\x81(" FILLED "N}\x88\x89tb."),
        WAY("ctorch.nn.parameter\nParameter\n" FILLED "\x85R\x88\x89}\x87"
            "b."),
        WAY("ctorch.nn.parameter\nParameter\n" FILLED "\x88\x86R."),
        WAY("ctorch.autograd.variable\nVariable\n" FILLED "\x85\x81\x88\x89}\x87"
            "b."),
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        lsn_pickle pickle = read_bytes(ways[i].data, ways[i].bytes);
        const lsn_pickle_value *tensor = root(&pickle);
        assert_int_equal(tensor->kind, LSN_PICKLE_TENSOR);
        assert_int_equal(pickle.values[tensor->as.tensor.offset].as.number, 1);
        assert_int_equal(item(&pickle, &pickle.values[tensor->as.tensor.size], 1)->as.number, 3);
        assert_int_equal(item(&pickle, &pickle.values[tensor->as.tensor.stride], 0)->as.number, 3);
        lsn_pickle_finish(&pickle);
    }
    lsn_pickle pickle = READ("ctorch\nFloatTensor\n)R.");
    assert_int_equal(root(&pickle)->kind, LSN_PICKLE_UNFILLED);
    lsn_pickle_finish(&pickle);
    REFUSED("ctorch\nFloatTensor\n)R}b.", "is not filled");
    REFUSED("ctorch\nFloatTensor\n)R(" STORAGE "K\1)NtbN.", "is not filled");
    REFUSED("ctorch\nFloatTensor\n)R(NN}\x88\x89tb.", "is not filled");
    REFUSED("ctorch\nFloatTensor\nK\4\x85R.", "a parameter is not described");
    REFUSED("ctorch._utils\n_rebuild_tensor\n(" PARTS "\x89tR.", "a tensor is not described");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n(" PARTS "tR.", "a tensor is not described");
    REFUSED(FILLED "}b.", "has attributes");
}

static void an_ordered_dict_may_be_made_of_pairs(void **state)
{
    (void)state;
    lsn_pickle pickle = READ("ccollections\nOrderedDict\n]q\0(](U\1aK\1e](U\1bK\2ee\x85R}b.");
    const lsn_pickle_value *dict = root(&pickle);
    assert_int_equal(dict->kind, LSN_PICKLE_DICT);
    assert_int_equal(dict->as.items.count, 4);
    is_text(&pickle, item(&pickle, dict, 0), "a");
    assert_int_equal(item(&pickle, dict, 1)->as.number, 1);
    is_text(&pickle, item(&pickle, dict, 2), "b");
    assert_int_equal(item(&pickle, dict, 3)->as.number, 2);
    lsn_pickle_finish(&pickle);
    pickle = READ("ccollections\nOrderedDict\n](](U\1aK\1ee\x85RU\1bK\2s."); /* and then be added to */
    assert_int_equal(root(&pickle)->as.items.count, 4);
    assert_int_equal(item(&pickle, root(&pickle), 3)->as.number, 2);
    lsn_pickle_finish(&pickle);
    pickle = READ("ccollections\nOrderedDict\n]\x85R.");
    assert_int_equal(root(&pickle)->kind, LSN_PICKLE_DICT);
    assert_int_equal(root(&pickle)->as.items.count, 0);
    lsn_pickle_finish(&pickle);
    REFUSED("ccollections\nOrderedDict\n](K\1e\x85R.", "not made of pairs");
    REFUSED("ccollections\nOrderedDict\n](](K\1ee\x85R.", "not made of pairs");
    REFUSED("ccollections\nOrderedDict\n}\x85R.", "made of other arguments");
    REFUSED("ccollections\nOrderedDict\n]]\x86R.", "made of other arguments");
    REFUSED("ccollections\nOrderedDict\n](](K\1K\2eeq\0\x85Rccollections\nOrderedDict\nh\0\x85R.",
            "made of other arguments");
    pickle = READ("ccollections\nOrderedDict\n]q\0(h\0h\0e\x85R."); /* a list of itself, twice: any dict will do */
    assert_int_equal(root(&pickle)->kind, LSN_PICKLE_DICT);
    lsn_pickle_finish(&pickle);
}

static void nothing_of_pythons_is_called(void **state)
{
    (void)state;
    REFUSED("cos\nsystem\n(X\4\0\0\0lesst R.", "os.system");
    REFUSED("\x80\x02"
            "cposix\nsystem\n.",
            "whole pickled object of class posix.system");
    REFUSED("ctorchvision.models.vgg\nVGG\n)\x81.", ".state_dict()");
    REFUSED("(X\6\0\0\0modulectorchvision.models.vgg\nVGG\nNNtQ.",
            "whole pickled object of class torchvision.models.vgg.VGG");
    REFUSED("}X\1\0\0\0acbuiltins\neval\n.", "holds an object of builtins.eval");
    REFUSED("}X\1\0\0\0acbuiltins\neval\n.", "weights_only=False)['state_dict']");
    REFUSED("}\x8c\x08"
            "builtins\x8c\x04"
            "eval\x93.",
            "builtins.eval");
    REFUSED("}cnumpy.core.multiarray\nscalar\n.", "numpy.core.multiarray.scalar");
    REFUSED("}cargparse\nNamespace\n.", "argparse.Namespace");
    REFUSED("}ctorch\nload\n.", "torch.load");
    REFUSED("}ctorch\nFloatStorage2\n.", "torch.FloatStorage2");
    REFUSED("}ctorch._utils\n_rebuild_tensor_v3\n.", "_rebuild_tensor_v3");
    REFUSED("}ccollections\nOrderedDict.fromkeys\n.", "OrderedDict.fromkeys");
    REFUSED("}c\x1b[31m\nx\n.", "?[31m.x");
    REFUSED("ios\nsystem\n(.", "instruction 0x69"); /* INST */
    REFUSED("(K\1o.", "instruction 0x6f");          /* OBJ */
    REFUSED("\x82\1.", "instruction 0x82");         /* EXT1 */
    REFUSED("\x92.", "instruction 0x92");           /* NEWOBJ_EX */
    REFUSED("P1\n.", "instruction 0x50");           /* PERSID */
    REFUSED("F1\n.", "instruction 0x46");           /* text of protocol 0 */
    REFUSED("\x97.", "instruction 0x97");           /* NEXT_BUFFER */
    REFUSED("\0.", "instruction 0x00");
}

static void a_long_name_is_cut(void **state)
{
    (void)state;
    char data[5000];
    memset(data, 'x', sizeof data);
    memcpy(data, "}c", 2);
    data[2000] = data[4998] = '\n';
    refused_bytes(data, sizeof data, "xxxx");
}

static void calls_must_be_those_of_torch(void **state)
{
    (void)state;
    REFUSED("K\1)R.", "is called that cannot be");
    REFUSED("ccollections\nOrderedDict\nK\1\x85R.", "made of other arguments");
    REFUSED("ccollections\nOrderedDict\n]R.", "made of other arguments");
    REFUSED("ctorch\nSize\n)R.", "a Size");
    REFUSED("ctorch\nSize\nK\1\x85R.", "a Size");
    REFUSED("ctorch\nHalfStorage\n)R.", "without a persistent id");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n)R.", "a tensor is not described");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n(K\1K\1))\x89NtR.", "a tensor is not described");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "N))\x89NtR.", "a tensor is not described");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\0])\x89NtR.", "a tensor is not described");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\0)]\x89NtR.", "a tensor is not described");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\0))\x89NNNtR.", "a tensor is not described");
    REFUSED("ctorch._utils\n_rebuild_parameter\n(K\1\x88Nt R.", "instruction 0x20");
    REFUSED("ctorch._utils\n_rebuild_parameter\n(K\1\x88NtR.", "a parameter is not described");
    REFUSED("NQ.", "does not describe a storage");
    REFUSED("X\7\0\0\0storage\x85Q.", "does not describe a storage");
    REFUSED("(X\7\0\0\0storagXctorch\nHalfStorage\nX\1\0\0\0aX\3\0\0\0cpuK\1tQ.", "does not describe a storage");
    REFUSED("(X\7\0\0\0storagectorch\nSize\nX\1\0\0\0aX\3\0\0\0cpuK\1tQ.", "does not describe a storage");
    REFUSED("(X\7\0\0\0storagectorch\nHalfStorage\nK\1X\3\0\0\0cpuK\1tQ.", "does not describe a storage");
    REFUSED("(X\7\0\0\0storagectorch\nHalfStorage\nX\1\0\0\0aX\3\0\0\0cpuNtQ.", "does not describe a storage");
    REFUSED("K\1}b.", "has attributes");
    REFUSED("]}b.", "has attributes");
    REFUSED("}b.", "a value is missing");
    REFUSED("(}b.", "a value is missing");
    REFUSED("K\1K\2\x93.", "a name is no text");
}

static void the_stack_is_watched(void **state)
{
    (void)state;
    REFUSED("", "cut short");
    REFUSED(".", "a value is missing");
    REFUSED("(.", "a value is missing");
    REFUSED("NN.", "values are left over");
    REFUSED("(N.", "values are left over");
    REFUSED("t.", "a mark is missing");
    REFUSED("N\x86.", "a tuple lacks items");
    REFUSED("N(\x85.", "a tuple lacks items");
    REFUSED("(u.", "set in what is no dict");
    REFUSED("K\1(u.", "set in what is no dict");
    REFUSED("((u.", "set in what is no dict");
    REFUSED("}(Nu.", "a key has no value");
    REFUSED("}(e.", "appended to what is no list");
    REFUSED("](NNu.", "set in what is no dict");
    REFUSED("Na.", "a value is missing");
    REFUSED("NNa.", "appended to what is no list");
    REFUSED("](a.", "a value is missing");
    REFUSED("}N(s.", "a value is missing");
    REFUSED("}Ns.", "a value is missing");
    REFUSED("R.", "a value is missing");
    REFUSED("Q.", "a value is missing");
    REFUSED("q\0.", "nothing is there to be remembered");
    REFUSED("(q\0.", "nothing is there to be remembered");
    REFUSED("h\0.", "was not remembered");
    REFUSED("Nq\1h\0.", "was not remembered");
    REFUSED("Nr\xff\xff\xff\xff.", "a number that is too large");
}

static void every_operand_must_be_there(void **state)
{
    (void)state;
    static const char codes[] = "\x80\x95KMJ\x8a\x8bGX\x8c\x8dUTCB\x8eqrhjc";
    for (size_t i = 0; i < sizeof codes - 1; i++)
        refused_bytes(&codes[i], 1, codes[i] == 'q' || codes[i] == 'r' ? "" : "cut short");
    REFUSED("X\xff\xff\xff\xff"
            "abc.",
            "cut short");
    REFUSED("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
            "abc.",
            "cut short");
    REFUSED("\x8b\xff\xff\xff\xff.", "cut short");
    REFUSED("\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", "cut short");
    REFUSED("cmodule\nname", "cut short");
    REFUSED("\x80\x01N.", "protocol");
    REFUSED("\x80\x06N.", "protocol");
}

static void deep_nesting_is_no_matter(void **state)
{
    (void)state;
    enum { DEPTH = 300000 };
    char *data = malloc(2 * DEPTH + 1);
    memset(data, ']', DEPTH);
    memset(data + DEPTH, 'a', DEPTH);
    data[2 * DEPTH - 1] = '.';
    lsn_pickle pickle = read_bytes(data, 2 * DEPTH);
    assert_int_equal(pickle.n_values, DEPTH);
    lsn_pickle_finish(&pickle);
    memset(data, '(', 2 * DEPTH);
    refused_bytes(data, 2 * DEPTH, "cut short");
    free(data);
}

static void size_is_bounded(void **state)
{
    (void)state;
    static const char longest[] = "X\xfa\xff\xff\0"; /* with the end 16 MiB */
    char *data = calloc(1, LSN_PICKLE_LARGEST + 1);
    memcpy(data, longest, 5);
    data[LSN_PICKLE_LARGEST - 1] = data[LSN_PICKLE_LARGEST] = '.';
    lsn_pickle pickle = read_bytes(data, LSN_PICKLE_LARGEST + 1);
    assert_int_equal(pickle.bytes, LSN_PICKLE_LARGEST);
    lsn_pickle_finish(&pickle);
    data[1] = (char)0xfb;
    refused_bytes(data, LSN_PICKLE_LARGEST + 1, "longer than 16777216 bytes");
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_values_are_read),
        cmocka_unit_test(long_integers_are_read),
        cmocka_unit_test(lines_of_digits_are_read),
        cmocka_unit_test(booleans_keep_their_value),
        cmocka_unit_test(a_pickle_ends_where_it_says),
        cmocka_unit_test(containers_are_filled),
        cmocka_unit_test(values_are_remembered),
        cmocka_unit_test(tensors_are_described),
        cmocka_unit_test(objects_of_the_state_dict_are_plain),
        cmocka_unit_test(storages_may_be_parts),
        cmocka_unit_test(old_tensors_are_described),
        cmocka_unit_test(an_ordered_dict_may_be_made_of_pairs),
        cmocka_unit_test(nothing_of_pythons_is_called),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(calls_must_be_those_of_torch),
        cmocka_unit_test(the_stack_is_watched),
        cmocka_unit_test(every_operand_must_be_there),
        cmocka_unit_test(deep_nesting_is_no_matter),
        cmocka_unit_test(size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
