/* The entries of a zip archive, read in place. Private to the room.
 *
 * What torch.save writes: one volume, nothing compressed, nothing encrypted, zip64 where sizes need it. Nothing is
 * copied. The entries' CRCs are not checked; neither does PyTorch, which can be told not to compute them. */
#ifndef LESION_FORMATS_ZIP_H
#define LESION_FORMATS_ZIP_H

#include "lesion/base.h"

typedef struct lsn_zip_entry {
    const char *name; /* not ended by 0 */
    size_t name_bytes;
    const unsigned char *data; /* inside the file; NULL where it is compressed or encrypted */
    size_t bytes;              /* of the data */
} lsn_zip_entry;

typedef struct lsn_zip {
    lsn_zip_entry *entries; /* sorted by name, all different */
    size_t count;
} lsn_zip;

/* LSN_INVALID with `path` where the archive is damaged or not of that kind; `zip` is then empty. The entries point into
 * the file, which must outlive them. */
bool lsn_zip_open(lsn_zip *zip, const lsn_file *file, const char *path, lsn_error *err);
void lsn_zip_close(lsn_zip *zip);

/* The entry of the name made of these two parts, NULL if there is none. */
const lsn_zip_entry *lsn_zip_find(const lsn_zip *zip, const char *folder, size_t folder_bytes, const char *name,
                                  size_t name_bytes);

#endif
