/* Whether an image can be decoded, and the digest of what comes out. */
#include "data/data_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lsn_data_fetched_digest(const lsn_data *data, const unsigned char *fetched, lsn_digest *digest, lsn_error *err)
{
    lsn_hasher *hasher = lsn_hasher_create(err);
    if (hasher == NULL)
        return false;
    lsn_hasher_text(hasher, "pixels", data->images.preprocessed ? "float32 CHW" : "uint8 HWC");
    lsn_hasher_number(hasher, "rows", data->h);
    lsn_hasher_number(hasher, "columns", data->w);
    lsn_hasher_number(hasher, "channels", data->images.channels);
    lsn_hasher_add(hasher, fetched, lsn_data_fetched_bytes(data));
    bool ok = lsn_hasher_take(hasher, digest, err);
    lsn_hasher_destroy(hasher);
    return ok;
}

/* float32 images can be read, but not used, where a value is not finite. */
static bool check_finite(const lsn_data *data, int32_t image, const unsigned char *fetched, lsn_error *err)
{
    const size_t count = lsn_data_fetched_bytes(data) / sizeof(float);
    if (!data->images.preprocessed)
        return true;
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, fetched + i * sizeof value, sizeof value);
        if (!(value - value == 0)) /* infinite or not a number */
            return lsn_data_fail_finite(data, image, err);
    }
    return true;
}

bool lsn_data_check(const lsn_data *data, int32_t image, unsigned char *scratch, lsn_image_check *check, lsn_error *err)
{
    lsn_image_header header = {0};
    unsigned char *own = scratch != NULL ? NULL : malloc(lsn_data_fetched_bytes(data));
    unsigned char *fetched = scratch != NULL ? scratch : own;
    memset(check, 0, sizeof *check); /* the gaps too: checks travel as bytes */
    if (fetched == NULL)
        return lsn_fail(err, LSN_FAILED, "out of memory: an image could not be held");
    bool ok = lsn_data_fetch_with_header(data, image, &header, fetched, err) &&
              check_finite(data, image, fetched, err) && lsn_data_fetched_digest(data, fetched, &check->digest, err);
    check->readable = ok || header.odd_size;
    check->odd_size = header.odd_size;
    check->height = header.h;
    check->width = header.w;
    memcpy(check->form, header.form, sizeof check->form);
    free(own);
    return ok;
}
