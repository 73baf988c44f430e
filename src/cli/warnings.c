/* What a study's author should keep in mind. */
#include "cli/cli.h"

#include "lesion/report.h"
#include "lesion/stats.h"

#include <stdio.h>
#include <stdlib.h>

/* The experiment with the most jobs: q is computed within experiments. */
static const lsn_experiment *largest_experiment(const lsn_plan *plan)
{
    const lsn_experiment *largest = &plan->experiments[0];
    for (int32_t x = 1; x < plan->n_experiments; x++)
        if (plan->experiments[x].n_jobs > largest->n_jobs || x == 1)
            largest = &plan->experiments[x];
    return largest;
}

/* What is compared: the images of all jobs, or of one class. */
typedef struct comparison {
    int64_t images, comparisons;
    const char *of, *are; /* "" or " of class cat"; "jobs" */
    double change;        /* that should be seen */
} comparison;

static bool warn_if_few(const comparison *c, const char *experiment, void (*say)(const char *line), lsn_error *err)
{
    char count[LSN_NUMBER_BYTES], number[LSN_NUMBER_BYTES];
    if (!lsn_too_few_images(c->images, c->comparisons, c->change))
        return true;
    const int flips = lsn_flips_needed(c->comparisons, LSN_LEVEL);
    lsn_text line = {0};
    lsn_text_add(&line,
                 "warning: %s images%s are few for %s comparison%s (%s of experiment %s): a change is told from chance "
                 "(q < %g) only where %d of them are lost and none gained",
                 lsn_count_text(c->images, count), c->of, lsn_count_text(c->comparisons, number),
                 c->comparisons == 1 ? "" : "s", c->are, experiment, LSN_LEVEL, flips);
    if (flips > c->images)
        lsn_text_add(&line, ", more than there are");
    else
        lsn_text_add(&line, ", %.3g %%", 100.0 * flips / (double)c->images);
    const bool ok = !line.failed || lsn_fail(err, LSN_FAILED, "out of memory: a warning could not be composed");
    if (ok)
        say(line.data);
    lsn_text_finish(&line);
    return ok;
}

/* The class with the fewest images, of those that have any; *classes: how many these are. */
static int rarest_class(const lsn_plan *plan, int64_t *images, int *classes, lsn_error *err)
{
    int rarest = -1;
    int64_t *counts = lsn_array((size_t)plan->net->classes, sizeof *counts, err);
    *classes = 0;
    for (int32_t i = 0; counts != NULL && i < plan->images.count; i++)
        counts[lsn_data_label(plan->data, plan->images.images[i])]++;
    for (int c = 0; counts != NULL && c < plan->net->classes; c++) {
        if (counts[c] > 0 && (rarest < 0 || counts[c] < counts[rarest]))
            rarest = c;
        *classes += counts[c] > 0;
    }
    *images = rarest < 0 ? 0 : counts[rarest];
    free(counts);
    return rarest;
}

bool lsn_warn_few_images(const lsn_plan *plan, void (*say)(const char *line), lsn_error *err)
{
    const lsn_experiment *largest = largest_experiment(plan);
    comparison all = {plan->images.count, largest->n_jobs, "", "jobs", LSN_CHANGE_JOB};
    int classes;
    if (plan->n_experiments == 1)
        return true;
    if (!warn_if_few(&all, largest->name, say, err))
        return false;
    if (!plan->metrics.per_class)
        return true;
    comparison one = {.are = "jobs x classes", .change = LSN_CHANGE_CLASS};
    const int rarest = rarest_class(plan, &one.images, &classes, err);
    if (rarest < 0)
        return false;
    const char *name = rarest < lsn_data_classes(plan->data) ? lsn_data_class_name(plan->data, rarest) : NULL;
    char of[128];
    if (name != NULL)
        snprintf(of, sizeof of, " of class %.80s", name);
    else
        snprintf(of, sizeof of, " of class %d", rarest);
    one.of = of;
    one.comparisons = (int64_t)largest->n_jobs * classes;
    return warn_if_few(&one, largest->name, say, err);
}
