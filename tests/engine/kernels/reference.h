/* What the kernels ought to compute, by plain loops in double, with a bound of the error in float32.
 *
 * Let u = 2^-24. A term that passes n roundings carries a relative error of at most n u (1 + n u). The bound of an
 * output is thus the sum of its terms' absolute values times (roundings + 2) u, where the 2 covers the second order:
 *   direct    |w| * |a| summed, `terms` roundings of the chain
 *   Winograd  |A'| ((|G||w||G'|) . (|B'||a||B|)) |A| with C roundings of the chain, 1 of the transformed weight,
 *             2 x 3 of the input transform and 2 x 4 of the output transform (the longest paths in the source)
 * and the last addition (bias or base) rounds z and adds u |z|. Where multiply-adds are split, a product's term passes
 * one rounding more, and a path through a transform at most twice as many. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "kernels.h"

#include <stdint.h>

/* Instruction sets, and from which on they are compared with a first run of the portable kernels: under the address
 * sanitizer not with further runs of those, whose fused multiply-adds are calls and take most of the time. */
enum { N_ISAS = 4 };
extern const char *const isa_names[N_ISAS];
#ifdef __SANITIZE_ADDRESS__
enum { FIRST_ISA = 1, SANITIZED = 1 };
#else
enum { FIRST_ISA = 0, SANITIZED = 0 };
#endif

/* Whether OPENBLAS_CORETYPE forces code that this processor does not run; says that the test is skipped. */
bool openblas_is_out_of_place(void);

/* A random number in [-1, 1) and one in 0 .. n - 1, from a fixed sequence. */
float random_float(uint64_t *state);
int random_int(uint64_t *state, int n);
void random_floats(uint64_t *state, float *to, size_t n);
/* `n` ascending numbers of 0 .. of - 1. */
void random_list(uint64_t *state, int *list, int n, int of);

/* A case's layer with its plain weights w[w_filters][w_channels][3][3]. */
typedef struct problem {
    lsn_conv conv;
    float *w;
    bool split; /* multiply-adds round twice, once after the product */
} problem;

/* z[H][W][filters] of one image and its error bound. */
void reference_conv(const problem *problem, const lsn_conv_image *image, double *z, double *bound);

/* z[filters] of one row, with w[w_filters][w_terms]. */
void reference_dense(const lsn_dense *dense, const float *w, const lsn_dense_row *row, bool split, double *z,
                     double *bound);

#endif
