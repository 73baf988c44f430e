/* What is counted and summed over images: one image, and the sum of two tallies. */
#include "lesion/stats.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* A sum that would overflow stays at the greatest value: 2^17 images at lsn_fixed's limit are then still "infinite". */
static int64_t add_saturated(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

/* The true class's logit less the greatest other one. */
static double margin_of(const float *logits, int classes, int label)
{
    double greatest = -INFINITY, own = logits[label];
    for (int c = 0; c < classes; c++)
        if (c != label && logits[c] > greatest)
            greatest = logits[c];
    return own == greatest ? 0 : own - greatest;
}

/* The square of a difference between two of lsn_fixed's values. */
static int64_t fixed_square(int64_t difference)
{
    const double nats = (double)difference / LSN_FIXED, square = nats * nats * LSN_SQUARE;
    return square < 0x1p63 ? llround(square) : INT64_MAX;
}

void lsn_tally_image(lsn_tally *tally, const float *baseline, const float *ablated, int classes, int label,
                     const lsn_class_counts *counts, lsn_verdict *verdict)
{
    const lsn_verdict before = lsn_judge(baseline, classes, label), after = lsn_judge(ablated, classes, label);
    const bool was_right = before.prediction == label, is_right = after.prediction == label;
    const int64_t loss = lsn_fixed(after.loss), base_loss = lsn_fixed(before.loss);
    const double margin = after.prediction < 0 ? -LSN_FIXED_LIMIT : margin_of(ablated, classes, label);
    tally->images++;
    tally->top1 += is_right;
    tally->top5 += after.prediction >= 0 && after.rank < 5;
    tally->lost += was_right && !is_right;
    tally->gained += !was_right && is_right;
    tally->agree += after.prediction == before.prediction;
    tally->loss = add_saturated(tally->loss, loss);
    tally->kl = add_saturated(tally->kl, lsn_fixed(lsn_kl(baseline, ablated, classes)));
    tally->margin = add_saturated(tally->margin, lsn_fixed(margin));
    tally->base_top5 += before.prediction >= 0 && before.rank < 5;
    tally->base_loss = add_saturated(tally->base_loss, base_loss);
    tally->d_loss_squared = add_saturated(tally->d_loss_squared, fixed_square(loss - base_loss));
    if (counts != NULL) {
        counts->right[label] += is_right;
        if (after.prediction >= 0)
            counts->predicted[after.prediction]++;
    }
    if (verdict != NULL)
        *verdict = after;
}

_Static_assert(offsetof(lsn_tally, images) == 0 && offsetof(lsn_tally, seconds) % sizeof(int64_t) == 0 &&
                   sizeof(lsn_tally) == offsetof(lsn_tally, seconds) + sizeof(double),
               "all of a tally but its seconds are whole numbers that are added up");

void lsn_tally_add(lsn_tally *sum, const lsn_tally *part)
{
    enum { SUMS = offsetof(lsn_tally, seconds) / sizeof(int64_t) };
    int64_t to[SUMS], from[SUMS];
    memcpy(to, sum, sizeof to);
    memcpy(from, part, sizeof from);
    for (int i = 0; i < SUMS; i++)
        to[i] = add_saturated(to[i], from[i]);
    memcpy(sum, to, sizeof to);
    sum->seconds += part->seconds;
}
