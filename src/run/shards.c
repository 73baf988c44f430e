/* Shares of a study, for runs that know nothing of each other. */
#include "run/run_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct dealt {
    double cost;
    const char *key;
    int32_t evaluation;
} dealt;

static int dearest_first(const void *a, const void *b)
{
    const dealt *left = a, *right = b;
    if (left->cost < right->cost || left->cost > right->cost)
        return left->cost < right->cost ? 1 : -1;
    return strcmp(left->key, right->key);
}

/* Dealt round, there and back again, so that no share gets the dearer one of every round. */
static int32_t share_of(int64_t place, int32_t shards)
{
    const int32_t along = (int32_t)(place % shards);
    return 1 + (place / shards % 2 == 0 ? along : shards - 1 - along);
}

bool lsn_sweep_deal(lsn_plan *plan, lsn_method method, int32_t shard, int32_t shards, lsn_error *err)
{
    const int32_t count = plan->n_evaluations - 1;
    const lsn_costs costs = lsn_costs_predict(plan->net, method);
    dealt *order = lsn_array((size_t)count, sizeof *order, err);
    if (order == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        const lsn_evaluation *evaluation = &plan->evaluations[i + 1];
        order[i] = (dealt){lsn_costs_of(&costs, plan->net, &evaluation->ablation), evaluation->key, i + 1};
    }
    qsort(order, (size_t)count, sizeof *order, dearest_first);
    for (int32_t i = 0; i < count; i++)
        plan->evaluations[order[i].evaluation].shard = share_of(i, shards);
    plan->evaluations[0].shard = 0;
    plan->shard = shard;
    plan->shards = shards;
    free(order);
    return true;
}
