/* The section `ablate:`, a list of experiments, and their modes: zero, mean, {resample: {seeds: 0..4}}, or a list. */
#include "study/spec.h"

#include <stdio.h>
#include <string.h>

enum { MOST_EXPERIMENTS = 10000 };

static bool read_experiment_name(lsn_reading *in, const lsn_node *node, lsn_experiment_spec *experiment)
{
    const lsn_node *at = lsn_node_need(in, node, "name", "give the experiment a name of its own");
    char shown[LSN_SHOWN_BYTES];
    const char *name;
    if (at == NULL || !lsn_read_name(in, at, "name", &name))
        return false;
    if (strcmp(name, "baseline") == 0)
        return lsn_mistake_at(
            in, at, "name \"baseline\" is kept for the intact network, which is always a job; choose another");
    for (const lsn_experiment_spec *other = in->spec->experiments; other < experiment; other++)
        if (other->name != NULL && strcmp(other->name, name) == 0)
            return lsn_mistake_at(in, at, "name %s is taken by the experiment at line %d; choose another",
                                  lsn_shown(name, shown), other->at->line);
    experiment->name = name;
    return true;
}

static void read_layers(lsn_reading *in, const lsn_node *node, lsn_experiment_spec *experiment)
{
    const lsn_node *layers = lsn_node_need(in, node, "layers",
                                           "give a name, a pattern such as conv*, a range such as conv3_1..conv4_4, or "
                                           "a list of these");
    if (layers == NULL)
        return;
    int count = lsn_read_count(in, layers, "layers", "a name, a pattern, a range or a list of these");
    bool ok = count > 0;
    const char *text;
    for (int i = 0; i < count; i++)
        ok = lsn_read_text(in, lsn_node_item(layers, i), "layer", &text) && ok;
    experiment->layers = ok ? layers : NULL;
}

/* ---- modes ------------------------------------------------------------------------------------------------------- */

/* What the modes need of the calibration images. */
static const struct {
    const char *what, *why;
    bool draws;
} needs[LSN_N_MODES] = {
    [LSN_MEAN] = {"mode mean", "needs the channels' mean activations over calibration images", false},
    [LSN_RESAMPLE] = {"mode resample", "takes the channels' activations from calibration images", true},
    [LSN_NOISE] = {"mode noise", "needs the channels' means and deviations over calibration images", true},
};

bool lsn_calibration_need(lsn_reading *in, const lsn_node *at, const char *what, const char *why)
{
    const lsn_node *data = in->spec->data.at;
    if (in->spec->uses.any == NULL)
        in->spec->uses.any = what;
    if (data == NULL || data->kind != LSN_MAP || lsn_node_find(data, "calibration") >= 0)
        return true;
    return lsn_mistake_at(in, at, "%s %s; add calibration: {count: 256, seed: 1} to data", what, why);
}

static void need_calibration(lsn_reading *in, const lsn_node *at, lsn_mode mode)
{
    if (needs[mode].what == NULL)
        return;
    if (needs[mode].draws && in->spec->uses.two == NULL)
        in->spec->uses.two = needs[mode].what;
    lsn_calibration_need(in, at, needs[mode].what, needs[mode].why);
}

/* {resample: {seeds: 0..4}}: the mode's word; *seeds is what gives its seeds. NULL after a mistake. */
static const lsn_node *read_mode_map(lsn_reading *in, const lsn_node *node, lsn_words names, const lsn_node **seeds)
{
    static const char *const keys[] = {"seeds", NULL};
    char shown[LSN_SHOWN_BYTES];
    const char *key = NULL;
    if (lsn_read_map(in, node, "mode", "", names))
        key = lsn_one_key(in, node, "mode", names, "is an empty map; give zero, mean, resample or noise");
    if (key == NULL)
        return NULL;
    const int at = lsn_node_find(node, key);
    if (!needs[lsn_mode_find(key)].draws) {
        lsn_mistake_at(in, node->keys[at], "nothing is random about mode %s; write %s alone", key, key);
        return NULL;
    }
    snprintf(shown, sizeof shown, "mode %s", key);
    if (!lsn_read_map(in, node->items[at], shown, "a map such as {seeds: 0..4}", keys))
        return NULL;
    *seeds = lsn_node_get(node->items[at], "seeds");
    return node->keys[at];
}

static void read_mode(lsn_reading *in, const lsn_node *node, lsn_words names, lsn_experiment_spec *experiment)
{
    const lsn_node *seeds = NULL, *at = node->kind == LSN_MAP ? read_mode_map(in, node, names, &seeds) : node;
    const int mode = at == NULL ? -1 : lsn_read_word(in, at, "mode", names);
    if (mode < 0)
        return;
    for (int i = 0; i < experiment->n_modes; i++)
        if (experiment->modes[i].mode == (lsn_mode)mode) {
            lsn_mistake_at(in, at, "mode %s is given twice; remove one", names[mode]);
            return;
        }
    lsn_mode_spec *added = &experiment->modes[experiment->n_modes++];
    *added = (lsn_mode_spec){.mode = (lsn_mode)mode};
    lsn_seeds_read(in, seeds, &added->seeds, &added->n_seeds);
    need_calibration(in, at, added->mode);
}

static void read_modes(lsn_reading *in, const lsn_node *node, lsn_experiment_spec *experiment)
{
    const char *names[LSN_N_MODES + 1] = {NULL};
    for (int i = 0; i < LSN_N_MODES; i++)
        names[i] = lsn_mode_name((lsn_mode)i);
    if (node == NULL) {
        experiment->modes[0] = (lsn_mode_spec){.mode = LSN_ZERO};
        experiment->n_modes = lsn_seeds_read(in, NULL, &experiment->modes[0].seeds, &experiment->modes[0].n_seeds);
        return;
    }
    int count =
        node->kind == LSN_MAP ? 1 : lsn_read_count(in, node, "mode", "zero, mean, resample, noise or a list of them");
    for (int i = 0; i < count; i++)
        read_mode(in, lsn_node_item(node, i), names, experiment);
}

/* ---- experiments ------------------------------------------------------------------------------------------------- */

/* Jobs of single filters, and of groups that each layer has its own of, cannot be put together. */
static void read_together(lsn_reading *in, const lsn_node *map, lsn_experiment_spec *experiment)
{
    const lsn_node *node = lsn_node_get(map, "together");
    const lsn_selector *selector = &experiment->selector;
    experiment->together = lsn_read_flag(in, map, "together");
    if (!experiment->together || !experiment->has_selector)
        return;
    if (selector->shape == LSN_ONE_BY_ONE)
        lsn_mistake_at(in, node,
                       "each makes a job of every filter, so that nothing is removed together; remove together, or "
                       "take pairs, all, or a number of filters");
    else if (lsn_has_groups(selector))
        lsn_mistake_at(in, node,
                       "every layer has its own groups, a job each; remove together, or take similar with a fraction, "
                       "the tightest group of each layer");
}

static void read_experiment(lsn_reading *in, const lsn_node *node, lsn_experiment_spec *experiment)
{
    static const char *const keys[] = {"name", "layers", "filters", "mode", "together", NULL};
    experiment->at = node;
    if (!lsn_read_map(in, node, "experiment", "a map with name, layers, filters and mode", keys))
        return;
    read_experiment_name(in, node, experiment);
    read_layers(in, node, experiment);
    const lsn_node *filters =
        lsn_node_need(in, node, "filters",
                      "give each, all, a list, or one of {each: ..}, {random: ..}, {lowest: ..}, {highest: ..}, "
                      "{similar: ..}, {cumulative: ..}, {pairs: ..}, {keep: ..}");
    experiment->has_selector = filters != NULL && lsn_selector_read(in, filters, &experiment->selector);
    read_modes(in, lsn_node_get(node, "mode"), experiment);
    read_together(in, node, experiment);
}

void lsn_ablate_read(lsn_reading *in, const lsn_node *node)
{
    char shown[LSN_SHOWN_BYTES];
    if (node == NULL || (node->kind == LSN_SCALAR && node->wrong))
        return;
    if (node->kind != LSN_LIST) {
        lsn_mistake_at(in, node, "ablate is %s; give a list of experiments, each beginning with \"- name:\"",
                       lsn_node_describe(node, shown));
        return;
    }
    if (node->count > MOST_EXPERIMENTS) {
        lsn_mistake_at(in, node, "there are %d experiments; a study has at most %d", node->count, MOST_EXPERIMENTS);
        return;
    }
    in->spec->experiments = lsn_keep(in, (size_t)node->count, sizeof *in->spec->experiments);
    if (in->spec->experiments == NULL)
        return;
    in->spec->n_experiments = node->count;
    for (int i = 0; i < node->count; i++)
        read_experiment(in, node->items[i], &in->spec->experiments[i]);
}
