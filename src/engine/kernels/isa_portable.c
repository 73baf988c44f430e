/* The kernels for any processor. Lane by lane through fmaf, which is exact everywhere and slow where the hardware has
 * no fused multiply-add: the price of the same bits. */
#include "kernels_internal.h"

#include <math.h>
#include <string.h>

enum { LANES = 4, VECTORS = 4, ROWS = 2 };
typedef float vec __attribute__((vector_size(16))); /* GNU C: the compiler splits it where the processor has none */
#define COLUMNS 16
#define EACH_ROWS(what, ...) what(__VA_ARGS__, 1) what(__VA_ARGS__, 2)

/* The first n lanes; the others are 0. */
static inline vec v_load_part(const float *p, int n)
{
    vec x = {0};
    for (int i = 0; i < n; i++)
        x[i] = p[i];
    return x;
}

static inline void v_store_part(float *p, vec x, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = x[i];
}

static inline vec v_load(const float *p)
{
    vec x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline void v_store(float *p, vec x)
{
    memcpy(p, &x, sizeof x);
}

static inline vec v_set(float x)
{
    return (vec){x, x, x, x};
}

static inline vec v_add(vec a, vec b)
{
    return a + b;
}

static inline vec v_sub(vec a, vec b)
{
    return a - b;
}

/* a * b + c, rounded once. Called, not inlined: thousands of copies would take minutes to compile. */
static __attribute__((noinline)) vec v_fma(vec a, vec b, vec c)
{
    return (vec){fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]), fmaf(a[3], b[3], c[3])};
}

/* c - a * b, rounded once */
static inline vec v_fnma(vec a, vec b, vec c)
{
    return v_fma(-a, b, c);
}

/* a > b ? a : b */
static inline vec v_max(vec a, vec b)
{
    typedef int mask __attribute__((vector_size(16)));
    mask greater = a > b;
    return (vec)((greater & (mask)a) | (~greater & (mask)b));
}

typedef double dvec __attribute__((vector_size(16)));

/* The lower and the upper half of the lanes in double precision. */
static inline dvec d_low(vec x)
{
    return (dvec){(double)x[0], (double)x[1]};
}

static inline dvec d_high(vec x)
{
    return (dvec){(double)x[2], (double)x[3]};
}

static inline dvec d_add(dvec a, dvec b)
{
    return a + b;
}

static inline dvec d_multiply(dvec a, dvec b)
{
    return a * b;
}

static inline void d_store(double *p, dvec x)
{
    memcpy(p, &x, sizeof x);
}

/* 1 where x is 0, else 0. */
static inline vec v_is_zero(vec x)
{
    typedef int mask __attribute__((vector_size(16)));
    return (vec)((x == v_set(0)) & (mask)v_set(1));
}

#include "product_template.h"
#include "sums_template.h"
#include "winograd_template.h"

const lsn_isa lsn_isa_portable = {
    "portable",
    ROWS,
    COLUMNS,
    product_table,
    {input_f4, input_f6, input_f7},
    {output_f4, output_f6, output_f7},
    finish_pixels,
    sum_channels,
    distance,
};
