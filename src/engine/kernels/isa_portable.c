/* The kernels for any processor. Lane by lane through fmaf, which is exact everywhere and slow where the hardware has
 * no fused multiply-add: the price of the same bits. */
#include "kernels_internal.h"
#include "vectors.h"

enum { VECTORS = 4, ROWS = 2 };
#define COLUMNS 16
#define EACH_ROWS(what, ...) what(__VA_ARGS__, 1) what(__VA_ARGS__, 2)

/* a * b + c, rounded once. Called, not inlined: thousands of copies would take minutes to compile. */
static __attribute__((noinline)) vec v_fma(vec a, vec b, vec c)
{
    return (vec){fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]), fmaf(a[3], b[3], c[3])};
}

#include "product_template.h"
#include "sums_template.h"
#include "winograd_template.h"

const lsn_isa lsn_isa_portable = {
    .name = "portable",
    .rows = ROWS,
    .columns = COLUMNS,
    .product = product_table,
    .input = {input_f4, input_f6, input_f7},
    .output = {output_f4, output_f6, output_f7},
    .pixels = finish_pixels,
    .sums = sum_channels,
    .distance = distance,
};
