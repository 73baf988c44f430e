/* A validated study: what its tree means, before the network and the data are known. Texts and arrays live in the
 * arena the tree lives in. Nodes are kept where a later check (against the network or the data) needs a place.
 *
 *   parse.c             the top level, with the metrics and `stop`; parse_data.c, parse_ablate.c: its other sections
 *   parse_preprocess.c  `preprocess` of the images
 *   parse_filters.c     `filters` of an experiment; parse_numbers.c: numbers of filters, ranges, seeds;
 *                       parse_scores.c: by what they are ranked
 *   layers.c, check.c   experiments against the network
 */
#ifndef STUDY_SPEC_H
#define STUDY_SPEC_H

#include "lesion/data.h"
#include "lesion/net.h"
#include "lesion/study.h"

#include "study/cluster.h"
#include "study/tree.h"

enum { LSN_MOST_SCORES = 100 };

/* low..high, both included. */
typedef struct lsn_number_range {
    int64_t low, high;
    const lsn_node *at;
} lsn_number_range;

/* How many filters of a layer, how many groups of them, or up to which distance groups grow. */
typedef enum lsn_measure {
    LSN_AMOUNT_COUNT,    /* 1 .. INT32_MAX filters or groups */
    LSN_AMOUNT_FRACTION, /* 0 < fraction <= 1 */
    LSN_AMOUNT_DISTANCE, /* 0 <= distance */
} lsn_measure;

typedef struct lsn_amount {
    lsn_measure measure;
    double value;
    const lsn_node *at;
} lsn_amount;

/* By what filters are ranked. */
typedef enum lsn_score_kind {
    LSN_L1,
    LSN_L2,
    LSN_MEAN_ACTIVATION,
    LSN_APOZ,
    LSN_SELECTIVITY,
    LSN_SCORE_FILE
} lsn_score_kind;

/* Whether a score is known only after the calibration images were run. */
static inline bool lsn_of_activations(lsn_score_kind kind)
{
    return kind == LSN_MEAN_ACTIVATION || kind == LSN_APOZ || kind == LSN_SELECTIVITY;
}

/* A path of the study, and where it stands; `path` is NULL where it was not given or is wrong. */
typedef struct lsn_file_spec {
    const char *path;
    const lsn_node *at;
} lsn_file_spec;

typedef struct lsn_score_spec {
    lsn_score_kind kind;
    const char *name;   /* "l1", "l2", "file:scores.csv" */
    lsn_file_spec file; /* of LSN_SCORE_FILE */
    const lsn_node *at; /* where it stands first */
} lsn_score_spec;

typedef enum lsn_selector_kind {
    LSN_EACH,        /* every filter, or those of `filters` */
    LSN_EACH_SAMPLE, /* a random choice of amounts[0] filters */
    LSN_WHOLE,       /* all filters of the layer */
    LSN_LISTED,      /* those of `filters` */
    LSN_RANDOM,      /* random choices: amounts x seeds */
    LSN_SCORED,      /* the lowest or highest by score: scores x amounts */
    LSN_CUMULATIVE,  /* the first of an order: scores x steps, or, where there is none, seeds x steps */
    LSN_SIMILAR,     /* groups of similar filters: metrics x normalises x linkages x amounts x groups */
} lsn_selector_kind;

/* What becomes of the filters that were chosen. */
typedef enum lsn_shape {
    LSN_AS_ONE,     /* one job */
    LSN_ONE_BY_ONE, /* a job of each */
    LSN_IN_PAIRS,   /* a job of each, then a job of every two */
} lsn_shape;

/* Which filters of a layer: `filters` ascending without overlap. An axis that the kind does not have has length 0. */
typedef struct lsn_selector {
    const lsn_node *at;
    lsn_selector_kind kind;
    lsn_shape shape;
    bool keep; /* all but them are removed */
    lsn_number_range *filters;
    int n_filters;
    int *scores; /* places in the study's scores */
    int n_scores;
    bool highest;
    int metrics[LSN_N_METRICS], normalises[LSN_N_NORMALISE], linkages[LSN_N_LINKAGES]; /* of those enumerations */
    int n_metrics, n_normalises, n_linkages;
    lsn_amount *amounts; /* all of one measure */
    int n_amounts;
    lsn_number_range *seeds; /* in the study's order, none twice */
    int n_seeds;
    int64_t steps;
} lsn_selector;

/* Whether it names several groups of a layer, a job each. */
static inline bool lsn_has_groups(const lsn_selector *selector)
{
    return selector->kind == LSN_SIMILAR && selector->amounts[0].measure != LSN_AMOUNT_FRACTION;
}

/* A mode and its seeds, in the study's order: seed 0 alone where the mode draws nothing. */
typedef struct lsn_mode_spec {
    lsn_mode mode;
    lsn_number_range *seeds;
    int n_seeds;
} lsn_mode_spec;

typedef struct lsn_experiment_spec {
    const lsn_node *at;
    const char *name;
    const lsn_node *layers; /* a pattern or a list of them: texts; NULL where they are wrong */
    lsn_selector selector;
    bool has_selector; /* it was read whole */
    bool together;     /* a job removes filters of all its layers */
    lsn_mode_spec modes[LSN_N_MODES];
    int n_modes;
    /* Set by lsn_layers_resolve: ascending. */
    int *resolved;
    int n_resolved;
    bool fits; /* the layers and the selector are right for the network */
} lsn_experiment_spec;

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

/* What needs calibration images: "mode noise", "score apoz"; NULL: nothing does. The names outlive the tree. */
typedef struct lsn_calibration_uses {
    const char *any;     /* at least one */
    const char *two;     /* at least two */
    const char *classes; /* of at least two classes */
} lsn_calibration_uses;

typedef struct lsn_study_spec {
    const char *name;
    lsn_file_spec weights;
    lsn_images_spec data;
    lsn_experiment_spec *experiments;
    int n_experiments;
    lsn_score_spec scores[LSN_MOST_SCORES]; /* all that it ranks by, each once */
    int n_scores;
    lsn_calibration_uses uses;
    const lsn_node *per_class, *images, *drift; /* where these metrics stand; NULL: not asked for */
    lsn_stopping stop;
} lsn_study_spec;

/* Reads the whole tree into in->spec; whatever is wrong is among the mistakes afterwards. */
void lsn_study_read(lsn_reading *in, const lsn_node *root);

/* Its sections. */
void lsn_images_read(lsn_reading *in, const lsn_node *node);
void lsn_ablate_read(lsn_reading *in, const lsn_node *node);
/* A mistake where the study has no calibration images: "WHAT WHY; add calibration: ..". */
bool lsn_calibration_need(lsn_reading *in, const lsn_node *at, const char *what, const char *why);
bool lsn_selector_read(lsn_reading *in, const lsn_node *node, lsn_selector *selector);
void lsn_path_read(lsn_reading *in, const lsn_node *node, const char *what, lsn_file_spec *file);
/* Scores, one or a list, added to those of the study. */
bool lsn_scores_read(lsn_reading *in, const lsn_node *node, const char *what, lsn_selector *selector);
bool lsn_filters_read(lsn_reading *in, const lsn_node *node, lsn_selector *selector);
/* Seeds, none twice: those given, or seed 0 where `node` is NULL. */
bool lsn_seeds_read(lsn_reading *in, const lsn_node *node, lsn_number_range **seeds, int *count);
/* Amounts, one or a list, each once: of `fraction`, `distance`, or whole numbers where the key is another one. */
bool lsn_amounts_read(lsn_reading *in, const lsn_node *node, const char *key, lsn_selector *selector);
/* The one of the keys that the map has; NULL, and a mistake, where it has several, or none ("what remedy"). */
const char *lsn_one_key(lsn_reading *in, const lsn_node *map, const char *what, lsn_words keys, const char *remedy);
/* Numbers and ranges up to `most`, one or a list. `distinct`: they stay in their order, and a number that is given
 * twice is a mistake; otherwise they are put in ascending order, and overlapping ones joined. */
bool lsn_number_ranges_read(lsn_reading *in, const lsn_node *node, const char *what, int64_t most, bool distinct,
                            lsn_number_range **intervals, int *count);

/* Preprocessing: `preprocess:`, and in words: "resize 256 bilinear, crop 224, mean 0.286, std 0.353", "none". */
bool lsn_preprocess_read(lsn_reading *in, const lsn_node *node, lsn_preprocess *preprocess);
void lsn_preprocess_words(const lsn_preprocess *preprocess, lsn_text *text);

/* ---- against the network ------------------------------------------------------------------------------------- */

/* Finds the layers of an experiment's patterns. */
bool lsn_layers_resolve(lsn_experiment_spec *experiment, const lsn_net *net, lsn_reading *in);
/* The name nearest to `name` of the first `count` layers; NULL where none is near. */
const char *lsn_nearest_layer(const lsn_net *net, int count, const char *name);
/* Checks filter indices and counts against the layers that were found. */
bool lsn_selector_check(const lsn_experiment_spec *experiment, const lsn_net *net, lsn_reading *in);

#endif
