/* Mutations that need no coverage to be of use: seeded, the same on every machine. */
#ifndef LESION_TESTS_FUZZ_MUTATE_H
#define LESION_TESTS_FUZZ_MUTATE_H

#include <stddef.h>

#include "lesion/base.h"

/* Some bytes; `room` is how many fit. */
typedef struct input {
    unsigned char *data;
    size_t bytes, room;
} input;

/* Changes 1 to 8 places of `to`; may copy from `other`, another input. */
void mutate(input *to, const input *other, lsn_random *random);

#endif
