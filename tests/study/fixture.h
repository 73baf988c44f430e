/* A tiny network, its images and labels, and studies of them; to be included after cmocka.h.
 *
 * The network has VGG's names: conv1_1 (4 filters), conv2_1 (6), conv3_1 (8), conv3_2 (8), conv4_1 (10), conv5_1 (12),
 * fc6 (16), fc7 (20), and fc8, the logits (3). It takes 32 x 32 grey images; there are 20 of 28 x 28.
 */
#ifndef LESION_TESTS_FIXTURE_H
#define LESION_TESTS_FIXTURE_H

#include "lesion/study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIXTURE_IMAGES = 20, FIXTURE_CLASSES = 3 };

/* The first ten lines of a study; `ablate:` is the eleventh. */
#define HEAD                                         \
    "study: tiny\n"                                  \
    "model: {weights: weights.safetensors}\n"        \
    "data:\n"                                        \
    "  format: idx\n"                                \
    "  images: images.idx\n"                         \
    "  labels: labels.idx\n"                         \
    "  preprocess: {pad: 2, mean: 0.5, std: 0.25}\n" \
    "  take: {count: 6, seed: 7}\n"                  \
    "  calibration: {count: 4, seed: 1}\n"           \
    "metrics: [top1, top5, loss, kl]\n"

/* One experiment, in lines 12 to 15. */
#define ONE(layers, filters, mode) \
    HEAD "ablate:\n  - name: one\n    layers: " layers "\n    filters: " filters "\n    mode: " mode "\n"

/* cmocka group setup and teardown: a folder with weights.safetensors, images.idx and labels.idx. */
int fixture_open(void **state);
int fixture_close(void **state);

/* The path of a file in the folder; it stays valid. */
const char *fixture_path(const char *name);
/* Writes any file. */
const char *fixture_write(const char *name, const void *data, size_t bytes);

/* Writes weights drawn from a seed, and a line of images and labels, under other names. */
const char *fixture_weights(const char *name, uint32_t seed);
const char *fixture_images(const char *name, int count, int side, int shade);
const char *fixture_labels(const char *name, int count, int classes);

/* Writes the study and expects a plan, its images not looked at. `overrides` is ended by NULL; NULL stands for none. */
lsn_plan *unsettled(const char *text, const char *const *overrides);
/* Looks at all images of a plan; the caller finishes `found`. */
void check_images(const lsn_plan *plan, lsn_image_checks *found);
/* Both, and settles the plan. */
lsn_plan *planned(const char *text, const char *const *overrides);

/* Writes the study (NULL: the file stays as it is) and expects exactly these mistakes, each given by its place behind
 * the study's path ("12:5", or an option "--set a=b") and a part of its text. Both ended by NULL. */
typedef struct expected {
    const char *place, *part;
} expected;
void refused(const char *text, const char *const *overrides, const expected *mistakes);

/* Whether the plan's job has that mask, as JSON, mode, fraction and seed; NaN equals NaN. */
void check_job(const lsn_plan *plan, int32_t job, const char *mask, lsn_mode mode, double fraction, int64_t seed);
/* The masks of the jobs of an experiment, one after another with blanks between. To be freed. */
char *masks_of(const lsn_plan *plan, int32_t experiment);
/* The same for a study of one experiment, compared. */
void check_masks(const char *text, const char *masks);

#endif
