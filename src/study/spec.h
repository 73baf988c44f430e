/* A validated study: what its tree means, before the network and the data are known. Texts and arrays live in the
 * arena the tree lives in. Nodes are kept where a later check (against the network or the data) needs a place. */
#ifndef STUDY_SPEC_H
#define STUDY_SPEC_H

#include "lesion/data.h"
#include "lesion/model.h"

#include "study/tree.h"

/* low..high, both included. */
typedef struct lsn_interval {
    int64_t low, high;
    const lsn_node *at;
} lsn_interval;

/* How many filters of a layer. */
typedef struct lsn_amount {
    double fraction; /* 0 < fraction <= 1; NaN where a count was given */
    int64_t count;
    const lsn_node *at;
} lsn_amount;

/* Scores by which filters are ranked. */
typedef enum lsn_score { LSN_L1, LSN_L2, LSN_N_SCORES } lsn_score;

typedef enum lsn_selector_kind {
    LSN_EACH,        /* every filter, or those of `filters`, one a job */
    LSN_EACH_SAMPLE, /* a random choice of amounts[0] filters, one a job */
    LSN_WHOLE,       /* all filters of the layer, together */
    LSN_LISTED,      /* those of `filters`, together */
    LSN_RANDOM,      /* random choices, each together: amounts x seeds */
    LSN_SCORED,      /* the lowest or highest by score, together: scores x amounts */
} lsn_selector_kind;

/* Which filters of a layer: `filters` ascending without overlap. An axis that the kind does not have has length 0. */
typedef struct lsn_selector {
    lsn_selector_kind kind;
    lsn_interval *filters;
    int n_filters;
    lsn_score scores[LSN_N_SCORES];
    int n_scores;
    bool highest;
    lsn_amount *amounts;
    int n_amounts;
    lsn_interval *seeds; /* in the study's order, none twice */
    int n_seeds;
} lsn_selector;

typedef struct lsn_experiment_spec {
    const lsn_node *at;
    const char *name;
    const lsn_node *layers; /* a pattern or a list of them: texts; NULL where they are wrong */
    lsn_selector selector;
    bool has_selector; /* it was read whole */
    lsn_mode modes[LSN_N_MODES];
    int n_modes;
    /* Set by lsn_layers_resolve: ascending. */
    int resolved[LSN_MAX_LAYERS];
    int n_resolved;
} lsn_experiment_spec;

/* A path of the study, and where it stands; `path` is NULL where it was not given or is wrong. */
typedef struct lsn_file_spec {
    const char *path;
    const lsn_node *at;
} lsn_file_spec;

/* Which images, and where that stands. */
typedef struct lsn_take_spec {
    lsn_take take;
    const lsn_node *at; /* NULL where it was not given */
    bool ok;
} lsn_take_spec;

typedef struct lsn_images_spec {
    const lsn_node *at; /* the section */
    bool ok;            /* all that is needed to open the data was read */
    lsn_data_format format;
    lsn_file_spec images, labels, path, classes; /* images and labels, or path: what the format wants */
    lsn_preprocess preprocess;
    const lsn_node *preprocess_at;
    lsn_take_spec take, calibration;
    bool skip_broken;
} lsn_images_spec;

typedef struct lsn_study_spec {
    const char *name;
    lsn_file_spec weights;
    lsn_images_spec data;
    lsn_experiment_spec *experiments;
    int n_experiments;
    bool per_class;
} lsn_study_spec;

/* What reading needs. */
typedef struct lsn_reading {
    const char *path; /* of the study file */
    lsn_arena *arena;
    lsn_mistakes *mistakes;
    lsn_study_spec *spec;
} lsn_reading;

/* Reads the whole tree into in->spec; whatever is wrong is among the mistakes afterwards. */
void lsn_study_read(lsn_reading *in, const lsn_node *root);

/* Its sections. */
void lsn_images_read(lsn_reading *in, const lsn_node *node);
void lsn_ablate_read(lsn_reading *in, const lsn_node *node);
bool lsn_selector_read(lsn_reading *in, const lsn_node *node, lsn_selector *selector);
void lsn_path_read(lsn_reading *in, const lsn_node *node, const char *what, lsn_file_spec *file);
/* Numbers and ranges up to `most`, one or a list. `distinct`: they stay in their order, and a number that stands twice
 * is a mistake; otherwise they are put in ascending order, and overlapping ones joined. */
bool lsn_intervals_read(lsn_reading *in, const lsn_node *node, const char *what, int64_t most, bool distinct,
                        lsn_interval **intervals, int *count);

/* Preprocessing: `preprocess:`, and in words: "resize 256 bilinear, crop 224, mean 0.286, std 0.353", "none". */
bool lsn_preprocess_read(lsn_reading *in, const lsn_node *node, lsn_preprocess *preprocess);
void lsn_preprocess_words(const lsn_preprocess *preprocess, lsn_text *text);

/* ---- against the network ------------------------------------------------------------------------------------- */

/* Finds the layers of an experiment's patterns. */
bool lsn_layers_resolve(lsn_experiment_spec *experiment, const lsn_model *model, lsn_mistakes *mistakes);
/* Checks filter indices and counts against the layers that were found. */
bool lsn_selector_check(const lsn_experiment_spec *experiment, const lsn_model *model, lsn_mistakes *mistakes);

#endif
