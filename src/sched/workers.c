/* Who is there, how fast they are, and who should be served first. */
#include "sched/sched_internal.h"

#include <assert.h>
#include <stdlib.h>

static const double MEMORY = 0.5;    /* weight of the units before the last one in a worker's speed */
static const double FORGIVE_S = 300; /* after which a doubtful worker is tried again */

enum { DOUBTFUL = 3 }; /* units refused, and none computed in between */

bool sched_crew_init(lsn_sched *sched, lsn_error *err)
{
    sched_crew *crew = &sched->crew;
    const size_t n = (size_t)sched->work.n_workers, held = (size_t)sched->work.held;
    crew->workers = lsn_array(n, sizeof *crew->workers, err);
    crew->slots = crew->workers == NULL ? NULL : lsn_array(n, held * sizeof *crew->slots, err);
    crew->hungry = crew->slots == NULL ? NULL : lsn_array(2 * held, sizeof *crew->hungry, err);
    if (crew->hungry == NULL)
        return false;
    for (size_t w = 0; w < n; w++)
        crew->workers[w] = (sched_worker){.previous = NOBODY, .next = NOBODY, .list = NOBODY, .last_block = NOBODY};
    for (size_t s = 0; s < n * held; s++)
        crew->slots[s] = (sched_slot){.id = NOBODY, .next_holder = NOBODY};
    for (size_t h = 0; h < 2 * held; h++)
        crew->hungry[h] = (sched_hungry){NOBODY, NOBODY};
    crew->absent = sched->work.n_workers;
    crew->first_cancel = NOBODY;
    crew->mean_speed = sched->work.speed;
    return true;
}

void sched_crew_finish(lsn_sched *sched)
{
    free(sched->crew.workers);
    free(sched->crew.slots);
    free(sched->crew.hungry);
}

/* ---- hungry workers ------------------------------------------------------------------------------------------ */

static bool doubtful(const sched_worker *worker)
{
    return worker->refusals >= DOUBTFUL;
}

static void unlist(sched_crew *crew, int32_t w)
{
    sched_worker *worker = &crew->workers[w];
    if (worker->list == NOBODY)
        return;
    sched_hungry *list = &crew->hungry[worker->list];
    *(worker->previous == NOBODY ? &list->first : &crew->workers[worker->previous].next) = worker->next;
    *(worker->next == NOBODY ? &list->last : &crew->workers[worker->next].previous) = worker->previous;
    worker->previous = worker->next = worker->list = NOBODY;
}

static void list_last(sched_crew *crew, int32_t w, int32_t list)
{
    sched_hungry *hungry = &crew->hungry[list];
    sched_worker *worker = &crew->workers[w];
    worker->list = list;
    worker->previous = hungry->last;
    *(hungry->last == NOBODY ? &hungry->first : &crew->workers[hungry->last].next) = w;
    hungry->last = w;
}

void sched_relist(lsn_sched *sched, int32_t w)
{
    sched_crew *crew = &sched->crew;
    const sched_worker *worker = &crew->workers[w];
    const bool hungry = worker->presence == WORKER_PRESENT && worker->used < sched->work.held;
    const int32_t list = !hungry ? NOBODY : worker->used + (doubtful(worker) ? sched->work.held : 0);
    if (list == worker->list)
        return;
    unlist(crew, w);
    if (list != NOBODY)
        list_last(crew, w, list);
}

static int32_t first_hungry(const lsn_sched *sched, int32_t from)
{
    const int32_t lists = sched->crew.trusted > 0 ? sched->work.held : 2 * sched->work.held;
    for (int32_t list = from; list < lists; list++)
        if (sched->crew.hungry[list].first != NOBODY)
            return sched->crew.hungry[list].first;
    return NOBODY;
}

int32_t sched_hungriest(const lsn_sched *sched)
{
    return first_hungry(sched, 0);
}

int32_t sched_next_hungry(const lsn_sched *sched, int32_t w)
{
    const sched_worker *worker = &sched->crew.workers[w];
    return worker->next != NOBODY ? worker->next : first_hungry(sched, worker->list + 1);
}

void sched_queue_up_again(lsn_sched *sched, int32_t w)
{
    const int32_t list = sched->crew.workers[w].list;
    unlist(&sched->crew, w);
    list_last(&sched->crew, w, list);
}

/* ---- presence and trust -------------------------------------------------------------------------------------- */

/* Adds the worker to (`sign` 1), or takes it out of (-1), what is known of those who are present. */
static void count_present(sched_crew *crew, const sched_worker *worker, int sign)
{
    crew->present += sign;
    crew->trusted += doubtful(worker) ? 0 : sign;
    if (worker->seconds > 0) {
        crew->speeds += sign;
        crew->speed_sum = crew->speeds == 0 ? 0 : crew->speed_sum + sign * worker->cost / worker->seconds;
    }
    if (crew->speeds > 0)
        crew->mean_speed = crew->speed_sum / crew->speeds;
}

void sched_set_presence(lsn_sched *sched, int32_t w, sched_presence presence)
{
    sched_crew *crew = &sched->crew;
    sched_worker *worker = &crew->workers[w];
    if (worker->presence == WORKER_PRESENT)
        count_present(crew, worker, -1);
    crew->absent += (presence == WORKER_ABSENT) - (worker->presence == WORKER_ABSENT);
    crew->lost += (presence == WORKER_LOST) - (worker->presence == WORKER_LOST);
    worker->presence = presence;
    if (presence == WORKER_PRESENT)
        count_present(crew, worker, 1);
    sched_relist(sched, w);
}

void sched_set_refusals(lsn_sched *sched, int32_t w, int32_t refusals)
{
    sched_worker *worker = &sched->crew.workers[w];
    const bool before = doubtful(worker);
    worker->refusals = refusals;
    if (worker->presence == WORKER_PRESENT)
        sched->crew.trusted += before - doubtful(worker);
    if (!before)
        worker->doubted_s = sched->now_s;
    sched_relist(sched, w);
}

void sched_forgive(lsn_sched *sched)
{
    const int32_t idle = sched->crew.hungry[sched->work.held].first;
    if (idle != NOBODY && sched->now_s - sched->crew.workers[idle].doubted_s >= FORGIVE_S)
        sched_set_refusals(sched, idle, DOUBTFUL - 1);
}

/* ---- speed --------------------------------------------------------------------------------------------------- */

void sched_learn_speed(lsn_sched *sched, int32_t w, double cost, double seconds)
{
    static const double SHORTEST_S = 1e-9; /* of a clock that is too coarse */
    sched_worker *worker = &sched->crew.workers[w];
    const bool present = worker->presence == WORKER_PRESENT;
    if (present)
        count_present(&sched->crew, worker, -1);
    worker->cost = MEMORY * worker->cost + cost;
    worker->seconds = MEMORY * worker->seconds + (seconds > SHORTEST_S ? seconds : SHORTEST_S);
    if (present)
        count_present(&sched->crew, worker, 1);
}

double sched_speed(const lsn_sched *sched, int32_t w)
{
    const sched_worker *worker = &sched->crew.workers[w];
    return worker->seconds > 0 ? worker->cost / worker->seconds : sched->crew.mean_speed;
}
