/* Shared by the files of this room.
 *
 *   verdict, tally   one image: prediction, rank, loss; counts and sums over images
 *   wilson, mcnemar, effect, balanced_accuracy   one ablation against the baseline
 *   compare   two networks, or two runs
 *   benjamini_hochberg, power   many comparisons; how many images it takes
 *   bootstrap, normal   intervals by resampling; the normal distribution
 *   curve, spearman   degradation curves; a score against damage
 *   race   confidence sequences
 */
#ifndef LESION_STATS_INTERNAL_H
#define LESION_STATS_INTERNAL_H

/* A softmax, ready for log p[c] = softmax_log(&s, logits[c]). Infinite logits are taken as limits: where the greatest
 * is infinite, all that equal it share the probability evenly and the others have none. */
typedef struct softmax {
    double greatest;
    double log_sum; /* of exp(logit - greatest) over the classes: 0 .. log(classes) */
} softmax;

/* logits[classes], none of them NaN. */
softmax softmax_of(const float *logits, int classes);
double softmax_log(const softmax *s, double logit);

/* The standard normal distribution, to some 1e-15: P[Z < z], and the z with P[Z < z] = p (infinite at 0 and 1). */
double normal_below(double z);
double normal_quantile(double p);

#endif
