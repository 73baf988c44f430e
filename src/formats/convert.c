/* From a tensor's bytes to floats. */
#include "formats/convert.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights and arrays are little-endian and read in place");

enum { EXPONENT = 0x7f800000 }; /* of a float: all ones in infinities and NaNs */

bool lsn_tensor_is_float(const lsn_tensor *tensor)
{
    return strcmp(tensor->dtype->name, "F32") == 0 && tensor->dense && (uintptr_t)tensor->data % _Alignof(float) == 0;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 31, fraction = half & 1023;
    if (exponent == 0) { /* a subnormal: fraction * 2^-24, exact in a float */
        float value = (float)fraction * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    return float_of_bits(sign | (exponent == 31 ? EXPONENT : (exponent + 127 - 15) << 23) | fraction << 13);
}

/* One element, of the type whose name begins with `type` and that has so many bytes. */
static float float_of_element(const unsigned char *at, char type, size_t bytes)
{
    uint16_t half;
    uint32_t bits;
    double value;
    switch (bytes) {
    case sizeof half: /* BF16 is the upper half of a float */
        memcpy(&half, at, sizeof half);
        return type == 'B' ? float_of_bits((uint32_t)half << 16) : float_of_half(half);
    case sizeof bits:
        memcpy(&bits, at, sizeof bits);
        return float_of_bits(bits);
    default:
        memcpy(&value, at, sizeof value);
        return (float)value;
    }
}

static void convert_dense(const lsn_tensor *tensor, float *out)
{
    const size_t bytes = tensor->dtype->bytes;
    const char type = tensor->dtype->name[0];
    if (bytes == sizeof *out) {
        memcpy(out, tensor->data, tensor->count * sizeof *out);
        return;
    }
    for (size_t i = 0; i < tensor->count; i++)
        out[i] = float_of_element(tensor->data + bytes * i, type, bytes);
}

static void convert_strided(const lsn_tensor *tensor, float *out)
{
    const size_t bytes = tensor->dtype->bytes;
    const char type = tensor->dtype->name[0];
    int64_t index[LSN_TENSOR_MAX_RANK] = {0};
    size_t at = 0; /* in elements */
    for (size_t i = 0; i < tensor->count; i++) {
        out[i] = float_of_element(tensor->data + bytes * at, type, bytes);
        for (int k = tensor->rank - 1; k >= 0; k--) {
            at += (size_t)tensor->stride[k];
            if (++index[k] < tensor->shape[k])
                break;
            at -= (size_t)tensor->stride[k] * (size_t)tensor->shape[k];
            index[k] = 0;
        }
    }
}

void lsn_tensor_convert(const lsn_tensor *tensor, float *out)
{
    assert(tensor->dtype->weights);
    if (tensor->dense)
        convert_dense(tensor, out);
    else
        convert_strided(tensor, out);
}

static bool is_finite(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & EXPONENT) != EXPONENT;
}

/* Index of the first value that is not finite; `count` if all are. Without an exit in the inner loop, so that it is
 * done many values at a time: a large model has 10^8. */
static size_t first_not_finite(const float *values, size_t count)
{
    enum { BLOCK = 4096 };
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t end = count - start < BLOCK ? count : start + BLOCK;
        int bad = 0;
        for (size_t i = start; i < end; i++)
            bad |= !is_finite(values[i]);
        for (size_t i = start; bad && i < end; i++)
            if (!is_finite(values[i]))
                return i;
    }
    return count;
}

bool lsn_tensor_check_finite(const lsn_tensor *tensor, const float *values, const char *path, lsn_error *err)
{
    size_t index = first_not_finite(values, tensor->count);
    if (index == tensor->count)
        return true;
    int64_t indices[LSN_TENSOR_MAX_RANK];
    size_t rest = index;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        indices[i] = (int64_t)(rest % (size_t)tensor->shape[i]);
        rest /= (size_t)tensor->shape[i];
    }
    lsn_text at = {0};
    for (int i = 0; i < tensor->rank; i++)
        lsn_text_add(&at, "[%" PRId64 "]", indices[i]);
    lsn_fail_at(err, LSN_INVALID, path, "%s%s is %f: every weight must be finite; train or convert the network again",
                tensor->name, at.data != NULL ? at.data : "", (double)values[index]);
    lsn_text_finish(&at);
    return false;
}
