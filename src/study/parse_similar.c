/* {similar: {groups: 16, metric: euclidean, linkage: average, normalise: none}}. */
#include "study/spec.h"

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

bool lsn_similar_read(lsn_reading *in, const lsn_node *map, const lsn_node *node, lsn_selector *selector)
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
    selector->cut = cut[0] == 'g' ? LSN_CUT_GROUPS : cut[0] == 'd' ? LSN_CUT_DISTANCE : LSN_CUT_FRACTION;
    return lsn_amounts_read(in, lsn_node_get(node, cut), cut, selector) && ok;
}
