/* Shared by the files of the simulator, which knows the scheduler as anyone does: by its public header.
 *
 * simulate     a simulation from its beginning to its end
 * events       what is to happen, by time
 * coordinator  messages become the scheduler's events, its actions messages; both are checked
 * workers      virtual workers, and what befalls them
 * database     what is recorded and committed, and who was computed when the coordinator died */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "lesion/simulate.h"

/* ---- events to come (events.c) ----------------------------------------------------------------------------------- */

typedef enum sim_kind {
    /* at a worker; void if it is not the process any more for which they were meant */
    SIM_STARTED,  /* it can compute */
    SIM_ARRIVED,  /* a unit, or word to drop one */
    SIM_COMPUTED, /* its unit ended, one way or another */
    SIM_WOKEN,    /* its silence ends */
    /* at the coordinator, from a worker */
    SIM_JOINED,
    SIM_RESULT,
    SIM_REFUSED,
    SIM_DROPPED,
    SIM_HEARD,
    /* at the coordinator, of itself; void if it has died since */
    SIM_NOTICED,
    SIM_GIVEN_UP,
    SIM_TICK,
    /* fate, on whomever it falls */
    SIM_DEATH,
    SIM_SILENCE,
    SIM_REFUSAL,
    SIM_RESTART,
    /* a worker computes what kills all; void if it is not the process any more for which it was meant */
    SIM_FATALITY,
} sim_kind;

typedef struct sim_event {
    double at_s;
    uint64_t order; /* of events at the same time */
    sim_kind kind;
    int32_t worker, process; /* process: of the worker, or of the coordinator */
    int32_t unit;
    double seconds;
    bool served; /* the coordinator has come to it */
} sim_event;

typedef struct sim_events {
    sim_event *heap;
    size_t count, room;
    uint64_t order;
} sim_events;

bool sim_events_add(sim_events *events, sim_event event, lsn_error *err);
/* The earliest; there must be one. */
sim_event sim_events_take(sim_events *events);

/* ---- the state ------------------------------------------------------------------------------------------------ */

/* A unit as the coordinator and a worker remember it. */
typedef struct sim_held {
    int32_t id, count;
    int32_t only; /* its evaluation where it is one; -1 */
    double cost;
    uint64_t digest;
    bool deadly, fatal, refused;   /* what computing it leads to */
    double arrives_s, cancelled_s; /* at the worker; the word to drop it, too: INFINITY while there is none */
} sim_held;

typedef struct sim_list {
    sim_held *units; /* [work.held] */
    int32_t count;
} sim_list;

typedef struct sim_worker {
    double speed;
    int32_t process; /* numbers the processes that were this worker */
    bool alive, sick;
    sim_list held; /* the first one is in hand if it computes */
    bool computing;
    double began_s, ends_s;
    double frozen_s;           /* since when it stands still; < 0: it does not */
    double mute_until_s;       /* until when its messages are held up */
    double reach_s, reached_s; /* when the last message to it, from it, arrives: none overtakes another */
    /* as the coordinator knows it */
    int32_t known;  /* process; -1: none has joined */
    bool away;      /* was said to be silent or lost */
    bool gone;      /* was said to be lost */
    sim_list given; /* not answered */
} sim_worker;

typedef struct sim_suspicion {
    lsn_sched_deaths known;
    int32_t mark; /* the coordinator at whose death it was counted last */
} sim_suspicion;

typedef struct sim_database {
    uint64_t *recorded;        /* a bit a part */
    int32_t *blocks;           /* [evaluations]: recorded */
    int32_t *enough;           /* [evaluations]: blocks after which it ends */
    bool *failed;              /* [evaluations] */
    sim_suspicion *suspicions; /* [evaluations] */
    /* what the present scheduler was given */
    int32_t *stock_stored;
    uint64_t *stock_parts;
    lsn_sched_deaths *stock_deaths;
    size_t *uncommitted; /* parts */
    size_t n_uncommitted, uncommitted_room;
    double committed_s;   /* when */
    double cost, seconds; /* recorded */
    double uncommitted_cost, uncommitted_seconds;
} sim_database;

typedef struct sim {
    const lsn_simulation *given;
    const lsn_faults *faults;
    lsn_simulated *out;
    lsn_error *err;
    lsn_random random;
    sim_events events;
    double now_s, tick_s, horizon_s;
    double stirred_s; /* when something last happened */
    sim_worker *workers;
    sim_held *units; /* of all lists */
    sim_database database;
    unsigned char *nature;   /* [evaluations] */
    unsigned char *suffered; /* [evaluations]: faults of workers that held it alone in hand */
    lsn_sched *sched;
    int32_t process;            /* of the coordinator */
    int32_t resumed, accidents; /* accidents: deaths of the coordinator that nothing it gave out is to blame for */
    double served_until_s;
    bool drained, over;
} sim;

enum { NATURE_SOUND, NATURE_POISON, NATURE_BROKEN, NATURE_FATAL };

/* Says what is wrong with the history; false. */
bool sim_violated(sim *s, const char *format, ...) LSN_PRINTF(2, 3);
/* Writes a line of the trace. */
void sim_trace(const sim *s, const char *format, ...) LSN_PRINTF(2, 3);
bool sim_add(sim *s, sim_event event);
double sim_uniform(sim *s, double from, double below);
/* exp(spread z - spread^2 / 2), z normal: 1 on average. */
double sim_factor(sim *s, double spread);
void sim_list_remove(sim_list *list, int32_t at);
/* Index of the unit of that id, or -1. */
int32_t sim_list_find(const sim_list *list, int32_t id);

/* ---- workers (workers.c) ----------------------------------------------------------------------------------------- */

/* All workers begin, as new processes. */
bool sim_workers_start(sim *s);
/* What the coordinator sends. */
bool sim_worker_give(sim *s, int32_t worker, const sim_held *unit);
bool sim_worker_cancel(sim *s, int32_t worker, int32_t unit);
bool sim_worker_event(sim *s, const sim_event *event);
/* Something befalls a worker. */
bool sim_worker_fate(sim *s, sim_kind kind);
/* Seconds that workers have computed what they have not finished; they stop. */
void sim_workers_stop(sim *s);
/* Whether nothing can be heard of it ... */
bool sim_worker_quiet(const sim *s, int32_t worker);
/* ... which the coordinator will notice, and then give it up. */
bool sim_worker_missed(sim *s, int32_t worker);

/* ---- the database (database.c) ----------------------------------------------------------------------------------- */

bool sim_database_init(sim *s);
void sim_database_finish(sim *s);
bool sim_database_has(const sim *s, int32_t evaluation, int32_t block);
/* What it has when a scheduler begins; what failed is taken up again. It stays valid until the next time. */
void sim_database_take_stock(sim *s, lsn_sched_work *work);
/* Records a result; each part must be new. */
bool sim_database_record(sim *s, const lsn_unit *unit, double seconds);
/* Commits now and then. */
void sim_database_tick(sim *s);
/* What was not committed was never recorded. */
void sim_database_crash(sim *s);
/* Counts who was computed when the coordinator died; before it is stopped. */
void sim_database_count_death(sim *s);
/* Every evaluation is whole or failed. */
bool sim_database_check(sim *s);

/* ---- the coordinator (coordinator.c) ----------------------------------------------------------------------------- */

bool sim_coordinator_start(sim *s);
/* An event, and all that the scheduler wants after it. */
bool sim_coordinator_event(sim *s, const sim_event *event);
void sim_coordinator_stop(sim *s);

#endif
