/* Who of the workers is there, by when rank 0 heard of them last. Only time in which rank 0 was awake counts. */
#ifndef LESION_RUN_ROSTER_H
#define LESION_RUN_ROSTER_H

#include "run/run_internal.h"

/* A silent worker's units are given to others; a lost one is not expected back. Either may be heard of again. */
typedef enum roster_presence { ROSTER_PRESENT, ROSTER_SILENT, ROSTER_LOST } roster_presence;

typedef struct roster_worker {
    roster_presence presence;
    double heard_s; /* by the roster's clock */
} roster_worker;

typedef struct roster {
    const lsn_crew *crew;
    lsn_patience patience;
    lsn_awake clock;
    roster_worker *workers; /* [crew->workers] */
    lsn_sched *sched;       /* told of every change; not owned */
} roster;

/* All workers of the crew join the scheduler. False: out of memory. */
bool roster_begin(roster *r, const lsn_crew *crew, lsn_sched *sched, lsn_error *err);

void roster_hear(roster *r, int32_t worker);

/* Notices who has not been heard of for long, and forgets in the store what the lost held. *changed: the store was. */
bool roster_watch(roster *r, lsn_store *store, bool *changed, lsn_error *err);

bool roster_anybody_missing(const roster *r);

/* Where the launcher ends all ranks because one died, it does so as if somebody had asked for it: rank 0 is told to
 * leave. Names a dead worker; false where there is none. */
bool roster_find_dead(const roster *r, char *name, size_t size);

void roster_finish(roster *r);

#endif
