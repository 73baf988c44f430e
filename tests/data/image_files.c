#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "image_files.h"

unsigned char pixel(int n, int y, int x, int c)
{
    return (unsigned char)(n * 37 + y * 11 + x * 5 + c * 101);
}

static bytes make(size_t count)
{
    bytes file = {malloc(count + 1), count};
    assert_non_null(file.data);
    return file;
}

static void put_number(unsigned char *out, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(number >> (24 - 8 * i));
}

bytes idx_images(int n, int h, int w)
{
    bytes file = make(16 + (size_t)n * (size_t)h * (size_t)w);
    unsigned char *out = file.data;
    const int numbers[] = {0x803, n, h, w};
    for (int i = 0; i < 4; i++, out += 4)
        put_number(out, (uint32_t)numbers[i]);
    for (int i = 0; i < n; i++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                *out++ = pixel(i, y, x, 0);
    return file;
}

bytes idx_labels(int n, int classes)
{
    bytes file = make(8 + (size_t)n);
    put_number(file.data, 0x801);
    put_number(file.data + 4, (uint32_t)n);
    for (int i = 0; i < n; i++)
        file.data[8 + i] = (unsigned char)(i * 3 % classes);
    return file;
}

bytes npy(int version, const char *header, const void *items, size_t item_bytes)
{
    size_t prefix = version == 1 ? 10 : 12, length = strlen(header);
    bytes file = make(prefix + length + item_bytes);
    memcpy(file.data, "\x93NUMPY", 6);
    file.data[6] = (unsigned char)version;
    file.data[7] = 0;
    for (size_t i = 8; i < prefix; i++)
        file.data[i] = (unsigned char)(length >> (8 * (i - 8)));
    memcpy(file.data + prefix, header, length);
    if (item_bytes > 0)
        memcpy(file.data + prefix + length, items, item_bytes);
    return file;
}

bytes npy_images(int n, int h, int w, int channels)
{
    size_t count = (size_t)n * (size_t)h * (size_t)w * (size_t)channels;
    unsigned char *items = make(count).data, *out = items;
    for (int i = 0; i < n; i++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                for (int c = 0; c < channels; c++)
                    *out++ = pixel(i, y, x, c);
    char header[128];
    snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d, %d, %d), }\n", n, h, w,
             channels);
    bytes file = npy(1, header, items, count);
    free(items);
    return file;
}

bytes npy_float_images(int n, int h, int w, int channels)
{
    size_t count = (size_t)n * (size_t)h * (size_t)w * (size_t)channels;
    float *items = (float *)(void *)make(count * sizeof(float)).data, *out = items;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < channels; c++)
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    *out++ = (float)pixel(i, y, x, c) / 256;
    char header[128];
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d, %d), }\n", n,
             channels, h, w);
    bytes file = npy(1, header, items, count * sizeof(float));
    free(items);
    return file;
}

bytes npy_labels(int n, int classes)
{
    int64_t *items = calloc((size_t)n, sizeof *items);
    for (int i = 0; i < n; i++)
        items[i] = i * 3 % classes;
    char header[128];
    snprintf(header, sizeof header, "{'descr': '<i8', 'fortran_order': False, 'shape': (%d,), }\n", n);
    bytes file = npy(1, header, items, (size_t)n * sizeof *items);
    free(items);
    return file;
}

bytes gzipped(bytes plain)
{
    bytes file = make(plain.count + plain.count / 100 + 100);
    z_stream z = {.next_in = plain.data, .avail_in = (unsigned)plain.count, .next_out = file.data};
    z.avail_out = (unsigned)file.count;
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    file.count = z.total_out;
    deflateEnd(&z);
    return file;
}

bytes joined(bytes one, bytes two)
{
    bytes file = make(one.count + two.count);
    memcpy(file.data, one.data, one.count);
    memcpy(file.data + one.count, two.data, two.count);
    return file;
}
