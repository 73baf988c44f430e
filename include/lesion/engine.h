/* Lesion: the masked forward pass.
 *
 * An engine evaluates a set of ablations on a block of images. Activations are channels last: [N][H][W][C]. The logits
 * of an (ablation, image) pair do not depend, to the bit, on the other ablations or images of the block, nor on the
 * order they are given in, nor on the limit of memory or the threads, nor on the instruction set; they do depend on the
 * kind of kernels, and with OpenBLAS on the kind of processor. To an image belong, here, its number and its donor. An
 * engine belongs to one thread at a time. Nothing here is collective over MPI.
 */
#ifndef LESION_ENGINE_H
#define LESION_ENGINE_H

#include "lesion/activations.h"
#include "lesion/base.h"
#include "lesion/net.h"

/* What computes products: "own", kernels that give the same bits on every processor; or "openblas", whose bits depend
 * on the processor. LESION_ISA in the environment may say which; otherwise they are OpenBLAS's only where none of the
 * own kernels is fast. Results of two kinds are never mixed. */
LSN_API const char *lsn_engine_kernels(void);

typedef struct lsn_engine lsn_engine;

typedef struct lsn_engine_options {
    size_t memory_bytes;  /* of all that the engine takes: packed weights, workspace, activations; 0: no limit */
    size_t besides_bytes; /* of these, what the caller takes itself */
    const void *weights;  /* packed by lsn_engine_pack for this model, all parts of them; must outlive the engine
                           , and the limit does not count them. NULL: the engine packs its own */
    int threads;          /* OpenMP threads; 0: one */
    bool resample;        /* LSN_RESAMPLE may be asked for: there is room for the donors' activations then, which is
                           * not taken otherwise */
    bool drift;           /* drift may be asked for: there is room for all layers' intact outputs of some images then,
                           * which is not taken otherwise */
} lsn_engine_options;

/* Bytes of a model's weights as the kernels want them, its input being set; 0 where lsn_engine_create would fail. They
 * depend on the model and its input's size alone, not on the processor, and hold no pointers: they may lie in memory
 * that processes share. */
LSN_API size_t lsn_engine_weights_bytes(const lsn_net *net);
/* Writes part 0 .. parts-1 of them, parts of about equal size, to their place in `to`, aligned to 64 bytes. Threads and
 * processes may each write a part at the same time. Errors as lsn_engine_create. */
LSN_API bool lsn_engine_pack(const lsn_net *net, void *to, int part, int parts, lsn_error *err);

/* Prepares the weights of `model` (its input must be set; it must outlive the engine). NULL and *err: LSN_USAGE where
 * memory_bytes are too few for one image (the message has the minimum), LSN_INVALID where the input is not set,
 * LSN_FAILED where memory is short. */
LSN_API lsn_engine *lsn_engine_create(const lsn_net *net, const lsn_engine_options *options, lsn_error *err);
LSN_API void lsn_engine_destroy(lsn_engine *engine);
/* Bytes that an engine of these options takes, its own weights and besides_bytes included. Nothing of it is taken.
 * Errors as lsn_engine_create. */
LSN_API bool lsn_engine_count(const lsn_net *net, const lsn_engine_options *options, size_t *bytes, lsn_error *err);

/* The channels' means for LSN_MEAN and LSN_NOISE, [lsn_net_filters(model)], all layers one after another; copied.
 * LSN_INVALID where one is not finite: those set before then stay. */
LSN_API bool lsn_engine_set_means(lsn_engine *engine, const float *means, lsn_error *err);
/* The same for their standard deviations, for LSN_NOISE; LSN_INVALID also where one is negative. */
LSN_API bool lsn_engine_set_deviations(lsn_engine *engine, const float *deviations, lsn_error *err);

/* Asked between pieces of work: true means stop now. */
typedef bool lsn_stop(void *context);

/* What is evaluated, and where the results go. Arrays are the caller's; results overlap nothing. */
typedef struct lsn_engine_request {
    const float *images; /* [n][H][W][C] */
    int n;
    const int32_t *ids;  /* [n] at least 0: the images' numbers, for LSN_NOISE; NULL: 0, 1, ... A number m + s g of a
                          * map depends, through g, on seed, id, layer, filter and position, and on nothing else: it
                          * has the same bits on every machine. -6.34 <= g <= 6.34; no ReLU follows */
    const float *donors; /* [n][H][W][C], for LSN_RESAMPLE, else NULL: an ablation puts donors[i]'s maps, those of the
                          * intact network, in place of image i's. They are the same for all ablations of a request,
                          * whose LSN_RESAMPLE ablations hence have one seed. Rolled along as far as masks reach */
    const lsn_ablation *const *ablations; /* [n_ablations] */
    int n_ablations;
    float *baseline; /* [n][classes]: logits with nothing removed */
    float *logits;   /* [n_ablations][n][classes]: logits of each ablation, in the given order */
    double *seconds; /* [n_ablations]: time spent on each (NULL: not wanted); the shared baseline is not in it, nor is
                      * what donors share. They are computed together: shares by predicted work */
    double *drift;  /* [n_ablations][n_layers][n]: how far each ablation takes each layer's output, see below (NULL: not
                     * wanted, and nothing is spent on it) */
    lsn_stop *stop; /* NULL: never; asked before every layer of every ablation */
    void *context;
} lsn_engine_request;

/* Drift: let a be a layer's output for an image in the intact network, as the next layer sees it (after ReLU and mask,
 * 2x2 pooling, and for the last convolution adaptive average pooling; of the last layer: the logits), and a' the same
 * under the ablation. Drift is ||a' - a|| / ||a||, the Euclidean norm over all elements; where ||a|| is 0, it is 0 if
 * a' is 0 too and else 1. So it is 0 before the first masked layer and in the baseline, and 1 where all of a layer is
 * removed in the mode zero. Differences are in single precision, their squares are summed in double precision in a
 * fixed order: it is the same to the bit whenever the logits are. Not a finite number where a' is none. To ask for it
 * of an engine that was created without the option is LSN_INVALID. Predicted work and costs do not count it. */

/* Evaluates ablations on images. LSN_INVALID where a LSN_MEAN or LSN_NOISE ablation is asked for and no means, or no
 * deviations, were set; where a LSN_RESAMPLE ablation is and there are no donors, the engine's options do not have it,
 * or two have different seeds; where a seed or an id is negative, a mask is not one of this network's, or a baseline
 * logit is not finite (the message has the image's index in the block; the donors' are not looked at); LSN_STOPPED
 * where `stop` said so: the results are then incomplete and must not be used. The engine itself can be used again after
 * any error. */
LSN_API bool lsn_engine_run(lsn_engine *engine, const lsn_engine_request *request, lsn_error *err);

/* Adds to `sums`, of this engine's model, what the intact network's filters do on images[n][H][W][C]: those of its
 * arrays that are not NULL. labels[n] are the images' classes; NULL where none is asked for by class. Errors as
 * lsn_engine_run; LSN_INVALID too where an activation is not finite, where a label is not one of the network's classes,
 * or where labels are missing or sums are another network's. `sums` must not be used after an error. */
LSN_API bool lsn_engine_add_activations(lsn_engine *engine, const float *images, const int32_t *labels, int n,
                                        lsn_activations *sums, lsn_stop *stop, void *context, lsn_error *err);

/* ---- where the time goes ------------------------------------------------------------------------------------- */

/* Seconds that the engine has spent since the engine was made, on one thread: in the phases of convolutions,
 * in fully connected layers, and in gathering channels for linear steps; and the multiply-adds its products executed.
 */
typedef struct lsn_engine_profile {
    double input_s, product_s, output_s, dense_s, branch_s, run_s; /* run_s: all of lsn_engine_run */
    double conv_madds, dense_madds;
} lsn_engine_profile;

LSN_API lsn_engine_profile lsn_engine_profile_of(const lsn_engine *engine);

/* "avx512", "avx2", "portable": the instruction set of its kernels. */
LSN_API const char *lsn_engine_isa(const lsn_engine *engine);

/* ---- predicted work ------------------------------------------------------------------------------------------ */

/* What work costs, by what an engine does for one image: predicted in multiply-adds (what transforms take counted as
 * such), or measured in seconds. An ablation costs what its masks change of the segment (lesion/net.h) in which its
 * first masked layer is read, and all segments behind that. Not counted is what LSN_RESAMPLE's donors take (once a
 * request the segments up to the last of its ablations' first masks; for an ablation of several layers also those
 * between its masks), nor the drawing of LSN_NOISE. */
typedef struct lsn_costs {
    struct engine_program *program;
    double *values; /* [count] plain numbers, which other processes may overwrite theirs of the same network with */
    size_t count;
} lsn_costs;

/* Predicts them for a network, whose input is set and which must outlive them. The caller finishes *costs; after an
 * error (as lsn_engine_create's) there is nothing in it. */
LSN_API bool lsn_costs_predict(const lsn_net *net, lsn_costs *costs, lsn_error *err);
LSN_API void lsn_costs_finish(lsn_costs *costs);
/* Measures instead, *costs being predicted for the engine's network: runs every step, for about that many seconds
 * together (more where one run of a step takes longer). Must not be called from a `stop`. */
LSN_API void lsn_engine_measure(lsn_engine *engine, double seconds, lsn_costs *costs);
/* An ablation's cost for one image besides the shared baseline; an empty mask: the intact network. */
LSN_API double lsn_costs_of(const lsn_costs *costs, const lsn_ablation *ablation);
/* The multiply-adds that the engine's kernels execute for it, without transforms. */
LSN_API double lsn_costs_madds(const lsn_costs *costs, const lsn_ablation *ablation);

/* "OpenBLAS 0.3.21 SkylakeX", as the library describes itself. */
LSN_API const char *lsn_engine_library(void);

#endif
