/* `filters:`, which filters of a layer an experiment removes. */
#include "study/spec.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers and ranges -------------------------------------------------------------------------------------- */

static int by_low(const void *a, const void *b)
{
    const lsn_interval *one = a, *two = b;
    if (one->low != two->low)
        return one->low < two->low ? -1 : 1;
    if (one->at->line != two->at->line)
        return one->at->line < two->at->line ? -1 : 1;
    return (one->at->column > two->at->column) - (one->at->column < two->at->column);
}

/* Puts the intervals in order and joins those that overlap. Returns how many are left. */
static int merge(lsn_interval *intervals, int count)
{
    qsort(intervals, (size_t)count, sizeof *intervals, by_low);
    int kept = 0;
    for (int i = 1; i < count; i++) {
        lsn_interval *last = &intervals[kept];
        if (intervals[i].low > last->high)
            intervals[++kept] = intervals[i];
        else if (intervals[i].high > last->high) {
            last->high = intervals[i].high;
            last->at = intervals[i].at; /* where an index that is too large stands */
        }
    }
    return kept + 1;
}

static bool check_distinct(lsn_reading *in, const lsn_interval *intervals, int count, const char *what)
{
    lsn_interval *sorted = lsn_arena_array(in->arena, (size_t)count, sizeof *sorted, &in->mistakes->failure);
    if (sorted == NULL)
        return false;
    memcpy(sorted, intervals, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_low);
    bool ok = true;
    for (int i = 1; i < count; i++)
        if (sorted[i].low <= sorted[i - 1].high) {
            ok = lsn_mistake_at(in->mistakes, sorted[i].at, "%s %" PRId64 " stands twice; remove one", what,
                                sorted[i].low);
            sorted[i].high = sorted[i].high > sorted[i - 1].high ? sorted[i].high : sorted[i - 1].high;
        }
    return ok;
}

static bool read_interval(lsn_reading *in, const lsn_node *node, const char *what, int64_t most, lsn_interval *interval)
{
    char shown[LSN_SHOWN_BYTES];
    if (node->wrong)
        return false;
    interval->at = node;
    if (node->kind != LSN_SCALAR || !lsn_interval_parse(node->text, &interval->low, &interval->high))
        return lsn_mistake_at(in->mistakes, node, "%s is %s; give whole numbers or ranges, such as [0, 8..15]", what,
                              lsn_node_describe(node, shown));
    if (interval->low > interval->high)
        return lsn_mistake_at(in->mistakes, node, "range %s is reversed; write %" PRId64 "..%" PRId64,
                              lsn_shown(node->text, shown), interval->high, interval->low);
    if (interval->high > most)
        return lsn_mistake_at(in->mistakes, node, "%s %s is too large; at most %" PRId64, what,
                              lsn_shown(node->text, shown), most);
    return true;
}

bool lsn_intervals_read(lsn_reading *in, const lsn_node *node, const char *what, int64_t most, bool distinct,
                        lsn_interval **intervals, int *count)
{
    int n = lsn_read_count(in->mistakes, node, what, "a number, a range such as 0..9, or a list of these");
    if (n == 0)
        return false;
    *intervals = lsn_arena_array(in->arena, (size_t)n, sizeof **intervals, &in->mistakes->failure);
    bool ok = *intervals != NULL;
    for (int i = 0; *intervals != NULL && i < n; i++)
        ok = read_interval(in, lsn_node_item(node, i), what, most, &(*intervals)[i]) && ok;
    if (!ok)
        return false;
    *count = distinct ? n : merge(*intervals, n);
    return !distinct || check_distinct(in, *intervals, n, what);
}

static bool read_filters(lsn_reading *in, const lsn_node *node, lsn_selector *selector)
{
    return lsn_intervals_read(in, node, "filter", INT32_MAX - 1, false, &selector->filters, &selector->n_filters);
}

static bool read_seeds(lsn_reading *in, const lsn_node *node, const char *what, lsn_selector *selector)
{
    if (node != NULL)
        return lsn_intervals_read(in, node, what, INT64_MAX / 2, true, &selector->seeds, &selector->n_seeds);
    selector->seeds = lsn_arena_array(in->arena, 1, sizeof *selector->seeds, &in->mistakes->failure);
    selector->n_seeds = 1; /* seed 0 */
    return selector->seeds != NULL;
}

/* ---- how many ------------------------------------------------------------------------------------------------ */

static int by_amount(const void *a, const void *b)
{
    const lsn_amount *one = a, *two = b;
    if (one->count != two->count)
        return one->count < two->count ? -1 : 1;
    if (one->fraction < two->fraction || one->fraction > two->fraction)
        return one->fraction < two->fraction ? -1 : 1;
    if (one->at->line != two->at->line)
        return one->at->line < two->at->line ? -1 : 1;
    return (one->at->column > two->at->column) - (one->at->column < two->at->column);
}

static bool check_distinct_amounts(lsn_reading *in, const lsn_selector *selector, const char *what)
{
    size_t count = (size_t)selector->n_amounts;
    lsn_amount *sorted = lsn_arena_array(in->arena, count, sizeof *sorted, &in->mistakes->failure);
    if (sorted == NULL)
        return false;
    memcpy(sorted, selector->amounts, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_amount);
    bool ok = true;
    for (size_t i = 1; i < count; i++) {
        const lsn_amount *one = &sorted[i - 1], *two = &sorted[i];
        bool differ = one->fraction < two->fraction || one->fraction > two->fraction; /* NaN and NaN do not */
        if (one->count == two->count && !differ)
            ok = lsn_mistake_at(in->mistakes, two->at, "%s %s stands twice; remove one", what, two->at->text);
    }
    return ok;
}

static bool read_fraction(lsn_reading *in, const lsn_node *node, lsn_amount *amount)
{
    char shown[LSN_SHOWN_BYTES];
    amount->at = node;
    if (!lsn_read_real(in->mistakes, node, "fraction", &amount->fraction))
        return false;
    if (!(amount->fraction > 0 && amount->fraction <= 1))
        return lsn_mistake_at(in->mistakes, node, "fraction is %s; give a number greater than 0 and at most 1",
                              lsn_node_describe(node, shown));
    return true;
}

static bool read_filter_count(lsn_reading *in, const lsn_node *node, lsn_amount *amount)
{
    amount->at = node;
    amount->fraction = NAN;
    return lsn_read_whole(in->mistakes, node, "count", 1, INT32_MAX, &amount->count);
}

/* Reads `fraction` or `count` of a map; one of the two must be there. */
static bool read_amounts(lsn_reading *in, const lsn_node *map, const char *what, lsn_selector *selector)
{
    int fraction = lsn_node_find(map, "fraction"), count = lsn_node_find(map, "count");
    if (fraction >= 0 && count >= 0)
        return lsn_mistake_at(in->mistakes, map->keys[fraction > count ? fraction : count],
                              "%s: give fraction or count, not both", what);
    if (fraction < 0 && count < 0)
        return !lsn_has_unknown_key(map) &&
               lsn_mistake_at(in->mistakes, map,
                              "%s does not say how many filters; add fraction: [0.1, 0.5] or count: 8", what);
    const char *key = fraction >= 0 ? "fraction" : "count";
    const lsn_node *node = map->items[fraction >= 0 ? fraction : count];
    int n = lsn_read_count(in->mistakes, node, key, "a number or a list of numbers");
    if (n == 0)
        return false;
    selector->amounts = lsn_arena_array(in->arena, (size_t)n, sizeof *selector->amounts, &in->mistakes->failure);
    if (selector->amounts == NULL)
        return false;
    selector->n_amounts = n;
    bool ok = true;
    for (int i = 0; i < n; i++) {
        const lsn_node *item = lsn_node_item(node, i);
        lsn_amount *amount = &selector->amounts[i];
        ok = (fraction >= 0 ? read_fraction(in, item, amount) : read_filter_count(in, item, amount)) && ok;
    }
    return ok && check_distinct_amounts(in, selector, key);
}

/* ---- selectors ----------------------------------------------------------------------------------------------- */

/* {each: [0, 8..15]} and {each: {count: 8, seed: 1}}. */
static bool read_each(lsn_reading *in, const lsn_node *node, lsn_selector *selector)
{
    static const char *const keys[] = {"count", "seed", NULL};
    if (node->kind != LSN_MAP) {
        selector->kind = LSN_EACH;
        return read_filters(in, node, selector);
    }
    selector->kind = LSN_EACH_SAMPLE;
    lsn_read_map(in->mistakes, node, "each", "", keys, NULL);
    const lsn_node *count = lsn_node_need(in->mistakes, node, "count", "say how many filters of a layer to take"),
                   *seed = lsn_node_get(node, "seed");
    int64_t value = 0;
    bool ok = seed == NULL || lsn_read_whole(in->mistakes, seed, "seed", 0, INT64_MAX / 2, &value);
    selector->amounts = lsn_arena_array(in->arena, 1, sizeof *selector->amounts, &in->mistakes->failure);
    if (count == NULL || selector->amounts == NULL || !read_seeds(in, NULL, "seed", selector))
        return false;
    selector->seeds[0] = (lsn_interval){.low = value, .high = value, .at = seed};
    selector->n_amounts = 1;
    return read_filter_count(in, count, &selector->amounts[0]) && ok;
}

/* {random: {fraction: .., seeds: 0..9}}. */
static bool read_random(lsn_reading *in, const lsn_node *node, lsn_selector *selector)
{
    static const char *const keys[] = {"fraction", "count", "seeds", NULL};
    selector->kind = LSN_RANDOM;
    if (!lsn_read_map(in->mistakes, node, "random", "a map such as {fraction: [0.1, 0.5], seeds: 0..9}", keys, NULL))
        return false;
    bool ok = read_seeds(in, lsn_node_get(node, "seeds"), "seed", selector);
    return read_amounts(in, node, "random", selector) && ok;
}

/* {lowest: l1, fraction: ..}. */
static bool read_scored(lsn_reading *in, const lsn_node *map, const char *key, lsn_selector *selector)
{
    static const char *const names[LSN_N_SCORES + 1] = {[LSN_L1] = "l1", [LSN_L2] = "l2"};
    static const char *const later[] = {"mean_activation", "apoz", "selectivity", NULL};
    const lsn_node *node = lsn_node_get(map, key);
    bool seen[LSN_N_SCORES] = {false};
    selector->kind = LSN_SCORED;
    selector->highest = strcmp(key, "highest") == 0;
    int count = lsn_read_count(in->mistakes, node, key, "a score, l1 or l2, or a list of them");
    bool ok = count > 0;
    for (int i = 0; i < count; i++) {
        const lsn_node *item = lsn_node_item(node, i);
        int score = lsn_read_word(in->mistakes, item, "score", names, later);
        if (score >= 0 && seen[score])
            lsn_mistake_at(in->mistakes, item, "score %s stands twice; remove one", names[score]);
        ok = score >= 0 && !seen[score] && ok;
        if (score >= 0 && !seen[score])
            selector->scores[selector->n_scores++] = (lsn_score)score;
        if (score >= 0)
            seen[score] = true;
    }
    return read_amounts(in, map, key, selector) && ok;
}

/* An amount beside `each` or `random` belongs elsewhere. */
static bool refuse_amounts(lsn_reading *in, const lsn_node *map, const char *key)
{
    bool ok = true;
    static const char *const amounts[] = {"fraction", "count"};
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        int at = lsn_node_find(map, amounts[i]);
        if (at >= 0)
            ok = lsn_mistake_at(in->mistakes, map->keys[at], "%s means nothing beside %s; write {%s: {%s: ..}}",
                                amounts[i], key, key, strcmp(key, "each") == 0 ? "count" : amounts[i]);
    }
    return ok;
}

static bool read_selector_map(lsn_reading *in, const lsn_node *map, lsn_selector *selector)
{
    static const char *const keys[] = {"each", "random", "lowest", "highest", "fraction", "count", NULL};
    static const char *const later[] = {"similar", "cumulative", "pairs", "keep", NULL};
    const int n_selectors = 4;
    lsn_read_map(in->mistakes, map, "filters", "", keys, later);
    const char *key = NULL;
    const lsn_node *value = NULL;
    for (int i = 0; i < n_selectors; i++) {
        int at = lsn_node_find(map, keys[i]);
        if (at >= 0 && key != NULL)
            return lsn_mistake_at(in->mistakes, map->keys[at], "filters: give %s or %s, not both", key, keys[i]);
        if (at >= 0) {
            key = keys[i];
            value = map->items[at];
        }
    }
    if (key == NULL)
        return !lsn_has_unknown_key(map) &&
               lsn_mistake_at(in->mistakes, map, "filters does not say which; give each, random, lowest or highest");
    if (strcmp(key, "each") != 0 && strcmp(key, "random") != 0)
        return read_scored(in, map, key, selector);
    bool ok = refuse_amounts(in, map, key);
    return (strcmp(key, "each") == 0 ? read_each : read_random)(in, value, selector) && ok;
}

bool lsn_selector_read(lsn_reading *in, const lsn_node *node, lsn_selector *selector)
{
    static const char *const words[] = {"each", "all", NULL};
    int64_t low, high;
    if (node->kind == LSN_MAP)
        return read_selector_map(in, node, selector);
    if (node->kind == LSN_LIST || lsn_interval_parse(node->text, &low, &high)) {
        selector->kind = LSN_LISTED;
        return read_filters(in, node, selector);
    }
    if (node->text[0] == '\0' && !node->wrong)
        return lsn_mistake_at(in->mistakes, node,
                              "filters is empty; give each, all, a list, or one of {each: ..}, {random: ..}, "
                              "{lowest: ..}, {highest: ..}");
    int word = lsn_read_word(in->mistakes, node, "filters", words, NULL);
    selector->kind = word == 0 ? LSN_EACH : LSN_WHOLE;
    return word >= 0;
}
