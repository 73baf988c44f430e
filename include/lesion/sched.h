/* Lesion: the coordinator's mind.
 *
 * A pure state machine: events go in (a worker joined, a unit is done, a drain is asked for), actions come out (assign
 * this unit to that worker, finish). It knows no MPI, no SQL and no clock, so that whatever drives it (the coordinator,
 * a test) can replay a history exactly.
 *
 * Work is a grid of evaluations x blocks of images. A unit is some evaluations on one block. Units are cut when they
 * are assigned: evaluations in order of falling cost, each group of them through all blocks before the next group, so
 * that a sweep that is stopped leaves whole results; or, where evaluations may end before their last block, all of them
 * through one block before the next, so that those that are left share full units. A unit is as large as `unit_s`
 * allows at the speed seen so far, and smaller towards the end, so that all workers end together.
 */
#ifndef LESION_SCHED_H
#define LESION_SCHED_H

#include "lesion/base.h"

typedef struct lsn_sched lsn_sched;

typedef struct lsn_sched_work {
    int32_t n_evaluations, n_blocks, n_workers;
    const double *cost; /* [n_evaluations], > 0: predicted work of one evaluation on one block, in any one unit */
    double unit_cost;   /* work that every unit needs besides, in the same unit (the intact network's pass) */
    double unit_s;      /* longest duration wanted of a unit, seconds; but a unit costs a few unit_cost at least */
    int32_t held;       /* units a worker holds at a time, >= 1: 2 keeps one in reserve while the other is computed */
    bool by_block;      /* all evaluations go through one block before the next: for evaluations that may end early */
    bool (*has)(void *context, int32_t evaluation, int32_t block); /* what need not be done any more */
    void *context;
} lsn_sched_work;

typedef struct lsn_unit {
    int32_t id, block, count;
    int32_t worker;       /* who holds it */
    double cost;          /* with unit_cost */
    int32_t *evaluations; /* [count] */
} lsn_unit;

typedef enum lsn_action_kind { LSN_ASSIGN, LSN_FINISH } lsn_action_kind;

typedef struct lsn_action {
    lsn_action_kind kind;
    const lsn_unit *unit; /* LSN_ASSIGN: owned by the scheduler, valid until it is done */
} lsn_action;

typedef struct lsn_sched_progress {
    int64_t parts_done, parts; /* (evaluation, block) pairs since this scheduler began, and to do in all; the latter
                                * shrinks when an evaluation ends early */
    double cost_done, cost;    /* of those pairs */
    int32_t in_flight;         /* units */
    bool drained;              /* nothing more will be assigned */
} lsn_sched_progress;

/* `work` is copied, its arrays are not: they must outlive the scheduler. */
LSN_API lsn_sched *lsn_sched_create(const lsn_sched_work *work, lsn_error *err);
LSN_API void lsn_sched_destroy(lsn_sched *sched);

/* Events. Workers are 0 .. n_workers-1. */
LSN_API void lsn_sched_joined(lsn_sched *sched, int32_t worker);
/* The worker has finished the unit, which took `seconds`; false where it held no such unit (nothing changes). */
LSN_API bool lsn_sched_done(lsn_sched *sched, int32_t worker, int32_t unit, double seconds);
/* The evaluation needs no more parts: from now on `has` is true for all of them. Those that are not assigned yet are no
 * longer counted as work. */
LSN_API void lsn_sched_ended(lsn_sched *sched, int32_t evaluation);
/* Nothing more is assigned; units in flight are awaited. */
LSN_API void lsn_sched_drain(lsn_sched *sched);

/* The next action, until there is none (false) for the present. LSN_FINISH comes once, when nothing is in flight and
 * either all is done or a drain was asked for. Out of memory is an error. */
LSN_API bool lsn_sched_next(lsn_sched *sched, lsn_action *action, lsn_error *err);

/* The unit of that id if it is in flight, else NULL. */
LSN_API const lsn_unit *lsn_sched_unit(const lsn_sched *sched, int32_t unit);
LSN_API lsn_sched_progress lsn_sched_see(const lsn_sched *sched);
/* Longest a unit of present size is expected to take, seconds; 0 while no unit is done. */
LSN_API double lsn_sched_unit_s(const lsn_sched *sched);

#endif
