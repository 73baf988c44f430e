/* From a checked study to jobs and evaluations.
 *
 *   plan.c            a study with all it refers to: read, opened, checked, expanded
 *   settle.c          what the check of its images makes of it
 *   scores.c          scores from weights, and the order they give; score_file.c: from a file; calibration.c: from
 *                     activations
 *   select.c          which filters of a layer a selector means
 *   groupings.c       groups of similar filters (cluster.h says how)
 *   count.c           how many jobs, and why
 *   expand.c          experiments into jobs
 *   evaluations.c     equal masks found; masks.c: masks in words; keys.c: what results are found by
 */
#ifndef STUDY_EXPAND_H
#define STUDY_EXPAND_H

#include "lesion/study.h"

#include "study/spec.h"

/* What a plan keeps for itself. */
struct lsn_plan_storage {
    lsn_arena arena;           /* texts and masks */
    lsn_calibration_uses uses; /* of the study */
    lsn_arena tree;            /* until the plan is expanded, as all below: of the tree and of what is in the spec */
    lsn_study_spec spec;
    const lsn_node *ablate; /* the section */
};

/* ---- scores -------------------------------------------------------------------------------------------------- */

/* Norms of a layer's filters, scores[F]: L1 = sum |w|, L2 = sqrt(sum w^2) over the filter's kernel, the bias left out
 * (Li et al., Pruning Filters for Efficient ConvNets, 2017). */
void lsn_norms(const lsn_net_node *node, lsn_score_kind kind, double *scores);

typedef struct lsn_ranked {
    double score; /* negative where the highest come first: the lower index still wins among equals */
    int32_t filter;
} lsn_ranked;

/* The filters in order of score, the lowest (or highest) first; of equal ones the lower index first: ranked[count]. */
void lsn_rank(const double *scores, int count, bool highest, lsn_ranked *ranked);

/* The plan's scores, one for each of the spec's, all NaN; then their values, of the layers that are ranked by them:
 * those of weights and files, and, once there are activations, those of these (NULL: filters' indices stand in). */
bool lsn_scores_create(lsn_plan *plan, const lsn_study_spec *spec, lsn_arena *arena, lsn_error *err);
bool lsn_scores_fill(lsn_plan *plan, const lsn_study_spec *spec, lsn_reading *in);
void lsn_scores_of_activations(lsn_plan *plan, const lsn_study_spec *spec, const lsn_activations *activations);
/* Whether none is of activations. */
bool lsn_scores_are_known(const lsn_study_spec *spec);
/* Whether an experiment ranks the layer's filters by the score. */
bool lsn_score_ranks(const lsn_study_spec *spec, int score, int layer);
/* Reads values[lsn_net_filters] from the score's file; every filter of the layers that it ranks must be there. */
bool lsn_score_file_read(const lsn_net *net, int score, double *values, lsn_reading *in);

/* LSN_INVALID where the plan's calibration images are too few for what needs them. */
bool lsn_calibration_check(const lsn_plan *plan, const lsn_calibration_uses *uses, lsn_error *err);

/* ---- selection ----------------------------------------------------------------------------------------------- */

/* The number of filters that an amount means in a layer of `filters`: round half up, at least 1. */
int32_t lsn_amount_filters(const lsn_amount *amount, int filters);

/* How many filters a selector names in a layer of `filters` before any are kept; `amount` as far as the kind has them.
 * Not of LSN_CUMULATIVE, nor of groups. */
int32_t lsn_chosen_filters(const lsn_selector *selector, int filters, const lsn_amount *amount);

/* A place on the axes of a selector; what its kind does not have is as in lsn_nowhere. */
typedef struct lsn_point {
    int score;                      /* of the plan's; -1 */
    int metric, normalise, linkage; /* of those enumerations */
    const lsn_amount *amount;       /* NULL */
    int64_t seed;                   /* -1 */
    int32_t step;                   /* from 1; 0 */
    int32_t group;                  /* of the grouping; 0 */
} lsn_point;

#define LSN_NOWHERE ((lsn_point){.score = -1, .seed = -1})

/* The ways of grouping that a selector has (1 where it groups nothing), and the metric, normalisation and linkage of
 * one of them: the linkage is the innermost. */
int lsn_selector_ways(const lsn_selector *selector);
void lsn_selector_way(const lsn_selector *selector, int way, lsn_point *point);

/* Filters of the widest layer. */
size_t lsn_widest_layer(const lsn_net *net);

/* Room for choosing filters of some layers, in an arena. */
typedef struct lsn_choice {
    lsn_mask_part *parts; /* in ascending order of layer; layers of which nothing is chosen have none */
    int32_t n_parts;
    int32_t *filters; /* of the parts, one behind the other */
    int32_t count;
    int32_t *order; /* scratch, of the widest layer: filters in some order */
    lsn_ranked *ranked;
    bool *taken; /* all false between choices */
} lsn_choice;

bool lsn_choice_init(lsn_choice *choice, const lsn_net *net, lsn_arena *arena, lsn_error *err);
/* Adds what the selector names in layer `layer` at that point; where it keeps them (and not one by one), the others. */
void lsn_choose(lsn_choice *choice, const lsn_plan *plan, const lsn_selector *selector, const lsn_point *point,
                int layer);

/* ---- groups of similar filters ------------------------------------------------------------------------------- */

/* Adds to the plan's groupings those that an experiment needs; its layers must be resolved. */
bool lsn_groupings_make(lsn_plan *plan, const lsn_experiment_spec *experiment, lsn_arena *arena, lsn_error *err);
/* Checks what depends on them. */
bool lsn_groups_check(const lsn_experiment_spec *experiment, const lsn_plan *plan, lsn_reading *in);
/* The grouping of a layer at a point, an index; -1 where it was not made. */
int32_t lsn_grouping_find(const lsn_plan *plan, const lsn_point *point, int layer);

/* ---- evaluations --------------------------------------------------------------------------------------------- */

/* Evaluations, each once. */
typedef struct lsn_ledger {
    const lsn_net *net;
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

/* How many jobs an experiment makes; its layers must be resolved and its groupings made. As a double: it may be
 * absurd. */
double lsn_experiment_jobs(const lsn_experiment_spec *experiment, const lsn_plan *plan);
/* The same in words, as the product that it is: "16 layers x 4 fractions x 10 seeds". */
void lsn_experiment_why(const lsn_experiment_spec *experiment, const lsn_plan *plan, lsn_text *why);

/* Fills the plan's experiments, jobs and evaluations, without keys; it has its scores and groupings. The arrays are to
 * be freed by the plan, all else is in `arena`. */
bool lsn_expand(lsn_plan *plan, const lsn_study_spec *spec, lsn_arena *arena, lsn_error *err);

/* Sets the keys of all evaluations; the plan has its digests. */
bool lsn_keys_set(lsn_plan *plan, lsn_error *err);

#endif
