/* The bytes as a weights file, like safetensors; the seeds are checkpoints of torch.save. */
#include "fuzz.h"

#include "weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    load_weights(data, size);
    return 0;
}
