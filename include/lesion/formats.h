/* Lesion: the files that networks come in.
 */
#ifndef LESION_FORMATS_H
#define LESION_FORMATS_H

#include "lesion/net.h"

/* The variance's epsilon of the batch normalisations that are folded: PyTorch's default. A weights file does not tell
 * it; a network that was trained with another one comes out slightly different. */
#define LSN_NORM_EPSILON 1e-5

/* Reads a weights file: safetensors, or a checkpoint of torch.save with a state dict, plain or under the key
 * state_dict, model_state_dict, model or net; both the zip that torch.save writes since PyTorch 1.6, and what it wrote
 * from 0.1.10 on until then, as torchvision's VGGs of 2017 are (vgg19-dcbb9e9d.pth). The format is told by the content.
 * Names may all begin with "module.", "_orig_mod.", "model." or "net.". Nothing in a file is executed. F32, F16, BF16
 * and F64 (rounded to F32) are read. F32 stays mapped where it is aligned and in order, so the file must not be
 * overwritten while the model lives, only replaced; in the old format, which aligns nothing, it mostly is copied.
 *
 * Convolutions are features.N, fully connected layers classifier.N, or a single one classifier (torchvision's names),
 * or pre_logits.fc1, pre_logits.fc2 and head.fc (timm's). timm's slides the fully connected layers over a map that is
 * larger than grid x grid and averages the results, which is not torchvision's network: such an input is refused, by
 * lsn_net_set_input. Poolings follow from the numbers of the modules: a convolution (or its batch normalisation,
 * which is the next module) and the next convolution are 2 apart (ReLU between) or 3 (and pooling); the last
 * convolution is always pooled. Strides, padding and the activation cannot be seen in a file and are taken to be the
 * family's. Layers are named as VGG's where there are five poolings, else convN and fcN in order.
 *
 * Without a convolution, all fully connected layers form a chain in the order of their modules (that of the numbers in
 * their names in a safetensors file, which has no other order); at least two. Batch normalisations among them belong
 * to the layer of the same number (fc1, bn1), of the number before (0, 1) or of the same block (b1.fc, b1.bn), and are
 * taken to come before the ReLU.
 *
 * NULL and *err (LSN_INVALID, with the tensor's name and the remedy) on anything that is not a whole, consistent
 * network of one of these kinds; LSN_FAILED where memory is short. No more memory is taken than in proportion to the
 * file. The caller owns the model. */
LSN_API lsn_net *lsn_net_load(const char *path, lsn_error *err);

#endif
