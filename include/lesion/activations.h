/* Lesion: what the intact network's filters do on the calibration images.
 *
 * Sums over images are exact (lsn_fixed), so that they do not depend on the order of addition or on how the images were
 * split over ranks: those of disjoint images add up, element by element of `sums`, and what is derived from them is the
 * same to the bit.
 */
#ifndef LESION_ACTIVATIONS_H
#define LESION_ACTIVATIONS_H

#include "lesion/base.h"
#include "lesion/net.h"

/* Which statistics are wanted. */
typedef struct lsn_activation_needs {
    bool means;      /* LSN_MEAN, LSN_NOISE, mean_activation */
    bool deviations; /* LSN_NOISE */
    bool zeros;      /* apoz */
    bool by_class;   /* selectivity */
} lsn_activation_needs;

/* Filters are those of all layers but the logits, one layer after another (lsn_net_filter_offset). A map is a
 * filter's post-ReLU output before pooling, its positions those of the layer's h x w; a fully connected filter has one.
 * An array that is not needed is NULL. */
typedef struct lsn_activations {
    int filters, classes;
    size_t count;         /* of all sums together */
    int64_t *sums;        /* [count]; the arrays below lie inside, and `sums` is what is added up over ranks */
    int64_t *images;      /* [1] */
    int64_t *mean;        /* [filters] over images, the mean of the map; in units of 1 / LSN_FIXED */
    int64_t *square;      /* [filters][2] over images, the mean of the map's squares: in units of 2^-10, and the rest in
                           * units of 2^-50; see lsn_activations_add_square */
    int64_t *zeros;       /* [filters] positions of all images whose activation is 0 */
    int64_t *class_mean;  /* [classes][filters] `mean` over the images of a class */
    int64_t *class_count; /* [classes] images */
} lsn_activations;

LSN_API bool lsn_activations_init(lsn_activations *a, const lsn_net *net, lsn_activation_needs needs, lsn_error *err);
LSN_API void lsn_activations_finish(lsn_activations *a);

/* Adds the mean square of one image's map, at least 0. It is rounded to 2^-50; more than LSN_FIXED_LIMIT squared (or
 * NaN) counts as that. 2^20 images add up without overflow. */
LSN_API void lsn_activations_add_square(lsn_activations *a, int filter, double square);

/* ---- what is derived from them; at least one image ------------------------------------------------------------ */

/* The mean over images and positions. Wants `means`. */
LSN_API double lsn_activations_mean(const lsn_activations *a, int filter);
/* The standard deviation over images and positions, sqrt(E[a^2] - E[a]^2). Wants `deviations`. Each image's
 * part of m = E[a] is rounded to a multiple of 2^-30, that of q = E[a^2] to one of 2^-50, and the sums over a map's P
 * positions lose up to P 2^-53 of their value. So the variance is wrong by at most
 *   e = 2^-30 m + 2^-51 + (3 P + 16) 2^-53 q,
 * and the deviation by at most sqrt(e), less than 4e-5 for m = 1 and a constant map of 224 x 224, or by about
 * e / (2 deviation) where that is less. */
LSN_API double lsn_activations_deviation(const lsn_activations *a, int filter);
/* The share of zeros over images and positions, 0 .. 1: the average percentage of zeros of Hu et al. (2016), as a
 * share; `positions` of the filter's map. High: redundant. Wants `zeros`. */
LSN_API double lsn_activations_zeros(const lsn_activations *a, int filter, int positions);
/* (max - rest) / (max + rest), 0 .. 1, max the greatest of the classes' means and rest the mean of the other classes'
 * means (Morcos et al. 2018): 0 where all classes excite the filter alike, 1 where only one does; 0 where none does.
 * Classes without images are left out; 0 where fewer than two have any. Wants `by_class`. */
LSN_API double lsn_activations_selectivity(const lsn_activations *a, int filter);

#endif
