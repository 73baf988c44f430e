/* What the files of the engine share. Letters as in lesion/net.h.
 *
 *   program.c       a network compiled into steps, values and segments (program.h)
 *   ops/            operators, a file each: what a step costs, its weights, its run (ops.h)
 *   kernels/        what computes: convolutions and fully connected layers (kernels.h)
 *   engine.c        an engine's life, what it is told of means and deviations
 *   memory.c        how the memory is shared out; weights.c: packed weights
 *   run.c           kernels over the threads; the steps of a segment
 *   sweep/          many ablations on a block of images: sweep.c rolls the intact network, branch.c takes an ablation
 * off it (linear.c: its linear steps), queue.c stacks pairs behind that, drift.c compares mask.c          whether a
 * request can be done; masks put into maps; noise.c: random numbers by place activations.c   sums over what filters do;
 * cost.c, measure.c: what work costs
 *
 * The sweep shares all that it can.
 *
 * The intact network is rolled forward over a sub-block of images, segment by segment. In the segment of the steps that
 * read a masked layer's output, the ablation branches off: only steps that its mask changes are computed. Those that
 * read the masked value itself are linear in the removed channels S of it, z' = z - W[:,S] * a[S], so that only they
 * (or only the kept ones, whichever are fewer) are computed. What comes out at the segment's end are pairs (ablation,
 * image), which from there on need every step in full.
 *
 * Pairs of all ablations are stacked: each segment has a queue of inputs, and runs when its stack is full. So a kernel
 * always has full blocks, and a fully connected layer reads its weights once for many pairs. Since an output of a
 * kernel depends on its own image only, a pair's logits do not depend on what it was stacked with.
 *
 * An ablation of several layers goes its way alone up to its last mask, for its later masks change what is computed and
 * read, and joins the queues behind it.
 *
 * What replaces a removed channel enters the linear step as the difference a[S] - a'[S]. Donors, whose maps are a' in
 * LSN_RESAMPLE, are rolled along with the images, as far as ablations begin that want them.
 *
 * Where drift is wanted, the intact network goes through all segments of a sub-block before anything branches off, and
 * what layers see is kept until the sub-block's pairs are through: queues are flushed at its end. */
#ifndef LESION_ENGINE_INTERNAL_H
#define LESION_ENGINE_INTERNAL_H

#include "engine/kernels/kernels.h"
#include "engine/ops/ops.h"
#include "engine/program.h"
#include "lesion/engine.h"

enum { SWEEP_INTACT = -1 }; /* in an ablation's place */

/* (ablation, image) */
typedef struct sweep_pair {
    int ablation, image;
} sweep_pair;

/* Inputs that wait for a segment. Full means `stack`; there is room for a push of the segment before besides. */
typedef struct sweep_queue {
    float *in;         /* [room][floats of the segment's input] */
    sweep_pair *pairs; /* [room] */
    int count, stack, room;
} sweep_queue;

/* Values, by their index, where they are at present: of the images that are rolled, of their donors, of what waited in
 * a queue, of an ablation on its way, and of its donors. */
enum { FLOW_INTACT, FLOW_DONORS, FLOW_STACK, FLOW_BRANCH, FLOW_BRANCH_DONORS, ENGINE_FLOWS };

struct lsn_engine {
    const lsn_net *net;
    engine_program *program;
    const lsn_isa *isa;
    int threads;
    bool resample, drift;     /* there is room for what they need */
    size_t bytes;             /* of all that it takes, and its caller's; its sums' few are not counted */
    float *means;             /* of all filters; NULL until set */
    float *deviations;        /* the same */
    struct engine_sums *sums; /* of one image, by filter of a layer; see activations.c */
    void *weights;            /* packed here; NULL where the caller gave them */

    /* Room. A map is of a cut: an input or output of a segment. */
    int sub_block;          /* images rolled at a time */
    int first_queue;        /* the first segment that has a queue */
    int buffer_images;      /* a stack or a sub-block, whichever is larger */
    size_t workspace_bytes; /* of one thread */
    char *workspace;        /* [threads][workspace_bytes] */
    float *rolled[2];       /* [sub_block][largest map]: a segment's input and output in turn */
    float *inner;           /* [sub_block][inner values of a segment] */
    float *z;               /* [sub_block][pre-activations of a segment] */
    float *gathered;        /* [sub_block][largest value]: the channels of a linear step */
    float **buffers;        /* [n_buffers][buffer_images][buffer_floats]: inner values of stacks and branches */
    float *logits;          /* [ENGINE_MOST_STACK][classes]: of a stack */
    float *branch[2];       /* [sub_block][largest map]: an ablation of several layers, in turn */
    float *donor[4];        /* [sub_block][largest map]: as rolled, then as branch */
    float *donor_inner[2];  /* [sub_block][inner values of a segment]: the same */
    engine_tensor *flow[ENGINE_FLOWS]; /* [n_values] */
    engine_tensor *inputs;             /* [most inputs of a step] */
    sweep_queue *queues;               /* [n_segments] */
    float **kept;           /* [n_layers] where drift is wanted: [sub_block][seen value], intact; not the logits' */
    double **norms;         /* [n_layers] and the squares of their norms, [sub_block] */
    float *spread;          /* [largest value]: one of which an ablation holds some channels, for drift */
    lsn_conv_image *images; /* [buffer_images] */
    lsn_dense_row *rows;    /* the same */
    sweep_pair *pairs;      /* [sub_block] */
    int *terms, *chosen;    /* [most terms], [most channels]: lists of them */
    int *remaining;         /* [filters]: what an ablation leaves of each layer, as far as that is known */
    float *bias;            /* [most filters] */
    lsn_conv_phases phases;
    lsn_engine_profile profile;

    /* What is asked for at present. */
    const lsn_engine_request *request;
    int first; /* of the images that are being rolled, in the block */
};

static inline size_t engine_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- engine.c ------------------------------------------------------------------------------------------------ */

/* False and *err (LSN_STOPPED) where `stop` says so. */
bool engine_go_on(lsn_stop *stop, void *context, lsn_error *err);

/* ---- weights.c ----------------------------------------------------------------------------------------------- */

size_t engine_weights_bytes(const engine_program *program);
void engine_pack_weights(const engine_program *program, void *to, int part, int parts);
void engine_use_weights(engine_program *program, const void *packed);

/* ---- memory.c ------------------------------------------------------------------------------------------------ */

/* Shares the memory out, and sets engine->bytes; takes none of it. */
bool engine_plan_memory(lsn_engine *engine, const lsn_engine_options *options, lsn_error *err);
/* Takes it, and packs the weights where `weights` is NULL. */
bool engine_take_memory(lsn_engine *engine, const void *weights, lsn_error *err);
void engine_release_memory(lsn_engine *engine);

/* ---- run.c --------------------------------------------------------------------------------------------------- */

/* Runs the convolution on engine->images[0 .. n-1], over the threads. */
void engine_run_conv(lsn_engine *engine, const lsn_conv *conv, int n);
/* Runs the fully connected layer on engine->rows[0 .. n-1]. */
void engine_run_dense(lsn_engine *engine, const lsn_dense *dense, int n);
/* The biases of the filters that are computed. */
const float *engine_bias_of(lsn_engine *engine, const float *bias, engine_channels filters);

/* Where the values of a run of a segment go. */
typedef struct engine_places {
    engine_tensor *flow;     /* has the segment's input */
    float *out;              /* its output */
    float *inner;            /* inner values, each apart; NULL: to engine->buffers */
    float *z;                /* pre-activations; NULL: not wanted */
    float *const *kept;      /* [n_layers]: what layers see; NULL: where other values go */
    const sweep_pair *pairs; /* whose drift is noted; NULL: none is */
} engine_places;

/* Where a value of the segment goes. */
float *engine_place(const lsn_engine *engine, const engine_places *places, int segment, int value);
/* A step's inputs in a flow, as an engine_call wants them. */
const engine_tensor *engine_inputs(lsn_engine *engine, const engine_tensor *flow, const engine_step *step);
/* All steps of a segment on n images, all channels. */
void engine_run_segment(lsn_engine *engine, int segment, const engine_places *places, int n);
/* Sets a value of a flow, all of its channels. */
void engine_set(const lsn_engine *engine, engine_tensor *flow, int value, const float *data);

/* ---- sweep/queue.c ------------------------------------------------------------------------------------------- */

/* Room for `n` (at most its stack) more inputs of a segment; written by the caller, then counted by sweep_pushed. */
float *sweep_push(lsn_engine *engine, int segment, int n, sweep_pair **pairs);
bool sweep_pushed(lsn_engine *engine, int segment, int n, lsn_error *err);
/* Runs all that waits, to the logits. */
bool sweep_flush(lsn_engine *engine, lsn_error *err);
float *sweep_logits(const lsn_engine *engine, sweep_pair pair);

/* ---- sweep/branch.c ------------------------------------------------------------------------------------------ */

/* An ablation on its way. */
typedef struct sweep_branch {
    const lsn_ablation *ablation;
    int index;                 /* of the ablation */
    const engine_layer *layer; /* its first */
    int begin, count;          /* images of the block */
    int part;                  /* its next part that has not been applied; the first is the linear steps' */
} sweep_branch;

/* Takes images begin .. begin+count-1 under an ablation through the segment where it branches off, whose intact values
 * are in FLOW_INTACT (and the donors' in FLOW_DONORS where they are wanted) and whose intact pre-activations are in
 * engine->z, and on to its last mask: into the queue behind that, or to the logits. */
bool sweep_branch_off(lsn_engine *engine, int ablation, int begin, int count, lsn_error *err);
/* A branch's images of an intact value, or their donors'. */
const float *sweep_rolled(const lsn_engine *engine, const sweep_branch *branch, int flow, int value);

/* ---- sweep/linear.c ------------------------------------------------------------------------------------------ */

/* The channels that linear steps compute: the removed ones, to be subtracted from the intact pre-activation, or the
 * kept ones, if they are fewer. */
typedef struct sweep_chosen {
    engine_channels channels;
    bool removed;
    bool nothing; /* every channel is removed: one of them is computed, as zeros */
} sweep_chosen;

/* Gathers them, what is removed less what replaces it, to engine->gathered [count][pixels][channels]; notes drift. */
sweep_chosen sweep_gather(lsn_engine *engine, const sweep_branch *branch);

/* ---- sweep/drift.c: nothing is done where it is not wanted, sweep_find_norms excepted ------------------------- */

/* The norms of what layers see in the intact network, for the `count` rolled images. */
void sweep_find_norms(lsn_engine *engine, int count);
/* What was computed of a value for n pairs. Nothing where no layer sees it. */
void sweep_drift(lsn_engine *engine, int value, const sweep_pair *pairs, int n, const engine_tensor *computed);
/* What a branch's first mask did to its layer's output: changed[count][pixels][floats of an image / pixels], what was
 * removed less what replaced it. */
void sweep_drift_masked(lsn_engine *engine, const sweep_branch *branch, const float *changed, size_t floats);

/* ---- cost.c -------------------------------------------------------------------------------------------------- */

/* lsn_costs_madds. */
double engine_madds(const engine_program *program, const lsn_ablation *ablation);

/* lsn_costs.values are one of these for each step. */
typedef struct engine_cost {
    double full;    /* the step in full */
    double linear;  /* as a linear step, */
    double channel; /* and for each channel that it computes; of a fully connected layer for each term */
} engine_cost;

static inline engine_cost *engine_cost_of(const lsn_costs *costs, int step)
{
    return (engine_cost *)(void *)costs->values + step;
}

/* ---- activations.c ------------------------------------------------------------------------------------------- */

struct engine_sums *engine_sums_create(const lsn_net *net, lsn_error *err);

/* ---- noise --------------------------------------------------------------------------------------------------- */

enum { ENGINE_LANES = 64 };

/* Philox4x32-10 of n <= ENGINE_LANES counters, in their place. */
void engine_philox(uint64_t key, uint32_t counters[4][ENGINE_LANES], int n);
/* z[n]: the standard normal distribution's quantiles at (word + 1/2) / 2^32: -6.34 .. 6.34, each greater than that of
 * the word before; relative error below 1e-15. */
void engine_quantiles(const uint32_t *words, int n, double *z);

/* One filter's map for one image. */
typedef struct engine_noise {
    uint64_t seed;
    uint32_t image, layer, filter;
    float mean, deviation; /* deviation >= 0 */
} engine_noise;

/* Rows of 2x2 windows of a map. */
int engine_noise_rows(int h, bool pool);
/* One row of windows of the map of h x w positions, or of its maxima: to[stride p] at position p of the map. */
void engine_draw_noise(const engine_noise *noise, int h, int w, bool pool, int row, float *to, size_t stride);

/* ---- masks --------------------------------------------------------------------------------------------------- */

/* LSN_INVALID unless the ablations' parts are as lesion/net.h has them and name filters that the network has, and
 * what their modes need is there. */
bool engine_check_request(const lsn_engine *engine, const lsn_engine_request *r, lsn_error *err);
/* Removes the filters of `part` from the value that its masks replace, y[n][pixels][F], of images begin .. begin+n-1,
 * as the ablation's mode has it; donors: the same of the intact network for the images' donors, where it is
 * LSN_RESAMPLE.
 */
void engine_mask(const lsn_engine *engine, const lsn_ablation *ablation, const lsn_mask_part *part, int begin, int n,
                 const float *donors, float *y);
/* What LSN_NOISE puts in place of the part's filters for an image of the block: their maps, as large as the value that
 * is masked, at position p to[stride p + k] for filter k or, where `compact`, for the k-th of them. */
void engine_noise_maps(const lsn_engine *engine, const lsn_ablation *ablation, const lsn_mask_part *part, int image,
                       bool compact, float *to, size_t stride);

#endif
