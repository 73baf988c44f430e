#include "store/store_internal.h"

bool lsn_store_judge(lsn_store *store, lsn_error *err)
{
    return lsn_store_commit(store, err);
}
