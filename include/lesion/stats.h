/* Lesion: metrics and statistics. Pure functions, thread-safe.
 *
 * Sums of losses are kept as whole numbers of 2^-30 nats (lsn_fixed, lesion/base.h), so that they are exact and do not
 * depend on the order of addition: results are then the same to the bit however the work was split.
 */
#ifndef LESION_STATS_H
#define LESION_STATS_H

#include "lesion/base.h"

/* ---- one image ----------------------------------------------------------------------------------------------- */

typedef struct lsn_verdict {
    int32_t prediction; /* the class of the greatest logit; the lowest index among equals. -1 where a logit is NaN */
    int32_t rank;       /* of the true class, from 0: classes with a greater logit, or an equal one and a lower index.
                         * `classes` where a logit is NaN */
    double loss;        /* cross entropy, nats: 0 .. infinity, NaN where a logit is NaN */
} lsn_verdict;

/* logits[classes], 0 <= label < classes. Infinite logits are taken as limits: where the greatest is infinite, all that
 * equal it share the probability evenly and the others have none. */
LSN_API lsn_verdict lsn_judge(const float *logits, int classes, int label);

/* sum p log(p / q) in nats, p the softmax of `baseline`, q that of `ablated`; at least 0. Infinite where q = 0 < p
 * for some class, NaN where a logit is NaN. */
LSN_API double lsn_kl(const float *baseline, const float *ablated, int classes);

/* ---- many images --------------------------------------------------------------------------------------------- */

/* What one ablation did to a set of images. Tallies of disjoint sets add up, exactly (sums beyond int64, 8.6e9 nats,
 * stay at its end). A prediction of -1 is wrong, and not among the first five. The intact network's own right images
 * are top1 + lost - gained. */
typedef struct lsn_tally {
    int64_t images;
    int64_t top1, top5;     /* images whose true class ranks first, or among the first five */
    int64_t lost, gained;   /* right -> wrong and wrong -> right, against the baseline (top-1) */
    int64_t agree;          /* images with the baseline's prediction, right or wrong */
    int64_t loss, kl;       /* sums, in units of 1 / LSN_FIXED nats */
    int64_t margin;         /* sum of the true class's logit less the greatest other one, in units of 1 / LSN_FIXED */
    int64_t base_top5;      /* the baseline's top5 ... */
    int64_t base_loss;      /* ... and loss on the same images */
    int64_t d_loss_squared; /* sum of squared differences of loss, in units of 1 / LSN_SQUARE nats^2 */
    double seconds;         /* spent computing */
} lsn_tally;

/* Units of d_loss_squared to 1: 2^36. A difference counts from 3e-6 nats on, and 50,000 images of 50 nats each stay
 * below the end, beyond which the sum counts as unknown. */
#define LSN_SQUARE 68719476736.0

/* Images by class. */
typedef struct lsn_class_counts {
    int32_t *right;     /* [classes] images of the class that the ablated network takes for it */
    int32_t *predicted; /* [classes] images of any class that it takes for this one */
} lsn_class_counts;

/* Adds one image, to *counts too unless that is NULL. *verdict, unless NULL, becomes the ablated network's. A margin
 * with a NaN among the logits counts as -LSN_FIXED_LIMIT, of two infinite logits of the same sign as 0. */
LSN_API void lsn_tally_image(lsn_tally *tally, const float *baseline, const float *ablated, int classes, int label,
                             const lsn_class_counts *counts, lsn_verdict *verdict);
/* *sum += *part. */
LSN_API void lsn_tally_add(lsn_tally *sum, const lsn_tally *part);

/* ---- one ablation against the baseline ----------------------------------------------------------------------- */

/* Undefined values are NaN throughout, and each function says when. docs/statistics.md has the formulas with their use
 * and limits. */

typedef struct lsn_interval {
    double low, high;
} lsn_interval;

/* Wilson's 95 % interval for k of n, z = 1.959964 (Wilson 1927). n > 0. */
LSN_API lsn_interval lsn_wilson(int64_t k, int64_t n);

/* McNemar's test on paired outcomes, b right -> wrong, c wrong -> right: exact p = min(1, 2 P[Bin(b+c, 1/2) <= min]),
 * mid-p = p - P[Bin = min], 1 - P[Bin = b] / 2 where b = c; 1 where b + c = 0 (Fagerland et al. 2013). */
LSN_API double lsn_mcnemar_exact(int64_t b, int64_t c);
LSN_API double lsn_mcnemar_mid(int64_t b, int64_t c);

typedef struct lsn_effect {
    double value, error; /* an estimate and its standard error */
} lsn_effect;

/* The change of top-1, (c - b) / n, and its standard error sqrt((b + c) - (b - c)^2 / n) / n (the multinomial's;
 * Fleiss, Levin & Paik 2003, section 13.1). NaN where n = 0. b + c <= n. */
LSN_API lsn_effect lsn_paired_effect(int64_t b, int64_t c, int64_t n);

/* The change of the mean loss, (loss - base_loss) / n, nats, and its standard error sqrt((sum d^2 - (sum d)^2 / n) / (n
 * (n - 1))). The error is NaN where n < 2 or a sum is at its end; both are where n = 0. */
LSN_API lsn_effect lsn_loss_effect(const lsn_tally *tally);

/* (recall of the class + true-negative rate of the class) / 2 from counts: `right` of the class's `images` were
 * recognised; of all `total` images `predicted` were taken for the class (Bau et al. 2020). 0.5 where the class is
 * never or always predicted; NaN where images is 0 or total. right <= images <= total, right <= predicted. */
LSN_API double lsn_balanced_accuracy(int64_t right, int64_t images, int64_t predicted, int64_t total);

/* The mean over classes of right[c] / images[c], also called balanced accuracy of a classifier (Brodersen et al. 2010).
 * Classes without images are left out; NaN where there is no other. */
LSN_API double lsn_macro_accuracy(const int32_t *right, const int32_t *images, size_t classes);

/* ---- two networks ------------------------------------------------------------------------------------------- */

/* What images do to a sum: how many raise it by 1 and 2, and lower it by as much. Of the same images in two networks
 * the change of right or wrong by an ablation differs by -2 .. 2. */
typedef struct lsn_steps {
    int64_t up[2], down[2];
} lsn_steps;

/* The mid-p of the two-sided sign-flip (randomisation) test of sum = 0 (Fisher 1935; Pitman 1937): given the sizes of
 * the steps each sign is drawn with probability 1/2; P[|T| > |t|] + P[|T| = |t|] / 2. Without steps of two it is
 * lsn_mcnemar_mid; 1 where there are no steps. Takes time in proportion to the steps of two. */
LSN_API double lsn_steps_mid(const lsn_steps *steps);
/* The mean over n images and its standard error sqrt(sum x^2 - (sum x)^2 / n) / n; lsn_paired_effect without steps of
 * two. */
LSN_API lsn_effect lsn_steps_effect(const lsn_steps *steps, int64_t n);

/* Two-sided p of a normal difference of that standard error: 1 where it is 0, and 0 where only the error is. NaN where
 * one of them is. */
LSN_API double lsn_normal_p(double difference, double error);
/* Of two independent changes of top-1, b lost and c gained of n each, p of their being equal: the difference of (c - b)
 * / n over sqrt((b1 + c1) / n1^2 + (b2 + c2) / n2^2), to which McNemar's statistic generalises. n > 0. */
LSN_API double lsn_changes_p(int64_t b1, int64_t c1, int64_t n1, int64_t b2, int64_t c2, int64_t n2);

/* Newcombe's 95 % interval for k2 / n2 - k1 / n1 of independent samples (1998, method 10), from Wilson's of each; and p
 * of their being equal, by the pooled share (Fleiss, Levin & Paik 2003, section 3.1). n > 0. */
LSN_API lsn_interval lsn_newcombe(int64_t k1, int64_t n1, int64_t k2, int64_t n2);
LSN_API double lsn_proportions_p(int64_t k1, int64_t n1, int64_t k2, int64_t n2);

/* ---- many comparisons ---------------------------------------------------------------------------------------- */

/* Benjamini-Hochberg: q[i] = min over j with p(j) >= p(i) of min(1, m p(j) / rank(j)) (Benjamini & Hochberg 1995). A
 * NaN p has q NaN and is not counted in m. LSN_FAILED where memory is short. */
LSN_API bool lsn_benjamini_hochberg(const double *p, size_t count, double *q, lsn_error *err);

/* The least k for which k flips one way and none back have q < `q` although none of the other comparisons is
 * significant: k flips have mid-p 2^-k, so it is the least k with comparisons * 2^-k < q. 17 for 5,504 and 0.05; 0
 * where comparisons is 0. comparisons >= 0, 0 < q <= 1. */
LSN_API int lsn_flips_needed(int64_t comparisons, double q);

#define LSN_LEVEL 0.05        /* of q, in warnings */
#define LSN_CHANGE_JOB 0.02   /* changes of top-1 that a study should be able to see: of a job, */
#define LSN_CHANGE_CLASS 0.10 /* and of one class of a job */

/* Whether n images are too few to see a change of `change` (0 .. 1) among so many comparisons: n * change one-way flips
 * are fewer than lsn_flips_needed(comparisons, LSN_LEVEL). For jobs: n images, m jobs, LSN_CHANGE_JOB; for single
 * classes: the class's images, m jobs times classes, LSN_CHANGE_CLASS. */
LSN_API bool lsn_too_few_images(int64_t n, int64_t comparisons, double change);

/* How many of `population` filters to ablate so that the share of them that has some property is known to +- `margin`
 * at `confidence`, whatever it is: N t^2 p (1 - p) / (margin^2 (N - 1) + t^2 p (1 - p)) with p = 1/2, rounded up
 * (Leveugle et al. 2009). 360 for 5,504, 0.05, 0.95. population >= 0, margin > 0, 0 < confidence < 1. */
LSN_API int64_t lsn_filters_to_sample(int64_t population, double margin, double confidence);

/* ---- paired bootstrap ---------------------------------------------------------------------------------------- */

#define LSN_DRAWS 9999

typedef struct lsn_bootstrap {
    uint64_t seed;
    int32_t draws;     /* 0: LSN_DRAWS */
    double confidence; /* 0: 0.95 */
    bool percentile;   /* the percentile interval; else BCa */
} lsn_bootstrap;

/* Intervals for the means of paired differences: rows[a][i] is what arm a (a job, or a pair of jobs) changed on image
 * i, i < n. Draw d takes n images with replacement; which, depends on (seed, d, n) alone, so all arms see the same
 * images in each draw and an arm's interval is the same to the bit whatever other arms are computed with it.
 *
 * Percentile: the p-quantiles of the draws' means, p = (1 -+ confidence) / 2, at position (draws + 1) p among the
 * sorted means, linear in between (Davison & Hinkley 1997, section 5.3). BCa (Efron 1987), the default because damage
 * is skewed and it corrects for that to the second order: the quantiles at Phi(z0 + (z0 +- z) / (1 - a (z0 +- z))),
 * where Phi(z0) is the share of draws below the mean (those equal count half) and a = sum e^3 / (6 (sum e^2)^1.5), e =
 * x - mean. Where all differences of an arm are equal both ends are their value; a value that is not finite makes both
 * NaN, and so does n = 0.
 *
 * Takes some 0.3 ns for each image, draw and arm, and 4 ns for each image and draw every 128 arms: give many arms at
 * once (9,999 draws: 3 ms an arm of 1,000 images, 0.15 s of 50,000). Memory: 8 bytes for each draw of up to 128 arms,
 * 64 bytes an image. Calls for different arms may run at the same time. LSN_INVALID where n >= 2^31, draws < 0 or
 * confidence is not between 0 and 1; LSN_FAILED where memory is short. */
LSN_API bool lsn_bootstrap_means(const lsn_bootstrap *how, const double *const *rows, size_t arms, size_t n,
                                 lsn_interval *intervals, lsn_error *err);

/* Interaction of two parts, image by image: out[i] = both[i] - one[i] - other[i], each the damage on image i (loss less
 * the baseline's, or top-1 lost). Its mean is I = d(ij) - d(i) - d(j): > 0 where the two stand in for each other, < 0
 * where their damage overlaps (Grabisch & Roubens 1999 for the general index). Give `out` to lsn_bootstrap_means for an
 * interval. `out` may be one of the inputs. */
LSN_API void lsn_interaction(const double *both, const double *one, const double *other, size_t n, double *out);

/* ---- degradation curves -------------------------------------------------------------------------------------- */

typedef struct lsn_curve {
    double area; /* 1 undamaged throughout, 0 at chance throughout */
    double half; /* the least fraction at which half of what is above chance is lost */
} lsn_curve;

/* Of accuracy against the fraction removed (Petsiuk, Das & Saenko 2018 for the area). The curve runs from (0,
 * baseline), which is added, through the `count` points, with straight lines between them. area = (A - chance) /
 * (baseline - chance), A the trapezoid area over 0 .. fractions[count - 1] divided by that width; compare curves only
 * over the same range. half: where the curve first reaches (baseline + chance) / 2. fractions are not descending and
 * within 0 .. 1. NaN: half where the curve stays above; both where the fractions are not as said, none is positive, a
 * value is NaN, or baseline <= chance. */
LSN_API lsn_curve lsn_curve_of(const double *fractions, const double *values, size_t count, double baseline,
                               double chance);

/* The p-quantile of sorted[count], linear between order statistics at (count - 1) p (type 7 of Hyndman & Fan 1996).
 * 0 <= p <= 1; NaN where count is 0. */
LSN_API double lsn_quantile(const double *sorted, size_t count, double p);

typedef struct lsn_band {
    double least, lower, median, upper, most; /* lower, upper: the quartiles */
    double mean;
} lsn_band;

/* Of the random orders' values at one fraction. Sorts `values`. All NaN where count is 0 or a value is NaN. */
LSN_API lsn_band lsn_band_of(double *values, size_t count);

/* ---- score against damage ------------------------------------------------------------------------------------ */

typedef struct lsn_correlation {
    double rho;
    lsn_interval interval;
    size_t n; /* the pairs that counted */
} lsn_correlation;

/* Spearman's rho: Pearson's correlation of the ranks, equal values having the mean of their ranks. The interval is tanh
 * (atanh rho -+ z sqrt((1 + rho^2 / 2) / (n - 3))) (Bonett & Wright 2000; close for n >= 25 and |rho| < 0.9). Pairs
 * with a NaN are left out. rho is NaN where n < 2 or all values of one side are equal; the interval is NaN where rho is
 * or n < 4, and shrinks to rho where |rho| = 1. 0 < confidence < 1, 0 stands for 0.95. LSN_INVALID: another confidence;
 * LSN_FAILED: memory is short. */
LSN_API bool lsn_spearman(const double *x, const double *y, size_t count, double confidence,
                          lsn_correlation *correlation, lsn_error *err);

/* ---- racing -------------------------------------------------------------------------------------------------- */

/* A confidence sequence for the change of top-1, from images in random order: with probability >= confidence the
 * intervals of *all* prefixes hold the true change at once, so a job may be ended as soon as its interval is narrow
 * enough. Zero-initialised is empty. */
typedef struct lsn_race {
    int64_t images;
    int64_t lost, gained; /* right -> wrong, wrong -> right: differences of -1 and +1; the rest are 0 */
} lsn_race;

/* Adds a block's counts, all at least 0, lost + gained <= images. The order and size of blocks do not matter. */
LSN_API void lsn_race_add(lsn_race *race, int64_t images, int64_t lost, int64_t gained);

#define LSN_RACE_RHO 2.0

/* u / images, u the root s of M(s, lost + gained) = 2 / (1 - confidence), where
 *     M(s, v) = rho F(v + rho, v + rho + s) / ((v + rho) F(rho, rho)),  F(a, x) = 1F1(1; a + 1; x).
 *
 * Infinite without images, and more than 1 while they are few. It depends on the number of flips, not on their
 * direction, so McNemar's test stays exact for a race that it ended. LSN_RACE_RHO, fixed before any image is seen,
 * makes it narrowest for 8 flips; for 1 to 200 it is within 11 % of what any rho would give. 0 < confidence < 1.
 *
 * Why: a difference x in [-1, 1] of conditional mean mu has E exp(lambda (x - mu) - psi(lambda) x^2) <= 1 with
 * psi(lambda) = -log(1 - lambda) - lambda, 0 <= lambda < 1 (Fan, Grama & Liu 2015). The product over images is a
 * supermartingale, and so is its mean over lambda, 1 - lambda = theta in (0, 1) having a density in proportion to
 * theta^(rho - 1) exp(-rho theta): that mean is M(sum of x - mu, sum of x^2). By Ville's inequality it ever reaches
 * 2 / (1 - confidence) with a probability of at most (1 - confidence) / 2, and likewise on the other side. This is the
 * empirical-Bernstein sequence of Howard, Ramdas, McAuliffe & Sekhon (2021, Theorem 4) with their gamma-exponential
 * mixture, predicting 0 for each x, which allows the range 1 instead of 2. */
LSN_API double lsn_race_half_width(const lsn_race *race, double confidence);

/* (gained - lost) / images -+ the half width, within [-1, 1]. */
LSN_API lsn_interval lsn_race_interval(const lsn_race *race, double confidence);

#endif
