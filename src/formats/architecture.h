/* What makes a network of the names and shapes in a weights file. Private to the room.
 *
 * The room, file by file. From a file to tensors:
 *   container.[ch]   which format a file is; a checked table of its tensors
 *   safetensors.c    that format
 *   checkpoint.[ch]  what torch.save writes: the object that was saved, and the bytes of its storages, from
 *   checkpoint_zip.c, zip.[ch]   the zip since PyTorch 1.6, or from
 *   checkpoint_legacy.c          what was before it
 *   pickle*.[ch]     the object: a machine for the few instructions and names that a state dict needs
 *   state_dict.c     where in it the state dict is, and the tensors of it
 *   tensor.[ch]      a tensor's name, type and shape; convert.[ch] its elements as floats
 * From tensors to a network:
 *   modules.[ch]     tensors by the modules that they belong to
 *   vgg.c, chain.c   which modules follow one another, for each kind of network; row.c what they share
 *   fold.c           batch normalisation as part of the layer before it
 *   load.c           lsn_net_load: the kind, the weights, the layers' names
 */
#ifndef LESION_FORMATS_ARCHITECTURE_H
#define LESION_FORMATS_ARCHITECTURE_H

#include "formats/modules.h"
#include "lesion/formats.h"
#include "net/build.h"

/* ---- what the kinds of network share (row.c) ----------------------------------------------------------------- */

/* A layer that is read, and its tensors. */
typedef struct lsn_row_layer {
    const lsn_module *module;
    const lsn_module *norm; /* the batch normalisation that follows; NULL: none */
    int node;
    bool pooled;
} lsn_row_layer;

/* A row of layers while it is read, and their nodes. */
typedef struct lsn_row {
    const lsn_weights *weights;
    lsn_net *net;
    int value; /* the last node */
    lsn_row_layer *layers;
    int count;
    size_t room;
} lsn_row;

/* Beyond, a file is no network, and it would take time that grows with the square. */
enum { LSN_MOST_LAYERS = 4096 };
bool lsn_refuse_more_layers(const char *path, lsn_error *err);

typedef struct lsn_layer_sizes {
    int filters, channels;
} lsn_layer_sizes;

/* Reads the layer's sizes: checks its weights' shape (rank 4 for a convolution; a fully connected layer may be written
 * as one, as timm does) and its bias, and that it takes what the layer before gives, unless `first`. */
bool lsn_row_read(const lsn_row *row, lsn_layer_kind kind, const lsn_module *module, bool first, lsn_layer_sizes *sizes,
                  lsn_error *err);
/* Appends it, as a 3 x 3 convolution or fully connected. */
bool lsn_row_add(lsn_row *row, lsn_layer_kind kind, const lsn_module *module, lsn_layer_sizes sizes, lsn_error *err);
/* Takes the batch normalisation as following that layer. */
bool lsn_row_add_norm(const lsn_row *row, lsn_row_layer *layer, const lsn_module *norm, lsn_error *err);
/* Takes the node (-1: it could not be added) as the row's last. */
bool lsn_row_goes_on(lsn_row *row, int node);

/* ---- the kinds of network ------------------------------------------------------------------------------------ */

/* Add the file's nodes and row->layers (to be freed, on failure too), without names and weights. LSN_INVALID with the
 * tensor's name where the modules are not a whole, consistent network of that kind. */

/* Convolutions (features.N), then fully connected layers. */
bool lsn_vgg_infer(lsn_row *row, const lsn_modules *modules, lsn_error *err);

/* Fully connected layers alone. */
bool lsn_chain_infer(lsn_row *row, const lsn_modules *modules, lsn_error *err);

/* ---- batch normalisation (fold.c) ---------------------------------------------------------------------------- */

/* Folds y = (x - mean) / sqrt(var + epsilon) * weight + bias (Ioffe & Szegedy, 2015, algorithm 1; epsilon is
 * LSN_NORM_EPSILON) into weights[F][per filter] and bias[F] of the layer that gives x, in double precision, rounded
 * once. A norm without weight or bias has ones and zeros. `room` is for 4 * F floats. LSN_INVALID with a tensor's name
 * where a variance is negative, or where something is not finite, before or after. */
bool lsn_fold(const lsn_module *norm, float *weights, float *bias, int filters, size_t per_filter, float *room,
              const char *path, lsn_error *err);

#endif
