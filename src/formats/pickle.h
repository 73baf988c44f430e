/* The values of a pickle that torch.save wrote. Private to the room.
 *
 * A pickle is a program for a machine with a stack. This machine knows the instructions that torch.save writes and no
 * function of Python's: of the names that a pickle may call it knows the few of which a state dict is made, and makes
 * values of them itself. Every other name is refused; nothing is imported, nothing is run. Memory and time are in
 * proportion to the pickle's size; nothing recurses, however deep the values are nested.
 */
#ifndef LESION_FORMATS_PICKLE_H
#define LESION_FORMATS_PICKLE_H

#include "formats/tensor.h"

typedef enum lsn_pickle_kind {
    LSN_PICKLE_NONE,
    LSN_PICKLE_BOOL,
    LSN_PICKLE_INT,
    LSN_PICKLE_NUMBER, /* a float, or a whole number beyond 64 bits: the value is not kept */
    LSN_PICKLE_TEXT,
    LSN_PICKLE_BYTES,
    LSN_PICKLE_TUPLE,
    LSN_PICKLE_LIST,
    LSN_PICKLE_DICT,   /* OrderedDict too */
    LSN_PICKLE_GLOBAL, /* one of the known names of Python's */
    LSN_PICKLE_STORAGE,
    LSN_PICKLE_TENSOR,
    LSN_PICKLE_UNFILLED, /* a tensor that was made, and not told what of */
    LSN_PICKLE_N_KINDS
} lsn_pickle_kind;

/* A value is known by its index. One value may be an item of several, and of itself. */
typedef uint32_t lsn_pickle_ref;

typedef struct lsn_pickle_value {
    uint8_t kind;
    uint8_t global; /* LSN_PICKLE_GLOBAL: which; LSN_PICKLE_STORAGE: the class of its elements, a global */
    union {
        int64_t number; /* LSN_PICKLE_INT; LSN_PICKLE_BOOL: 0 or 1 */
        struct {
            uint32_t at, bytes; /* in the pickle; not ended by 0 */
        } text;
        struct {
            uint32_t first, last, count; /* of the items: indices of links, LSN_PICKLE_END where there are none */
        } items;                         /* TUPLE, LIST; DICT: key, value, key, value, ... */
        struct {
            lsn_pickle_ref key;                        /* TEXT: the name of the file's record with its bytes */
            lsn_pickle_ref elements;                   /* INT: of the record */
            lsn_pickle_ref view_offset, view_elements; /* INT: the part of it that is used; LSN_PICKLE_END: all */
        } storage;
        struct {
            lsn_pickle_ref storage, offset, size, stride; /* STORAGE, INT, TUPLE, TUPLE */
        } tensor;
    } as;
} lsn_pickle_value;

#define LSN_PICKLE_END UINT32_MAX

typedef struct lsn_pickle_link {
    lsn_pickle_ref value;
    uint32_t next; /* LSN_PICKLE_END after the last */
} lsn_pickle_link;

typedef struct lsn_pickle {
    const unsigned char *data; /* borrowed: texts lie there */
    size_t bytes;              /* from `data` to behind the instruction that ends the pickle */
    lsn_pickle_value *values;
    lsn_pickle_link *links;
    size_t n_values, n_links, values_room, links_room;
    lsn_pickle_ref root; /* the value of the whole */
} lsn_pickle;

/* The longest pickle that is read. */
#define LSN_PICKLE_LARGEST ((size_t)16 << 20)

/* Reads the pickle of torch.save, protocol 2 to 5, with which `bytes` bytes begin; what is behind it is not looked at.
 * LSN_INVALID with `path`, `name` (what the file calls the pickle) and the place where it is damaged, or with the name
 * of Python's that is refused; `pickle` is then empty. */
bool lsn_pickle_read(lsn_pickle *pickle, const unsigned char *data, size_t bytes, const char *path, const char *name,
                     lsn_error *err);
void lsn_pickle_finish(lsn_pickle *pickle);

/* ---- values (pickle_values.c) -------------------------------------------------------------------------------- */

const lsn_pickle_value *lsn_pickle_at(const lsn_pickle *pickle, lsn_pickle_ref ref);
/* Whether the value is a text, and this one. */
bool lsn_pickle_is_text(const lsn_pickle *pickle, const lsn_pickle_value *value, const char *text);
/* Walks a tuple or list; *link begins as items.first. False after the last. */
bool lsn_pickle_next(const lsn_pickle *pickle, uint32_t *link, const lsn_pickle_value **value);
/* The same of a dict. */
bool lsn_pickle_next_pair(const lsn_pickle *pickle, uint32_t *link, const lsn_pickle_value **key,
                          const lsn_pickle_value **value);
/* What a dict has under this key; NULL if nothing. */
const lsn_pickle_value *lsn_pickle_find(const lsn_pickle *pickle, const lsn_pickle_value *dict, const char *key);
/* The type of a storage's elements. */
const lsn_dtype *lsn_pickle_dtype(const lsn_pickle_value *storage);

#endif
