/* The formats of weights files. Each reader gets weights->file and ->path, and sets ->tensors (to be freed, on failure
 * too), ->count and ->in_module_order. Private to the model room. */
#ifndef LESION_FORMATS_FORMATS_H
#define LESION_FORMATS_FORMATS_H

#include "formats/weights.h"

bool lsn_safetensors_read(lsn_weights *weights, lsn_error *err);

/* What torch.save writes or wrote, or a TorchScript archive. */
bool lsn_checkpoint_recognise(const lsn_file *file);
/* Reads the state dict of a checkpoint (zip, or what was before it). The tar of PyTorch's first months, TorchScript and
 * whole pickled models are refused with the line that converts them. */
bool lsn_checkpoint_read(lsn_weights *weights, lsn_error *err);

#endif
