/* A weights file, whatever its format: a checked table of tensors over the file's mapped bytes; and the formats'
 * readers. Private to the room. */
#ifndef LESION_FORMATS_CONTAINER_H
#define LESION_FORMATS_CONTAINER_H

#include "formats/tensor.h"

typedef struct lsn_weights {
    const char *path; /* borrowed */
    lsn_file file;
    lsn_tensor *tensors; /* in the file's order */
    size_t count;
    bool in_module_order; /* the file's order is that in which the network's modules were defined (checkpoints) */
    size_t prefix;        /* bytes at the beginning of every name that say nothing: "module." */
} lsn_weights;

/* Maps the file, recognises its format by its content, and checks it: afterwards every tensor lies inside it, no two
 * have the same name, and all together have no more bytes than the file. LSN_INVALID with path and tensor; `weights` is
 * then empty. The path must outlive it. */
bool lsn_weights_open(lsn_weights *weights, const char *path, lsn_error *err);
void lsn_weights_close(lsn_weights *weights);

/* The tensor's name without what all names of the file begin with. */
const char *lsn_weights_key(const lsn_weights *weights, const lsn_tensor *tensor);

/* ---- the formats: each reader gets ->file and ->path, and sets ->tensors (to be freed, on failure too), ->count and
 * ->in_module_order ---- */

bool lsn_safetensors_read(lsn_weights *weights, lsn_error *err);

/* What torch.save writes or wrote, or a TorchScript archive. */
bool lsn_checkpoint_recognise(const lsn_file *file);
/* Reads the state dict of a checkpoint (zip, or what was before it). The tar of PyTorch's first months, TorchScript and
 * whole pickled models are refused with the line that converts them. */
bool lsn_checkpoint_read(lsn_weights *weights, lsn_error *err);

#endif
