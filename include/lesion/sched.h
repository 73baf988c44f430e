/* Lesion: the coordinator's mind.
 *
 * A pure state machine: events go in (a worker joined, a unit is done, a worker is silent), actions come out (assign
 * this unit to that worker, finish). It knows no MPI, no SQL and no clock, so that whatever drives it (the coordinator,
 * the simulator, a test) can replay a history exactly. An event costs O(1), or O(log workers) towards the end, besides
 * the unit's own evaluations; memory is in proportion to evaluations + workers x held.
 *
 * Work is a grid of evaluations x blocks of images; a part is one evaluation on one block, a unit some evaluations on
 * one block. Evaluations are taken in order of falling cost, a group of them through all blocks before the next group,
 * so that a sweep that is stopped leaves whole results; or, `by_block`, all of them through one block before the next,
 * so that those that do not end early share full units. A worker gets the block of its last unit if it can.
 *
 * How large a unit is. It takes about as long on every worker, whose speed is learnt from its last units: `unit_s`, but
 * up to 24 times as long where it otherwise cost less than 64 passes of the intact network (which every unit needs
 * besides), and 16 passes in any case; towards the end less, so that all workers end together: a third of an equal
 * share of what is left, but two passes at least, and no less than rank 0 needs to serve all workers in turn.
 *
 * Who holds a unit. A worker holds at most `held` units and computes them in the order it got them: the first is in
 * hand, the others are in reserve. A unit is over when a result of it counts: the first one does, whoever sends it.
 * Towards the end, when nothing is left to cut, an idle worker is given a unit that another holds, if it is expected to
 * finish it sooner. Whoever holds a unit that needs no result any more is told so (LSN_CANCEL), and holds it until it
 * answers: with lsn_sched_dropped if it had not begun it, else with the result, which is then ignored.
 *
 * What goes wrong. That a worker died, fell silent or refused a unit is a fault of the unit in hand (of the one
 * refused); units in reserve are innocent. All are given to others. A unit with two faults is split into eight parts,
 * which are split again after one fault, down to one evaluation, which is given up after two of its own (LSN_FAIL),
 * with all its parts; the rest goes on. Many workers must not die of one evaluation: a few units of a group are tried
 * before it is given to all (where all workers wait for it, an eighth of them gets it untried); after a fault of one of
 * its units a group is given out one unit at a time, then two, four, and so on as they come back; and nothing of it but
 * the parts of a split unit while they are tried. What one worker refused another one gets, if there is one that
 * computed its last unit; who refuses three units one after another gets no more for five minutes.
 *
 * What ends the whole run. Where a worker's death is the death of all (MPI without recovery), nothing of the above is
 * left but what the database knows: which evaluations were computed when runs died (`deaths`). One death says
 * little, for many are computed at a time. Who was computed at two, and has not come back since, is given out last,
 * when nothing else is left or in flight: an eighth of those with the most deaths at a time, first on the block on
 * which they were computed last, and nothing else beside; what comes back from there goes through the other blocks with
 * all workers. So each further death has an eighth of the suspects, and in the end one alone. After three
 * deaths, two of them alone, it is given up as soon as a scheduler begins (LSN_FAIL).
 *
 * Invariants. A part is in one unit at most; a unit has two holders at most that are not silent or lost; a worker holds
 * `held` units at most; after a drain, and after LSN_FINISH, nothing is assigned; LSN_FINISH comes once. It comes if
 * whatever is in flight comes back, or its worker is said to be silent or lost.
 */
#ifndef LESION_SCHED_H
#define LESION_SCHED_H

#include "lesion/base.h"

typedef struct lsn_sched lsn_sched;

/* An evaluation that was computed when runs died, and has not come back since. */
typedef struct lsn_sched_deaths {
    int32_t evaluation;
    int32_t deaths, alone; /* runs; those of them that died while nothing else was computed */
    int32_t block;         /* on which it was computed at the last one */
} lsn_sched_deaths;

typedef struct lsn_sched_work {
    int32_t n_evaluations, n_blocks, n_workers; /* workers that may join, >= 1 */
    const double *cost;   /* [n_evaluations], > 0: predicted work of one evaluation on one block, in any one unit */
    double unit_cost;     /* >= 0: work that every unit needs besides, in the same unit (the intact network's pass) */
    double unit_s;        /* duration wanted of a unit, seconds */
    double speed;         /* of a worker, cost a second, as far as is known beforehand (1 where costs are measured in
                           * seconds); 0: not known, the first units are small (16 passes) */
    int32_t held;         /* units a worker holds at a time, >= 1: 2 keeps one in reserve while the other is computed */
    bool by_block;        /* all evaluations go through one block before the next: for evaluations that may end early */
    bool fail_fast;       /* the first failed evaluation ends the sweep ... */
    int32_t max_failures; /* ... or more than so many do; 0: no number does */
    /* What need not be computed any more when the scheduler begins; both or none (NULL: nothing). */
    const int32_t *stored;          /* [n_evaluations] parts of each; n_blocks: it is complete, or not wanted */
    const uint64_t *parts;          /* bit evaluation * n_blocks + block: the part is there */
    const lsn_sched_deaths *deaths; /* [n_deaths], by evaluation */
    int32_t n_deaths;
} lsn_sched_work;

/* Owned by the scheduler. What LSN_ASSIGN gives stays as it is until that worker's answer is passed on, the worker is
 * said to be silent or lost, or a result of the unit counted. */
typedef struct lsn_unit {
    int32_t id; /* never negative; comes again only after 2^31 others */
    int32_t block, count;
    int32_t worker;             /* to whom it was given last */
    double cost;                /* with unit_cost */
    const int32_t *evaluations; /* [count], dearest first */
} lsn_unit;

typedef enum lsn_action_kind {
    LSN_ASSIGN, /* `worker` shall compute `unit` */
    LSN_CANCEL, /* `worker` shall drop the unit of that `id` unless it has begun it, and say so (lsn_sched_dropped); one
                 * that it knows nothing of, or has answered already, it ignores. Whoever drives this may ignore it */
    LSN_FAIL,   /* `evaluation` is given up: `faults` workers died, fell silent or refused while they computed it, the
                 * last ones it alone; or, where `deaths` is given, for those of runs. The latter counts neither for
                 * fail_fast nor max_failures */
    LSN_FINISH, /* there is nothing more to do or to wait for: `ending` says why */
} lsn_action_kind;

typedef enum lsn_ending {
    LSN_COMPLETE,        /* every part is done, but those of failed evaluations */
    LSN_DRAINED,         /* as it was asked to */
    LSN_NO_WORKERS,      /* all are lost */
    LSN_TOO_MANY_FAILED, /* fail_fast or max_failures; what was in flight was awaited */
} lsn_ending;

typedef struct lsn_action {
    lsn_action_kind kind;
    int32_t worker;                 /* LSN_ASSIGN, LSN_CANCEL */
    const lsn_unit *unit;           /* LSN_ASSIGN */
    int32_t id;                     /* LSN_CANCEL */
    int32_t evaluation, faults;     /* LSN_FAIL */
    const lsn_sched_deaths *deaths; /* LSN_FAIL; NULL: it was not for those */
    lsn_ending ending;              /* LSN_FINISH */
} lsn_action;

typedef struct lsn_sched_progress {
    int64_t parts_done, parts; /* since this scheduler began, and to do in all; the latter shrinks when an evaluation
                                * ends early or fails */
    double cost_done, cost;    /* of those parts */
    double left_s;             /* expected, by the speeds seen; < 0: not known yet */
    int32_t in_flight;         /* units that somebody who is not silent or lost holds */
    int32_t workers;           /* that have joined and are not silent or lost */
    int32_t failed;            /* evaluations */
    bool drained;              /* nothing more will be assigned */
} lsn_sched_progress;

/* `work` is copied, its arrays are not: they must outlive the scheduler. NULL and *err where memory is short. */
LSN_API lsn_sched *lsn_sched_create(const lsn_sched_work *work, lsn_error *err);
LSN_API void lsn_sched_destroy(lsn_sched *sched);

/* ---- events -------------------------------------------------------------------------------------------------- */

/* Events never fail and never allocate. Workers are 0 .. n_workers-1. Each event may call for actions: ask
 * lsn_sched_next until it has none. */

/* It is `now_s`, seconds of any clock that does not go back. To be told before the other events of a turn, and now and
 * then while nothing happens: without it no unit is given a second time. */
LSN_API void lsn_sched_time(lsn_sched *sched, double now_s);

/* The worker can compute, and holds nothing: at the beginning, or, after it was silent or lost, as a new process (of
 * one that was not said to be lost, say so first: a worker that is there stays as it is). */
LSN_API void lsn_sched_joined(lsn_sched *sched, int32_t worker);
/* Nothing was heard of the worker for long: its units are given to others. What it sends all the same counts if it is
 * the first; it does not end the silence. */
LSN_API void lsn_sched_silent(lsn_sched *sched, int32_t worker);
/* The same process is there again, with the units it held; also after it was taken for lost. */
LSN_API void lsn_sched_heard(lsn_sched *sched, int32_t worker);
/* The worker is dead, or will never join. When all are, LSN_FINISH follows. */
LSN_API void lsn_sched_lost(lsn_sched *sched, int32_t worker);

/* The unit of that id, if the worker holds it and its result would count now; else NULL. */
LSN_API const lsn_unit *lsn_sched_owed(const lsn_sched *sched, int32_t worker, int32_t unit);
/* The worker sent a result of the unit, which took it `seconds`. True if it counts (lsn_sched_owed just now: whoever
 * drives this stores it first); false if it is to be ignored. To be told in either case. */
LSN_API bool lsn_sched_done(lsn_sched *sched, int32_t worker, int32_t unit, double seconds);
/* The worker could not compute the unit, but lives. False where it held no such unit. */
LSN_API bool lsn_sched_refused(lsn_sched *sched, int32_t worker, int32_t unit);
/* The worker gave the unit back unbegun, as LSN_CANCEL asked it to. False where it held no such unit. */
LSN_API bool lsn_sched_dropped(lsn_sched *sched, int32_t worker, int32_t unit);

/* The evaluation needs no more parts. Those that are in no unit are no longer counted as work. */
LSN_API void lsn_sched_ended(lsn_sched *sched, int32_t evaluation);
/* Nothing more is assigned; units in reserve are asked back, those in hand are awaited. */
LSN_API void lsn_sched_drain(lsn_sched *sched);

/* ---- actions ------------------------------------------------------------------------------------------------- */

/* The next action, until there is none (false, err->code LSN_OK) for the present. Where memory is short (false and
 * *err) everything is as it was, and it may be asked again. */
LSN_API bool lsn_sched_next(lsn_sched *sched, lsn_action *action, lsn_error *err);

/* ---- looking on ---------------------------------------------------------------------------------------------- */

LSN_API lsn_sched_progress lsn_sched_see(const lsn_sched *sched);
/* Longest that a worker is expected to take over one unit of present size, seconds; 0 while no speed is known. */
LSN_API double lsn_sched_unit_s(const lsn_sched *sched);

#endif
