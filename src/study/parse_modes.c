/* `mode:`, how filters are removed: zero, mean, {resample: {seeds: 0..4}}, or a list of these. */
#include "study/spec.h"

#include <stdio.h>

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

static void check_calibration(lsn_reading *in, const lsn_node *at, lsn_mode mode)
{
    if (needs[mode].what == NULL)
        return;
    if (needs[mode].draws && in->spec->uses.two == NULL)
        in->spec->uses.two = needs[mode].what;
    lsn_calibration_need(in, at, needs[mode].what, needs[mode].why);
}

/* {resample: {seeds: 0..4}}: the mode's word; *seeds is what gives its seeds. NULL after a mistake. */
static const lsn_node *read_map(lsn_reading *in, const lsn_node *node, lsn_words names, const lsn_node **seeds)
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
    const lsn_node *seeds = NULL, *at = node->kind == LSN_MAP ? read_map(in, node, names, &seeds) : node;
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
    check_calibration(in, at, added->mode);
}

void lsn_modes_read(lsn_reading *in, const lsn_node *node, lsn_experiment_spec *experiment)
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
