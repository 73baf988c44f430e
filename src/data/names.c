/* Lists of files and folders. */
#include "data/data_internal.h"

#include <stdlib.h>
#include <string.h>

bool lsn_names_add(lsn_names *names, char *name, int32_t number, lsn_error *err)
{
    if (name == NULL || !lsn_grow((void **)&names->list, names->count, &names->room, sizeof *names->list, err)) {
        free(name);
        return false;
    }
    names->list[names->count++] = (lsn_name){name, number};
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const lsn_name *)a)->name, ((const lsn_name *)b)->name);
}

void lsn_names_sort(lsn_names *names)
{
    if (names->count > 1)
        qsort(names->list, names->count, sizeof *names->list, by_name);
}

bool lsn_names_have(const lsn_names *names, const char *name)
{
    const lsn_name key = {.name = (char *)(uintptr_t)name};
    return names->count > 0 && bsearch(&key, names->list, names->count, sizeof key, by_name) != NULL;
}

void lsn_names_finish(lsn_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i].name);
    free(names->list);
}
