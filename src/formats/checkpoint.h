/* A checkpoint of torch.save, whatever its container: the object that was saved, and the bytes of its storages. Private
 * to the model room. */
#ifndef LESION_FORMATS_CHECKPOINT_H
#define LESION_FORMATS_CHECKPOINT_H

#include "formats/container.h"
#include "formats/pickle.h"

/* The bytes of one storage. */
typedef struct lsn_record {
    const char *key; /* inside the file; not ended by 0 */
    size_t key_bytes;
    const unsigned char *data; /* inside the file; of no particular alignment; NULL: the file lacks it */
    size_t bytes;
    const lsn_dtype *dtype; /* of its elements; NULL where the container does not tell (zip) */
} lsn_record;

typedef struct lsn_checkpoint {
    const char *path;
    lsn_pickle pickle;   /* of the object */
    lsn_record *records; /* sorted by key, all different */
    size_t n_records;
} lsn_checkpoint;

/* No storage of torch.save has a longer key. */
enum { LSN_LONGEST_KEY = 64 };

/* Containers. Each gets *c with the path alone set, and the file, which must outlive *c; sets what of *c it can, for
 * the caller to free with lsn_checkpoint_finish, on failure too. LSN_INVALID with the path. */
bool lsn_checkpoint_open_zip(lsn_checkpoint *c, const lsn_file *file, lsn_error *err);
bool lsn_checkpoint_open_legacy(lsn_checkpoint *c, const lsn_file *file, lsn_error *err);
void lsn_checkpoint_finish(lsn_checkpoint *c);

/* Fails because the file was written on a machine of another byte order. */
bool lsn_checkpoint_refuse_order(const char *path, lsn_error *err);

/* The order of records, for qsort. */
int lsn_record_compare(const void *a, const void *b);
/* The record of that key; NULL if there is none, or the key is longer than any. */
lsn_record *lsn_record_find(const lsn_checkpoint *c, const void *key, size_t bytes);

/* Finds the state dict among the values, and fills the table of tensors: weights->tensors (to be freed, on failure
 * too), ->count and ->in_module_order. LSN_INVALID with the path and the tensor. */
bool lsn_state_dict_read(lsn_weights *weights, const lsn_checkpoint *c, lsn_error *err);

#endif
