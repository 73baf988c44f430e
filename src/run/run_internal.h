/* Shared by the files of this room.
 *
 * coordinator  rank 0's loop between scheduler, crew and store
 * roster       who of the workers is there; patience: how long ranks wait for each other
 * alone        the crew of a run in one process
 * compute      computing a unit; outcome: what it gives; trial: one ablation on all images
 * loader       images decoded ahead of need; images: whether they can be read
 * wire         messages as bytes
 * shards       shares of a study; blocks: images to a block; memory: what a run takes
 * signals      what signals ask for; wait: waiting without burning a core; unit_log: what was computed when */
#ifndef LESION_RUN_INTERNAL_H
#define LESION_RUN_INTERNAL_H

#include "lesion/run.h"
#include "lesion/sched.h"
#include "lesion/stats.h"
#include "lesion/store.h"

/* ---- waiting (wait.c) ---------------------------------------------------------------------------------------- */

/* A rank that waits must not burn the core of one that computes: it yields, then naps, then sleeps. */
typedef struct lsn_wait {
    int idle;
} lsn_wait;

/* Nothing came: wait a little, longer each time. */
void lsn_wait_step(lsn_wait *wait);
/* Something came: be quick again. */
void lsn_wait_reset(lsn_wait *wait);

/* ---- signals (signals.c) ------------------------------------------------------------------------------------- */

typedef enum lsn_asked { LSN_GO_ON, LSN_DRAIN, LSN_LEAVE } lsn_asked;

/* What signals have asked for so far. */
lsn_asked lsn_signals_asked(void);
/* Whether that is LSN_LEAVE: an lsn_stop without a context. */
bool lsn_leave_asked(void *context);

/* ---- images ahead of need (loader.c) -------------------------------------------------------------------------- */

/* Images first .. first + n - 1 of the plan's images, or of its calibration images. */
typedef struct lsn_span {
    bool calibration;
    int32_t first, n;
} lsn_span;

typedef struct lsn_loader lsn_loader;

/* For spans of at most `block_images` of a settled plan, which must outlive it. Used by one thread at a time. Keeps 64
 * MB of decoded images, or two blocks where those are more. */
size_t lsn_loader_bytes(const lsn_plan *plan, int32_t block_images);
lsn_loader *lsn_loader_create(const lsn_plan *plan, int32_t block_images, lsn_error *err);
void lsn_loader_destroy(lsn_loader *loader);
/* The span that will be loaded next: decoded in the meantime. */
void lsn_loader_expect(lsn_loader *loader, const lsn_span *span);
/* Preprocessed images: out[n][H][W][C]. LSN_FAILED where one cannot be read any more, or is not what was checked. */
bool lsn_loader_load(lsn_loader *loader, const lsn_span *span, float *out, lsn_error *err);
/* The same for single calibration images, given by their places in the sample; decoded at once. */
bool lsn_loader_pick(lsn_loader *loader, const int32_t *places, int32_t n, float *out, lsn_error *err);

/* ---- images that can be read (images.c) ---------------------------------------------------------------------- */

/* Decodes the images first, first + step, ... of a plan that is not settled, on `threads` threads (0: one), and notes
 * in *found, which was made for this plan, how each is. LSN_STOPPED where a signal came in between. */
bool lsn_images_check_share(const lsn_plan *plan, int32_t first, int32_t step, int threads, lsn_image_checks *found,
                            lsn_error *err);

/* ---- what a unit gives (outcome.c) ---------------------------------------------------------------------------- */

/* What is measured of each evaluation besides its tally: the lengths of arrays, 0 where a study does not ask for it. */
typedef struct lsn_extent {
    int32_t classes, images, layers;
} lsn_extent;

lsn_extent lsn_extent_of(const lsn_plan *plan, int32_t block_images);

/* The results of some evaluations on a block; an array that is not wanted is NULL. */
typedef struct lsn_outcome {
    lsn_extent extent;
    lsn_tally *tallies;                     /* [count] */
    int64_t *drift;                         /* [count][layers] sums over the images, in units of 1 / LSN_FIXED */
    lsn_verdict *verdicts;                  /* [count][images] */
    int32_t *class_right, *class_predicted; /* [count][classes] */
} lsn_outcome;

/* Bytes of all arrays for `count` evaluations; and the outcome whose arrays lie there, one after another. */
size_t lsn_outcome_bytes(lsn_extent extent, int32_t count);
lsn_outcome lsn_outcome_in(void *bytes, lsn_extent extent, int32_t count);
/* That of the evaluations from the i-th on. */
lsn_outcome lsn_outcome_from(const lsn_outcome *outcome, int32_t i);
/* That of the i-th, as it is stored. */
lsn_part lsn_outcome_part(const lsn_outcome *outcome, int32_t i);

/* ---- computing (compute.c) ----------------------------------------------------------------------------------- */

/* What a rank needs to compute units: the engine, and the block of images it last used. */
typedef struct lsn_compute lsn_compute;

/* For LSN_RESAMPLE and drift `options` must say so. */
lsn_compute *lsn_compute_create(const lsn_plan *plan, int32_t block_images, const lsn_engine_options *options,
                                lsn_error *err);
/* Bytes that it takes, packed weights included. */
bool lsn_compute_count(const lsn_plan *plan, int32_t block_images, const lsn_engine_options *options, size_t *bytes,
                       lsn_error *err);
void lsn_compute_measure(lsn_compute *compute, double seconds, lsn_costs *costs);
void lsn_compute_destroy(lsn_compute *compute);

/* Evaluates ablations on a block; *outcome is overwritten. logits[count][images of the block][classes], or NULL. */
bool lsn_compute_unit(lsn_compute *compute, int32_t block, const lsn_ablation *const *ablations, int32_t count,
                      const lsn_outcome *outcome, float *logits, lsn_stop *stop, void *context, lsn_error *err);
/* The same for evaluations of the plan. */
bool lsn_compute_evaluations(lsn_compute *compute, int32_t block, const int32_t *evaluations, int32_t count,
                             const lsn_outcome *outcome, lsn_stop *stop, void *context, lsn_error *err);

/* Where LESION_UNIT_LOG names a file, appends a line to it: the time (seconds since 1970), this process, `what`
 * ("begin" or "end"), the block, its images, and the plan's evaluations that are computed on it: "1700000000.123 4711
 * begin 0 40 [3,17]". (unit_log.c) */
void lsn_unit_log(const char *what, int32_t block, int32_t images, const int32_t *evaluations, int32_t count);

/* Loads the images of a block, unless they are there. */
bool lsn_compute_load(lsn_compute *compute, int32_t block, lsn_error *err);
/* What is measured of each evaluation on the block that was loaded last. */
lsn_extent lsn_compute_extent(const lsn_compute *compute);
/* The block that will be asked for next, as far as is known; one beyond the last stands for the first. */
void lsn_compute_expect(lsn_compute *compute, int32_t block);

/* Adds what filters do on the calibration images first .. end-1. */
bool lsn_compute_add_activations(lsn_compute *compute, int32_t first, int32_t end, lsn_activations *sums,
                                 lsn_stop *stop, void *context, lsn_error *err);
/* Gives the engine the means and deviations that were measured. */
bool lsn_compute_set_activations(lsn_compute *compute, const lsn_activations *found, lsn_error *err);

/* ---- memory (memory.c) ---------------------------------------------------------------------------------------- */

/* What an expanded plan's sweep wants the engine to have room for. */
void lsn_sweep_equip(const lsn_plan *plan, lsn_engine_options *engine);

/* ---- the wire (wire.c) --------------------------------------------------------------------------------------- */

enum {
    LSN_TAG_UNIT = 1, /* rank 0 to worker: a unit */
    LSN_TAG_CANCEL,   /* rank 0 to worker: lsn_note, drop that unit unless it has begun */
    LSN_TAG_LEAVE,    /* rank 0 to worker: lsn_farewell; nothing comes after it */
    LSN_TAG_ALIVE,    /* either way: nothing but that */
    LSN_TAG_RESULT,   /* worker to rank 0 */
    LSN_TAG_REFUSED,  /* worker to rank 0: lsn_note, could not be computed, with the reason */
    LSN_TAG_DROPPED,  /* worker to rank 0: lsn_note, was cancelled */
    LSN_TAG_BYE,      /* worker to rank 0, the last word: nothing more comes, nothing is under way */
    LSN_TAG_END,      /* rank 0 to the others, when it has nothing left to do */
};

/* How often a rank says that it is alive, if it has nothing else to say; when a worker of which nothing was heard
 * counts as silent, and as lost; and when a worker that hears nothing of rank 0 leaves. Seconds. All in proportion to
 * LESION_SILENCE_S in the environment, the second of them, where it is set. */
typedef struct lsn_patience {
    double beat, silent, lost, orphaned;
} lsn_patience;

lsn_patience lsn_patience_get(void);

/* What is said of a unit. */
typedef struct lsn_note {
    int32_t unit;
    lsn_error failure; /* LSN_TAG_REFUSED */
} lsn_note;

/* How workers are to leave: with MPI_Finalize, which waits for every rank, or, where ranks are missing, without. */
typedef enum lsn_farewell { LSN_FAREWELL, LSN_ABANDON } lsn_farewell;

/* A unit: rank 0 to worker. `bytes` is owned by the caller and released with free(). */
typedef struct lsn_message {
    void *bytes;
    size_t size, room;
} lsn_message;

typedef struct lsn_unit_message {
    int32_t unit, block, count;
    const int32_t *evaluations; /* [count], inside the message */
} lsn_unit_message;

/* A unit's result: worker to rank 0. The arrays lie inside the message. */
typedef struct lsn_result {
    int32_t worker; /* from 0; not on the wire */
    int32_t unit, count;
    double seconds;
    lsn_outcome outcome;
} lsn_result;

bool lsn_message_reserve(lsn_message *message, size_t size, lsn_error *err);
bool lsn_wire_put_unit(lsn_message *message, const lsn_unit *unit, lsn_error *err);
/* False (LSN_FAILED) where the bytes are no whole message: nothing outside them is read. */
bool lsn_wire_get_unit(const lsn_message *message, lsn_unit_message *unit, lsn_error *err);
/* Makes a message for a result of `count` evaluations and points *result into it; the caller fills the arrays, then
 * seals it. */
bool lsn_wire_begin_result(lsn_message *message, int32_t unit, int32_t count, lsn_extent extent, lsn_result *result,
                           lsn_error *err);
void lsn_wire_seal_result(lsn_message *message, const lsn_result *result);
bool lsn_wire_get_result(const lsn_message *message, lsn_result *result, lsn_error *err);

/* ---- where units are computed (alone.c, workers.c) ----------------------------------------------------------- */

typedef enum lsn_news_kind { LSN_NO_NEWS, LSN_RESULT, LSN_REFUSED, LSN_DROPPED, LSN_ALIVE } lsn_news_kind;

/* What a worker said. */
typedef struct lsn_news {
    lsn_news_kind kind;
    int32_t worker;
    int32_t unit;
    lsn_result result; /* LSN_RESULT: valid until the next call */
    lsn_error failure; /* LSN_REFUSED: why */
} lsn_news;

/* How the coordinator reaches those who compute. Nothing here waits. */
typedef struct lsn_crew {
    int32_t workers;
    int32_t held; /* units a worker may hold */
    void *context;
    /* Hands a unit to unit->worker. */
    bool (*give)(void *context, const lsn_unit *unit, lsn_error *err);
    /* Asks a worker to drop a unit; NULL: cannot be asked. */
    bool (*cancel)(void *context, int32_t worker, int32_t unit, lsn_error *err);
    /* What came, if anything did. May compute (alone). */
    bool (*take)(void *context, lsn_news *news, lsn_error *err);
    /* To be called now and then: tells the workers that rank 0 is alive. NULL: they know. */
    bool (*tend)(void *context, lsn_error *err);
    /* Whether the worker is known to be dead, which can be seen on this host only. NULL: no worker can be. */
    bool (*dead)(void *context, int32_t worker);
    const char *(*name)(void *context, int32_t worker, char *text, size_t size); /* "rank 3" */
} lsn_crew;

/* This process computes. */
typedef struct lsn_alone lsn_alone;
lsn_alone *lsn_alone_create(lsn_compute *compute, lsn_error *err);
void lsn_alone_destroy(lsn_alone *alone);
lsn_crew lsn_alone_crew(lsn_alone *alone);

/* ---- the coordinator (coordinator.c) ------------------------------------------------------------------------- */

/* What evaluations cost: in multiply-adds, or, measured, in seconds. */
typedef struct lsn_prices {
    lsn_costs costs;
    bool measured;
} lsn_prices;

/* Rank 0's loop: events to the scheduler, its actions to the crew, results to the store, which has all of them, and how
 * the run ended, committed afterwards. *missing: workers are lost, or silent. */
lsn_code lsn_coordinate(const lsn_plan *plan, lsn_store *store, const lsn_crew *crew, const lsn_sweep_options *options,
                        const lsn_prices *prices, bool *missing, lsn_error *err);

#endif
