/* The kernels for any processor. Lane by lane through fmaf, which is exact everywhere and slow where the hardware has
 * no fused multiply-add: the price of the same bits. */
#include "kernels_internal.h"

#include <math.h>

enum { LANES = 4, VECTORS = 4, ROWS = 2 };
typedef struct {
    float lane[LANES];
} vec;
#define COLUMNS 16
#define EACH_ROWS(what, ...) what(__VA_ARGS__, 1) what(__VA_ARGS__, 2)

/* The first n lanes; the others are 0. */
static inline vec v_load_part(const float *p, int n)
{
    vec x = {{0}};
    for (int i = 0; i < n; i++)
        x.lane[i] = p[i];
    return x;
}

static inline void v_store_part(float *p, vec x, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = x.lane[i];
}

static inline vec v_load(const float *p)
{
    return v_load_part(p, LANES);
}

static inline void v_store(float *p, vec x)
{
    v_store_part(p, x, LANES);
}

static inline vec v_set(float x)
{
    return (vec){{x, x, x, x}};
}

static inline vec v_add(vec a, vec b)
{
    for (int i = 0; i < LANES; i++)
        a.lane[i] += b.lane[i];
    return a;
}

static inline vec v_sub(vec a, vec b)
{
    for (int i = 0; i < LANES; i++)
        a.lane[i] -= b.lane[i];
    return a;
}

/* a * b + c, rounded once */
static inline vec v_fma(vec a, vec b, vec c)
{
    for (int i = 0; i < LANES; i++)
        c.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
    return c;
}

/* c - a * b, rounded once */
static inline vec v_fnma(vec a, vec b, vec c)
{
    for (int i = 0; i < LANES; i++)
        c.lane[i] = fmaf(-a.lane[i], b.lane[i], c.lane[i]);
    return c;
}

/* a > b ? a : b */
static inline vec v_max(vec a, vec b)
{
    for (int i = 0; i < LANES; i++)
        a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}

#include "product_template.h"
#include "winograd_template.h"

const lsn_isa lsn_isa_portable = {
    "portable", ROWS, COLUMNS, product_table, {input_f4, input_f6}, {output_f4, output_f6}, finish_pixels,
};
