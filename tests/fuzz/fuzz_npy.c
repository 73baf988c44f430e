/* The bytes as a NumPy file: of images, and of labels. */
#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>

#include "data/data_internal.h"

#include "images.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lsn_error err = {0};
    lsn_images images = {0};
    lsn_labels labels = {0};
    const char *path = fuzz_path(0, data, size);
    fuzz_allow(1 << 16, 8, size);
    check_images(&images, lsn_npy_read_images(&images, path, &err), &err);
    check_labels(&labels, lsn_npy_read_labels(&labels, path, &err), &err);
    fuzz_allow_end();
    return 0;
}
