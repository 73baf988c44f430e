#include "tiny.h"

#include "shell.h"

#include "lesion/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tensor {
    const char *name;
    int filters, inputs, kernel;
} tensor;

/* Five blocks of one convolution: a convolution, its ReLU and a pooling take three places each. */
enum { N_TENSORS = 8, SIDE = 28, CLASSES = 4 };

static const tensor tiny[N_TENSORS] = {
    {"features.0", 4, 1, 3},   {"features.3", 16, 4, 3},   {"features.6", 12, 16, 3},   {"features.9", 16, 12, 3},
    {"features.12", 8, 16, 3}, {"classifier.0", 12, 8, 1}, {"classifier.3", 10, 12, 1}, {"classifier.6", 4, 10, 1},
};
static const tensor wide[N_TENSORS] = {
    {"features.0", 4, 1, 3},         {"features.3", 16, 4, 3},     {"features.6", 12, 16, 3},
    {"features.9", 16, 12, 3},       {"features.12", 8, 16, 3},    {"classifier.0", 2048, 8, 1},
    {"classifier.3", 2048, 2048, 1}, {"classifier.6", 4, 2048, 1},
};

static double uniform(lsn_random *random)
{
    return (double)(lsn_random_next(random) >> 11) / 9007199254740992.0;
}

static void write_header(const tensor *tensors, FILE *file)
{
    lsn_text header = {0};
    size_t at = 0;
    lsn_text_add(&header, "{");
    for (int i = 0; i < N_TENSORS; i++) {
        const tensor *t = &tensors[i];
        size_t bytes = sizeof(float) * (size_t)(t->filters * t->inputs * t->kernel * t->kernel);
        lsn_text_add(&header, "%s\"%s.weight\":{\"dtype\":\"F32\",\"shape\":[%d,%d", i == 0 ? "" : ",", t->name,
                     t->filters, t->inputs);
        if (t->kernel > 1)
            lsn_text_add(&header, ",%d,%d", t->kernel, t->kernel);
        lsn_text_add(&header, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
        at += bytes;
        bytes = sizeof(float) * (size_t)t->filters;
        lsn_text_add(&header, ",\"%s.bias\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[%zu,%zu]}", t->name,
                     t->filters, at, at + bytes);
        at += bytes;
    }
    lsn_text_add(&header, "}");
    while (header.length % 8 != 0)
        lsn_text_add(&header, " ");
    assert_false(header.failed);
    uint64_t length = header.length;
    assert_int_equal(fwrite(&length, sizeof length, 1, file), 1);
    assert_int_equal(fwrite(header.data, 1, header.length, file), header.length);
    lsn_text_finish(&header);
}

static void write_network(const tensor *tensors, const char *path, uint64_t seed)
{
    lsn_random random;
    lsn_random_init(&random, seed, 0);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    write_header(tensors, file);
    for (int i = 0; i < N_TENSORS; i++) {
        const tensor *t = &tensors[i];
        int inputs = t->inputs * t->kernel * t->kernel, weights = t->filters * inputs;
        double scale = sqrt(6.0 / inputs); /* keeps activations of one size from layer to layer */
        for (int k = 0; k < weights + t->filters; k++) {
            float value = (float)((uniform(&random) - 0.5) * (k < weights ? 2 * scale : 0.2));
            assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
        }
    }
    assert_int_equal(fclose(file), 0);
}

void tiny_write_network(const char *path, uint64_t seed)
{
    write_network(tiny, path, seed);
}

void tiny_write_wide_network(const char *path, uint64_t seed)
{
    write_network(wide, path, seed);
}

static void put_u32(FILE *file, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        fputc((int)(value >> shift & 255), file);
}

void tiny_write_images(const char *images, const char *labels, int count, uint64_t seed)
{
    lsn_random random;
    lsn_random_init(&random, seed, 0);
    FILE *pixels = fopen(images, "wb"), *classes = fopen(labels, "wb");
    assert_true(pixels != NULL && classes != NULL);
    put_u32(pixels, 0x803);
    put_u32(pixels, (uint32_t)count);
    put_u32(pixels, SIDE);
    put_u32(pixels, SIDE);
    put_u32(classes, 0x801);
    put_u32(classes, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        fputc(i % CLASSES, classes);
        for (int k = 0; k < SIDE * SIDE; k++) {
            /* A stripe whose place tells the class, and noise. */
            int stripe = k / SIDE / 7 == i % CLASSES ? 150 : 0;
            fputc(stripe + (int)lsn_random_below(&random, 100), pixels);
        }
    }
    assert_int_equal(fclose(pixels), 0);
    assert_int_equal(fclose(classes), 0);
}
