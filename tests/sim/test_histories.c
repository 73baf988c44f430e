/* Plays seeded histories, all of which lsn_simulate checks as it goes. LESION_HISTORIES is how many; LESION_SEED=N
 * replays one, as a failure says, and tells all that happens. */
#include "histories.h"

#include <stdio.h>
#include <stdlib.h>

enum { USUAL = 100000, REPLAYED = 1000 };

typedef struct totals {
    int64_t units, dropped, endings[4];
    int32_t failed, crashes;
} totals;

static bool play(uint64_t seed, FILE *trace, totals *all)
{
    double cost[HISTORY_EVALUATIONS];
    lsn_simulation simulation;
    lsn_simulated simulated;
    lsn_error err = {0};
    history_choose(seed, &simulation, cost);
    simulation.trace = trace;
    if (!lsn_simulate(&simulation, &simulated, &err)) {
        printf("%s\nLESION_SEED=%llu replays it\n", err.text, (unsigned long long)seed);
        return false;
    }
    all->units += simulated.units;
    all->dropped += simulated.dropped;
    all->failed += simulated.failed;
    all->crashes += simulated.crashes;
    all->endings[simulated.ending]++;
    return true;
}

/* The same seed gives the same history. */
static bool replays(uint64_t seed)
{
    double cost[HISTORY_EVALUATIONS];
    lsn_simulation simulation;
    lsn_simulated first, second;
    history_choose(seed, &simulation, cost);
    if (!lsn_simulate(&simulation, &first, NULL) || !lsn_simulate(&simulation, &second, NULL))
        return false;
    bool same = first.makespan_s == second.makespan_s && first.computed_s == second.computed_s &&
                first.units == second.units && first.ending == second.ending;
    if (!same)
        printf("seed %llu does not replay\n", (unsigned long long)seed);
    return same;
}

int main(void)
{
    const char *seed = getenv("LESION_SEED"), *count = getenv("LESION_HISTORIES");
    const long histories = count != NULL ? strtol(count, NULL, 10) : USUAL;
    totals all = {0};
    if (seed != NULL)
        return play(strtoull(seed, NULL, 10), stdout, &all) ? 0 : 1;
    const double began_s = lsn_now_s();
    for (long i = 0; i < histories; i++)
        if (!play((uint64_t)i, NULL, &all) || (i % REPLAYED == 0 && !replays((uint64_t)i)))
            return 1;
    printf("%ld histories in %.1f s: %lld units, %lld given back, %d evaluations given up, %d deaths of rank 0; %lld "
           "complete, %lld drained, "
           "%lld without workers, %lld with too many failures\n",
           histories, lsn_now_s() - began_s, (long long)all.units, (long long)all.dropped, (int)all.failed,
           (int)all.crashes, (long long)all.endings[LSN_COMPLETE], (long long)all.endings[LSN_DRAINED],
           (long long)all.endings[LSN_NO_WORKERS], (long long)all.endings[LSN_TOO_MANY_FAILED]);
    /* Histories in which nothing interesting happens would prove nothing. */
    return histories >= USUAL && (all.failed == 0 || all.dropped == 0 || all.endings[LSN_DRAINED] == 0 ||
                                  all.endings[LSN_NO_WORKERS] == 0 || all.endings[LSN_TOO_MANY_FAILED] == 0);
}
