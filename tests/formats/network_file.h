/* Weights files made for a test: a table of tensors to be changed at will, then written as safetensors. */
#ifndef LESION_TESTS_NETWORK_FILE_H
#define LESION_TESTS_NETWORK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/scratch.h"

enum { NETWORK_MAX_TENSORS = 8400 };

typedef struct network_tensor {
    char name[64];
    char dtype[16];
    int rank;
    int64_t shape[4];
    int64_t poison; /* index of an element written as infinity (F32 only); -1: none */
} network_tensor;

typedef struct network_file {
    network_tensor tensors[NETWORK_MAX_TENSORS];
    int count;
    int shift; /* bytes added to the header (spaces), to move the data off its alignment */
} network_file;

/* A network of the family. `plan`: filters of the convolutions, 0 for a pooling, ended by -1 (and pooled at the end,
 * with or without a last 0); `fc`: outputs of the fully connected layers, ended by -1. */
void network_init(network_file *network, const char *dtype, int channels, const int *plan, int grid, const int *fc);

/* Adds the tensors of a batch normalisation of that path. */
void network_add_norm(network_file *network, const char *path, const char *dtype, int filters);
void network_add(network_file *network, const char *name, const char *dtype, int rank, const int64_t *shape);
/* The tensor of that name; the test fails if there is none. */
network_tensor *network_find(network_file *network, const char *name);
void network_remove(network_file *network, const char *name);

/* The value of element i of the tensors as they are written: small, exact in every type, never zero. Running variances
 * have its absolute value. */
float network_value(int64_t i);

/* The bytes of one tensor's elements, to be freed. */
unsigned char *tensor_bytes(const network_tensor *tensor, size_t *bytes);

/* The file's bytes, to be freed. */
unsigned char *network_bytes(const network_file *network, size_t *bytes);

/* Any header and data as a file's bytes, to be freed. */
unsigned char *container_bytes(const char *header, const void *data, size_t data_bytes, size_t *bytes);

/* Both write into the scratch folder and return the path. */
static inline const char *network_write(const network_file *network, const char *name)
{
    size_t bytes;
    unsigned char *file = network_bytes(network, &bytes);
    const char *path = scratch_write(name, file, bytes);
    free(file);
    return path;
}

static inline const char *container_write(const char *name, const char *header, const void *data, size_t data_bytes)
{
    size_t bytes;
    unsigned char *file = container_bytes(header, data, data_bytes, &bytes);
    const char *path = scratch_write(name, file, bytes);
    free(file);
    return path;
}

#endif
