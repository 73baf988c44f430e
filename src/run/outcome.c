/* What a unit gives, in one piece of memory, so that it can be sent as it is. */
#include "run/run_internal.h"

lsn_extent lsn_extent_of(const lsn_plan *plan, int32_t block_images)
{
    return (lsn_extent){
        .classes = plan->metrics.per_class ? plan->net->classes : 0,
        .images = plan->metrics.images ? block_images : 0,
        .layers = plan->metrics.drift ? plan->net->n_layers : 0,
    };
}

/* Bytes of one evaluation's part of each array, those of the strictest alignment first. */
typedef struct sizes {
    size_t tally, drift, verdicts, classes;
} sizes;

static sizes sizes_of(lsn_extent extent)
{
    return (sizes){
        .tally = sizeof(lsn_tally),
        .drift = (size_t)extent.layers * sizeof(int64_t),
        .verdicts = (size_t)extent.images * sizeof(lsn_verdict),
        .classes = (size_t)extent.classes * sizeof(int32_t),
    };
}

size_t lsn_outcome_bytes(lsn_extent extent, int32_t count)
{
    const sizes one = sizes_of(extent);
    return (size_t)count * (one.tally + one.drift + one.verdicts + 2 * one.classes);
}

lsn_outcome lsn_outcome_in(void *bytes, lsn_extent extent, int32_t count)
{
    const sizes one = sizes_of(extent);
    const size_t n = (size_t)count;
    char *tallies = bytes, *drift = tallies + n * one.tally, *verdicts = drift + n * one.drift;
    char *right = verdicts + n * one.verdicts, *predicted = right + n * one.classes;
    return (lsn_outcome){
        .extent = extent,
        .tallies = (lsn_tally *)tallies,
        .drift = one.drift == 0 ? NULL : (int64_t *)drift,
        .verdicts = one.verdicts == 0 ? NULL : (lsn_verdict *)verdicts,
        .class_right = one.classes == 0 ? NULL : (int32_t *)right,
        .class_predicted = one.classes == 0 ? NULL : (int32_t *)predicted,
    };
}

lsn_outcome lsn_outcome_from(const lsn_outcome *from, int32_t i)
{
    const lsn_extent extent = from->extent;
    const size_t at = (size_t)i;
    return (lsn_outcome){
        .extent = extent,
        .tallies = from->tallies + i,
        .drift = from->drift == NULL ? NULL : from->drift + at * (size_t)extent.layers,
        .verdicts = from->verdicts == NULL ? NULL : from->verdicts + at * (size_t)extent.images,
        .class_right = from->class_right == NULL ? NULL : from->class_right + at * (size_t)extent.classes,
        .class_predicted = from->class_predicted == NULL ? NULL : from->class_predicted + at * (size_t)extent.classes,
    };
}

lsn_part lsn_outcome_part(const lsn_outcome *outcome, int32_t i)
{
    const lsn_outcome own = lsn_outcome_from(outcome, i);
    return (lsn_part){
        .tally = own.tallies,
        .class_right = own.class_right,
        .class_predicted = own.class_predicted,
        .verdicts = own.verdicts,
        .drift = own.drift,
    };
}
