/* Lesion: a study file, read, validated and expanded into jobs.
 *
 * Two words are kept apart. A *job* is a row of the results: what an experiment asked for, with its fraction and seed.
 * An *evaluation* is what is computed: one ablation over all images. Jobs that ask for the same ablation share one.
 * Every rank expands the same study into the same evaluations in the same order, so that a message only needs indices.
 *
 * Which filters an experiment removes, one mask a job:
 *   each, {each: LIST}, {each: {count, seed}}   every filter, those listed, or a random choice of them, one a job
 *   all, LIST                                   the whole layer, those listed
 *   {random: {fraction | count, seeds}}         random choices
 *   {lowest | highest: SCORE, fraction | count} by score, see below; of equal ones the lower index first
 *   {cumulative: {order: SCORE | random, steps: N, seeds, first: lowest | highest}}
 *                                               the first round(i F / N) of one order, i = 1 .. N: nested masks (Morcos
 *                                               et al. 2018). The lowest go first unless the study says otherwise. A
 *                                               random order begins with what `random` of that seed removes
 *   {similar: {groups | distance | fraction, metric, linkage, normalise}}
 *                                               groups of similar filters, one a job, those of a single filter too; or
 *                                               the tightest group of a size (cluster.h says how)
 *   {pairs: SELECTOR}                           every two of the filters that the inner one names, and these alone; of
 *                                               one layer, or, with `together`, of all the experiment's layers
 *   {keep: SELECTOR}                            everything but
 * With `together: true` a job removes what the selector names in every layer of the experiment. A number of filters
 * that is given as a fraction is rounded half up, and at least 1.
 *
 * SCORE, of a filter:
 *   l1, l2           sum |w| and sqrt(sum w^2) over its weights, the bias left out (Li et al. 2017)
 *   mean_activation  the mean of its post-ReLU map over images and positions (Molchanov et al. 2017)
 *   apoz             the share of zeros in that map, over images and positions (Hu et al. 2016); high: redundant, so
 *                    that it is the *highest* that should be missed least
 *   selectivity      (max - rest) / (max + rest), max the greatest of the classes' mean activations and rest the mean
 *                    of the other classes' (Morcos et al. 2018); 0 .. 1
 *   {file: FILE.csv} read, from the columns layer, filter, score
 * mean_activation, apoz and selectivity are of the calibration images alone, so that filters are not ranked by the
 * images on which their removal is judged; lesion/activations.h says how they are computed. Which filters a study that
 * ranks by them removes is known once these images were run: lsn_plan_expand.
 *
 * How: `mode`, one or a list, is an axis: zero, mean, {resample: {seeds}} and {noise: {seeds}} (alone: of seed 0);
 * lesion/net.h defines them. All but zero need calibration images, the last two at least two.
 */
#ifndef LESION_STUDY_H
#define LESION_STUDY_H

#include "lesion/activations.h"
#include "lesion/base.h"
#include "lesion/data.h"
#include "lesion/net.h"

#define LSN_KEY_BYTES 33 /* 32 hexadecimal digits and the final zero */

/* What is computed. */
typedef struct lsn_evaluation {
    lsn_ablation ablation;
    char key[LSN_KEY_BYTES]; /* empty until the plan is settled and expanded; the first 128 bits of a SHA-256 over
                              * weights, images in their order, preprocessing, mask and mode; its seed where it has
                              * one; the calibration images where the mode needs them; `stop` where there is one, but
                              * of the baseline */
} lsn_evaluation;

/* What an experiment asked for. */
typedef struct lsn_job {
    int32_t experiment; /* index into the plan's experiments */
    int32_t evaluation; /* index into the plan's evaluations */
    double fraction;  /* of the layer's filters that is removed, as the study says: where some are kept, 1 less what it
                       * says; of a cumulative order step / steps; NaN where it says none */
    int64_t seed;     /* of the random choice of filters; -1 where there is none. The mode's is in the ablation */
    int32_t score;    /* index into the plan's scores of the one that ranked the filters; -1: none did */
    int32_t step;     /* of a cumulative order, from 1; 0 where there is none */
    int32_t grouping; /* index into the plan's groupings; -1: the filters are no group of similar ones of one layer */
    int32_t group;    /* of that grouping */
    int32_t singles[2]; /* of a pair: the evaluations that remove one of its filters, the first one's first; else -1 */
} lsn_job;

typedef struct lsn_experiment {
    char *name;
    char *why;                 /* its number of jobs in words: "16 layers x 4 fractions x 10 seeds" */
    int32_t first_job, n_jobs; /* its jobs stand together: by layer in the network's order (unless these are removed
                                * together), then score, way of grouping, fraction (or count), seed, step, group, filter
                                * (those that are needed for pairs before the pairs), mode and, innermost, the mode's
                                * seed, each in the study's order */
    int line;                  /* in the study file; 0 for the baseline, and where an override gave it */
} lsn_experiment;

/* Scores by which filters are ranked. */
typedef struct lsn_filter_score {
    char *name;     /* "l1", "apoz", "file:scores.csv" (the path as the study gives it) */
    double *values; /* [lsn_net_filters]; NaN for all filters of a layer where the study does not use it; scores of
                     * activations are NaN until the plan is expanded */
} lsn_filter_score;

/* Filters of one layer in groups by the distance of their weights. */
typedef struct lsn_grouping {
    int32_t layer;
    const char *metric, *linkage, *normalise; /* as in the study file */
    const char *cut;                          /* "groups", "distance" or "fraction" ... */
    double value;                             /* ... of that value */
    int32_t n_groups;                         /* 1 where the cut is a fraction: the tightest group of that size */
    int32_t *groups;   /* [filters] of the layer: the group, numbered by their lowest filters; -1: in
                        * none */
    double *distances; /* [filters] mean distance to the others of the group; NaN where there are none */
} lsn_grouping;

/* What a study asks to be measured beyond top1, top5, loss and kl. */
typedef struct lsn_metrics {
    bool per_class;
    bool images; /* a verdict for each image of each job */
    bool drift;  /* the relative change of each layer's output */
} lsn_metrics;

/* When a job's images are enough: once its change of top-1 is known to +- half_width by a confidence sequence
 * (lsn_race_half_width). Never the baseline's, and never together with per_class or drift. */
typedef struct lsn_stopping {
    double half_width; /* 0 < half_width < 1; 0: all jobs see all images */
    double confidence; /* 0 < confidence < 1 */
    int64_t seed;      /* of the order of the images */
} lsn_stopping;

/* An image that is left out because it cannot be read. */
typedef struct lsn_skipped {
    int32_t image;
    bool calibration; /* it was one of those */
    char *name;       /* its path below the folder, or "image 7" */
    char *reason;     /* with its path; "cannot be read" on a rank that does not know more */
} lsn_skipped;

/* A study with all it refers to: opened, checked, expanded. Which images can be read, and so the keys, which cover
 * their pixels, are known after lsn_plan_settle. The jobs of a study that ranks filters by activations are known after
 * lsn_plan_expand. */
typedef struct lsn_plan {
    char *name;      /* `study:` */
    char *path;      /* of the study file */
    char *text;      /* the file's text as it was read; overrides are in `overrides` */
    char *overrides; /* "k=v" lines; empty where there are none */
    lsn_net *net;    /* its input set to the data's size */
    lsn_data *data;
    lsn_sample images;      /* evaluated; ascending, or, with `stop`, in a random order */
    lsn_sample calibration; /* empty where the study has none */
    bool skip_broken;       /* `data.skip_broken:` images that cannot be read are left out */
    bool settled;           /* from here on: after lsn_plan_settle */
    lsn_skipped *skipped;   /* [n_skipped], in the order of `images`, then of `calibration` */
    int32_t n_skipped;
    lsn_digest *pixels; /* [images.count] of each image, as lsn_data_check gives them */
    lsn_digest *calibration_pixels;
    lsn_digest images_digest; /* pixels, labels and preprocessing of `images` */
    lsn_digest calibration_digest;
    char *preprocess; /* in words, for the record: "pad 2, mean 0.286, std 0.353" */
    lsn_metrics metrics;
    lsn_stopping stop;
    lsn_activation_needs needs;  /* of the calibration images, for the study's modes and scores */
    bool expanded;               /* what follows is there, but for `scores` and `groupings`, which always are */
    lsn_experiment *experiments; /* [0] is "baseline" */
    int32_t n_experiments;
    lsn_job *jobs; /* [0] is the baseline's */
    int32_t n_jobs;
    lsn_evaluation *evaluations; /* [0] is the baseline, of an empty mask */
    int32_t n_evaluations;
    lsn_filter_score *scores; /* all that the study ranks by */
    int32_t n_scores;
    lsn_grouping *groupings;
    int32_t n_groupings;
    struct lsn_plan_storage *storage;
} lsn_plan;

/* What the check of a plan's images found: those of `images`, then those of `calibration`. */
typedef struct lsn_image_checks {
    int32_t count;
    lsn_image_check *checks;
    char **reasons; /* [count]; NULL where the image is fit, or where this rank does not know why it is not */
} lsn_image_checks;

/* Reads the study at `path`, with "key.path=value" overrides (`--set`: a step of the path is a key, a list's index or
 * an experiment's name; the value is YAML), and everything it refers to; of images only what is needed to list them.
 * NULL with every mistake found in `problems`, each as "file:line:column: what, and what would be right", or, where the
 * study is not to blame (memory), the reason in *err and problems->count == 0. The caller owns the plan. */
LSN_API lsn_plan *lsn_plan_create(const char *path, const char *const *overrides, int n_overrides,
                                  lsn_problems *problems, lsn_error *err);
/* The same with the model from `load`, which is called at most once, and not at all where reading the study's file
 * fails before its model; NULL and *err as lsn_net_load. The plan owns the model. */
typedef struct lsn_net_source {
    lsn_net *(*load)(void *context, const char *path, lsn_error *err);
    void *context;
} lsn_net_source;
LSN_API lsn_plan *lsn_plan_create_from(const char *path, const char *const *overrides, int n_overrides,
                                       const lsn_net_source *source, lsn_problems *problems, lsn_error *err);
LSN_API void lsn_plan_destroy(lsn_plan *plan);

/* The digest of all that is known before images are read: weights, preprocessing, which images, evaluations, or, where
 * the plan is not expanded, all that determines them but activations. */
LSN_API bool lsn_plan_outline(const lsn_plan *plan, lsn_digest *digest, lsn_error *err);

/* Empty checks for all images of a plan that is not settled; to be filled with lsn_data_check (lsn_images_check does
 * it, over all ranks). */
LSN_API bool lsn_image_checks_init(lsn_image_checks *found, const lsn_plan *plan, lsn_error *err);
LSN_API void lsn_image_checks_finish(lsn_image_checks *found);
/* The image that checks[check] is of. */
LSN_API int32_t lsn_plan_image(const lsn_plan *plan, int32_t check);

/* Completes the plan by what the check of its images found: leaves out those that cannot be read where the study asks
 * for it, and sets digests and keys. The same checks give the same plan on every rank. LSN_INVALID where images cannot
 * be read and the study does not want them left out (each is in `problems`, and their number in *err), where their
 * sizes differ, or where too few are left. Only once. */
LSN_API bool lsn_plan_settle(lsn_plan *plan, const lsn_image_checks *found, lsn_problems *problems, lsn_error *err);

/* Expands a plan that is not expanded yet; then, as for any other plan, sets the keys where it is settled and has none.
 * `activations` are those of all calibration images (those that settling left) with what plan->needs says; the same on
 * every rank give the same plan. NULL: the filters' indices stand in for scores of activations (shifted by one for each
 * further score), so that jobs can be counted, but are not the study's. LSN_FAILED where memory is short: the plan
 * must then be destroyed. */
LSN_API bool lsn_plan_expand(lsn_plan *plan, const lsn_activations *activations, lsn_error *err);

/* What a run computes of an expanded plan: zeroed all of it; a share of the study (lsn_sweep_deal), of runs that know
 * nothing of each other; or any other choice. Released with lsn_wanted_finish. */
typedef struct lsn_wanted {
    bool *evaluations;     /* [n_evaluations] whether it is computed; NULL: all are */
    int32_t *shard_of;     /* [n_evaluations] the share that computes it, 0: each does; NULL where this is no share */
    int32_t shard, shards; /* this share, 1 .. shards; 0, 0: none */
} lsn_wanted;

/* `wanted` NULL: all are. */
static inline bool lsn_wants(const lsn_wanted *wanted, int32_t evaluation)
{
    return wanted == NULL || wanted->evaluations == NULL || wanted->evaluations[evaluation];
}

LSN_API void lsn_wanted_finish(lsn_wanted *wanted);

/* Finds a plan's evaluations by their keys. */
typedef struct lsn_key_index {
    struct lsn_keyed *sorted; /* whose keys are the plan's */
    int32_t count;
} lsn_key_index;

/* Of a plan that is expanded and settled, and must not change meanwhile. LSN_FAILED where memory is short. */
LSN_API bool lsn_key_index_init(lsn_key_index *index, const lsn_plan *plan, lsn_error *err);
/* The evaluation; -1 where none has that key. */
LSN_API int32_t lsn_key_index_find(const lsn_key_index *index, const char *key);
LSN_API void lsn_key_index_finish(lsn_key_index *index);

/* A mask as JSON, {"conv3_1":[0,5]}, and its layers' names, "conv3_1,conv4_1"; appended to `text`. */
LSN_API void lsn_mask_json(const lsn_net *net, const lsn_mask *mask, lsn_text *text);
LSN_API void lsn_mask_layers(const lsn_net *net, const lsn_mask *mask, lsn_text *text);
/* Filters of all the mask's layers together. */
LSN_API int lsn_mask_filters(const lsn_mask *mask);

/* Parses "0,5,8..15" into `filters` (ascending, no repeats, each below `limit`); for `eval --ablate`. *filters is to be
 * freed. LSN_USAGE on anything else. */
LSN_API bool lsn_filter_list_parse(const char *text, int limit, int32_t **filters, int32_t *count, lsn_error *err);

#endif
