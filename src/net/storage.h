/* What a network's weights point into: for those who fill a network. */
#ifndef LESION_NET_STORAGE_H
#define LESION_NET_STORAGE_H

#include "lesion/net.h"

/* What the layers' weights point into. */
struct lsn_net_storage {
    lsn_file file;    /* empty where nothing is read in place */
    float *converted; /* NULL where everything is */
    size_t converted_bytes;
};

/* So many floats, rounded up to a cache line: between the beginnings of converted or moved arrays. */
size_t lsn_net_aligned(size_t floats);

#endif
