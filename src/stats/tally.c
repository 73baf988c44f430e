#include "lesion/stats.h"

/* A sum that would overflow stays at the greatest value: 2^17 images at lsn_fixed's limit are then still "infinite". */
static int64_t add_saturated(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

void lsn_tally_image(lsn_tally *tally, const float *baseline, const float *ablated, int classes, int label,
                     int32_t *class_right)
{
    lsn_verdict before = lsn_judge(baseline, classes, label), after = lsn_judge(ablated, classes, label);
    bool was_right = before.prediction == label, is_right = after.prediction == label;
    tally->images++;
    tally->top1 += is_right;
    tally->top5 += after.prediction >= 0 && after.rank < 5;
    tally->lost += was_right && !is_right;
    tally->gained += !was_right && is_right;
    tally->loss = add_saturated(tally->loss, lsn_fixed(after.loss));
    tally->kl = add_saturated(tally->kl, lsn_fixed(lsn_kl(baseline, ablated, classes)));
    if (class_right != NULL)
        class_right[label] += is_right;
}

void lsn_tally_add(lsn_tally *sum, const lsn_tally *part)
{
    sum->images += part->images;
    sum->top1 += part->top1;
    sum->top5 += part->top5;
    sum->lost += part->lost;
    sum->gained += part->gained;
    sum->loss = add_saturated(sum->loss, part->loss);
    sum->kl = add_saturated(sum->kl, part->kl);
    sum->seconds += part->seconds;
}
