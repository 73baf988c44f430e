/* Batch normalisation as part of the layer before it. Private to the model room. */
#ifndef LESION_FORMATS_FOLD_H
#define LESION_FORMATS_FOLD_H

#include "formats/modules.h"
#include "lesion/formats.h"

/* Folds y = (x - mean) / sqrt(var + epsilon) * weight + bias (Ioffe & Szegedy, 2015, algorithm 1; epsilon is
 * LSN_NORM_EPSILON) into weights[F][per filter] and bias[F] of the layer that gives x, in double precision, rounded
 * once. A norm without weight or bias has ones and zeros. `room` is for 4 * F floats. LSN_INVALID with a tensor's name
 * where a variance is negative, or where something is not finite, before or after. */
bool lsn_fold(const lsn_module *norm, float *weights, float *bias, int filters, size_t per_filter, float *room,
              const char *path, lsn_error *err);

#endif
