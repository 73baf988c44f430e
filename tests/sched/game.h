/* A scheduler and what a driver of it would remember: who holds what, and which parts are stored. */
#ifndef TESTS_SCHED_GAME_H
#define TESTS_SCHED_GAME_H

#include "lesion/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GAME_HELD = 4096, GAME_WORKERS = 64, GAME_FAILED = 64 };

/* A unit as a worker got it. */
typedef struct holding {
    int32_t id, worker, block, count;
    double cost;
    int32_t *evaluations; /* [count] */
} holding;

typedef struct game {
    lsn_sched_work work;
    double *cost;
    unsigned char *stored; /* [evaluations][blocks] */
    int32_t unwanted;      /* an evaluation that is not, > 0; 0: none */
    int32_t *stored_of;    /* [evaluations] what game_create makes of these */
    uint64_t *parts;
    lsn_sched *sched;
    double now_s;
    holding held[GAME_HELD]; /* in the order in which they were given */
    int32_t n_held, of_worker[GAME_WORKERS];
    int32_t cancelled_worker, cancelled_id, cancels; /* the last LSN_CANCEL; how many */
    int32_t failed[GAME_FAILED], faults[GAME_FAILED], n_failed;
    bool finished;
    lsn_ending ending;
} game;

/* Costs and the intact network's pass are 1, a unit should take 2 s; `work` may be changed before game_start. */
void game_init(game *g, int32_t evaluations, int32_t blocks, int32_t workers, int32_t held);
void game_create(game *g);
void game_start(game *g); /* that, and all workers join */
void game_finish(game *g);

/* Carries out all actions that there are for now; checks what must hold for every one of them. Returns how many units
 * were assigned. */
int32_t game_act(game *g);
/* Index of the first unit that the worker holds, and of the one of that evaluation and block; -1: none. */
int32_t game_first(const game *g, int32_t worker);
int32_t game_find(const game *g, int32_t evaluation, int32_t block);
bool game_holds(const holding *held, int32_t evaluation);
/* Ends a unit that is held, by its index: stores it and tells the scheduler (whether it counted), or drops or refuses
 * it. Then carries out what follows. */
bool game_done(game *g, int32_t index, double seconds);
void game_dropped(game *g, int32_t index);
void game_refused(game *g, int32_t index);
/* The worker holds nothing any more, as the driver sees it. */
void game_forget(game *g, int32_t worker);
void game_time(game *g, double now_s);
/* Ends units in the order in which they were given, each after its cost / speed, until the end. */
void game_play(game *g, double speed);
bool game_complete(const game *g); /* all but failed evaluations are stored */

#endif
