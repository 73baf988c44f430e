/* A simulation from its beginning to its end. */
#include "sim/sim_internal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846, LONG_S = 1e4;

enum { TICKS = 100000 }; /* in the time that the sweep should take, at most */

/* ---- used everywhere ----------------------------------------------------------------------------------------- */

bool sim_violated(sim *s, const char *format, ...)
{
    char what[LSN_ERROR_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return lsn_fail(s->err, LSN_FAILED, "seed %llu, at %.6f s: %s", (unsigned long long)s->given->seed, s->now_s, what);
}

void sim_trace(const sim *s, const char *format, ...)
{
    if (s->given->trace == NULL)
        return;
    va_list args;
    va_start(args, format);
    fprintf(s->given->trace, "%12.6f  ", s->now_s);
    vfprintf(s->given->trace, format, args);
    fputc('\n', s->given->trace);
    va_end(args);
}

bool sim_add(sim *s, sim_event event)
{
    return sim_events_add(&s->events, event, s->err);
}

double sim_uniform(sim *s, double from, double below)
{
    return from + (below - from) * (double)(lsn_random_next(&s->random) >> 11) * 0x1p-53;
}

double sim_factor(sim *s, double spread)
{
    if (!(spread > 0))
        return 1;
    const double radius = sqrt(-2 * log(1 - sim_uniform(s, 0, 1))); /* Box and Muller (1958) */
    return exp(spread * radius * cos(2 * PI * sim_uniform(s, 0, 1)) - spread * spread / 2);
}

void sim_list_remove(sim_list *list, int32_t at)
{
    list->count--;
    memmove(&list->units[at], &list->units[at + 1], (size_t)(list->count - at) * sizeof *list->units);
}

int32_t sim_list_find(const sim_list *list, int32_t id)
{
    for (int32_t i = 0; i < list->count; i++)
        if (list->units[i].id == id)
            return i;
    return -1;
}

/* ---- the beginning ------------------------------------------------------------------------------------------- */

static bool make_workers(sim *s)
{
    const size_t n = (size_t)s->given->work.n_workers, held = (size_t)s->given->work.held;
    s->workers = lsn_array(n, sizeof *s->workers, s->err);
    s->units = s->workers == NULL ? NULL : lsn_array(n, 2 * held * sizeof *s->units, s->err);
    if (s->units == NULL)
        return false;
    for (size_t w = 0; w < n; w++)
        s->workers[w] = (sim_worker){.speed = sim_factor(s, s->faults->spread),
                                     .sick = w < (size_t)s->faults->sick,
                                     .frozen_s = -1,
                                     .held = {s->units + 2 * w * held, 0},
                                     .given = {s->units + (2 * w + 1) * held, 0}};
    return true;
}

static bool make_evaluations(sim *s)
{
    const size_t n = (size_t)s->given->work.n_evaluations;
    s->nature = lsn_array(n, sizeof *s->nature, s->err);
    s->suffered = s->nature == NULL ? NULL : lsn_array(n, sizeof *s->suffered, s->err);
    if (s->suffered == NULL)
        return false;
    const int32_t deadly = s->faults->poisons, broken = deadly + s->faults->broken, all = broken + s->faults->fatal;
    for (int32_t i = 0; i < all; i++)
        s->nature[lsn_random_below(&s->random, n)] = i < deadly   ? NATURE_POISON
                                                     : i < broken ? NATURE_BROKEN
                                                                  : NATURE_FATAL;
    return true;
}

static bool add_fates(sim *s, sim_kind kind, int32_t times)
{
    for (int32_t i = 0; i < times; i++)
        if (!sim_add(s, (sim_event){.at_s = sim_uniform(s, 0, s->horizon_s), .kind = kind}))
            return false;
    return true;
}

/* How long the sweep should take if nothing went wrong. */
static double expected_s(const lsn_sched_work *work)
{
    double cost = work->unit_cost;
    for (int32_t e = 0; e < work->n_evaluations; e++)
        cost += work->cost[e];
    return cost * work->n_blocks / work->n_workers;
}

static bool begin(sim *s)
{
    s->horizon_s = expected_s(&s->given->work) + s->faults->start_s;
    s->tick_s = fmax(s->given->work.unit_s / 4, s->horizon_s / TICKS);
    return make_workers(s) && make_evaluations(s) && sim_database_init(s) &&
           add_fates(s, SIM_DEATH, s->faults->deaths) && add_fates(s, SIM_SILENCE, s->faults->silences) &&
           add_fates(s, SIM_REFUSAL, s->faults->refusals) && add_fates(s, SIM_RESTART, s->faults->restarts) &&
           sim_coordinator_start(s);
}

/* ---- playing ------------------------------------------------------------------------------------------------- */

/* The coordinator ends, by a crash or in order, and another one begins. */
static bool begin_again(sim *s, bool crash)
{
    sim_trace(s, crash ? "the coordinator dies" : "another coordinator begins");
    s->out->crashes += crash;
    if (crash)
        sim_database_count_death(s);
    sim_coordinator_stop(s);
    if (crash)
        sim_database_crash(s);
    return sim_coordinator_start(s);
}

static bool play(sim *s, const sim_event *event)
{
    switch (event->kind) {
    case SIM_STARTED:
    case SIM_ARRIVED:
    case SIM_COMPUTED:
    case SIM_WOKEN:
        return sim_worker_event(s, event);
    case SIM_DEATH:
    case SIM_SILENCE:
    case SIM_REFUSAL:
        return sim_worker_fate(s, event->kind);
    case SIM_RESTART:
        s->accidents++;
        return begin_again(s, true);
    case SIM_FATALITY:
        return event->process != s->process || begin_again(s, true);
    default:
        return sim_coordinator_event(s, event);
    }
}

/* Whether it goes on for ever. */
static bool check_patience(sim *s, const sim_event *event)
{
    const lsn_sched_work *work = &s->given->work;
    const double parts = (double)work->n_evaluations * work->n_blocks;
    const double patience_s = LONG_S * (1 + s->out->longest_s + s->faults->silence_s + s->faults->give_up_s);
    if (event->kind != SIM_TICK)
        s->stirred_s = event->at_s;
    if (event->at_s - s->stirred_s > patience_s)
        return sim_violated(s, "nothing happens any more");
    if ((double)s->out->units > 100 * (parts + work->n_workers + 100))
        return sim_violated(s, "it does not end");
    return true;
}

static bool run(sim *s)
{
    bool ok = begin(s);
    for (;;) {
        while (ok && !s->over) {
            const sim_event event = sim_events_take(&s->events);
            ok = check_patience(s, &event);
            s->now_s = event.at_s;
            ok = ok && play(s, &event);
        }
        const bool done = !ok || s->out->ending == LSN_COMPLETE || s->out->ending == LSN_TOO_MANY_FAILED;
        if (done || s->resumed++ >= s->faults->resumes)
            return ok;
        ok = begin_again(s, false);
    }
}

static void sum_up(sim *s)
{
    const lsn_sched_work *work = &s->given->work;
    double speed = 0, all = 0;
    for (int32_t w = 0; w < work->n_workers; w++)
        speed += s->workers[w].speed;
    for (int32_t e = 0; e < work->n_evaluations; e++) {
        all += work->cost[e] * work->n_blocks;
        s->out->failed += s->database.failed[e];
    }
    sim_workers_stop(s);
    s->out->capacity_s = speed * s->out->makespan_s;
    s->out->share = s->database.cost / all;
    s->out->work_s = s->database.cost + work->unit_cost * work->n_blocks * s->out->share;
    s->out->lost_s = s->out->computed_s - s->database.seconds;
}

bool lsn_simulate(const lsn_simulation *simulation, lsn_simulated *simulated, lsn_error *err)
{
    lsn_error own;
    sim s = {.given = simulation, .faults = &simulation->faults, .out = simulated, .err = err == NULL ? &own : err};
    assert(simulation->work.n_evaluations > 0 && simulation->faults.give_up_s >= simulation->faults.notice_s);
    *simulated = (lsn_simulated){0};
    s.err->code = LSN_OK;
    lsn_random_init(&s.random, simulation->seed, 0);
    const bool ok = run(&s);
    if (ok)
        sum_up(&s);
    lsn_sched_destroy(s.sched);
    sim_database_finish(&s);
    free(s.suffered);
    free(s.nature);
    free(s.units);
    free(s.workers);
    free(s.events.heap);
    return ok;
}
