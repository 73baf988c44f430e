/* Reading .npy files, as far as the golden values need it. */
#ifndef LESION_TESTS_NPY_H
#define LESION_TESTS_NPY_H

#include <stdbool.h>
#include <stddef.h>

/* The items of a C-ordered array of `type` ("<f4", "|u1"); to be freed. `shape` has `rank` entries, all given by the
 * file. NULL, with a message, where the file is not such an array. */
void *npy_read(const char *path, const char *type, size_t item_bytes, int rank, size_t *shape);

#endif
