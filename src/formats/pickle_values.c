/* Looking at the values of a pickle that was read. */
#include "formats/pickle.h"

#include "formats/pickle_globals.h"

#include <assert.h>
#include <string.h>

const lsn_pickle_value *lsn_pickle_at(const lsn_pickle *pickle, lsn_pickle_ref ref)
{
    assert(ref < pickle->n_values);
    return &pickle->values[ref];
}

bool lsn_pickle_is_text(const lsn_pickle *pickle, const lsn_pickle_value *value, const char *text)
{
    return value->kind == LSN_PICKLE_TEXT && value->as.text.bytes == strlen(text) &&
           memcmp(pickle->data + value->as.text.at, text, strlen(text)) == 0;
}

bool lsn_pickle_next(const lsn_pickle *pickle, uint32_t *link, const lsn_pickle_value **value)
{
    if (*link == LSN_PICKLE_END)
        return false;
    *value = lsn_pickle_at(pickle, pickle->links[*link].value);
    *link = pickle->links[*link].next;
    return true;
}

bool lsn_pickle_next_pair(const lsn_pickle *pickle, uint32_t *link, const lsn_pickle_value **key,
                          const lsn_pickle_value **value)
{
    return lsn_pickle_next(pickle, link, key) && lsn_pickle_next(pickle, link, value);
}

const lsn_pickle_value *lsn_pickle_find(const lsn_pickle *pickle, const lsn_pickle_value *dict, const char *name)
{
    const lsn_pickle_value *key, *value;
    for (uint32_t link = dict->as.items.first; lsn_pickle_next_pair(pickle, &link, &key, &value);)
        if (lsn_pickle_is_text(pickle, key, name))
            return value;
    return NULL;
}

const lsn_dtype *lsn_pickle_dtype(const lsn_pickle_value *storage)
{
    return lsn_global_dtype(storage->global);
}
