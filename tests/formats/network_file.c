#include "network_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lesion/base.h"

static void die(const char *why)
{
    fprintf(stderr, "network_file: %s\n", why);
    exit(1);
}

void network_add(network_file *network, const char *name, const char *dtype, int rank, const int64_t *shape)
{
    if (network->count == NETWORK_MAX_TENSORS)
        die("too many tensors");
    network_tensor *tensor = &network->tensors[network->count++];
    *tensor = (network_tensor){.rank = rank, .poison = -1};
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    snprintf(tensor->dtype, sizeof tensor->dtype, "%s", dtype);
    memcpy(tensor->shape, shape, (size_t)rank * sizeof *shape);
}

void network_add_norm(network_file *network, const char *path, const char *dtype, int filters)
{
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};
    char name[64];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "%s.%s", path, names[i]);
        network_add(network, name, i == 4 ? "I64" : dtype, i < 4, (int64_t[]){filters});
    }
}

static void add_layer(network_file *network, const char *section, int number, const char *dtype, int rank,
                      const int64_t *shape)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%d.weight", section, number);
    network_add(network, name, dtype, rank, shape);
    snprintf(name, sizeof name, "%s.%d.bias", section, number);
    network_add(network, name, dtype, 1, shape);
}

void network_init(network_file *network, const char *dtype, int channels, const int *plan, int grid, const int *fc)
{
    network->count = network->shift = 0;
    int number = 0;
    for (; *plan != -1; plan++) {
        number += *plan == 0 ? 1 : 2;
        if (*plan == 0)
            continue;
        add_layer(network, "features", number - 2, dtype, 4, (int64_t[]){*plan, channels, 3, 3});
        channels = *plan;
    }
    channels *= grid * grid;
    for (number = 0; *fc != -1; fc++, number += 3) {
        add_layer(network, "classifier", number, dtype, 2, (int64_t[]){*fc, channels});
        channels = *fc;
    }
}

network_tensor *network_find(network_file *network, const char *name)
{
    for (int i = 0; i < network->count; i++)
        if (strcmp(network->tensors[i].name, name) == 0)
            return &network->tensors[i];
    die(name);
    return NULL;
}

void network_remove(network_file *network, const char *name)
{
    network_tensor *tensor = network_find(network, name), *end = network->tensors + network->count--;
    memmove(tensor, tensor + 1, (size_t)(end - tensor - 1) * sizeof *tensor);
}

/* 1/64 .. 8/64 and their negatives: sums of powers of two with few bits. */
float network_value(int64_t i)
{
    float value = (float)(1 + i % 8) / 64;
    return i % 3 == 0 ? -value : value;
}

static size_t element_bytes(const char *dtype)
{
    if (strcmp(dtype, "F32") == 0 || strcmp(dtype, "I32") == 0)
        return 4;
    return strcmp(dtype, "F64") == 0 || strcmp(dtype, "I64") == 0 ? 8 : 2;
}

static size_t tensor_count(const network_tensor *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= (size_t)tensor->shape[i];
    return count;
}

/* Normal numbers with at most 10 bits of fraction: the rounding of a conversion is not at stake here. */
static uint16_t half_of_float(uint32_t bits)
{
    uint32_t sign = bits >> 16 & 0x8000, exponent = (bits >> 23 & 255) - 127 + 15;
    return (uint16_t)(sign | exponent << 10 | (bits >> 13 & 1023));
}

static void write_values(const network_tensor *tensor, unsigned char *out)
{
    size_t count = tensor_count(tensor), bytes = element_bytes(tensor->dtype);
    bool variance = strstr(tensor->name, "running_var") != NULL;
    for (size_t i = 0; i < count; i++) {
        float value = variance ? fabsf(network_value((int64_t)i)) : network_value((int64_t)i);
        double wide = value;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        uint16_t half = tensor->dtype[0] == 'B' ? (uint16_t)(bits >> 16) : half_of_float(bits);
        if (tensor->poison == (int64_t)i)
            bits = 0x7f800000;
        if (bytes == 2)
            memcpy(out + 2 * i, &half, 2);
        else if (bytes == 4)
            memcpy(out + 4 * i, &bits, 4);
        else if (tensor->dtype[0] == 'F')
            memcpy(out + 8 * i, &wide, 8);
        else
            memset(out + 8 * i, 0, 8);
    }
}

unsigned char *tensor_bytes(const network_tensor *tensor, size_t *bytes)
{
    *bytes = tensor_count(tensor) * element_bytes(tensor->dtype);
    unsigned char *data = malloc(*bytes + 1);
    if (data == NULL)
        die("out of memory");
    write_values(tensor, data);
    return data;
}

static void add_entry(lsn_text *header, const network_tensor *tensor, size_t begin, size_t end)
{
    lsn_text_add(header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", header->length > 1 ? "," : "", tensor->name,
                 tensor->dtype);
    for (int i = 0; i < tensor->rank; i++)
        lsn_text_add(header, "%s%" PRId64, i == 0 ? "" : ",", tensor->shape[i]);
    lsn_text_add(header, "],\"data_offsets\":[%zu,%zu]}", begin, end);
}

/* A file with room for its data. */
static unsigned char *compose(const char *header, size_t length, size_t data_bytes, size_t *bytes)
{
    *bytes = 8 + length + data_bytes;
    unsigned char *file = malloc(*bytes);
    if (file == NULL)
        die("out of memory");
    for (int i = 0; i < 8; i++)
        file[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(file + 8, header, length);
    return file;
}

unsigned char *container_bytes(const char *header, const void *data, size_t data_bytes, size_t *bytes)
{
    unsigned char *file = compose(header, strlen(header), data_bytes, bytes);
    if (data_bytes > 0)
        memcpy(file + *bytes - data_bytes, data, data_bytes);
    return file;
}

unsigned char *network_bytes(const network_file *network, size_t *bytes)
{
    lsn_text header = {0};
    size_t at = 0;
    lsn_text_add(&header, "{");
    for (int i = 0; i < network->count; i++) {
        const network_tensor *tensor = &network->tensors[i];
        size_t size = tensor_count(tensor) * element_bytes(tensor->dtype);
        add_entry(&header, tensor, at, at + size);
        at += size;
    }
    lsn_text_add(&header, "}");
    while (header.length % 8 != 0)
        lsn_text_add(&header, " ");
    lsn_text_add(&header, "%*s", network->shift, "");
    unsigned char *file = compose(header.data, header.length, at, bytes);
    unsigned char *out = file + 8 + header.length;
    lsn_text_finish(&header);
    for (int i = 0; i < network->count; i++) {
        write_values(&network->tensors[i], out);
        out += tensor_count(&network->tensors[i]) * element_bytes(network->tensors[i].dtype);
    }
    return file;
}
