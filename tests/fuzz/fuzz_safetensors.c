/* The bytes as a weights file: the model loads, or is refused with a message. */
#include "fuzz.h"

#include "weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    load_weights(data, size);
    return 0;
}
