/* Sums in double precision. */
#include "kernels_internal.h"

void lsn_channel_sums(const lsn_isa *isa, const float *map, size_t pixels, int channels, double *sum, double *square,
                      int32_t *zeros)
{
    assert(pixels <= (size_t)1 << 24); /* zeros are counted in single precision */
    isa->sums(map, pixels, channels, sum, square, zeros);
}

double lsn_distance(const lsn_isa *isa, const float *a, const float *b, size_t n)
{
    return isa->distance(a, b, n);
}
