/* npy: "\x93NUMPY", the format's version, the length of the header, the header, the items. */
#include "data/data_internal.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are little-endian and read in place");

typedef struct npy_file {
    const char *path;
    lsn_file file;
    lsn_npy_header header;
    const unsigned char *items;
    size_t bytes; /* of all items */
} npy_file;

static bool npy_open(npy_file *npy, const char *path, lsn_error *err)
{
    enum { MAGIC = 6, VERSION = 8, LARGEST_HEADER = 1 << 16 };
    const char *const cut = "is cut short in its npy header: copy it again";
    npy->path = path;
    if (!lsn_file_map(&npy->file, path, err))
        return false;
    const unsigned char *data = npy->file.data;
    size_t size = npy->file.bytes;
    if (size < MAGIC || memcmp(data, "\x93NUMPY", MAGIC) != 0)
        return lsn_fail_at(err, LSN_INVALID, path, "is not an npy file: write it with numpy.save");
    if (size < VERSION + 4)
        return lsn_fail_at(err, LSN_INVALID, path, "%s", cut);
    if (data[6] < 1 || data[6] > 3 || data[7] != 0)
        return lsn_fail_at(err, LSN_INVALID, path, "is of npy format %d.%d; 1.0, 2.0 and 3.0 are read", data[6],
                           data[7]);
    size_t length = data[8] | (size_t)data[9] << 8, start = VERSION + 2;
    if (data[6] > 1) {
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
        start = VERSION + 4;
    }
    if (length > LARGEST_HEADER)
        return lsn_fail_at(err, LSN_INVALID, path, "has an npy header of %zu bytes; expected at most %d", length,
                           LARGEST_HEADER);
    if (length > size - start)
        return lsn_fail_at(err, LSN_INVALID, path, "%s", cut);
    npy->items = data + start + length;
    npy->bytes = size - start - length;
    return lsn_npy_header_parse(&npy->header, (const char *)data + start, length, path, err);
}

/* ---- images -------------------------------------------------------------------------------------------------- */

/* Sets the shape as [N][H][W][C], whatever its order in the file. */
static bool set_images_shape(lsn_images *images, const npy_file *npy, size_t *bytes, lsn_error *err)
{
    const lsn_npy_header *header = &npy->header;
    const uint64_t *shape = header->shape;
    images->preprocessed = strcmp(header->descr, "<f4") == 0;
    images->form = images->preprocessed ? "npy float32" : "npy uint8";
    if (!images->preprocessed && strcmp(header->descr, "|u1") != 0)
        return lsn_fail_at(err, LSN_INVALID, npy->path,
                           "holds items of type %s; images are uint8 (|u1), or float32 (<f4) where they are "
                           "preprocessed already: convert them with astype",
                           header->descr);
    if (header->fortran_order)
        return lsn_fail_at(err, LSN_INVALID, npy->path, "is in Fortran order: write it with numpy.ascontiguousarray");
    if (images->preprocessed && header->rank == 4)
        return lsn_images_set_shape(images, (uint64_t[]){shape[0], shape[2], shape[3], shape[1]}, bytes, npy->path,
                                    err);
    if (!images->preprocessed && (header->rank == 4 || header->rank == 3))
        return lsn_images_set_shape(images,
                                    (uint64_t[]){shape[0], shape[1], shape[2], header->rank == 3 ? 1 : shape[3]}, bytes,
                                    npy->path, err);
    return lsn_fail_at(err, LSN_INVALID, npy->path, "has %d dimensions; expected %s", header->rank,
                       images->preprocessed ? "[images][channels][rows][columns] of float32"
                                            : "[images][rows][columns][channels] or [images][rows][columns] of uint8");
}

bool lsn_npy_read_images(lsn_images *images, const char *path, lsn_error *err)
{
    npy_file npy = {0};
    size_t bytes;
    if (!npy_open(&npy, path, err) || !set_images_shape(images, &npy, &bytes, err) ||
        !lsn_check_bytes(npy.bytes, bytes, path, err)) {
        lsn_file_unmap(&npy.file);
        return false;
    }
    images->file = npy.file;
    images->pixels = npy.items;
    return true;
}

/* ---- labels -------------------------------------------------------------------------------------------------- */

/* The bytes of a little-endian integer type, as NumPy names it: "|u1", "<i8"; 0 for any other. */
static size_t integer_bytes(const char *descr)
{
    if (strlen(descr) != 3 || strchr("iu", descr[1]) == NULL || strchr("1248", descr[2]) == NULL ||
        descr[0] != (descr[2] == '1' ? '|' : '<'))
        return 0;
    return (size_t)(descr[2] - '0');
}

/* The label in these bytes; INT64_MAX where it is greater. */
static int64_t read_label(const unsigned char *bytes, size_t count, bool is_signed)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++)
        bits |= (uint64_t)bytes[i] << (8 * i);
    if (is_signed) {
        uint64_t sign = (uint64_t)1 << (8 * count - 1);
        return (int64_t)((bits ^ sign) - sign);
    }
    return bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
}

static bool set_labels(lsn_labels *labels, const npy_file *npy, lsn_error *err)
{
    const lsn_npy_header *header = &npy->header;
    const size_t label_bytes = integer_bytes(header->descr);
    if (label_bytes == 0)
        return lsn_fail_at(err, LSN_INVALID, npy->path,
                           "holds items of type %s; labels are little-endian integers: convert them with astype('<i8')",
                           header->descr);
    if (header->rank != 1)
        return lsn_fail_at(err, LSN_INVALID, npy->path, "has %d dimensions; labels have one, [images]", header->rank);
    size_t bytes;
    if (__builtin_mul_overflow(header->shape[0], label_bytes, &bytes))
        return lsn_fail_at(err, LSN_INVALID, npy->path, "its header says more labels than can be addressed");
    if (!lsn_check_bytes(npy->bytes, bytes, npy->path, err) ||
        !lsn_labels_create(labels, header->shape[0], npy->path, err))
        return false;
    for (int32_t i = 0; i < labels->count; i++)
        if (!lsn_labels_set(labels, i,
                            read_label(npy->items + (size_t)i * label_bytes, label_bytes, header->descr[1] == 'i'),
                            npy->path, err))
            return false;
    return true;
}

bool lsn_npy_read_labels(lsn_labels *labels, const char *path, lsn_error *err)
{
    npy_file npy = {0};
    bool ok = npy_open(&npy, path, err) && set_labels(labels, &npy, err);
    lsn_file_unmap(&npy.file);
    return ok;
}
