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

bool lsn_sweep_deal(const lsn_plan *plan, int32_t shard, int32_t shards, lsn_wanted *wanted, lsn_error *err)
{
    const int32_t count = plan->n_evaluations - 1;
    lsn_costs costs;
    const bool predicted = lsn_costs_predict(plan->net, &costs, err);
    *wanted = (lsn_wanted){.shard = shard, .shards = shards};
    wanted->shard_of = lsn_array((size_t)plan->n_evaluations, sizeof *wanted->shard_of, err);
    wanted->evaluations = lsn_array((size_t)plan->n_evaluations, sizeof *wanted->evaluations, err);
    dealt *order = lsn_array((size_t)count, sizeof *order, err);
    const bool ok = predicted && wanted->shard_of != NULL && wanted->evaluations != NULL && order != NULL;
    for (int32_t i = 0; ok && i < count; i++) {
        const lsn_evaluation *evaluation = &plan->evaluations[i + 1];
        order[i] = (dealt){lsn_costs_of(&costs, &evaluation->ablation), evaluation->key, i + 1};
    }
    if (ok) {
        qsort(order, (size_t)count, sizeof *order, dearest_first);
        wanted->evaluations[0] = true; /* of share 0: each has the baseline */
    }
    for (int32_t i = 0; ok && i < count; i++) {
        wanted->shard_of[order[i].evaluation] = share_of(i, shards);
        wanted->evaluations[order[i].evaluation] = share_of(i, shards) == shard;
    }
    free(order);
    lsn_costs_finish(&costs);
    return ok;
}
