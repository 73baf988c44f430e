/* The bytes as the pickle of a checkpoint: every value that is read refers to values that are there. */
#include "fuzz.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "formats/pickle.h"

static void check_items(const lsn_pickle *pickle, const lsn_pickle_value *value)
{
    uint32_t link = value->as.items.first;
    for (uint32_t i = 0; i < value->as.items.count; i++) {
        assert(link < pickle->n_links && pickle->links[link].value < pickle->n_values);
        link = pickle->links[link].next;
    }
    assert(link == LSN_PICKLE_END);
}

static void check_value(const lsn_pickle *pickle, const lsn_pickle_value *value, size_t size)
{
    const lsn_pickle_value *values = pickle->values;
    switch ((lsn_pickle_kind)value->kind) {
    case LSN_PICKLE_TEXT:
    case LSN_PICKLE_BYTES:
        assert(value->as.text.at <= size && value->as.text.bytes <= size - value->as.text.at);
        break;
    case LSN_PICKLE_DICT:
        assert(value->as.items.count % 2 == 0);
        check_items(pickle, value);
        break;
    case LSN_PICKLE_TUPLE:
    case LSN_PICKLE_LIST:
        check_items(pickle, value);
        break;
    case LSN_PICKLE_STORAGE:
        assert(values[value->as.storage.key].kind == LSN_PICKLE_TEXT);
        assert(values[value->as.storage.elements].kind == LSN_PICKLE_INT);
        assert((value->as.storage.view_offset == LSN_PICKLE_END) ==
               (value->as.storage.view_elements == LSN_PICKLE_END));
        if (value->as.storage.view_offset != LSN_PICKLE_END)
            assert(values[value->as.storage.view_offset].kind == LSN_PICKLE_INT &&
                   values[value->as.storage.view_elements].kind == LSN_PICKLE_INT);
        assert(lsn_pickle_dtype(value) != NULL);
        break;
    case LSN_PICKLE_TENSOR:
        assert(values[value->as.tensor.storage].kind == LSN_PICKLE_STORAGE);
        assert(values[value->as.tensor.offset].kind == LSN_PICKLE_INT);
        assert(values[value->as.tensor.size].kind == LSN_PICKLE_TUPLE);
        assert(values[value->as.tensor.stride].kind == LSN_PICKLE_TUPLE);
        break;
    default:
        assert(value->kind < LSN_PICKLE_N_KINDS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lsn_pickle pickle;
    lsn_error err = {0};
    fuzz_allow(1 << 16, 128, size);
    if (lsn_pickle_read(&pickle, data, size, "file.pth", "data.pkl", &err)) {
        assert(pickle.root < pickle.n_values && pickle.bytes <= size);
        for (size_t i = 0; i < pickle.n_values; i++)
            check_value(&pickle, &pickle.values[i], size);
    } else
        assert(err.code == LSN_INVALID && err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
    lsn_pickle_finish(&pickle);
    fuzz_allow_end();
    return 0;
}
