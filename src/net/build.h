/* A network while it is made, node by node: for readers of files and of messages, and for tests. Private to the
 * library.
 *
 * The room, file by file:
 *   build.c        nodes and layers are added and checked; a network is created and destroyed
 *   complete.c     what follows from the graph: consumers, what a mask replaces, cuts and segments
 *   shapes.c       the input's size and every node's shape; why an input does not fit
 *   layers.c       layers by name, filters, multiply-adds, parameters
 *   weights.c      where weights and biases lie: in a file, converted, or moved to memory that processes share
 *   message.c      a network without its weights as bytes
 *   mask.c         the modes' names
 *   activations.c  sums of activations on calibration images, and the statistics they give
 *
 * The order: lsn_net_create; nodes in topological order, the input first; layers in the order of their nodes, the
 * logits' last; lsn_net_complete. Constants may be set before or after (nodes[i].weights.values).
 */
#ifndef LESION_NET_BUILD_H
#define LESION_NET_BUILD_H

#include "lesion/net.h"

/* What the weights point into. */
struct lsn_net_storage {
    lsn_file file;    /* empty where nothing is read in place */
    float *converted; /* NULL where everything is */
    size_t converted_bytes;
    size_t node_room, layer_room; /* of the network's lists */
};

/* A network without nodes. `path` stands for the file in messages. The caller owns it, complete or not; NULL and *err
 * where memory is short. */
lsn_net *lsn_net_create(const char *path, lsn_error *err);

/* Adds a node and returns its index; inputs are copied, counts of constants, shape and consumers set here. -1 and *err
 * (LSN_INVALID) where the operator has not so many inputs, one is no node before it, or a size is none that it may
 * have, or too large to count. */
int lsn_net_add(lsn_net *net, lsn_net_node node, lsn_error *err);

/* The images, of so many channels (0: any). */
int lsn_net_add_input(lsn_net *net, int channels, lsn_error *err);

/* The same, of one input each. A window's zeros in kernel, stride and dilation count as 1. */
int lsn_net_add_conv(lsn_net *net, int input, int filters, int channels, lsn_net_window window, lsn_error *err);
int lsn_net_add_dense(lsn_net *net, int input, int filters, int channels, lsn_error *err);
int lsn_net_add_max_pool(lsn_net *net, int input, lsn_net_window window, lsn_error *err);
int lsn_net_add_average_grid(lsn_net *net, int input, int h, int w, lsn_error *err);
/* ReLU and flatten. */
int lsn_net_add_plain(lsn_net *net, lsn_operator op, int input, lsn_error *err);

/* See lsn_layer; all but the name may be NULL. */
typedef struct lsn_layer_names {
    const char *name, *alias, *weights_tensor, *bias_tensor, *norm;
} lsn_layer_names;

/* Adds a layer with that node; the names are copied. LSN_INVALID where the node is no convolution or fully connected
 * layer, not behind the last layer's, or another layer has the name; or where all filters together could not be
 * counted. */
bool lsn_net_add_layer(lsn_net *net, int node, lsn_layer_names names, lsn_error *err);

/* Sets all that follows from nodes and layers but the shapes. The last layer becomes the logits. An alias that is
 * another layer's name is dropped. LSN_INVALID where a node but the last is read by none, or there is no layer. */
bool lsn_net_complete(lsn_net *net, lsn_error *err);

/* So many floats, rounded up to a cache line: between the beginnings of converted or moved arrays. */
size_t lsn_net_aligned(size_t floats);

/* Releases what weights were read from; nothing reads them there any more. */
void lsn_net_release_storage(lsn_net *net);

#endif
