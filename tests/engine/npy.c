#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lesion/base.h"

enum { PREFIX = 10, MOST_HEADER = 1024 }; /* magic, version 1.0, length of the header */

/* The items' count, from a header like {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }; 0 if it is not. */
static size_t parse_header(const char *header, const char *type, int rank, size_t *shape)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, "'descr': '%s'", type);
    const char *at = strstr(header, "'shape': (");
    if (at == NULL || strstr(header, wanted) == NULL || strstr(header, "'fortran_order': False") == NULL)
        return 0;
    at += strlen("'shape': (");
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        char *end;
        shape[i] = strtoul(at, &end, 10);
        if (end == at)
            return 0;
        count *= shape[i];
        at = end + strspn(end, ", ");
    }
    return *at == ')' ? count : 0;
}

void *npy_read(const char *path, const char *type, size_t item_bytes, int rank, size_t *shape)
{
    lsn_file file;
    lsn_error err;
    char header[MOST_HEADER] = "";
    void *items = NULL;
    if (!lsn_file_map(&file, path, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return NULL;
    }
    size_t length = file.bytes > PREFIX ? file.data[8] + 256u * file.data[9] : 0;
    if (length > 0 && length < sizeof header && PREFIX + length <= file.bytes &&
        memcmp(file.data, "\x93NUMPY\x01", 7) == 0) {
        memcpy(header, file.data + PREFIX, length);
        size_t count = parse_header(header, type, rank, shape);
        if (count > 0 && PREFIX + length + count * item_bytes == file.bytes)
            items = lsn_array(count, item_bytes, NULL);
        if (items != NULL)
            memcpy(items, file.data + PREFIX + length, count * item_bytes);
    }
    if (items == NULL)
        fprintf(stderr, "%s is not an array of %s with %d dimensions\n", path, type, rank);
    lsn_file_unmap(&file);
    return items;
}
