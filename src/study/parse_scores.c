/* By what filters are ranked: l1, l2, mean_activation, apoz, selectivity, {file: scores.csv}. */
#include "study/spec.h"

#include <string.h>

/* `order`: beside scores there is `random`, which is none. */
#define SCORES                                                                                        \
    [LSN_L1] = "l1", [LSN_L2] = "l2", [LSN_MEAN_ACTIVATION] = "mean_activation", [LSN_APOZ] = "apoz", \
    [LSN_SELECTIVITY] = "selectivity"
static const char *const score_words[] = {SCORES, NULL};
static const char *const order_words[] = {SCORES, [LSN_SCORE_FILE] = "random", NULL};

static void check_calibration(lsn_reading *in, const lsn_node *at, lsn_score_kind kind)
{
    static const char *const what[] = {[LSN_MEAN_ACTIVATION] = "score mean_activation",
                                       [LSN_APOZ] = "score apoz",
                                       [LSN_SELECTIVITY] = "score selectivity"};
    if (!lsn_of_activations(kind))
        return;
    if (kind == LSN_SELECTIVITY)
        in->spec->uses.classes = what[kind];
    lsn_calibration_need(in, at, what[kind], "is computed from activations on calibration images");
}

/* The path as the study gives it makes the name. */
static bool read_file(lsn_reading *in, const lsn_node *node, lsn_score_spec *score)
{
    static const char *const keys[] = {"file", NULL};
    lsn_read_map(in, node, "score", "", keys);
    const lsn_node *file =
        lsn_node_need(in, node, "file", "give the path of a file with the columns layer, filter and score");
    lsn_path_read(in, file, "file", &score->file);
    if (score->file.path == NULL)
        return false;
    lsn_text name = {0};
    lsn_text_add(&name, "file:%s", file->text);
    score->name = lsn_arena_keep(in->arena, &name, &in->failure);
    return score->name != NULL;
}

static bool read_score(lsn_reading *in, const lsn_node *node, bool order, lsn_score_spec *score)
{
    *score = (lsn_score_spec){.kind = LSN_SCORE_FILE, .at = node};
    if (node->kind == LSN_MAP)
        return read_file(in, node, score);
    int word = lsn_read_word(in, node, "score", order ? order_words : score_words);
    if (word < 0)
        return false;
    if (word == LSN_SCORE_FILE)
        return lsn_mistake_at(in, node, "random stands alone: give it an experiment of its own, with order: random");
    score->kind = (lsn_score_kind)word;
    score->name = score_words[word];
    check_calibration(in, node, score->kind);
    return true;
}

/* Its place among the study's scores; -1, and a mistake, where there are too many. */
static int place_of(lsn_reading *in, const lsn_score_spec *score)
{
    lsn_study_spec *spec = in->spec;
    for (int i = 0; i < spec->n_scores; i++)
        if (strcmp(spec->scores[i].name, score->name) == 0)
            return i;
    if (spec->n_scores == LSN_MOST_SCORES) {
        lsn_mistake_at(in, score->at, "a study ranks filters by at most %d scores; make several studies",
                       LSN_MOST_SCORES);
        return -1;
    }
    spec->scores[spec->n_scores] = *score;
    return spec->n_scores++;
}

static bool add_score(lsn_reading *in, const lsn_score_spec *score, lsn_selector *selector)
{
    int place = place_of(in, score);
    for (int i = 0; i < selector->n_scores; i++)
        if (selector->scores[i] == place)
            return lsn_mistake_at(in, score->at, "score %s is given twice; remove one", score->name);
    if (place >= 0)
        selector->scores[selector->n_scores++] = place;
    return place >= 0;
}

bool lsn_scores_read(lsn_reading *in, const lsn_node *node, const char *what, lsn_selector *selector)
{
    int count = node->kind == LSN_MAP
                    ? 1
                    : lsn_read_count(in, node, what, "a score, such as l1, apoz or {file: scores.csv}, or a list");
    bool ok = count > 0;
    selector->scores = lsn_keep(in, (size_t)count, sizeof *selector->scores);
    for (int i = 0; selector->scores != NULL && i < count; i++) {
        lsn_score_spec score;
        ok = read_score(in, lsn_node_item(node, i), strcmp(what, "order") == 0, &score) &&
             add_score(in, &score, selector) && ok;
    }
    return selector->scores != NULL && ok;
}
