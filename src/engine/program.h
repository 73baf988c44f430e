/* A network compiled for the engine: a program of steps, each one call of a kernel, and the values that they read and
 * write. It depends on the network and its input's size alone.
 *
 * A step computes a node and what is fused into it: a convolution with ReLU and 2x2 max pooling, a fully connected
 * layer with ReLU, an average pooling. Values are maps [pixels][channels]; flattening changes nothing in memory, an
 * average pooling of a map that has the grid's size neither: both have the value that they read. Steps between two
 * cuts, values that stand alone, are a segment (lesion/net.h). */
#ifndef LESION_ENGINE_PROGRAM_H
#define LESION_ENGINE_PROGRAM_H

#include "engine/kernels/kernels.h"
#include "lesion/net.h"

struct engine_operator;

typedef struct engine_step {
    const struct engine_operator *op;
    const lsn_net_node *source; /* the node with its weights */
    int node;                   /* its index */
    int layer;                  /* whose node it is; -1: no layer's */
    int segment;
    int n_inputs, *inputs; /* values */
    int output;            /* value */
    lsn_net_shape in, map; /* of its first input; of its own value, before a pooling that is fused into it */
    bool relu, pool;       /* what is fused into it */
    size_t z_floats;       /* pre-activation, of one image; 0: it has none */
    size_t z_offset;       /* floats of the steps before it in its segment */
    lsn_conv conv;         /* of a convolution: in full, */
    lsn_conv few;          /* and the linear step over few channels */
    lsn_dense dense;       /* of a fully connected layer */
} engine_step;

typedef struct engine_value {
    int node; /* the first node whose value it is */
    int pixels, channels;
    size_t floats;               /* pixels * channels */
    int producer;                /* step; -1: the images */
    int n_consumers, *consumers; /* steps */
    int masked;                  /* the layer whose masks replace channels of it; -1: no layer's */
    int seen;                    /* the layer whose output it is as other layers see it; -1: no layer's */
    bool inner;                  /* it lives within a segment: */
    int buffer;                  /* where stacks keep it; values that do not live at the same time share one */
    size_t offset;               /* floats of the inner values before it in its segment, where each is apart */
} engine_value;

typedef struct engine_segment {
    int first, end;    /* steps first .. end-1 */
    int input, output; /* values, both cuts */
    size_t z, inner;   /* floats of its pre-activations, and of its inner values, for one image */
    int stack;         /* inputs after which its kernels have full blocks */
} engine_segment;

/* What an ablation of a layer has to do with. */
typedef struct engine_layer {
    int masked, seen;          /* values; where they differ, what lies between takes each channel by itself */
    int branch;                /* the segment of the steps that read `seen`; n_segments: none does */
    int n_affected, *affected; /* its steps whose results a mask changes, ascending */
    int filter_offset;         /* where its filters begin in an array over all filters */
} engine_layer;

typedef struct engine_program {
    const lsn_net *net;
    int n_steps, n_values, n_segments, n_layers, n_buffers;
    engine_step *steps;
    engine_value *values; /* 0: the images */
    engine_segment *segments;
    engine_layer *layers;
    size_t *buffer_floats; /* [n_buffers] of one image */
} engine_program;

/* Compiles the network, whose input is set and which must outlive the program. NULL and *err: LSN_INVALID where the
 * input is not set, or the engine has no kernel for a node; LSN_FAILED where memory is short. */
engine_program *engine_compile(const lsn_net *net, lsn_error *err);
void engine_program_destroy(engine_program *program);

/* Does step i read the value? */
bool engine_reads(const engine_step *step, int value);

/* The only node that reads the node's value, if it is of that operator; else -1. */
int engine_next_node(const lsn_net *net, int node, lsn_operator op);

#endif
