/* The section `ablate:`, a list of experiments. */
#include "study/spec.h"

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
    else if (selector->kind == LSN_SIMILAR && selector->cut != LSN_CUT_FRACTION)
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
    lsn_modes_read(in, lsn_node_get(node, "mode"), experiment);
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
