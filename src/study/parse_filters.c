/* `filters:`, which filters of a layer an experiment removes. */
#include "study/spec.h"

#include <string.h>

/* `fraction` or `count` of a map; one of the two must be there. */
static bool read_size(lsn_reading *in, const lsn_node *map, const char *what, lsn_selector *selector)
{
    static const char *const keys[] = {"fraction", "count", NULL};
    const char *key =
        lsn_one_key(in, map, what, keys, "does not say how many filters; add fraction: [0.1, 0.5] or count: 8");
    return key != NULL && lsn_amounts_read(in, lsn_node_get(map, key), key, selector);
}

/* {each: [0, 8..15]} and {each: {count: 8, seed: 1}}. */
static bool read_each(lsn_reading *in, const lsn_node *map, const lsn_node *node, lsn_selector *selector)
{
    static const char *const keys[] = {"count", "seed", NULL};
    (void)map;
    selector->shape = LSN_ONE_BY_ONE;
    if (node->kind != LSN_MAP) {
        selector->kind = LSN_EACH;
        return lsn_filters_read(in, node, selector);
    }
    selector->kind = LSN_EACH_SAMPLE;
    lsn_read_map(in, node, "each", "", keys);
    const lsn_node *count = lsn_node_need(in, node, "count", "say how many filters of a layer to take");
    int64_t seed, filters = 0;
    bool ok = lsn_read_seed(in, node, &seed);
    selector->amounts = lsn_keep(in, 1, sizeof *selector->amounts);
    if (count == NULL || selector->amounts == NULL || !lsn_seeds_read(in, NULL, &selector->seeds, &selector->n_seeds))
        return false;
    ok = lsn_read_whole(in, count, "count", 1, INT32_MAX, &filters) && ok;
    selector->seeds[0] = (lsn_number_range){.low = seed, .high = seed};
    selector->amounts[0] = (lsn_amount){LSN_AMOUNT_COUNT, (double)filters, count};
    selector->n_amounts = 1;
    return ok;
}

/* {random: {fraction: .., seeds: 0..9}}. */
static bool read_random(lsn_reading *in, const lsn_node *map, const lsn_node *node, lsn_selector *selector)
{
    static const char *const keys[] = {"fraction", "count", "seeds", NULL};
    (void)map;
    selector->kind = LSN_RANDOM;
    if (!lsn_read_map(in, node, "random", "a map such as {fraction: [0.1, 0.5], seeds: 0..9}", keys))
        return false;
    bool ok = lsn_seeds_read(in, lsn_node_get(node, "seeds"), &selector->seeds, &selector->n_seeds);
    return read_size(in, node, "random", selector) && ok;
}

/* {lowest: l1, fraction: ..} and {highest: l1, fraction: ..}. */
static bool read_ranked(lsn_reading *in, const lsn_node *map, const lsn_node *node, lsn_selector *selector)
{
    selector->kind = LSN_SCORED;
    selector->highest = lsn_node_get(map, "highest") == node;
    const char *key = selector->highest ? "highest" : "lowest";
    bool ok = lsn_scores_read(in, node, key, selector);
    return read_size(in, map, key, selector) && ok;
}

/* ---- similar ----------------------------------------------------------------------------------------------------- */

/* Words, one or a list, each at most once: their places in `known`. Where none is given, the first. */
static bool read_choices(lsn_reading *in, const lsn_node *map, const char *key, lsn_words known, int *choices, int *n)
{
    bool ok = true;
    const lsn_node *node = lsn_node_get(map, key);
    *n = node == NULL;
    choices[0] = 0;
    if (node == NULL)
        return true;
    int count = lsn_read_count(in, node, key, "a word or a list of words");
    for (int i = 0; i < count; i++) {
        const lsn_node *item = lsn_node_item(node, i);
        int word = lsn_read_word(in, item, key, known);
        ok = word >= 0 && ok;
        for (int k = 0; word >= 0 && k < *n; k++)
            if (choices[k] == word) {
                ok = lsn_mistake_at(in, item, "%s %s is given twice; remove one", key, known[word]);
                word = -1;
            }
        if (word >= 0)
            choices[(*n)++] = word;
    }
    return ok && count > 0;
}

/* Ward's recurrence is about squared Euclidean distances. */
static bool check_ward(lsn_reading *in, const lsn_node *map, const lsn_selector *selector)
{
    bool ward = false, cosine = false;
    for (int i = 0; i < selector->n_linkages; i++)
        ward = ward || selector->linkages[i] == LSN_LINKAGE_WARD;
    for (int i = 0; i < selector->n_metrics; i++)
        cosine = cosine || selector->metrics[i] == LSN_COSINE;
    return !(ward && cosine) ||
           lsn_mistake_at(in, lsn_node_get(map, "linkage"),
                          "linkage ward is defined for metric euclidean only; with cosine take average, complete or "
                          "single, or metric euclidean with normalise: l2");
}

/* {similar: {groups: 16, metric: euclidean, linkage: average, normalise: none}}. */
static bool read_similar(lsn_reading *in, const lsn_node *map, const lsn_node *node, lsn_selector *selector)
{
    static const char *const keys[] = {"groups", "distance", "fraction", "metric", "linkage", "normalise", NULL};
    static const char *const cuts[] = {"groups", "distance", "fraction", NULL};
    (void)map;
    selector->kind = LSN_SIMILAR;
    if (!lsn_read_map(in, node, "similar", "a map such as {groups: 16, metric: euclidean, linkage: average}", keys))
        return false;
    bool ok = read_choices(in, node, "metric", lsn_metric_names, selector->metrics, &selector->n_metrics);
    ok = read_choices(in, node, "linkage", lsn_linkage_names, selector->linkages, &selector->n_linkages) && ok;
    ok = read_choices(in, node, "normalise", lsn_normalise_names, selector->normalises, &selector->n_normalises) && ok;
    ok = check_ward(in, node, selector) && ok;
    const char *cut = lsn_one_key(in, node, "similar", cuts,
                                  "does not say which groups; add groups: 16, distance: 0.5 or fraction: [0.05, 0.1]");
    if (cut == NULL)
        return false;
    return lsn_amounts_read(in, lsn_node_get(node, cut), cut, selector) && ok;
}

/* ---- cumulative ---------------------------------------------------------------------------------------------- */

enum { MOST_STEPS = 100000 };

/* `order: random` has seeds, a score has a direction. */
static bool read_order(lsn_reading *in, const lsn_node *map, const lsn_node *order, lsn_selector *selector)
{
    static const char *const directions[] = {"lowest", "highest", NULL};
    const int seeds = lsn_node_find(map, "seeds"), first = lsn_node_find(map, "first");
    if (order->kind == LSN_SCALAR && strcmp(order->text, "random") == 0) {
        bool ok = first < 0 ||
                  lsn_mistake_at(in, map->keys[first], "a random order has no lowest or highest filter; remove first");
        return lsn_seeds_read(in, seeds < 0 ? NULL : map->items[seeds], &selector->seeds, &selector->n_seeds) && ok;
    }
    bool ok = seeds < 0 || lsn_mistake_at(in, map->keys[seeds],
                                          "nothing is random about the order of a score; remove seeds, or write order: "
                                          "random");
    int direction = first < 0 ? 0 : lsn_read_word(in, map->items[first], "first", directions);
    selector->highest = direction == 1;
    return lsn_scores_read(in, order, "order", selector) && direction >= 0 && ok;
}

/* {cumulative: {order: l1, steps: 16}}. */
static bool read_cumulative(lsn_reading *in, const lsn_node *map, const lsn_node *node, lsn_selector *selector)
{
    static const char *const keys[] = {"order", "steps", "seeds", "first", NULL};
    (void)map;
    selector->kind = LSN_CUMULATIVE;
    if (!lsn_read_map(in, node, "cumulative",
                      "a map such as {order: l1, steps: 16} or {order: random, steps: 16, seeds: 0..4}", keys))
        return false;
    const lsn_node *order = lsn_node_need(in, node, "order", "give a score, such as l1, or random"),
                   *steps = lsn_node_need(in, node, "steps", "say how many points the curve has");
    bool ok = steps != NULL && lsn_read_whole(in, steps, "steps", 1, MOST_STEPS, &selector->steps);
    return order != NULL && read_order(in, node, order, selector) && ok;
}

/* ---- selectors of selectors ---------------------------------------------------------------------------------- */

static bool is_plain(const lsn_selector *selector)
{
    return selector->shape != LSN_IN_PAIRS && !selector->keep && selector->kind != LSN_CUMULATIVE;
}

/* {pairs: {highest: l1, count: 20}}. */
static bool read_pairs(lsn_reading *in, const lsn_node *map, const lsn_node *node, lsn_selector *selector)
{
    (void)map;
    if (!lsn_selector_read(in, node, selector))
        return false;
    if (!is_plain(selector) || selector->kind == LSN_SIMILAR)
        return lsn_mistake_at(in, node,
                              "pairs are made of the filters of each, all, a list, {random: ..}, {lowest: ..} or "
                              "{highest: ..}; give one of these");
    selector->shape = LSN_IN_PAIRS;
    return true;
}

/* {keep: {highest: l1, fraction: 0.1}}. */
static bool read_keep(lsn_reading *in, const lsn_node *map, const lsn_node *node, lsn_selector *selector)
{
    (void)map;
    if (!lsn_selector_read(in, node, selector))
        return false;
    if (!is_plain(selector) || selector->kind == LSN_WHOLE)
        return lsn_mistake_at(in, node,
                              "what is kept is given by each, a list, {random: ..}, {lowest: ..}, {highest: ..} or "
                              "{similar: ..}; give one of these");
    selector->keep = true;
    return true;
}

/* ---- the map ------------------------------------------------------------------------------------------------- */

static const struct reader {
    const char *key;
    bool (*read)(lsn_reading *in, const lsn_node *map, const lsn_node *value, lsn_selector *selector);
    const char *sized; /* where its number of filters is given; NULL: beside it */
} readers[] = {
    {"each", read_each, "{each: {count: ..}}"},
    {"random", read_random, "{random: {fraction: ..}}"},
    {"lowest", read_ranked, NULL},
    {"highest", read_ranked, NULL},
    {"similar", read_similar, "{similar: {fraction: ..}}"},
    {"cumulative", read_cumulative, "{cumulative: {steps: ..}}"},
    {"pairs", read_pairs, "{pairs: {highest: l1, count: ..}}"},
    {"keep", read_keep, "{keep: {highest: l1, fraction: ..}}"},
};

enum { N_READERS = sizeof readers / sizeof *readers };

/* An amount beside a selector that has its own belongs elsewhere. */
static bool refuse_amounts(lsn_reading *in, const lsn_node *map, const struct reader *reader)
{
    static const char *const amounts[] = {"fraction", "count", NULL};
    bool ok = true;
    for (int i = 0; reader->sized != NULL && amounts[i] != NULL; i++) {
        int at = lsn_node_find(map, amounts[i]);
        if (at >= 0)
            ok = lsn_mistake_at(in, map->keys[at], "%s has no meaning beside %s; write %s", amounts[i], reader->key,
                                reader->sized);
    }
    return ok;
}

static bool read_selector_map(lsn_reading *in, const lsn_node *map, lsn_selector *selector)
{
    const char *known[N_READERS + 3] = {NULL}, *selectors[N_READERS + 1] = {NULL};
    for (int i = 0; i < N_READERS; i++)
        known[i] = selectors[i] = readers[i].key;
    known[N_READERS] = "fraction";
    known[N_READERS + 1] = "count";
    lsn_read_map(in, map, "filters", "", known);
    const char *key = lsn_one_key(in, map, "filters", selectors,
                                  "does not say which; give each, random, lowest, highest, similar, cumulative, pairs "
                                  "or keep");
    if (key == NULL)
        return false;
    const struct reader *reader = readers;
    while (strcmp(reader->key, key) != 0)
        reader++;
    bool ok = refuse_amounts(in, map, reader);
    return reader->read(in, map, lsn_node_get(map, key), selector) && ok;
}

bool lsn_selector_read(lsn_reading *in, const lsn_node *node, lsn_selector *selector)
{
    static const char *const words[] = {"each", "all", NULL};
    int64_t low, high;
    selector->at = node;
    if (node->kind == LSN_MAP)
        return read_selector_map(in, node, selector);
    if (node->kind == LSN_LIST || lsn_number_range_parse(node->text, &low, &high)) {
        selector->kind = LSN_LISTED;
        return lsn_filters_read(in, node, selector);
    }
    if (node->text[0] == '\0' && !node->wrong)
        return lsn_mistake_at(in, node,
                              "filters is empty; give each, all, a list, or one of {each: ..}, {random: ..}, "
                              "{lowest: ..}, {highest: ..}, {similar: ..}, {cumulative: ..}, {pairs: ..}, {keep: ..}");
    int word = lsn_read_word(in, node, "filters", words);
    selector->kind = word == 0 ? LSN_EACH : LSN_WHOLE;
    selector->shape = word == 0 ? LSN_ONE_BY_ONE : LSN_AS_ONE;
    return word >= 0;
}
