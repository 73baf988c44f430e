/* Virtual workers: they compute units one after another, send results, and suffer what fate has for them. */
#include "sim/sim_internal.h"

#include <math.h>

static const double REFUSED_AT_ONCE_S = 1e-3;

/* ---- messages ------------------------------------------------------------------------------------------------ */

static bool send(sim *s, int32_t w, sim_kind kind, int32_t unit, double seconds)
{
    sim_worker *worker = &s->workers[w];
    const double sent_s = fmax(s->now_s, worker->mute_until_s);
    worker->reached_s = fmax(worker->reached_s, sent_s + s->faults->delay_s);
    return sim_add(s, (sim_event){.at_s = worker->reached_s,
                                  .kind = kind,
                                  .worker = w,
                                  .process = worker->process,
                                  .unit = unit,
                                  .seconds = seconds});
}

/* When what is sent to the worker now arrives. */
static bool reach(sim *s, int32_t w, double *arrives_s)
{
    sim_worker *worker = &s->workers[w];
    worker->reach_s = fmax(worker->reach_s, fmax(s->now_s + s->faults->delay_s, worker->mute_until_s));
    *arrives_s = worker->reach_s;
    return sim_add(s,
                   (sim_event){.at_s = worker->reach_s, .kind = SIM_ARRIVED, .worker = w, .process = worker->process});
}

bool sim_worker_give(sim *s, int32_t w, const sim_held *unit)
{
    sim_worker *worker = &s->workers[w];
    if (!worker->alive || worker->known != worker->process)
        return true; /* it is for a process that is dead */
    if (worker->held.count >= s->given->work.held)
        return sim_violated(s, "worker %d was given a unit too many", (int)w);
    sim_held *held = &worker->held.units[worker->held.count++];
    *held = *unit;
    held->cancelled_s = INFINITY;
    return reach(s, w, &held->arrives_s);
}

bool sim_worker_cancel(sim *s, int32_t w, int32_t unit)
{
    sim_worker *worker = &s->workers[w];
    const int32_t at = sim_list_find(&worker->held, unit);
    return !worker->alive || worker->known != worker->process || at < 0 ||
           reach(s, w, &worker->held.units[at].cancelled_s);
}

/* ---- computing ----------------------------------------------------------------------------------------------- */

static bool begin(sim *s, int32_t w)
{
    sim_worker *worker = &s->workers[w];
    const sim_held *unit = &worker->held.units[0];
    double seconds = unit->cost / worker->speed * sim_factor(s, s->faults->noise);
    if (unit->deadly || unit->fatal || unit->refused)
        seconds *= sim_uniform(s, 0, 1);
    if (worker->sick)
        seconds = REFUSED_AT_ONCE_S;
    sim_trace(s, "worker %d begins unit %d for %.6f s", (int)w, (int)unit->id, seconds);
    worker->computing = true;
    worker->began_s = s->now_s;
    worker->ends_s = s->now_s + seconds;
    return sim_add(s,
                   (sim_event){.at_s = worker->ends_s, .kind = SIM_COMPUTED, .worker = w, .process = worker->process});
}

/* Drops what it was told to drop, and begins the next unit if it can. */
static bool go_on(sim *s, int32_t w)
{
    sim_worker *worker = &s->workers[w];
    if (worker->frozen_s >= 0)
        return true;
    for (int32_t i = worker->computing; i < worker->held.count;) {
        const int32_t id = worker->held.units[i].id;
        if (worker->held.units[i].cancelled_s > s->now_s) {
            i++;
            continue;
        }
        sim_list_remove(&worker->held, i);
        if (!send(s, w, SIM_DROPPED, id, 0))
            return false;
    }
    if (worker->computing || worker->held.count == 0 || worker->held.units[0].arrives_s > s->now_s)
        return true;
    return begin(s, w);
}

static void stop_computing(sim *s, sim_worker *worker)
{
    if (worker->computing)
        s->out->computed_s += (worker->frozen_s >= 0 ? worker->frozen_s : s->now_s) - worker->began_s;
    worker->computing = false;
}

void sim_workers_stop(sim *s)
{
    for (int32_t w = 0; w < s->given->work.n_workers; w++)
        stop_computing(s, &s->workers[w]);
}

bool sim_worker_missed(sim *s, int32_t w)
{
    const sim_event noticed = {.at_s = s->now_s + s->faults->notice_s,
                               .kind = SIM_NOTICED,
                               .worker = w,
                               .process = s->process,
                               .unit = s->workers[w].process};
    sim_event given_up = noticed;
    given_up.at_s = s->now_s + s->faults->give_up_s;
    given_up.kind = SIM_GIVEN_UP;
    return sim_add(s, noticed) && sim_add(s, given_up);
}

static bool die(sim *s, int32_t w)
{
    sim_worker *worker = &s->workers[w];
    sim_trace(s, "worker %d dies%s", (int)w, worker->computing ? " computing" : "");
    stop_computing(s, worker);
    worker->alive = false;
    worker->held.count = 0;
    s->out->dead++;
    if (!sim_worker_missed(s, w))
        return false;
    if (!s->faults->reborn)
        return true;
    worker->process++;
    const double at_s = s->now_s + sim_uniform(s, 0, s->faults->give_up_s + s->faults->start_s);
    return sim_add(s, (sim_event){.at_s = at_s, .kind = SIM_STARTED, .worker = w, .process = worker->process});
}

static bool end_unit(sim *s, int32_t w)
{
    sim_worker *worker = &s->workers[w];
    const sim_held unit = worker->held.units[0];
    const double seconds = s->now_s - worker->began_s;
    if (unit.deadly && !worker->sick)
        return die(s, w);
    if (unit.fatal && !worker->sick)
        return sim_add(s, (sim_event){.at_s = s->now_s, .kind = SIM_FATALITY, .process = s->process});
    stop_computing(s, worker);
    sim_list_remove(&worker->held, 0);
    const sim_kind kind = unit.refused || worker->sick ? SIM_REFUSED : SIM_RESULT;
    return send(s, w, kind, unit.id, seconds) && go_on(s, w);
}

static bool wake(sim *s, int32_t w)
{
    sim_worker *worker = &s->workers[w];
    bool ok = true;
    sim_trace(s, "worker %d wakes", (int)w);
    if (worker->frozen_s >= 0 && worker->computing) {
        const double paused_s = s->now_s - worker->frozen_s;
        worker->began_s += paused_s;
        worker->ends_s += paused_s;
        ok = sim_add(
            s, (sim_event){.at_s = worker->ends_s, .kind = SIM_COMPUTED, .worker = w, .process = worker->process});
    }
    worker->frozen_s = -1;
    return ok && go_on(s, w) && send(s, w, SIM_HEARD, -1, 0);
}

static bool start(sim *s, int32_t w)
{
    sim_worker *worker = &s->workers[w];
    worker->alive = true;
    worker->computing = false;
    worker->held.count = 0;
    worker->frozen_s = -1;
    worker->mute_until_s = 0;
    return send(s, w, SIM_JOINED, -1, 0);
}

bool sim_worker_event(sim *s, const sim_event *event)
{
    const int32_t w = event->worker;
    const sim_worker *worker = &s->workers[w];
    if (event->process != worker->process)
        return true;
    if (event->kind == SIM_STARTED)
        return start(s, w);
    if (!worker->alive)
        return true;
    if (event->kind == SIM_ARRIVED)
        return go_on(s, w);
    if (event->kind == SIM_WOKEN)
        return wake(s, w);
    if (!worker->computing || worker->frozen_s >= 0 || event->at_s != worker->ends_s)
        return true; /* it was held up meanwhile */
    return end_unit(s, w);
}

bool sim_workers_start(sim *s)
{
    for (int32_t w = 0; w < s->given->work.n_workers; w++) {
        sim_worker *worker = &s->workers[w];
        worker->process++;
        worker->known = -1;
        worker->alive = worker->computing = worker->away = worker->gone = false;
        worker->held.count = worker->given.count = 0;
        const double at_s = s->now_s + sim_uniform(s, 0, s->faults->start_s);
        if (!sim_add(s, (sim_event){.at_s = at_s, .kind = SIM_STARTED, .worker = w, .process = worker->process}))
            return false;
    }
    return true;
}

bool sim_worker_quiet(const sim *s, int32_t w)
{
    const sim_worker *worker = &s->workers[w];
    return !worker->alive || worker->frozen_s >= 0 || worker->mute_until_s > s->now_s;
}

/* ---- fate ---------------------------------------------------------------------------------------------------- */

/* It stands still, or what it sends and what is sent to it does. */
static bool fall_silent(sim *s, int32_t w)
{
    sim_worker *worker = &s->workers[w];
    const double until_s = s->now_s + s->faults->silence_s * sim_uniform(s, 0.5, 1.5);
    const bool frozen = lsn_random_below(&s->random, 2) == 0;
    sim_trace(s, "worker %d %s until %.6f s", (int)w, frozen ? "stands still" : "is mute", until_s);
    if (frozen)
        worker->frozen_s = s->now_s;
    else
        worker->mute_until_s = until_s;
    return sim_worker_missed(s, w) &&
           sim_add(s, (sim_event){.at_s = until_s, .kind = SIM_WOKEN, .worker = w, .process = worker->process});
}

bool sim_worker_fate(sim *s, sim_kind kind)
{
    const int32_t n = s->given->work.n_workers;
    int32_t w = (int32_t)lsn_random_below(&s->random, (uint64_t)n);
    for (int32_t tries = 0; tries < n && sim_worker_quiet(s, w); tries++)
        w = (w + 1) % n;
    sim_worker *worker = &s->workers[w];
    if (sim_worker_quiet(s, w))
        return true;
    if (kind == SIM_DEATH)
        return die(s, w);
    if (kind == SIM_SILENCE)
        return fall_silent(s, w);
    if (!worker->computing || worker->held.units[0].deadly || worker->held.units[0].fatal)
        return true;
    worker->held.units[0].refused = true;
    worker->ends_s = s->now_s;
    return end_unit(s, w);
}
