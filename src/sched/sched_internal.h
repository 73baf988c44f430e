/* Shared by the files of this room.
 *
 * sched         the scheduler as a whole; events
 * actions       the next action, which follows from what happened
 * work          what there is to do, in which order; what runs died of
 * workers       who is there, how fast, who is served first
 * units         units and who holds them
 * unit_cutting  from evaluations to units; units that wait are cut again
 * unit_size     how large a unit is
 * groups        evaluations that go through all blocks together, and are tried first
 * faults        whose fault it was
 * endgame       what idle workers compute a second time towards the end
 * heap          what the endgame is sorted by
 *
 * The life of a unit: cut from a group (unit_cutting) -> held by one worker or more (units) -> over; or, when nobody
 * who is present holds it any more, loose -> judged (faults) -> waiting in its group's queue -> held again. The life of
 * a group: opened (groups) -> its blocks cut one by one -> closed when no unit of it is left. */
#ifndef SCHED_INTERNAL_H
#define SCHED_INTERNAL_H

#include "lesion/sched.h"

typedef struct sched_unit sched_unit;
typedef struct sched_group sched_group;

enum { NOBODY = -1 };

/* ---- work (work.c) ------------------------------------------------------------------------------------------- */

enum { EVALUATION_OPEN, EVALUATION_ENDED, EVALUATION_FAILED, EVALUATION_CONDEMNED };

typedef struct sched_suspect {
    int32_t deaths, block;
} sched_suspect;

typedef struct sched_tasks {
    int32_t *order; /* evaluations with anything to do, dearest first; a position is an index into it */
    int32_t n_order;
    int32_t n_trusted;       /* from this position on there are suspects, those with the most deaths first */
    sched_suspect *suspects; /* [n_order - n_trusted] */
    int32_t *left;           /* [n_evaluations] parts to do that are in no unit */
    unsigned char *state;    /* [n_evaluations] */
    int64_t parts, parts_done;
    double cost, cost_done;
    double cost_uncut; /* of what `left` counts */
    double cost_loose; /* of units that wait or are loose, without unit_cost */
    int32_t failed;
    int32_t n_judged; /* of work.deaths, those that were looked at by sched_condemn */
} sched_tasks;

bool sched_tasks_init(lsn_sched *sched, lsn_error *err);
void sched_tasks_finish(lsn_sched *sched);
/* Whether the part must be computed still. */
bool sched_wanted(const lsn_sched *sched, int32_t evaluation, int32_t block);
/* The next evaluation that is given up for the deaths of runs; false: none. */
bool sched_condemn(lsn_sched *sched, lsn_action *action);
/* The evaluation needs no more parts. */
void sched_close(lsn_sched *sched, int32_t evaluation, unsigned char state);
/* A part that was in a unit needs not be done any more. */
void sched_forgo(lsn_sched *sched, int32_t evaluation);

/* ---- workers (workers.c) ------------------------------------------------------------------------------------- */

typedef enum sched_presence { WORKER_ABSENT, WORKER_PRESENT, WORKER_SILENT, WORKER_LOST } sched_presence;

/* A unit that a worker holds. */
typedef struct sched_slot {
    sched_unit *unit;    /* NULL: it is over, but the worker has not answered */
    int32_t id;          /* of the unit; NOBODY: the slot is free */
    int32_t next_holder; /* the next slot that holds the same unit, or NOBODY */
    uint32_t turn;       /* the lowest is in hand */
    double cost;
    bool wants_cancel; /* LSN_CANCEL is due */
    bool cancelled;    /* the worker was told, or will be: it may not begin it */
    bool blamed;       /* this worker's silence or death was counted as the unit's fault */
} sched_slot;

typedef struct sched_worker {
    sched_presence presence;
    int32_t used;           /* slots */
    int32_t previous, next; /* in its list of hungry workers, or NOBODY */
    int32_t list;           /* that list; NOBODY: none */
    int32_t next_cancel;    /* in the list of those to be told; see told */
    bool told;              /* is in that list */
    int32_t last_block;     /* NOBODY: none yet */
    int32_t refusals;       /* since it last computed a unit */
    double doubted_s;       /* since when these are too many */
    uint32_t turn;          /* units given so far */
    double begun_s;         /* when it began the unit in hand, as far as is known */
    double cost, seconds;   /* of its last units, older ones weighing less */
} sched_worker;

/* Workers that could hold one more unit, in order of arrival. */
typedef struct sched_hungry {
    int32_t first, last;
} sched_hungry;

typedef struct sched_crew {
    sched_worker *workers;
    sched_slot *slots;    /* [n_workers][held] */
    sched_hungry *hungry; /* [2][held]: trusted ones by the units they hold, then doubtful ones */
    int32_t first_cancel;
    int32_t present, absent, lost, trusted; /* trusted: present and not doubtful */
    double speed_sum;                       /* of present workers whose speed is known ... */
    int32_t speeds;                         /* ... so many */
    double mean_speed;                      /* of them, or of the last there were; 0: not known */
} sched_crew;

bool sched_crew_init(lsn_sched *sched, lsn_error *err);
void sched_crew_finish(lsn_sched *sched);
void sched_set_presence(lsn_sched *sched, int32_t worker, sched_presence presence);
/* Puts the worker into the list of hungry ones where it belongs now, or into none. */
void sched_relist(lsn_sched *sched, int32_t worker);
/* The worker that should be served first, and after that the next one; NOBODY at the end. Doubtful ones only where
 * there are no others. */
int32_t sched_hungriest(const lsn_sched *sched);
int32_t sched_next_hungry(const lsn_sched *sched, int32_t worker);
/* Lets others of its list go before it. */
void sched_queue_up_again(lsn_sched *sched, int32_t worker);
/* Notes how many units it refused since it last computed one. */
void sched_set_refusals(lsn_sched *sched, int32_t worker, int32_t refusals);
/* Gives those who were doubted long enough another chance, one at a time. */
void sched_forgive(lsn_sched *sched);
void sched_learn_speed(lsn_sched *sched, int32_t worker, double cost, double seconds);
/* Cost a second; the mean where it is not known; 0 where nothing is. */
double sched_speed(const lsn_sched *sched, int32_t worker);

/* ---- sizes (unit_size.c) ----------------------------------------------------------------------------------------- */

typedef struct sched_size {
    double cost;   /* that a unit should have, unit_cost included */
    int32_t count; /* most evaluations */
} sched_size;

/* For a worker of that speed (0: not known). */
sched_size sched_size_for(const lsn_sched *sched, double speed);
/* Notes that a unit was given that is expected to take so long. */
void sched_note_duration(lsn_sched *sched, double seconds);

/* ---- units (units.c) ----------------------------------------------------------------------------------------- */

typedef struct sched_queue {
    sched_unit *first, *last;
} sched_queue;

struct sched_unit {
    lsn_unit seen; /* first: a pointer to it is a pointer to the unit */
    sched_group *group;
    sched_queue *queue; /* in which it waits; NULL: none */
    sched_unit *next, *previous;
    sched_unit *next_made;
    int32_t *own; /* evaluations that are no slice of the order */
    size_t own_room;
    int32_t first_holder; /* slot, or NOBODY */
    int32_t active;       /* slots of present workers that hold it */
    int32_t faults;       /* of this list of evaluations */
    int32_t all_faults;   /* with those of the units it was split from */
    int32_t refuser;      /* who refused it last, or NOBODY */
    bool trial;           /* a part of a unit that was split for its faults */
};

void sched_queue_push(sched_queue *queue, sched_unit *unit, bool front);
void sched_queue_remove(sched_unit *unit);

/* An empty unit of the group, in no queue. */
sched_unit *sched_unit_make(lsn_sched *sched, sched_group *group, lsn_error *err);
/* The unit is over: who holds it will be told. */
void sched_unit_end(lsn_sched *sched, sched_unit *unit);
void sched_units_free(lsn_sched *sched);
/* Gives the unit an id of its own, for its evaluations have changed: what was known by the old one does not count any
 * more. */
void sched_unit_renew(lsn_sched *sched, sched_unit *unit);
/* It waits in its group's queue. */
void sched_unit_wait(lsn_sched *sched, sched_unit *unit, bool front);
bool sched_unit_reserve(sched_unit *unit, int32_t count, lsn_error *err);

/* The worker's slot of that unit, or NULL. */
sched_slot *sched_slot_of(const lsn_sched *sched, int32_t worker, int32_t id);
/* What the worker got next after `slot`; NULL: the first that it holds. NULL where there is none. */
sched_slot *sched_slot_after(const lsn_sched *sched, int32_t worker, const sched_slot *slot);
int32_t sched_holder(const lsn_sched *sched, const sched_slot *slot);
void sched_hold(lsn_sched *sched, sched_unit *unit, int32_t worker);
/* The worker answered: its slot is free. A unit that it held alone is loose. */
void sched_release(lsn_sched *sched, sched_slot *slot);
/* What the worker holds counts as held, or does not. */
void sched_activate(lsn_sched *sched, int32_t worker);
void sched_deactivate(lsn_sched *sched, int32_t worker);
/* What is to be known of the unit by those who hold it has changed. */
void sched_note_holders(lsn_sched *sched, const sched_unit *unit);
/* Tells the worker to drop what the slot holds, once it can be told. */
void sched_cancel(lsn_sched *sched, sched_slot *slot);
/* The next LSN_CANCEL that is due; false: none. */
bool sched_next_cancel(lsn_sched *sched, lsn_action *action);

/* ---- groups (groups.c) --------------------------------------------------------------------------------------- */

enum {
    SCHED_AHEAD = 4,    /* groups that are tried at a time, at most */
    SCHED_CANARIES = 2, /* units by which a group is tried */
};

/* A block by which a group is tried. */
typedef struct sched_canary {
    int32_t block, missing; /* evaluations of which nothing came back on it */
} sched_canary;

struct sched_group {
    int32_t first, end;           /* positions */
    uint64_t *taken;              /* a bit a block */
    int32_t untaken;              /* blocks ... */
    int32_t cursor;               /* ... none of them before this one */
    int32_t units;                /* not over */
    int32_t in_flight;            /* of these */
    int32_t trials;               /* of these */
    int64_t window;               /* most units in flight */
    int32_t first_block;          /* that should be given first; NOBODY: any */
    sched_queue returned, tried;  /* tried: waiting trials */
    sched_group *previous, *next; /* in the list of those that have something to give */
    bool listed;
    sched_canary canaries[SCHED_CANARIES];
    int32_t n_canaries;
    bool proven;  /* all of it came back on one block */
    bool ahead;   /* it is tried, or was and waits for its turn */
    bool careful; /* after a fault */
    sched_group *next_free, *next_made;
};

/* A group that has something to give, though none was listed; NULL without an error where there is none. */
sched_group *sched_group_more(lsn_sched *sched, lsn_error *err);
/* The next suspects, when there is nothing else; NULL without an error where there are none now. */
sched_group *sched_group_suspects(lsn_sched *sched, lsn_error *err);
/* The group is about to be given: if to all, the next ones should be tried. */
bool sched_group_look_ahead(lsn_sched *sched, sched_group *group, lsn_error *err);
void sched_groups_free(lsn_sched *sched);
/* Something about the group changed: lists it, closes it. */
void sched_group_settle(lsn_sched *sched, sched_group *group);
/* A block that nobody has taken, of which there must be one: the one preferred, if it can be. */
int32_t sched_group_block(sched_group *group, int32_t preferred);
/* It is taken from now on, for so many evaluations. */
void sched_group_take(sched_group *group, int32_t block, int32_t count);
void sched_group_faulted(lsn_sched *sched, sched_group *group);
/* So many evaluations came back on the block, or need not be computed on it any more. */
void sched_group_settled(lsn_sched *sched, sched_group *group, int32_t block, int32_t count);

/* ---- cutting (unit_cutting.c) ------------------------------------------------------------------------------------ */

/* Where `by_block` stands. */
typedef struct sched_sheet {
    int32_t *positions; /* that had anything left when the block began */
    int32_t count, at;
    int32_t block;
} sched_sheet;

bool sched_sheet_init(lsn_sched *sched, lsn_error *err);
/* A unit for the worker, in no queue, of a size that is right for it; NULL without an error where there is none now. A
 * unit that the worker refused is passed over where `picky`. */
sched_unit *sched_cut_for(lsn_sched *sched, int32_t worker, bool picky, lsn_error *err);
/* Leaves the first `keep` evaluations in the unit and returns the others as a unit that inherits its faults. */
sched_unit *sched_split(lsn_sched *sched, sched_unit *unit, int32_t keep, lsn_error *err);
/* Whether units could be cut or wait to be given. */
bool sched_anything_left(const lsn_sched *sched);

/* ---- faults (faults.c) --------------------------------------------------------------------------------------- */

enum { SCHED_FAULTS = 2 }; /* after which a unit is split, or an evaluation alone given up */

/* The worker is gone while it held what it held. */
void sched_blame_unit_in_hand(lsn_sched *sched, int32_t worker);
void sched_blame_refused(lsn_sched *sched, sched_slot *slot);
/* Decides about loose units. True: `action` gives up an evaluation. False, err->code LSN_OK: none is loose. */
bool sched_judge(lsn_sched *sched, lsn_action *action, lsn_error *err);

/* ---- heaps (heap.c) ------------------------------------------------------------------------------------------ */

/* The items 0 .. n-1, those that are in, least key first. */
typedef struct sched_heap {
    int32_t *items, *place; /* place[item]: index into items, or NOBODY */
    double *key;            /* [item] */
    int32_t count;
} sched_heap;

bool sched_heap_init(sched_heap *heap, int32_t n, lsn_error *err);
void sched_heap_finish(sched_heap *heap);
void sched_heap_set(sched_heap *heap, int32_t item, double key);
void sched_heap_remove(sched_heap *heap, int32_t item);

/* ---- second holders (endgame.c) ---------------------------------------------------------------------------------- */

typedef struct sched_endgame {
    bool on;
    sched_heap last_to_end; /* workers by the expected end of what could be taken from them, the last one first */
    sched_heap late;        /* workers by the time from which their unit in hand is late */
} sched_endgame;

bool sched_endgame_init(lsn_sched *sched, lsn_error *err);
void sched_endgame_finish(lsn_sched *sched);
/* What the worker holds has changed. */
void sched_endgame_note(lsn_sched *sched, int32_t worker);
/* A unit that an idle worker should compute besides the one who holds it; NULL: none. */
sched_unit *sched_second_unit(lsn_sched *sched, int32_t idle);

/* ---- all of it ----------------------------------------------------------------------------------------------- */

struct lsn_sched {
    lsn_sched_work work;
    sched_tasks tasks;
    sched_crew crew;
    sched_sheet sheet;     /* by_block */
    int32_t next_position; /* the first that no group has */
    sched_group flat;      /* by_block: of all units */
    sched_group *first_group, *free_groups, *made_groups;
    sched_group *ahead[SCHED_AHEAD]; /* groups that are tried, in order */
    int32_t n_ahead;
    int32_t open_groups;
    sched_unit *free_units, *made_units;
    sched_queue loose;
    uint32_t next_id;
    int32_t in_flight;
    sched_endgame endgame;
    double now_s;
    bool timed;          /* now_s was told */
    double longest_s[2]; /* of the last and the present round of units given */
    int64_t given;       /* in the present round */
    bool drained, finished, too_many_failed;
    int32_t drained_to; /* workers before this one were asked for their reserve */
};

#endif
