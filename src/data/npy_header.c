/* The header of a NumPy array: a Python dict of three known keys. Strict: only what NumPy itself writes is read. */
#include "data/data_internal.h"

#include <string.h>

typedef struct reader {
    const char *text, *at, *end;
    const char *path;
    lsn_error *err;
} reader;

static bool expected(reader *in, const char *what)
{
    return lsn_fail_at(in->err, LSN_INVALID, in->path,
                       "byte %zu of its npy header: expected %s; write it with numpy.save", (size_t)(in->at - in->text),
                       what);
}

static void skip_spaces(reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\n'))
        in->at++;
}

/* Goes past `token` if it stands next. */
static bool accept(reader *in, const char *token)
{
    size_t length = strlen(token);
    skip_spaces(in);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, token, length) != 0)
        return false;
    in->at += length;
    return true;
}

static bool read_string(reader *in, char *out, size_t room, const char *what)
{
    skip_spaces(in);
    if (in->at == in->end || (*in->at != '\'' && *in->at != '"'))
        return expected(in, what);
    char quote = *in->at++;
    size_t length = 0;
    while (in->at < in->end && *in->at != quote) {
        if (length + 1 == room || *in->at < ' ' || *in->at > '~' || *in->at == '\\')
            return expected(in, what);
        out[length++] = *in->at++;
    }
    out[length] = '\0';
    return accept(in, quote == '"' ? "\"" : "'") || expected(in, "the end of the quoted text");
}

static bool read_size(reader *in, uint64_t *size)
{
    skip_spaces(in);
    const char *start = in->at;
    *size = 0;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++)
        if (__builtin_mul_overflow(*size, 10, size) || __builtin_add_overflow(*size, *in->at - '0', size))
            return expected(in, "a size below 2^64");
    return in->at > start || expected(in, "a size");
}

/* "()", "(3,)", "(3, 4)", "(3, 4,)" */
static bool read_shape(reader *in, lsn_npy_header *header)
{
    if (!accept(in, "("))
        return expected(in, "a tuple of sizes");
    while (!accept(in, ")")) {
        if (header->rank == LSN_NPY_MAX_RANK)
            return expected(in, "at most 8 sizes");
        if (!read_size(in, &header->shape[header->rank++]))
            return false;
        if (!accept(in, ",") && (header->rank == 1 || in->at == in->end || *in->at != ')'))
            return expected(in, "a comma");
    }
    return true;
}

static bool read_order(reader *in, lsn_npy_header *header)
{
    header->fortran_order = accept(in, "True");
    return header->fortran_order || accept(in, "False") || expected(in, "True or False");
}

/* One entry, "'key': value". The bit of its key is set in *seen. */
static bool read_entry(reader *in, lsn_npy_header *header, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[16];
    if (!read_string(in, key, sizeof key, "a key"))
        return false;
    unsigned k = 0;
    while (k < 3 && strcmp(keys[k], key) != 0)
        k++;
    if (k == 3 || (*seen & 1u << k) != 0)
        return expected(in, "descr, fortran_order and shape, each once");
    *seen |= 1u << k;
    if (!accept(in, ":"))
        return expected(in, "a colon");
    switch (k) {
    case 0:
        return read_string(in, header->descr, sizeof header->descr, "the name of a plain number type");
    case 1:
        return read_order(in, header);
    default:
        return read_shape(in, header);
    }
}

bool lsn_npy_header_parse(lsn_npy_header *header, const char *text, size_t length, const char *path, lsn_error *err)
{
    reader in = {text, text, text + length, path, err};
    unsigned seen = 0;
    *header = (lsn_npy_header){0};
    if (!accept(&in, "{"))
        return expected(&in, "{");
    while (!accept(&in, "}")) {
        if (!read_entry(&in, header, &seen))
            return false;
        if (!accept(&in, ",") && (in.at == in.end || *in.at != '}'))
            return expected(&in, "a comma or }");
    }
    skip_spaces(&in);
    if (in.at != in.end)
        return expected(&in, "nothing after the dict");
    return seen == 7 || expected(&in, "descr, fortran_order and shape, each once");
}
