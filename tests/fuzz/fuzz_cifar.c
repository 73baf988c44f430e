/* The bytes as a file of CIFAR's binary version. */
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
    lsn_class_names names = {0};
    const char *path = fuzz_path(0, data, size);
    fuzz_allow(1 << 16, 4, size);
    bool ok = lsn_cifar_read(&images, &labels, &names, path, &err);
    assert(!ok || images.count == labels.count);
    check_images(&images, ok, &err);
    check_labels(&labels, ok, &err);
    lsn_class_names_finish(&names);
    fuzz_allow_end();
    return 0;
}
