/* Short histories of all kinds, one for every seed. */
#ifndef TESTS_SCHED_HISTORIES_H
#define TESTS_SCHED_HISTORIES_H

#include "lesion/simulate.h"

enum { HISTORY_EVALUATIONS = 200 };

void history_choose(uint64_t seed, lsn_simulation *simulation, double cost[HISTORY_EVALUATIONS]);

#endif
