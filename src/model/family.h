/* The VGG family's layer table, inferred from a file's tensors. Private to the model room. */
#ifndef LESION_MODEL_FAMILY_H
#define LESION_MODEL_FAMILY_H

#include "lesion/model.h"
#include "model/safetensors.h"

typedef struct lsn_layer_tensors {
    const lsn_tensor *weights, *bias; /* of one layer; they live in the file's table */
} lsn_layer_tensors;

/* Sets model->layers (to be freed, on failure too) and all that follows from names and shapes: everything but the
 * maps' sizes and the weights themselves. tensors[LSN_MAX_LAYERS] gets each layer's tensors. LSN_INVALID with the
 * tensor's name where they are not a whole, consistent network. */
bool lsn_family_infer(lsn_model *model, const lsn_safetensors *file, lsn_layer_tensors *tensors, lsn_error *err);

#endif
