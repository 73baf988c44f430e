/* Numbers of filters, their indices and seeds, as selectors have them. */
#include "study/spec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers and ranges -------------------------------------------------------------------------------------- */

static int by_low(const void *a, const void *b)
{
    const lsn_number_range *first = a, *second = b;
    const int order = LSN_ORDER(first->low, second->low);
    return order != 0 ? order : lsn_node_order(first->at, second->at);
}

/* Puts the intervals in order and joins those that overlap. Returns how many are left. */
static int merge(lsn_number_range *intervals, int count)
{
    qsort(intervals, (size_t)count, sizeof *intervals, by_low);
    int kept = 0;
    for (int i = 1; i < count; i++) {
        lsn_number_range *last = &intervals[kept];
        if (intervals[i].low > last->high)
            intervals[++kept] = intervals[i];
        else if (intervals[i].high > last->high) {
            last->high = intervals[i].high;
            last->at = intervals[i].at; /* where an index that is too large stands */
        }
    }
    return kept + 1;
}

static bool check_distinct(lsn_reading *in, const lsn_number_range *intervals, int count, const char *what)
{
    lsn_number_range *sorted = lsn_keep(in, (size_t)count, sizeof *sorted);
    if (sorted == NULL)
        return false;
    memcpy(sorted, intervals, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_low);
    bool ok = true;
    for (int i = 1; i < count; i++)
        if (sorted[i].low <= sorted[i - 1].high) {
            ok = lsn_mistake_at(in, sorted[i].at, "%s %" PRId64 " is given twice; remove one", what, sorted[i].low);
            sorted[i].high = LSN_MAX(sorted[i].high, sorted[i - 1].high);
        }
    return ok;
}

static bool read_interval(lsn_reading *in, const lsn_node *node, const char *what, int64_t most,
                          lsn_number_range *interval)
{
    char shown[LSN_SHOWN_BYTES];
    if (node->wrong)
        return false;
    interval->at = node;
    if (node->kind != LSN_SCALAR || !lsn_number_range_parse(node->text, &interval->low, &interval->high))
        return lsn_mistake_value(in, node, what, "whole numbers or ranges, such as [0, 8..15]");
    if (interval->low > interval->high)
        return lsn_mistake_at(in, node, "range %s is reversed; write %" PRId64 "..%" PRId64,
                              lsn_shown(node->text, shown), interval->high, interval->low);
    if (interval->high > most)
        return lsn_mistake_at(in, node, "%s %s is too large; at most %" PRId64, what, lsn_shown(node->text, shown),
                              most);
    return true;
}

bool lsn_number_ranges_read(lsn_reading *in, const lsn_node *node, const char *what, int64_t most, bool distinct,
                            lsn_number_range **intervals, int *count)
{
    int n = lsn_read_count(in, node, what, "a number, a range such as 0..9, or a list of these");
    if (n == 0)
        return false;
    *intervals = lsn_keep(in, (size_t)n, sizeof **intervals);
    bool ok = *intervals != NULL;
    for (int i = 0; *intervals != NULL && i < n; i++)
        ok = read_interval(in, lsn_node_item(node, i), what, most, &(*intervals)[i]) && ok;
    if (!ok)
        return false;
    *count = distinct ? n : merge(*intervals, n);
    return !distinct || check_distinct(in, *intervals, n, what);
}

bool lsn_filters_read(lsn_reading *in, const lsn_node *node, lsn_selector *selector)
{
    return lsn_number_ranges_read(in, node, "filter", INT32_MAX - 1, false, &selector->filters, &selector->n_filters);
}

bool lsn_seeds_read(lsn_reading *in, const lsn_node *node, lsn_number_range **seeds, int *count)
{
    if (node != NULL)
        return lsn_number_ranges_read(in, node, "seed", INT64_MAX / 2, true, seeds, count);
    *seeds = lsn_keep(in, 1, sizeof **seeds);
    *count = *seeds != NULL; /* seed 0 */
    return *seeds != NULL;
}

/* ---- how many ------------------------------------------------------------------------------------------------ */

static int by_amount(const void *a, const void *b)
{
    const lsn_amount *first = a, *second = b;
    const int order = LSN_ORDER(first->value, second->value);
    return order != 0 ? order : lsn_node_order(first->at, second->at);
}

static bool check_distinct_amounts(lsn_reading *in, const lsn_selector *selector, const char *what)
{
    size_t count = (size_t)selector->n_amounts;
    lsn_amount *sorted = lsn_keep(in, count, sizeof *sorted);
    if (sorted == NULL)
        return false;
    memcpy(sorted, selector->amounts, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_amount);
    bool ok = true;
    for (size_t i = 1; i < count; i++)
        if (!(sorted[i - 1].value < sorted[i].value))
            ok = lsn_mistake_at(in, sorted[i].at, "%s %s is given twice; remove one", what, sorted[i].at->text);
    return ok;
}

static bool read_amount(lsn_reading *in, const lsn_node *node, const char *key, lsn_amount *amount)
{
    int64_t count = 0;
    *amount = (lsn_amount){.at = node};
    if (strcmp(key, "fraction") == 0) {
        amount->measure = LSN_AMOUNT_FRACTION;
        return lsn_read_real(in, node, key, &amount->value) &&
               ((amount->value > 0 && amount->value <= 1) ||
                lsn_mistake_value(in, node, key, "a number greater than 0 and at most 1"));
    }
    if (strcmp(key, "distance") == 0) {
        amount->measure = LSN_AMOUNT_DISTANCE;
        return lsn_read_real(in, node, key, &amount->value) &&
               (amount->value >= 0 || lsn_mistake_value(in, node, key, "a number of at least 0"));
    }
    const bool ok = lsn_read_whole(in, node, key, 1, INT32_MAX, &count);
    amount->value = (double)count;
    return ok;
}

bool lsn_amounts_read(lsn_reading *in, const lsn_node *node, const char *key, lsn_selector *selector)
{
    int n = lsn_read_count(in, node, key, "a number or a list of numbers");
    if (n == 0)
        return false;
    selector->amounts = lsn_keep(in, (size_t)n, sizeof *selector->amounts);
    if (selector->amounts == NULL)
        return false;
    selector->n_amounts = n;
    bool ok = true;
    for (int i = 0; i < n; i++)
        ok = read_amount(in, lsn_node_item(node, i), key, &selector->amounts[i]) && ok;
    return ok && check_distinct_amounts(in, selector, key);
}

const char *lsn_one_key(lsn_reading *in, const lsn_node *map, const char *what, lsn_words keys, const char *remedy)
{
    int found = -1;
    for (int i = 0; keys[i] != NULL; i++) {
        int at = lsn_node_find(map, keys[i]);
        if (at < 0)
            continue;
        if (found >= 0) {
            int later = at > found ? at : found;
            lsn_mistake_at(in, map->keys[later], "%s: give %s or %s, not both", what, map->keys[found]->text,
                           map->keys[at]->text);
            return NULL;
        }
        found = at;
    }
    if (found < 0 && !lsn_has_unknown_key(map))
        lsn_mistake_at(in, map, "%s %s", what, remedy);
    return found < 0 ? NULL : map->keys[found]->text;
}
