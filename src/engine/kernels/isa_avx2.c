/* The kernels for AVX2 with FMA: 6 rows x 16 columns in 12 of the 16 registers. */
#include "kernels_internal.h"

#include <immintrin.h>

typedef __m256 vec;
enum { LANES = 8, VECTORS = 2, ROWS = 6 };
#define COLUMNS 16
#define EACH_ROWS(what, ...)                                                                                 \
    what(__VA_ARGS__, 1) what(__VA_ARGS__, 2) what(__VA_ARGS__, 3) what(__VA_ARGS__, 4) what(__VA_ARGS__, 5) \
        what(__VA_ARGS__, 6)

static inline vec v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, vec x)
{
    _mm256_storeu_ps(p, x);
}

static inline __m256i first_lanes(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first n lanes; the others are 0. */
static inline vec v_load_part(const float *p, int n)
{
    return _mm256_maskload_ps(p, first_lanes(n));
}

static inline void v_store_part(float *p, vec x, int n)
{
    _mm256_maskstore_ps(p, first_lanes(n), x);
}

static inline vec v_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vec v_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

static inline vec v_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

/* a * b + c, rounded once */
static inline vec v_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* c - a * b, rounded once */
static inline vec v_fnma(vec a, vec b, vec c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

/* a > b ? a : b */
static inline vec v_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

typedef __m256d dvec;

/* The lower and the upper half of the lanes in double precision. */
static inline dvec d_low(vec x)
{
    return _mm256_cvtps_pd(_mm256_castps256_ps128(x));
}

static inline dvec d_high(vec x)
{
    return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
}

static inline dvec d_add(dvec a, dvec b)
{
    return _mm256_add_pd(a, b);
}

static inline dvec d_multiply(dvec a, dvec b)
{
    return _mm256_mul_pd(a, b);
}

static inline void d_store(double *p, dvec x)
{
    _mm256_storeu_pd(p, x);
}

/* 1 where x is 0, else 0. */
static inline vec v_is_zero(vec x)
{
    return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_EQ_OQ), _mm256_set1_ps(1));
}

#include "product_template.h"
#include "sums_template.h"
#include "winograd_template.h"

const lsn_isa lsn_isa_avx2 = {
    .name = "avx2",
    .rows = ROWS,
    .columns = COLUMNS,
    .product = product_table,
    .input = {input_f4, input_f6, input_f7},
    .output = {output_f4, output_f6, output_f7},
    .pixels = finish_pixels,
    .sums = sum_channels,
    .distance = distance,
};
