/* The kernels for AVX-512 (F, VL, DQ, BW): 14 rows x 32 columns in 28 of the 32 registers. */
#include "kernels_internal.h"

#include <immintrin.h>

typedef __m512 vec;
enum { LANES = 16, VECTORS = 2, ROWS = 14 };
#define COLUMNS 32
#define EACH_ROWS(what, ...)                                                                                      \
    what(__VA_ARGS__, 1) what(__VA_ARGS__, 2) what(__VA_ARGS__, 3) what(__VA_ARGS__, 4) what(__VA_ARGS__, 5)      \
        what(__VA_ARGS__, 6) what(__VA_ARGS__, 7) what(__VA_ARGS__, 8) what(__VA_ARGS__, 9) what(__VA_ARGS__, 10) \
            what(__VA_ARGS__, 11) what(__VA_ARGS__, 12) what(__VA_ARGS__, 13) what(__VA_ARGS__, 14)

static inline vec v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, vec x)
{
    _mm512_storeu_ps(p, x);
}

/* The first n lanes; the others are 0. */
static inline vec v_load_part(const float *p, int n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1U << n) - 1), p);
}

static inline void v_store_part(float *p, vec x, int n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1U << n) - 1), x);
}

static inline vec v_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vec v_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec v_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

/* a * b + c, rounded once */
static inline vec v_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* c - a * b, rounded once */
static inline vec v_fnma(vec a, vec b, vec c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

/* a > b ? a : b */
static inline vec v_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

typedef __m512d dvec;

/* The lower and the upper half of the lanes in double precision. */
static inline dvec d_low(vec x)
{
    return _mm512_cvtps_pd(_mm512_castps512_ps256(x));
}

static inline dvec d_high(vec x)
{
    return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
}

static inline dvec d_add(dvec a, dvec b)
{
    return _mm512_add_pd(a, b);
}

static inline dvec d_multiply(dvec a, dvec b)
{
    return _mm512_mul_pd(a, b);
}

static inline void d_store(double *p, dvec x)
{
    _mm512_storeu_pd(p, x);
}

/* 1 where x is 0, else 0. */
static inline vec v_is_zero(vec x)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_EQ_OQ), _mm512_set1_ps(1));
}

#include "product_template.h"
#include "sums_template.h"
#include "winograd_template.h"

const lsn_isa lsn_isa_avx512 = {
    .name = "avx512",
    .rows = ROWS,
    .columns = COLUMNS,
    .product = product_table,
    .input = {input_f4, input_f6, input_f7},
    .output = {output_f4, output_f6, output_f7},
    .pixels = finish_pixels,
    .sums = sum_channels,
    .distance = distance,
};
