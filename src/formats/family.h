/* The layer table, inferred from a file's modules. Private to the model room. */
#ifndef LESION_FORMATS_FAMILY_H
#define LESION_FORMATS_FAMILY_H

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

/* Makes the file's network, without layers' names and weights: row->layers (to be freed, on failure too) are its
 * layers. LSN_INVALID with the tensor's name where its modules are not a whole, consistent network. */
bool lsn_family_infer(lsn_row *row, const lsn_modules *modules, lsn_error *err);

/* Beyond, a file is no network, and it would take time that grows with the square. */
enum { LSN_MOST_LAYERS = LSN_MAX_LAYERS };
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

/* Convolutions (features.N), then fully connected layers. */
bool lsn_vgg_infer(lsn_row *row, const lsn_modules *modules, lsn_error *err);

/* Fully connected layers alone. */
bool lsn_chain_infer(lsn_row *row, const lsn_modules *modules, lsn_error *err);

#endif
