/* The metrics of a result, listed once: from this list come the tables' columns with their comments, what is written,
 * read, added up, merged and compared, and what is checked. A new one: a row here, its sum in lsn_tally
 * (lesion/stats.h) or its function in metrics.c, its place in the view job_metric (views.sql), LSN_SCHEMA_VERSION. */
#ifndef STORE_METRICS_H
#define STORE_METRICS_H

/* SUM(column, member of lsn_tally, least, most, what CHECK asks of a result, comment): whole numbers, added up over
 *     images and so over parts, of which each has one; least <= column <= most, in C and SQL alike, where earlier
 *     columns may be named, and itself for no limit.
 * DERIVED(column, function of the sums, what CHECK asks, comment): a real number; NaN is NULL.
 * LATE(column, comment): written when a run ends, from more than sums (intervals.c).
 * SPENT(column, member, comment): a real number, added up; differs from run to run, so that it is not compared. */
// clang-format off
#define STORE_METRICS(SUM, DERIVED, LATE, SPENT) \
    SUM(images, images, 0, images, " > 0", "that it has seen") \
    SUM(top1, top1, 0, top5, " BETWEEN 0 AND images", "images whose class ranks first") \
    SUM(top5, top5, 0, images, " BETWEEN 0 AND images", "images whose class is among the first five") \
    SUM(lost, lost, 0, images - top1, " >= 0", "images right in the baseline and wrong here") \
    SUM(gained, gained, 0, top1, " >= 0", "images wrong in the baseline and right here") \
    SUM(agree, agree, top1 - gained, images - lost - gained, " >= 0", \
        "images with the baseline's prediction, right or wrong") \
    SUM(loss_sum, loss, 0, loss_sum, " IS NOT NULL", "cross entropy, in units of 2^-30 nats: an exact sum") \
    SUM(kl_sum, kl, 0, kl_sum, " IS NOT NULL", "KL(baseline || ablated), likewise") \
    SUM(margin_sum, margin, margin_sum, margin_sum, " IS NOT NULL", \
        "logit of the true class less the greatest other one, likewise") \
    SUM(base_top5, base_top5, top1 - gained + lost, images, " >= 0", "the baseline's top5 on the same images") \
    SUM(base_loss_sum, base_loss, 0, base_loss_sum, " IS NOT NULL", "the baseline's loss_sum on the same images") \
    SUM(d_loss_squared, d_loss_squared, 0, d_loss_squared, " IS NOT NULL", \
        "sum of squared differences of loss, in units of 2^-36 nats^2") \
    DERIVED(d_loss_error, d_loss_error, NULL, "standard error of the mean difference of loss; NULL: unknown") \
    LATE(d_loss_low, "BCa bootstrap's 95 % interval for it, where results are kept for every") \
    LATE(d_loss_high, "image; from the end of the run on") \
    DERIVED(p, mcnemar_mid, " IS NOT NULL", "McNemar's mid-p of lost and gained") \
    DERIVED(p_exact, mcnemar_exact, " IS NOT NULL", "and the exact test's") \
    DERIVED(balanced_accuracy, balanced_accuracy, NULL, \
            "mean share of top1 over the classes; NULL where these are not counted") \
    DERIVED(top1_low, top1_low, " IS NOT NULL", "Wilson's 95 % interval for the share of top1") \
    DERIVED(top1_high, top1_high, " IS NOT NULL", NULL) \
    SPENT(seconds, seconds, "spent computing")
// clang-format on

/* Names, each after a comma. */
#define METRIC_NONE(...)
#define METRIC_COMMA(column, ...) ", " #column
#define SUM_COLUMNS STORE_METRICS(METRIC_COMMA, METRIC_NONE, METRIC_NONE, METRIC_NONE)
#define SPENT_COLUMNS STORE_METRICS(METRIC_NONE, METRIC_NONE, METRIC_NONE, METRIC_COMMA)
#define LATE_COLUMNS STORE_METRICS(METRIC_NONE, METRIC_NONE, METRIC_COMMA, METRIC_NONE)
/* What is the same to the bit whoever computed it. */
#define RESULT_COLUMNS STORE_METRICS(METRIC_COMMA, METRIC_COMMA, METRIC_NONE, METRIC_NONE)
/* Of a part: its counts by class and its drift are no metrics, but packed. */
#define PART_BLOBS ", class_right, class_predicted, drift"

/* "FALSE OR top1 NOT BETWEEN ...": sums that contradict each other. */
#define METRIC_OUTSIDE(column, member, least, most, ...) " OR " #column " NOT BETWEEN " #least " AND " #most
#define SUMS_IMPOSSIBLE "FALSE" STORE_METRICS(METRIC_OUTSIDE, METRIC_NONE, METRIC_NONE, METRIC_NONE)

#endif
