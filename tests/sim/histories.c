/* Random work and faults, simulated. */
#include "histories.h"

#include <math.h>
#include <stdlib.h>

static int32_t below(lsn_random *random, int32_t limit)
{
    return (int32_t)lsn_random_below(random, (uint64_t)limit);
}

static bool one_in(lsn_random *random, int32_t times)
{
    return below(random, times) == 0;
}

static double seconds(lsn_random *random, double most)
{
    return most * below(random, 1001) / 1000;
}

static void choose_work(lsn_random *random, lsn_sched_work *work, double *cost)
{
    const bool alike = one_in(random, 3);
    *work = (lsn_sched_work){.n_evaluations = 1 + below(random, one_in(random, 4) ? 200 : 40),
                             .n_blocks = 1 + below(random, one_in(random, 4) ? 20 : 5),
                             .n_workers = 1 + below(random, one_in(random, 4) ? 40 : 8),
                             .cost = cost,
                             .unit_cost = one_in(random, 4) ? 0 : 0.05 + seconds(random, 2),
                             .unit_s = 0.5 + seconds(random, 10),
                             .speed = one_in(random, 2),
                             .held = 1 + below(random, 3),
                             .by_block = one_in(random, 3),
                             .fail_fast = one_in(random, 20),
                             .max_failures = one_in(random, 20) ? 1 + below(random, 3) : 0};
    for (int32_t e = 0; e < work->n_evaluations; e++)
        cost[e] = 0.01 + (alike ? 1 : seconds(random, 3));
}

/* Most histories have a few of these, some none, some many. */
static int32_t some(lsn_random *random)
{
    static const int32_t most[] = {0, 0, 0, 1, 2, 3, 6, 20};
    return below(random, 1 + most[below(random, sizeof most / sizeof *most)]);
}

void history_choose(uint64_t seed, lsn_simulation *simulation, double cost[HISTORY_EVALUATIONS])
{
    lsn_random random;
    lsn_random_init(&random, seed, 1);
    *simulation = (lsn_simulation){.seed = seed};
    choose_work(&random, &simulation->work, cost);
    lsn_faults *faults = &simulation->faults;
    if (one_in(&random, 10))
        return;
    *faults = (lsn_faults){
        .deaths = some(&random),
        .silences = some(&random),
        .silence_s = seconds(&random, 60),
        .refusals = some(&random),
        .sick = one_in(&random, 8) ? 1 + below(&random, simulation->work.n_workers) : 0,
        .poisons = one_in(&random, 6) ? 1 + below(&random, 2) : 0,
        .fatal = one_in(&random, 10) ? 1 + below(&random, 2) : 0,
        .broken = one_in(&random, 6) ? 1 + below(&random, 3) : 0,
        .restarts = one_in(&random, 5) ? 1 + below(&random, 3) : 0,
        .reborn = one_in(&random, 2),
        .resumes = below(&random, 4),
        .spread = one_in(&random, 2) ? seconds(&random, 1.5) : 0,
        .noise = one_in(&random, 2) ? seconds(&random, 1) : 0,
        .start_s = one_in(&random, 2) ? seconds(&random, 20) : 0,
        .delay_s = one_in(&random, 2) ? seconds(&random, 0.5) : 0,
        .serve_s = one_in(&random, 2) ? seconds(&random, 0.01) : 0,
        .notice_s = seconds(&random, 15),
        .stop_s = one_in(&random, 5) ? seconds(&random, 120) : 0,
        .early = simulation->work.by_block ? seconds(&random, 1) : one_in(&random, 8) * 0.3,
    };
    faults->give_up_s = faults->notice_s + (one_in(&random, 3) ? 0 : seconds(&random, 40));
}
