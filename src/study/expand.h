/* From a checked study to jobs and evaluations. */
#ifndef STUDY_EXPAND_H
#define STUDY_EXPAND_H

#include "lesion/study.h"

#include "study/spec.h"

/* ---- scores and selection ------------------------------------------------------------------------------------ */

/* Scores of a layer's filters, scores[F]: L1 = sum |w|, L2 = sqrt(sum w^2) over the filter's kernel, the bias left out
 * (Li et al., Pruning Filters for Efficient ConvNets, 2017). */
void lsn_scores(const lsn_layer *layer, lsn_score score, double *scores);
/* The layer's filters in order of score, the lowest (or highest) first; of equal ones the lower index first.
 * order[F]; false where memory is short. */
bool lsn_rank(const lsn_layer *layer, lsn_score score, bool highest, int32_t *order, lsn_error *err);

/* The number of filters that an amount means in a layer of `filters`: round half up, at least 1. */
int32_t lsn_amount_filters(const lsn_amount *amount, int filters);

/* Room for choosing filters of one layer after another. */
typedef struct lsn_choice {
    int32_t *filters; /* the chosen ones, ascending */
    int32_t count;
    int32_t *order; /* filters in order of score, or in random order */
    bool *taken;    /* all false between choices */
} lsn_choice;

bool lsn_choice_init(lsn_choice *choice, const lsn_model *model, lsn_error *err);
void lsn_choice_finish(lsn_choice *choice);
/* Chooses filters of layer `index`. `amount` and `seed` as far as the kind has them. LSN_SCORED takes the first of
 * choice->order, which the caller has ranked. */
void lsn_choose(lsn_choice *choice, const lsn_selector *selector, const lsn_model *model, int index,
                const lsn_amount *amount, int64_t seed);

/* ---- evaluations --------------------------------------------------------------------------------------------- */

/* Evaluations, each once. */
typedef struct lsn_ledger {
    const lsn_model *model;
    lsn_arena *arena;     /* of the masks */
    int32_t *consecutive; /* 0, 1, 2, ... up to the widest layer: masks without gaps point into it */
    lsn_evaluation *list;
    size_t count, room;
    struct lsn_slot *slots; /* open addressing; at most half are used */
    size_t n_slots;         /* a power of two */
} lsn_ledger;

/* `plan` has its model; `arena` outlives the evaluations. */
bool lsn_ledger_init(lsn_ledger *ledger, const lsn_plan *plan, lsn_arena *arena, lsn_error *err);
void lsn_ledger_finish(lsn_ledger *ledger);
/* The index of an ablation; its mask is copied where it is new. */
bool lsn_ledger_add(lsn_ledger *ledger, const lsn_ablation *ablation, int32_t *index, lsn_error *err);

/* ---- jobs ---------------------------------------------------------------------------------------------------- */

#define LSN_MOST_JOBS 100000000

/* How many jobs an experiment makes; its layers must be resolved. As a double: it may be absurd. */
double lsn_experiment_jobs(const lsn_experiment_spec *experiment, const lsn_model *model);

/* Fills the plan's experiments, jobs and evaluations, without keys. The arrays are to be freed by the plan, all else is
 * in `arena`.
 */
bool lsn_expand(lsn_plan *plan, const lsn_study_spec *spec, lsn_arena *arena, lsn_error *err);

/* Sets the keys of all evaluations; the plan has its digests. */
bool lsn_keys_set(lsn_plan *plan, lsn_error *err);

#endif
