/* Who of the workers is there. */
#include "run/roster.h"

#include <stdlib.h>

bool roster_begin(roster *r, const lsn_crew *crew, lsn_sched *sched, lsn_error *err)
{
    *r = (roster){.crew = crew, .patience = lsn_patience_get(), .sched = sched};
    r->clock = lsn_awake_begin(r->patience.beat);
    r->workers = lsn_array((size_t)crew->workers, sizeof *r->workers, err);
    for (int32_t w = 0; r->workers != NULL && w < crew->workers; w++)
        lsn_sched_joined(sched, w);
    return r->workers != NULL;
}

void roster_hear(roster *r, int32_t worker)
{
    roster_worker *seen = &r->workers[worker];
    seen->heard_s = lsn_awake_s(&r->clock);
    if (seen->presence == ROSTER_PRESENT)
        return;
    char name[32];
    lsn_log("%s is there again", r->crew->name(r->crew->context, worker, name, sizeof name));
    seen->presence = ROSTER_PRESENT;
    lsn_sched_heard(r->sched, worker);
}

bool roster_watch(roster *r, lsn_store *store, bool *changed, lsn_error *err)
{
    char name[32];
    const double now = lsn_awake_s(&r->clock);
    for (int32_t w = 0; r->crew->tend != NULL && w < r->crew->workers; w++) {
        roster_worker *seen = &r->workers[w];
        const double quiet = now - seen->heard_s;
        if (seen->presence == ROSTER_PRESENT && quiet >= r->patience.silent) {
            seen->presence = ROSTER_SILENT;
            lsn_log("%s has not been heard of for %.0f s: others take over its units",
                    r->crew->name(r->crew->context, w, name, sizeof name), quiet);
            lsn_sched_silent(r->sched, w);
        } else if (seen->presence == ROSTER_SILENT && quiet >= r->patience.lost) {
            seen->presence = ROSTER_LOST;
            lsn_sched_lost(r->sched, w);
            *changed = true;
            if (!lsn_store_answered(store, w, -1, err))
                return false;
        }
    }
    return true;
}

bool roster_anybody_missing(const roster *r)
{
    for (int32_t w = 0; r->workers != NULL && w < r->crew->workers; w++)
        if (r->workers[w].presence != ROSTER_PRESENT)
            return true;
    return false;
}

bool roster_find_dead(const roster *r, char *name, size_t size)
{
    for (int32_t w = 0; r->workers != NULL && r->crew->dead != NULL && w < r->crew->workers; w++)
        if (r->workers[w].presence != ROSTER_LOST && r->crew->dead(r->crew->context, w)) {
            r->crew->name(r->crew->context, w, name, size);
            return true;
        }
    return false;
}

void roster_finish(roster *r)
{
    free(r->workers);
}
