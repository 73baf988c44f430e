/* Lesion: the scheduler (sched.h) against virtual workers, in virtual time.
 *
 * Virtual workers compute units for as long as these are predicted to take, by each worker's speed; messages take
 * time; and things go wrong as `lsn_faults` says. The same simulation with the same seed plays the same history. Every
 * history is checked as it is played: a part is recorded once, nothing is assigned after a drain,
 * nobody holds more than `held` units, it ends, and at the end every evaluation is whole or was given up, which only
 * one is that workers really failed to compute. When the coordinator dies, the virtual database counts who was
 * computed, as the real one does (store.h).
 */
#ifndef LESION_SIMULATE_H
#define LESION_SIMULATE_H

#include "lesion/sched.h"

#include <stdio.h>

/* Zero: nothing of the kind. What happens "at random moments" does while the sweep would last if nothing went wrong. */
typedef struct lsn_faults {
    int32_t deaths; /* workers that die at random moments */
    int32_t
        silences; /* times that a worker falls silent at a random moment: it stops, or its messages are held up ... */
    double silence_s; /* ... for so long on average */
    int32_t refusals; /* times that a worker refuses what it computes at a random moment */
    int32_t sick;     /* workers that refuse whatever they get */
    int32_t poisons;  /* evaluations that kill whoever computes them */
    int32_t fatal;    /* evaluations that kill the coordinator and all workers whenever one computes them */
    int32_t broken;   /* evaluations that everybody refuses */
    int32_t restarts; /* times that the coordinator dies, all workers with it, and begins again from its database */
    bool reborn;      /* dead workers come back as new processes */
    int32_t resumes;  /* after a drain, and when all workers are lost, it begins again, so many times */
    double spread;    /* standard deviation of the logarithm of the workers' speeds, the mean of which is 1 */
    double noise;     /* the same of a unit's duration */
    double start_s;   /* the workers join within so long */
    double delay_s;   /* that a message takes */
    double serve_s;   /* that the coordinator takes over a message from a worker ... */
    double store_s;   /* ... and, where that is > 0, over each evaluation of a result that counts, besides */
    double notice_s;  /* after which a worker is said to be silent ... */
    double give_up_s; /* ... and lost; >= notice_s */
    double stop_s;    /* the sweep is drained so as to end by then */
    double early;     /* share of the evaluations that end before their last block */
} lsn_faults;

typedef struct lsn_simulation {
    lsn_sched_work work; /* costs in seconds of a worker of speed 1; what there is at the beginning is not used */
    lsn_faults faults;
    uint64_t seed;
    FILE *trace; /* what happens, a line each; NULL: not wanted */
} lsn_simulation;

typedef struct lsn_simulated {
    lsn_ending ending;
    double makespan_s;
    double work_s;     /* of what was recorded, with one pass of the intact network for each block */
    double share;      /* recorded of all that there was to do, 0 .. 1 */
    double capacity_s; /* work that the workers could have done from the beginning to the end */
    double computed_s; /* seconds that workers computed ... */
    double lost_s;     /* ... of these, for what was never recorded */
    double served_s;   /* seconds that the coordinator was busy */
    double longest_s;  /* unit */
    int64_t units;     /* assigned */
    int64_t dropped;   /* of these, given back unbegun */
    int32_t failed;    /* evaluations */
    int32_t dead;      /* workers */
    int32_t crashes;   /* deaths of the coordinator */
} lsn_simulated;

/* False and *err where memory is short, and (LSN_FAILED, "seed 7: ...") where a check failed. */
LSN_API bool lsn_simulate(const lsn_simulation *simulation, lsn_simulated *simulated, lsn_error *err);

#endif
