#include "lesion/data.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ALIGNMENT = 64, PREAMBLE = 10 }; /* bytes: magic, version, header length */

bool lsn_npy_write(const char *path, const float *values, int64_t rows, int64_t columns, lsn_error *err)
{
    char header[256];
    int length = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                          (long long)rows, (long long)columns);
    int pad = (ALIGNMENT - (PREAMBLE + length + 1) % ALIGNMENT) % ALIGNMENT;
    length += snprintf(header + length, sizeof header - (size_t)length, "%*s\n", pad, "");
    const unsigned char preamble[PREAMBLE] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(length & 255), (unsigned char)(length >> 8)};
    FILE *file = fopen(path, "wbe");
    if (file == NULL)
        return lsn_fail(err, LSN_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    size_t count = (size_t)rows * (size_t)columns;
    bool ok = fwrite(preamble, sizeof preamble, 1, file) == 1 && fwrite(header, (size_t)length, 1, file) == 1 &&
              fwrite(values, sizeof *values, count, file) == count;
    ok = fclose(file) == 0 && ok;
    return ok || lsn_fail(err, LSN_FAILED, "%s: cannot be written whole: %s", path, strerror(errno));
}
