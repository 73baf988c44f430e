/* Balanced accuracy, of a class and over classes. */
#include "lesion/stats.h"

#include <assert.h>
#include <math.h>

double lsn_balanced_accuracy(int64_t right, int64_t images, int64_t predicted, int64_t total)
{
    assert(right >= 0 && right <= images && right <= predicted && images <= total &&
           predicted - right <= total - images);
    int64_t others = total - images;
    if (images == 0 || others == 0)
        return NAN;
    double recall = (double)right / (double)images;
    double true_negative = (double)(others - (predicted - right)) / (double)others;
    return (recall + true_negative) / 2;
}

double lsn_macro_accuracy(const int32_t *right, const int32_t *images, size_t classes)
{
    double sum = 0;
    size_t present = 0;
    for (size_t c = 0; c < classes; c++) {
        assert(right[c] >= 0 && right[c] <= images[c]);
        if (images[c] == 0)
            continue;
        sum += (double)right[c] / images[c];
        present++;
    }
    return present == 0 ? NAN : sum / (double)present;
}
