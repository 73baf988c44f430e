/* Vectors that any processor computes with, for isa_portable.c and isa_openblas.c, which say how v_fma rounds. */
#include <math.h>
#include <string.h>

enum { LANES = 4 };
typedef float vec __attribute__((vector_size(16))); /* GNU C: the compiler splits it where the processor has none */

static vec v_fma(vec a, vec b, vec c); /* a * b + c */

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

/* c - a * b */
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
