/* Changes of top-1 and of the loss, with standard errors. */
#include "lesion/stats.h"

#include <assert.h>
#include <math.h>

lsn_effect lsn_paired_effect(int64_t b, int64_t c, int64_t n)
{
    assert(b >= 0 && c >= 0 && b + c <= n);
    double count = (double)n, change = (double)(c - b);
    /* (b + c) - (b - c)^2 / n as a sum of terms that are not negative: nothing cancels where all images flip. */
    double square = (double)(n - b - c) * ((double)(b + c) / count) + 4 * (double)b * ((double)c / count);
    return (lsn_effect){.value = change / count, .error = sqrt(square) / count};
}

lsn_effect lsn_loss_effect(const lsn_tally *t)
{
    const double n = (double)t->images, sum = ((double)t->loss - (double)t->base_loss) / LSN_FIXED;
    lsn_effect effect = {.value = t->images == 0 ? NAN : sum / n, .error = NAN};
    if (t->images < 2 || t->loss == INT64_MAX || t->base_loss == INT64_MAX || t->d_loss_squared == INT64_MAX)
        return effect;
    /* Rounding of the squares can make it slightly negative. */
    effect.error = sqrt(fmax(0, (double)t->d_loss_squared / LSN_SQUARE - sum * sum / n) / (n * (n - 1)));
    return effect;
}
