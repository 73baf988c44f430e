/* The tightest group of a size.
 *
 * From each filter one group grows, and its sizes on the way are those that were asked for. Of 4096 filters, groups of
 * a quarter have 1.7e10 distances read, so these lie in rows, and what is done to each is little. */
#include "study/cluster.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { LANES = 8, CHUNK = 128 }; /* the least of so many side by side, that it becomes vectors; a multiple of LANES */

typedef struct growth {
    const double *rows; /* [count][room] distances; `room` is `count` rounded up to CHUNK */
    size_t count, room;
    lsn_linkage linkage;
    size_t *members;
    size_t size;
    double *far; /* [room] how far a filter is from the group, by linkage, as a number that orders as the distance does:
                  * the sum of distances for the mean, the square for Ward's; infinite for members and beyond `count` */
} growth;

/* ---- far[] after a filter with the distances row[] became a member; what is infinite stays so ----------------- */

static void add_average(double *restrict far, const double *restrict row, size_t count)
{
    for (size_t i = 0; i < count; i++)
        far[i] += row[i];
}

static void add_complete(double *restrict far, const double *restrict row, size_t count)
{
    for (size_t i = 0; i < count; i++)
        far[i] = far[i] > row[i] ? far[i] : row[i];
}

static void add_single(double *restrict far, const double *restrict row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double nearer = far[i] < row[i] ? far[i] : row[i];
        far[i] = far[i] < (double)INFINITY ? nearer : far[i];
    }
}

/* Lance & Williams for a group of `size` and a filter that was `between` (squared) away. */
static void add_ward(double *restrict far, const double *restrict row, size_t count, double size, double between)
{
    const double share = 1 / (size + 2);
    for (size_t i = 0; i < count; i++) {
        const double square = ((size + 1) * far[i] + 2 * row[i] * row[i] - between) * share;
        far[i] = square > 0 ? square : 0;
    }
}

/* ---- growing ------------------------------------------------------------------------------------------------- */

static void begin_growth(growth *g, size_t first)
{
    const double *row = g->rows + first * g->room;
    for (size_t i = 0; i < g->room; i++)
        g->far[i] = i >= g->count ? (double)INFINITY : g->linkage == LSN_LINKAGE_WARD ? row[i] * row[i] : row[i];
    g->far[first] = (double)INFINITY;
    g->members[0] = first;
    g->size = 1;
}

static double least_of(const double *far)
{
    double lanes[LANES];
    for (size_t k = 0; k < LANES; k++)
        lanes[k] = far[k];
    for (size_t i = LANES; i < CHUNK; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lanes[k] = far[i + k] < lanes[k] ? far[i + k] : lanes[k];
    for (size_t k = 1; k < LANES; k++)
        lanes[0] = lanes[k] < lanes[0] ? lanes[k] : lanes[0];
    return lanes[0];
}

/* The nearest to the group, of equally near ones the first. */
static size_t next_member(const growth *g)
{
    double least = (double)INFINITY;
    size_t best = 0;
    for (size_t i = 0; i < g->room; i += CHUNK) {
        const double here = least_of(g->far + i);
        if (here < least) {
            least = here;
            best = i;
        }
    }
    while (g->far[best] > least)
        best++;
    return best;
}

static void take_member(growth *g, size_t member)
{
    const double *row = g->rows + member * g->room;
    const double between = g->far[member];
    g->far[member] = (double)INFINITY;
    if (g->linkage == LSN_LINKAGE_COMPLETE)
        add_complete(g->far, row, g->room);
    else if (g->linkage == LSN_LINKAGE_SINGLE)
        add_single(g->far, row, g->room);
    else if (g->linkage == LSN_LINKAGE_WARD)
        add_ward(g->far, row, g->room, (double)g->size, between);
    else
        add_average(g->far, row, g->room);
    g->members[g->size++] = member;
}

/* ---- of all groups ------------------------------------------------------------------------------------------- */

typedef struct search {
    growth growth;
    const int32_t *sizes;
    int n_sizes;
    int32_t *const *groups;
    double *least; /* [n_sizes] the sum of the distances between the members of the best group so far */
} search;

static void keep_if_tighter(const search *s, size_t size, double total)
{
    const growth *g = &s->growth;
    for (int k = 0; k < s->n_sizes; k++) {
        if ((size_t)s->sizes[k] != size || !(total < s->least[k]))
            continue;
        s->least[k] = total;
        for (size_t i = 0; i < g->count; i++)
            s->groups[k][i] = -1;
        for (size_t i = 0; i < size; i++)
            s->groups[k][g->members[i]] = 0;
    }
}

/* Whether a group of this sum may still become the tightest of some larger size: sums only grow. */
static bool is_worth_growing(const search *s, double total)
{
    for (int k = 0; k < s->n_sizes; k++)
        if ((size_t)s->sizes[k] > s->growth.size && total < s->least[k])
            return true;
    return false;
}

static void grow_group(search *s, size_t first)
{
    growth *g = &s->growth;
    double total = 0;
    begin_growth(g, first);
    keep_if_tighter(s, 1, g->count == 1 ? 0 : g->rows[first * g->room + next_member(g)]);
    while (is_worth_growing(s, total)) {
        const size_t member = next_member(g);
        const double *row = g->rows + member * g->room;
        double sum = 0;
        take_member(g, member); /* reads the row from end to end, so that the few that are summed up are at hand */
        for (size_t i = 0; i + 1 < g->size; i++)
            sum += row[g->members[i]];
        total += sum;
        keep_if_tighter(s, g->size, total);
    }
}

static void fill_rows(const double *distances, size_t count, size_t room, double *rows)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            rows[i * room + j] = rows[j * room + i] = *distances++;
}

bool lsn_tightest(const double *distances, int32_t count, lsn_linkage linkage, const int32_t *sizes, int n_sizes,
                  int32_t *const *groups, lsn_error *err)
{
    const size_t n = (size_t)count, room = (n + CHUNK - 1) / CHUNK * CHUNK;
    double *rows = lsn_array(n, room * sizeof *rows, err);
    search s = {.sizes = sizes, .n_sizes = n_sizes, .groups = groups};
    s.growth = (growth){.rows = rows, .count = n, .room = room, .linkage = linkage};
    s.growth.members = lsn_array(n, sizeof *s.growth.members, err);
    s.growth.far = lsn_array(room, sizeof *s.growth.far, err);
    s.least = lsn_array((size_t)n_sizes, sizeof *s.least, err);
    const bool ok = rows != NULL && s.growth.members != NULL && s.growth.far != NULL && s.least != NULL;
    if (ok)
        fill_rows(distances, n, room, rows);
    for (int k = 0; ok && k < n_sizes; k++) {
        assert(sizes[k] >= 1 && sizes[k] <= count);
        s.least[k] = (double)INFINITY;
    }
    for (size_t first = 0; ok && first < n; first++)
        grow_group(&s, first);
    free(rows);
    free(s.growth.members);
    free(s.growth.far);
    free(s.least);
    return ok;
}
