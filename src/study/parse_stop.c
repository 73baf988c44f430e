/* `stop:`, when a job's images are enough. */
#include "study/spec.h"

/* A number between 0 and 1, neither of them. */
static bool read_share(lsn_reading *in, const lsn_node *node, const char *what, const char *right, double *share)
{
    char shown[LSN_SHOWN_BYTES];
    if (!lsn_read_real(in, node, what, share))
        return false;
    return (*share > 0 && *share < 1) ||
           lsn_mistake_at(in, node, "%s is %s; give a number greater than 0 and less than 1, such as %s", what,
                          lsn_node_describe(node, shown), right);
}

/* What is about all images of a job cannot be had of some. */
static void refuse_metric(lsn_reading *in, const lsn_node *metric)
{
    if (metric != NULL)
        lsn_mistake_at(in, metric,
                       "metric %s is measured on all images of a job, but stop ends jobs before that; remove it, or "
                       "stop",
                       metric->text);
}

void lsn_stop_read(lsn_reading *in, const lsn_node *node)
{
    static const char *const keys[] = {"metric", "half_width", "confidence", "seed", NULL};
    static const char *const metrics[] = {"top1", NULL};
    lsn_stopping *stop = &in->spec->stop;
    if (node == NULL || !lsn_read_map(in, node, "stop", "a map such as {metric: top1, half_width: 0.005}", keys))
        return;
    stop->confidence = 0.95;
    const lsn_node *metric = lsn_node_get(node, "metric"), *confidence = lsn_node_get(node, "confidence");
    const lsn_node *half_width = lsn_node_need(
        in, node, "half_width", "say how well the change of top-1 is to be known, such as half_width: 0.005");
    if (metric != NULL)
        lsn_read_word(in, metric, "metric", metrics);
    if (half_width != NULL)
        read_share(in, half_width, "half_width", "0.005", &stop->half_width);
    if (confidence != NULL)
        read_share(in, confidence, "confidence", "0.95", &stop->confidence);
    lsn_read_seed(in, node, &stop->seed);
    refuse_metric(in, in->spec->per_class);
    refuse_metric(in, in->spec->drift);
}
