/* How large a unit is. */
#include "sched/sched_internal.h"

#include <math.h>

enum {
    FIRST_UNIT = 8,    /* evaluations in a unit while no speed is known and passes cost nothing */
    END_SHARE = 3,     /* towards the end a unit is 1/END_SHARE of an equal share of what is left */
    LEAST_PASSES = 16, /* a unit costs so many passes of the intact network at least ... */
    MANY_PASSES = 64,  /* ... and this many, where that takes no longer than LONGER x unit_s */
    LONGER = 24,
    LAST_PASSES = 2, /* least cost towards the end */
};

static const double SERVE_S = 2e-4; /* what rank 0 may spend on a unit */

/* How long a unit shall take while there is much to do. */
static double usual_s(const lsn_sched *sched, double mean_speed)
{
    const double pass_s = sched->work.unit_cost / mean_speed;
    double seconds = fmax(sched->work.unit_s, fmin(MANY_PASSES * pass_s, LONGER * sched->work.unit_s));
    return fmax(seconds, LEAST_PASSES * pass_s);
}

sched_size sched_size_for(const lsn_sched *sched, double speed)
{
    const sched_crew *crew = &sched->crew;
    const double least = LAST_PASSES * sched->work.unit_cost;
    const int32_t workers = crew->present + crew->absent > 0 ? crew->present + crew->absent : 1;
    const double share = (sched->tasks.cost_uncut + sched->tasks.cost_loose) / ((double)END_SHARE * workers);
    if (!(speed > 0))
        return (sched_size){least > 0 ? fmax(fmin(share, LEAST_PASSES * sched->work.unit_cost), least) : share,
                            least > 0 ? INT32_MAX : FIRST_UNIT};
    double seconds = fmin(usual_s(sched, crew->mean_speed), share / crew->mean_speed);
    seconds = fmax(seconds, SERVE_S * workers);
    return (sched_size){fmax(speed * seconds, least), INT32_MAX};
}

/* ---- how long units take ------------------------------------------------------------------------------------- */

void sched_note_duration(lsn_sched *sched, double seconds)
{
    /* A round: as many units as the workers hold. */
    if (++sched->given > (int64_t)sched->crew.present * sched->work.held) {
        sched->given = 1;
        sched->longest_s[0] = sched->longest_s[1];
        sched->longest_s[1] = 0;
    }
    sched->longest_s[1] = fmax(sched->longest_s[1], seconds);
}

double lsn_sched_unit_s(const lsn_sched *sched)
{
    return fmax(sched->longest_s[0], sched->longest_s[1]);
}
