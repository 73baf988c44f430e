/* Scores of filters, and the order they give. */
#include "study/expand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void lsn_norms(const lsn_net_node *node, lsn_score_kind kind, double *scores)
{
    const size_t weights = lsn_net_node_terms(node);
    for (int f = 0; f < node->filters; f++) {
        const float *w = node->weights.values + (size_t)f * weights;
        double sum = 0;
        if (kind == LSN_L1)
            for (size_t i = 0; i < weights; i++)
                sum += fabs((double)w[i]);
        else
            for (size_t i = 0; i < weights; i++)
                sum += (double)w[i] * (double)w[i];
        scores[f] = kind == LSN_L1 ? sum : sqrt(sum);
    }
}

/* ---- order --------------------------------------------------------------------------------------------------- */

static int by_score(const void *a, const void *b)
{
    const lsn_ranked *first = a, *second = b;
    const int order = LSN_ORDER(first->score, second->score);
    return order != 0 ? order : LSN_ORDER(first->filter, second->filter);
}

void lsn_rank(const double *scores, int count, bool highest, lsn_ranked *ranked)
{
    for (int f = 0; f < count; f++)
        ranked[f] = (lsn_ranked){.score = highest ? -scores[f] : scores[f], .filter = f};
    qsort(ranked, (size_t)count, sizeof *ranked, by_score);
}

/* ---- the plan's scores --------------------------------------------------------------------------------------- */

bool lsn_scores_create(lsn_plan *plan, const lsn_study_spec *spec, lsn_arena *arena, lsn_error *err)
{
    const size_t filters = (size_t)lsn_net_filters(plan->net);
    plan->scores = lsn_arena_array(arena, (size_t)spec->n_scores, sizeof *plan->scores, err);
    for (int s = 0; plan->scores != NULL && s < spec->n_scores; s++) {
        lsn_filter_score *score = &plan->scores[s];
        const char *name = spec->scores[s].name;
        score->name = lsn_arena_text(arena, name, strlen(name), err);
        score->values = lsn_arena_array(arena, filters, sizeof *score->values, err);
        if (score->name == NULL || score->values == NULL)
            return false;
        for (size_t f = 0; f < filters; f++)
            score->values[f] = (double)NAN;
        plan->n_scores++;
    }
    return plan->scores != NULL;
}

static bool uses_score(const lsn_experiment_spec *experiment, int score)
{
    for (int s = 0; s < experiment->selector.n_scores; s++)
        if (experiment->selector.scores[s] == score)
            return true;
    return false;
}

static bool has_layer(const lsn_experiment_spec *experiment, int layer)
{
    for (int i = 0; i < experiment->n_resolved; i++)
        if (experiment->resolved[i] == layer)
            return true;
    return false;
}

bool lsn_score_ranks(const lsn_study_spec *spec, int score, int layer)
{
    for (int x = 0; x < spec->n_experiments; x++)
        if (uses_score(&spec->experiments[x], score) && has_layer(&spec->experiments[x], layer))
            return true;
    return false;
}

bool lsn_scores_fill(lsn_plan *plan, const lsn_study_spec *spec, lsn_reading *in)
{
    const lsn_net *net = plan->net;
    bool ok = true;
    for (int s = 0; s < spec->n_scores; s++) {
        const lsn_score_spec *score = &spec->scores[s];
        double *values = plan->scores[s].values;
        if (score->kind == LSN_SCORE_FILE)
            ok = lsn_score_file_read(net, s, values, in) && ok;
        for (int l = 0; (score->kind == LSN_L1 || score->kind == LSN_L2) && l < net->n_layers; l++)
            if (lsn_score_ranks(spec, s, l))
                lsn_norms(lsn_layer_node(net, l), score->kind, values + lsn_net_filter_offset(net, l));
    }
    return ok;
}
