/* What a network says of one image: prediction, the true class's rank, loss; and how far two disagree (KL). */
#include "lesion/stats.h"

#include "stats/stats_internal.h"

#include <assert.h>
#include <math.h>

/* log of exp(logit - greatest), without inf - inf. */
static double below_greatest(double logit, double greatest)
{
    return logit == greatest ? 0 : logit - greatest;
}

softmax softmax_of(const float *logits, int classes)
{
    softmax s = {.greatest = -INFINITY};
    for (int c = 0; c < classes; c++)
        if (logits[c] > s.greatest)
            s.greatest = logits[c];
    double sum = 0;
    for (int c = 0; c < classes; c++)
        sum += exp(below_greatest(logits[c], s.greatest));
    s.log_sum = log(sum);
    return s;
}

double softmax_log(const softmax *s, double logit)
{
    return below_greatest(logit, s->greatest) - s->log_sum;
}

static bool any_nan(const float *logits, int classes)
{
    for (int c = 0; c < classes; c++)
        if (isnan(logits[c]))
            return true;
    return false;
}

lsn_verdict lsn_judge(const float *logits, int classes, int label)
{
    assert(classes > 0 && label >= 0 && label < classes);
    if (any_nan(logits, classes))
        return (lsn_verdict){.prediction = -1, .rank = classes, .loss = NAN};
    lsn_verdict verdict = {0};
    for (int c = 0; c < classes; c++) {
        if (logits[c] > logits[verdict.prediction])
            verdict.prediction = c;
        if (logits[c] > logits[label] || (logits[c] == logits[label] && c < label))
            verdict.rank++;
    }
    softmax s = softmax_of(logits, classes);
    verdict.loss = -softmax_log(&s, logits[label]);
    return verdict;
}

double lsn_kl(const float *baseline, const float *ablated, int classes)
{
    assert(classes > 0);
    if (any_nan(baseline, classes) || any_nan(ablated, classes))
        return NAN;
    softmax p = softmax_of(baseline, classes), q = softmax_of(ablated, classes);
    double sum = 0;
    for (int c = 0; c < classes; c++) {
        double log_p = softmax_log(&p, baseline[c]);
        double share = exp(log_p);
        if (share > 0) /* 0 log 0 = 0 */
            sum += share * (log_p - softmax_log(&q, ablated[c]));
    }
    return sum > 0 ? sum : 0; /* rounding can make it slightly negative */
}
