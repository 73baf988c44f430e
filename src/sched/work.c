/* What there is to do: the order of the evaluations, and how many parts of each are in no unit yet. */
#include "sched/sched_internal.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SUSPECTED = 2,       /* deaths of runs from which on an evaluation is given out with care */
    CONDEMNED = 3,       /* those after which it is given up ... */
    CONDEMNED_ALONE = 2, /* ... if it was computed alone at so many */
};

typedef struct ranked {
    double cost;
    int32_t evaluation;
    sched_suspect suspect; /* deaths 0: it is none */
} ranked;

/* Suspects last, of these the ones with the most deaths first, by block. */
static int dearest_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    const sched_suspect *s = &x->suspect, *t = &y->suspect;
    if ((s->deaths > 0) != (t->deaths > 0))
        return s->deaths > 0 ? 1 : -1;
    if (s->deaths != t->deaths)
        return s->deaths > t->deaths ? -1 : 1;
    if (s->block != t->block)
        return s->block < t->block ? -1 : 1;
    if (x->cost != y->cost)
        return x->cost > y->cost ? -1 : 1;
    return (x->evaluation > y->evaluation) - (x->evaluation < y->evaluation);
}

static sched_suspect suspect(const lsn_sched_work *work, const lsn_sched_deaths *known)
{
    if (known->deaths < SUSPECTED)
        return (sched_suspect){0};
    return (sched_suspect){known->deaths, known->block < 0 || known->block >= work->n_blocks ? 0 : known->block};
}

static bool condemned(const lsn_sched_deaths *known)
{
    return known->deaths >= CONDEMNED && known->alone >= CONDEMNED_ALONE;
}

/* Lists what there is to do, in any order; what is condemned is not. */
static void list_tasks(lsn_sched *sched, ranked *all)
{
    const lsn_sched_work *work = &sched->work;
    sched_tasks *tasks = &sched->tasks;
    for (int32_t e = 0, d = 0; e < work->n_evaluations; e++) {
        const int32_t missing = work->n_blocks - (work->stored == NULL ? 0 : work->stored[e]);
        while (d < work->n_deaths && work->deaths[d].evaluation < e)
            d++;
        const bool deadly = d < work->n_deaths && work->deaths[d].evaluation == e;
        if (missing == 0)
            continue;
        assert(missing > 0 && work->cost[e] > 0);
        if (deadly && condemned(&work->deaths[d])) {
            tasks->state[e] = EVALUATION_CONDEMNED;
            continue;
        }
        all[tasks->n_order++] =
            (ranked){work->cost[e], e, deadly ? suspect(work, &work->deaths[d]) : (sched_suspect){0}};
        tasks->left[e] = missing;
        tasks->parts += missing;
        tasks->cost += missing * work->cost[e];
    }
    tasks->cost_uncut = tasks->cost;
}

/* Takes over their order. */
static bool put_in_order(sched_tasks *tasks, const ranked *all, lsn_error *err)
{
    while (tasks->n_trusted < tasks->n_order && all[tasks->n_trusted].suspect.deaths == 0)
        tasks->n_trusted++;
    tasks->suspects = lsn_array((size_t)(tasks->n_order - tasks->n_trusted), sizeof *tasks->suspects, err);
    for (int32_t i = 0; tasks->suspects != NULL && i < tasks->n_order; i++) {
        tasks->order[i] = all[i].evaluation;
        if (i >= tasks->n_trusted)
            tasks->suspects[i - tasks->n_trusted] = all[i].suspect;
    }
    return tasks->suspects != NULL;
}

bool sched_tasks_init(lsn_sched *sched, lsn_error *err)
{
    sched_tasks *tasks = &sched->tasks;
    const size_t n = (size_t)sched->work.n_evaluations;
    ranked *all = lsn_array(n, sizeof *all, err);
    tasks->order = all == NULL ? NULL : lsn_array(n, sizeof *tasks->order, err);
    tasks->left = tasks->order == NULL ? NULL : lsn_array(n, sizeof *tasks->left, err);
    tasks->state = tasks->left == NULL ? NULL : lsn_array(n, sizeof *tasks->state, err);
    if (tasks->state == NULL) {
        free(all);
        return false;
    }
    list_tasks(sched, all);
    qsort(all, (size_t)tasks->n_order, sizeof *all, dearest_first);
    const bool ok = put_in_order(tasks, all, err);
    free(all);
    return ok;
}

void sched_tasks_finish(lsn_sched *sched)
{
    free(sched->tasks.order);
    free(sched->tasks.suspects);
    free(sched->tasks.left);
    free(sched->tasks.state);
}

bool sched_wanted(const lsn_sched *sched, int32_t evaluation, int32_t block)
{
    const lsn_sched_work *work = &sched->work;
    const size_t part = (size_t)evaluation * (size_t)work->n_blocks + (size_t)block;
    return sched->tasks.state[evaluation] == EVALUATION_OPEN &&
           (work->parts == NULL || (work->parts[part / 64] >> part % 64 & 1) == 0);
}

bool sched_condemn(lsn_sched *sched, lsn_action *action)
{
    while (sched->tasks.n_judged < sched->work.n_deaths) {
        const lsn_sched_deaths *known = &sched->work.deaths[sched->tasks.n_judged++];
        if (sched->tasks.state[known->evaluation] != EVALUATION_CONDEMNED)
            continue;
        *action = (lsn_action){.kind = LSN_FAIL, .evaluation = known->evaluation, .deaths = known};
        return true;
    }
    return false;
}

void sched_close(lsn_sched *sched, int32_t evaluation, unsigned char state)
{
    sched_tasks *tasks = &sched->tasks;
    const double cost = tasks->left[evaluation] * sched->work.cost[evaluation];
    tasks->parts -= tasks->left[evaluation];
    tasks->cost -= cost;
    tasks->cost_uncut -= cost;
    tasks->left[evaluation] = 0;
    tasks->state[evaluation] = state;
}

void sched_forgo(lsn_sched *sched, int32_t evaluation)
{
    sched->tasks.parts--;
    sched->tasks.cost -= sched->work.cost[evaluation];
}
