/* The digest of all that the network will see of some images. */
#include "data/data_internal.h"

#include <string.h>

/* Padding and normalisation as they are applied, channel by channel: how the pixels came to be is in their digests. */
static void add_preprocessing(lsn_hasher *hasher, const lsn_data *data)
{
    lsn_hasher_number(hasher, "channels", data->images.channels);
    lsn_hasher_number(hasher, "pad", data->transform.pad);
    for (int c = 0; c < data->images.channels; c++) {
        uint32_t bits[2];
        memcpy(&bits[0], &data->transform.mean[c], sizeof bits[0]);
        memcpy(&bits[1], &data->transform.std[c], sizeof bits[1]);
        lsn_hasher_number(hasher, "mean", bits[0]);
        lsn_hasher_number(hasher, "std", bits[1]);
    }
}

bool lsn_data_digest(const lsn_data *data, const lsn_sample *sample, const lsn_digest *pixels, lsn_digest *digest,
                     lsn_error *err)
{
    lsn_hasher *hasher = lsn_hasher_create(err);
    if (hasher == NULL)
        return false;
    add_preprocessing(hasher, data);
    lsn_hasher_number(hasher, "images", sample->count);
    for (int32_t i = 0; i < sample->count; i++) {
        lsn_hasher_number(hasher, "label", lsn_data_label(data, sample->images[i]));
        lsn_hasher_add(hasher, pixels[i].bytes, sizeof pixels[i].bytes);
    }
    bool ok = lsn_hasher_take(hasher, digest, err);
    lsn_hasher_destroy(hasher);
    return ok;
}
