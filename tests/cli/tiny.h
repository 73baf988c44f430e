/* A small network and small images, written as a user would bring them. */
#ifndef TESTS_CLI_TINY_H
#define TESTS_CLI_TINY_H

#include <stdint.h>

void tiny_write_network(const char *path, uint64_t seed);
/* The same with 2048 filters in fc6 and fc7: 17 MB. */
void tiny_write_wide_network(const char *path, uint64_t seed);
void tiny_write_images(const char *images, const char *labels, int count, uint64_t seed);

#endif
