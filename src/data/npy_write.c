/* NumPy files of float32. */
#include "lesion/data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are little-endian and written as they are");

/* Format 1.0: the header is filled with spaces and a newline so that the items begin at byte 128. */
enum { START = 128, PREFIX = 10 };

static void compose_header(char *header, int64_t rows, int64_t columns)
{
    memset(header, ' ', START);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = START - PREFIX;
    header[9] = 0;
    int length =
        snprintf(header + PREFIX, START - PREFIX,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64 "), }", rows, columns);
    header[PREFIX + length] = ' '; /* over the final zero */
    header[START - 1] = '\n';
}

bool lsn_npy_write(const char *path, const float *values, int64_t rows, int64_t columns, lsn_error *err)
{
    size_t count;
    if (rows < 0 || columns < 0 || __builtin_mul_overflow(rows, columns, &count))
        return lsn_fail_at(err, LSN_FAILED, path, "an array of %" PRId64 " x %" PRId64 " items cannot be written", rows,
                           columns);
    char header[START];
    compose_header(header, rows, columns);
    lsn_new_file file;
    if (!lsn_new_file_open(&file, path, err))
        return false;
    bool ok = (fwrite(header, 1, sizeof header, file.out) == sizeof header &&
               fwrite(values, sizeof *values, count, file.out) == count) ||
              lsn_fail_at(err, LSN_FAILED, path, "cannot be written: %s", strerror(errno));
    return lsn_new_file_close(&file, ok, err);
}
