/* Scores of filters, and the order they give. */
#include "study/expand.h"

#include <math.h>
#include <stdlib.h>

void lsn_scores(const lsn_layer *layer, lsn_score score, double *scores)
{
    size_t weights = (size_t)layer->channels * (size_t)layer->kernel * (size_t)layer->kernel;
    for (int f = 0; f < layer->filters; f++) {
        const float *w = layer->weights + (size_t)f * weights;
        double sum = 0;
        if (score == LSN_L1)
            for (size_t i = 0; i < weights; i++)
                sum += fabs((double)w[i]);
        else
            for (size_t i = 0; i < weights; i++)
                sum += (double)w[i] * (double)w[i];
        scores[f] = score == LSN_L1 ? sum : sqrt(sum);
    }
}

typedef struct ranked {
    double score; /* negative where the highest come first: the lower index still wins among equals */
    int32_t filter;
} ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *one = a, *two = b;
    if (one->score < two->score || one->score > two->score)
        return one->score < two->score ? -1 : 1;
    return (one->filter > two->filter) - (one->filter < two->filter);
}

bool lsn_rank(const lsn_layer *layer, lsn_score score, bool highest, int32_t *order, lsn_error *err)
{
    size_t count = (size_t)layer->filters;
    double *scores = lsn_array(count, sizeof *scores, err);
    ranked *filters = lsn_array(count, sizeof *filters, err);
    bool ok = scores != NULL && filters != NULL;
    if (ok) {
        lsn_scores(layer, score, scores);
        for (size_t f = 0; f < count; f++)
            filters[f] = (ranked){.score = highest ? -scores[f] : scores[f], .filter = (int32_t)f};
        qsort(filters, count, sizeof *filters, by_score);
        for (size_t f = 0; f < count; f++)
            order[f] = filters[f].filter;
    }
    free(scores);
    free(filters);
    return ok;
}
