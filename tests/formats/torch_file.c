#include "torch_file.h"

#include "lesion/base.h"

static void put(archive *to, const void *data, size_t bytes)
{
    while (to->room - to->bytes < bytes) {
        to->room = 2 * to->room + 4096;
        to->data = realloc(to->data, to->room);
        if (to->data == NULL)
            abort();
    }
    if (bytes > 0)
        memcpy(to->data + to->bytes, data, bytes);
    to->bytes += bytes;
}

static void put_number(archive *to, uint64_t number, int bytes)
{
    unsigned char text[8];
    for (int i = 0; i < bytes; i++)
        text[i] = (unsigned char)(number >> (8 * i));
    put(to, text, (size_t)bytes);
}

/* ---- zip ----------------------------------------------------------------------------------------------------- */

/* What a local header and a directory's entry have in common, from "version needed" to "name length". */
static void put_common(archive *to, const char *name, size_t bytes, int method)
{
    put_number(to, 45, 2);
    put_number(to, 0x808, 2);
    put_number(to, (uint64_t)method, 2);
    put_number(to, 0, 4);
    put_number(to, 0, 4);
    put_number(to, bytes, 4);
    put_number(to, bytes, 4);
    put_number(to, strlen(name), 2);
}

void archive_add(archive *to, const char *name, const void *data, size_t bytes)
{
    static const char padding[64];
    size_t at = to->bytes, before = at + 30 + strlen(name) + 4, pad = (64 - before % 64) % 64;
    put(to, "PK\3\4", 4);
    put_common(to, name, bytes, to->method);
    put_number(to, 4 + pad, 2);
    put(to, name, strlen(name));
    put(to, "FB", 2);
    put_number(to, pad, 2);
    put(to, padding, pad);
    put(to, data, bytes);
    snprintf(to->entries[to->count].name, sizeof to->entries->name, "%s", name);
    to->entries[to->count].at = at;
    to->entries[to->count++].bytes = bytes;
}

static void put_wide_end(archive *to, size_t begin, size_t bytes)
{
    size_t at = to->bytes;
    put(to, "PK\6\6", 4);
    put_number(to, 44, 8);
    put_number(to, 45, 2);
    put_number(to, 45, 2);
    put_number(to, 0, 8);
    put_number(to, (uint64_t)to->count, 8);
    put_number(to, (uint64_t)to->count, 8);
    put_number(to, bytes, 8);
    put_number(to, begin, 8);
    put(to, "PK\6\7", 4);
    put_number(to, 0, 4);
    put_number(to, at, 8);
    put_number(to, 1, 4);
}

void archive_end(archive *to, bool wide)
{
    size_t begin = to->bytes;
    for (int i = 0; i < to->count; i++) {
        put(to, "PK\1\2", 4);
        put_number(to, 45, 2);
        put_common(to, to->entries[i].name, wide ? UINT32_MAX : to->entries[i].bytes, to->method);
        put_number(to, wide ? 28 : 0, 2);
        put_number(to, 0, 6);
        put_number(to, 0, 4);
        put_number(to, wide ? UINT32_MAX : to->entries[i].at, 4);
        put(to, to->entries[i].name, strlen(to->entries[i].name));
        if (wide) {
            put_number(to, 1, 2);
            put_number(to, 24, 2);
            put_number(to, to->entries[i].bytes, 8);
            put_number(to, to->entries[i].bytes, 8);
            put_number(to, to->entries[i].at, 8);
        }
    }
    size_t bytes = to->bytes - begin;
    if (wide)
        put_wide_end(to, begin, bytes);
    put(to, "PK\5\6", 4);
    put_number(to, 0, 4);
    put_number(to, wide ? UINT16_MAX : (uint64_t)to->count, 2);
    put_number(to, wide ? UINT16_MAX : (uint64_t)to->count, 2);
    put_number(to, wide ? UINT32_MAX : bytes, 4);
    put_number(to, wide ? UINT32_MAX : begin, 4);
    put_number(to, 0, 2);
}

const char *archive_write(archive *from, const char *name)
{
    const char *path = scratch_write(name, from->data, from->bytes);
    free(from->data);
    *from = (archive){0};
    return path;
}

const char *pickle_write(const char *name, const char *pickle, size_t pickle_bytes, const void *storage,
                         size_t storage_bytes)
{
    archive zip = {0};
    archive_add(&zip, "archive/data.pkl", pickle, pickle_bytes);
    archive_add(&zip, "archive/data/0", storage, storage_bytes);
    archive_add(&zip, "archive/version", "3\n", 2);
    archive_end(&zip, true);
    return archive_write(&zip, name);
}

/* ---- the pickle ---------------------------------------------------------------------------------------------- */

static void put_text(archive *to, const char *text)
{
    put(to, "X", 1);
    put_number(to, strlen(text), 4);
    put(to, text, strlen(text));
}

static void put_int(archive *to, int64_t number)
{
    put(to, "\x8a\x08", 2);
    put_number(to, (uint64_t)number, 8);
}

static void put_literal(archive *to, const char *text)
{
    put(to, text, strlen(text));
}

static const char *storage_class(const char *dtype)
{
    static const char *const classes[][2] = {{"F32", "Float"},  {"F16", "Half"}, {"BF16", "BFloat16"},
                                             {"F64", "Double"}, {"I64", "Long"}, {"I32", "Int"}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i][0], dtype) == 0)
            return classes[i][1];
    return "Char";
}

static int64_t count_from(const network_tensor *tensor, int first)
{
    int64_t count = 1;
    for (int i = first; i < tensor->rank; i++)
        count *= tensor->shape[i];
    return count;
}

static void put_tensor(archive *to, const network_tensor *tensor, int index)
{
    char text[80];
    put_literal(to, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(to, "storage");
    snprintf(text, sizeof text, "ctorch\n%sStorage\n", storage_class(tensor->dtype));
    put_literal(to, text);
    snprintf(text, sizeof text, "%d", index);
    put_text(to, text);
    put_text(to, "cpu");
    put_int(to, count_from(tensor, 0));
    put_literal(to, "tQ");
    put_int(to, 0);
    put_literal(to, "(");
    for (int i = 0; i < tensor->rank; i++)
        put_int(to, tensor->shape[i]);
    put_literal(to, "t(");
    for (int i = 0; i < tensor->rank; i++)
        put_int(to, count_from(tensor, i + 1));
    put_literal(to, "t\x89"
                    "ccollections\nOrderedDict\n)RtR");
}

static void put_pickle(archive *to, const network_file *network, const char *const wrappers[], const char *prefix)
{
    put_literal(to, "\x80\x02");
    for (int i = 0; wrappers[i] != NULL; i++) {
        put_literal(to, "}");
        put_text(to, wrappers[i]);
    }
    put_literal(to, "ccollections\nOrderedDict\n)R(");
    for (int i = 0; i < network->count; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, network->tensors[i].name);
        put_text(to, name);
        put_tensor(to, &network->tensors[i], i);
    }
    put_literal(to, "u");
    for (int i = 0; wrappers[i] != NULL; i++)
        put_literal(to, "s");
    put_literal(to, ".");
}

const char *network_write_checkpoint(const network_file *network, const char *const wrappers[], const char *prefix,
                                     const char *name)
{
    archive zip = {0}, pickle = {0};
    put_pickle(&pickle, network, wrappers, prefix);
    archive_add(&zip, "a/data.pkl", pickle.data, pickle.bytes);
    free(pickle.data);
    for (int i = 0; i < network->count; i++) {
        char entry[80];
        size_t bytes;
        unsigned char *data = tensor_bytes(&network->tensors[i], &bytes);
        snprintf(entry, sizeof entry, "a/data/%d", i);
        archive_add(&zip, entry, data, bytes);
        free(data);
    }
    archive_add(&zip, "a/byteorder", "little", 6);
    archive_end(&zip, true);
    return archive_write(&zip, name);
}

const char *network_write_legacy(const network_file *network, const char *const wrappers[], const char *prefix,
                                 const char *name)
{
    archive file = {0};
    char key[16];
    put(&file, LEGACY_HEADER, sizeof LEGACY_HEADER - 1);
    put_pickle(&file, network, wrappers, prefix);
    put_literal(&file, "\x80\2](");
    for (int i = network->count; i-- > 0;) { /* in another order than the object has them */
        snprintf(key, sizeof key, "%d", i);
        put_text(&file, key);
    }
    put_literal(&file, "e.");
    for (int i = network->count; i-- > 0;) {
        size_t bytes;
        unsigned char *data = tensor_bytes(&network->tensors[i], &bytes);
        put_number(&file, (uint64_t)count_from(&network->tensors[i], 0), 8);
        put(&file, data, bytes);
        free(data);
    }
    return archive_write(&file, name);
}
