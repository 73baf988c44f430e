/* From a tensor's bytes to floats. Private to the room. */
#ifndef LESION_FORMATS_CONVERT_H
#define LESION_FORMATS_CONVERT_H

#include "formats/tensor.h"

/* Whether the bytes are floats already, in order, fit to be read where they are. */
bool lsn_tensor_is_float(const lsn_tensor *tensor);

/* Writes the tensor's `count` elements, of a type that weights may have, to `out` in the order of their
 * indices. F64 is rounded to the nearest float. */
void lsn_tensor_convert(const lsn_tensor *tensor, float *out);

/* LSN_INVALID with the tensor's name and the element's indices where one of its `values` is infinite or not a number.
 */
bool lsn_tensor_check_finite(const lsn_tensor *tensor, const float *values, const char *path, lsn_error *err);

#endif
