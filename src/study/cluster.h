/* Groups of similar filters: agglomerative clustering of a layer's filters by their weights, the bias left out.
 *
 * A filter is the vector of its weights, normalised. Distances are sums in double, in an order of their own, so that
 * they are the same on every machine. All four linkages are reducible, so the nearest-neighbour chain (Murtagh 1983;
 * Müllner 2011) finds the same tree as repeated merging of the nearest two, in O(F^2).
 *
 * Ties. A chain begins at the cluster that has the lowest filter; of equally near clusters its last but one is taken,
 * else the one that has the lowest filter. Merges of equal height count in the order in which the chain found them.
 *
 *   products.c   products of filters, by the widest vectors that the processor has
 *   distances.c  distances from products
 *   cluster.c    trees and their groups
 *   tightest.c   the tightest group of a size
 *   groupings.c  those that a study asks for (expand.h)
 */
#ifndef STUDY_CLUSTER_H
#define STUDY_CLUSTER_H

#include "lesion/net.h"

typedef enum lsn_normalise {
    LSN_AS_IT_IS,
    LSN_BY_L2,  /* w / sqrt(sum w^2); a filter of zeros stays one */
    LSN_BY_MAX, /* w / max |w| */
    LSN_N_NORMALISE
} lsn_normalise;

typedef enum lsn_metric {
    LSN_EUCLIDEAN, /* sqrt(sum (v - w)^2) */
    LSN_COSINE,    /* 1 - sum v w / sqrt(sum v^2 sum w^2); of a filter of zeros: 1, and 0 to another one */
    LSN_N_METRICS
} lsn_metric;

/* The distance of two clusters: of all pairs of their filters the mean, the largest, the smallest; or Ward's, the root
 * of twice the growth of the sum of squares around the means (Lance & Williams 1967; Ward 1963; SciPy's scale). */
typedef enum lsn_linkage {
    LSN_LINKAGE_AVERAGE,
    LSN_LINKAGE_COMPLETE,
    LSN_LINKAGE_SINGLE,
    LSN_LINKAGE_WARD,
    LSN_N_LINKAGES
} lsn_linkage;

/* Their names in a study, each list ended by NULL. */
extern const char *const lsn_normalise_names[LSN_N_NORMALISE + 1];
extern const char *const lsn_metric_names[LSN_N_METRICS + 1];
extern const char *const lsn_linkage_names[LSN_N_LINKAGES + 1];

/* Distances of all pairs i < j of `count` things, in order of i, then j. */
static inline size_t lsn_pair(size_t count, size_t i, size_t j)
{
    return i < j ? i * (2 * count - i - 1) / 2 + j - i - 1 : j * (2 * count - j - 1) / 2 + i - j - 1;
}

/* How many of them there are. */
static inline size_t lsn_pairs(size_t count)
{
    return count * (count - 1) / 2;
}

/* Sums are of eight lanes, each of every eighth weight: an order of additions that compilers turn into vectors. */
enum { LSN_LANES = 8 };
static inline double lsn_add_lanes(const double sums[LSN_LANES])
{
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/* sum v w of filters: what all distances follow from. */
typedef struct lsn_products {
    double *pairs;   /* [lsn_pairs(F)] */
    double *squares; /* [F] of each with itself */
} lsn_products;

/* Kernels that this processor has, and the products by one of them, 0 ..: the same to the bit, the last is the fastest.
 * A core with AVX-512 at 2 GHz takes some 12 s for the fc6 of VGG-19 (4096 x 25088). */
int lsn_product_kernels(void);
bool lsn_products_init(lsn_products *products, const lsn_net_node *node, int kernel, lsn_error *err);
void lsn_products_finish(lsn_products *products);

/* distances[lsn_pairs(F)] of the node's filters. */
bool lsn_distances(const lsn_net_node *node, const lsn_products *products, lsn_metric metric, lsn_normalise normalise,
                   double *distances, lsn_error *err);

/* Two clusters become one: the one whose lowest filter is `kept` takes in that of `gone`. kept < gone. */
typedef struct lsn_merge {
    int32_t kept, gone, found; /* found: the number of the merge in the order of the chain */
    double height;             /* the clusters' distance */
} lsn_merge;

/* The tree of `count` things: merges[count - 1], the lowest first. `distances` are used up. */
bool lsn_link(double *distances, int32_t count, lsn_linkage linkage, lsn_merge *merges, lsn_error *err);

/* How many merges are of at most this height. */
int32_t lsn_merges_within(const lsn_merge *merges, int32_t count, double height);

/* Groups after the first `n_merges`: groups[count], numbered 0, 1, ... in order of their lowest members. */
void lsn_cut_tree(const lsn_merge *merges, int32_t count, int32_t n_merges, int32_t *groups);

/* The tightest groups of some sizes of the things: from each of them a group grows by the one that is nearest to it (in
 * the sense of the linkage; of equally near ones the first); the group with the smallest mean distance between its
 * members is taken, of equal ones that which began at the first. Of size 1: the one whose nearest other is nearest.
 * Members of that of sizes[k] get 0 in groups[k][count], the others -1. An exact search would be exponential. */
bool lsn_tightest(const double *distances, int32_t count, lsn_linkage linkage, const int32_t *sizes, int n_sizes,
                  int32_t *const *groups, lsn_error *err);

/* The distance of a third cluster, of `other` things at `kept` and `gone` from two of `n_kept` and `n_gone` that were
 * `between` apart, to their union: the recurrence of Lance and Williams. */
double lsn_lance_williams(lsn_linkage linkage, double kept, double gone, double between, double n_kept, double n_gone,
                          double other);

#endif
