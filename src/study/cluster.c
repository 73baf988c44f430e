/* Trees of similar filters (hierarchical clustering by nearest-neighbour chains), and their groups. */
#include "study/cluster.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

const char *const lsn_linkage_names[LSN_N_LINKAGES + 1] = {[LSN_LINKAGE_AVERAGE] = "average",
                                                           [LSN_LINKAGE_COMPLETE] = "complete",
                                                           [LSN_LINKAGE_SINGLE] = "single",
                                                           [LSN_LINKAGE_WARD] = "ward"};

double lsn_lance_williams(lsn_linkage linkage, double kept, double gone, double between, double n_kept, double n_gone,
                          double other)
{
    switch (linkage) {
    case LSN_LINKAGE_COMPLETE:
        return fmax(kept, gone);
    case LSN_LINKAGE_SINGLE:
        return fmin(kept, gone);
    case LSN_LINKAGE_WARD: {
        double squares = (n_kept + other) * kept * kept + (n_gone + other) * gone * gone - other * between * between;
        return sqrt(fmax(0, squares / (n_kept + n_gone + other)));
    }
    default:
        return (n_kept * kept + n_gone * gone) / (n_kept + n_gone);
    }
}

/* ---- the tree ------------------------------------------------------------------------------------------------ */

/* A cluster bears the number of its lowest member. */
typedef struct linking {
    double *distances;
    int32_t count;
    lsn_linkage linkage;
    int32_t *size; /* 0: the cluster is part of another one */
    int32_t *chain;
    int32_t length;
} linking;

/* The cluster nearest to the chain's last, and how far it is. */
static int32_t nearest(const linking *l, double *distance)
{
    const int32_t last = l->chain[l->length - 1];
    int32_t best = l->length > 1 ? l->chain[l->length - 2] : -1;
    *distance = best < 0 ? (double)INFINITY : l->distances[lsn_pair((size_t)l->count, (size_t)last, (size_t)best)];
    for (int32_t i = 0; i < l->count; i++) {
        if (l->size[i] == 0 || i == last)
            continue;
        double d = l->distances[lsn_pair((size_t)l->count, (size_t)last, (size_t)i)];
        if (best < 0 || d < *distance) {
            best = i;
            *distance = d;
        }
    }
    return best;
}

/* Follows nearest neighbours until two are each other's; they are the chain's last two. */
static double grow_chain(linking *l)
{
    if (l->length == 0) {
        int32_t first = 0;
        while (l->size[first] == 0)
            first++;
        l->chain[l->length++] = first;
    }
    for (;;) {
        double distance;
        int32_t next = nearest(l, &distance);
        if (l->length > 1 && next == l->chain[l->length - 2])
            return distance;
        l->chain[l->length++] = next;
    }
}

static void merge_clusters(linking *l, int32_t kept, int32_t gone, double between)
{
    const size_t count = (size_t)l->count;
    for (int32_t i = 0; i < l->count; i++) {
        if (l->size[i] == 0 || i == kept || i == gone)
            continue;
        double *to_kept = &l->distances[lsn_pair(count, (size_t)i, (size_t)kept)];
        *to_kept = lsn_lance_williams(l->linkage, *to_kept, l->distances[lsn_pair(count, (size_t)i, (size_t)gone)],
                                      between, l->size[kept], l->size[gone], l->size[i]);
    }
    l->size[kept] += l->size[gone];
    l->size[gone] = 0;
}

static int by_height(const void *a, const void *b)
{
    const lsn_merge *first = a, *second = b;
    const int order = LSN_ORDER(first->height, second->height);
    return order != 0 ? order : LSN_ORDER(first->found, second->found);
}

bool lsn_link(double *distances, int32_t count, lsn_linkage linkage, lsn_merge *merges, lsn_error *err)
{
    linking l = {.distances = distances, .count = count, .linkage = linkage};
    l.size = lsn_array((size_t)count, sizeof *l.size, err);
    l.chain = lsn_array((size_t)count, sizeof *l.chain, err);
    bool ok = l.size != NULL && l.chain != NULL;
    for (int32_t i = 0; ok && i < count; i++)
        l.size[i] = 1;
    for (int32_t m = 0; ok && m < count - 1; m++) {
        double height = grow_chain(&l);
        const int32_t last = l.chain[l.length - 1], before = l.chain[l.length - 2];
        merges[m] = (lsn_merge){LSN_MIN(last, before), LSN_MAX(last, before), m, height};
        l.length -= 2;
        merge_clusters(&l, merges[m].kept, merges[m].gone, height);
    }
    free(l.size);
    free(l.chain);
    if (ok && count > 1)
        qsort(merges, (size_t)count - 1, sizeof *merges, by_height);
    return ok;
}

/* ---- its groups ---------------------------------------------------------------------------------------------- */

int32_t lsn_merges_within(const lsn_merge *merges, int32_t count, double height)
{
    int32_t n = 0;
    while (n < count - 1 && merges[n].height <= height)
        n++;
    return n;
}

/* The lowest member of i's group, by groups[i] <= i. */
static int32_t root_of(int32_t *groups, int32_t i)
{
    while (groups[i] != i)
        i = groups[i] = groups[groups[i]];
    return i;
}

void lsn_cut_tree(const lsn_merge *merges, int32_t count, int32_t n_merges, int32_t *groups)
{
    assert(n_merges >= 0 && n_merges < count);
    for (int32_t i = 0; i < count; i++)
        groups[i] = i;
    for (int32_t m = 0; m < n_merges; m++) {
        const int32_t kept = root_of(groups, merges[m].kept), gone = root_of(groups, merges[m].gone);
        groups[LSN_MAX(kept, gone)] = LSN_MIN(kept, gone);
    }
    for (int32_t i = 0; i < count; i++)
        groups[i] = root_of(groups, i);
    for (int32_t i = 0, next = 0; i < count; i++) /* groups[i] <= i: a lower one has its number already */
        groups[i] = groups[i] == i ? next++ : groups[groups[i]];
}
