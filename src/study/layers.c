/* Layers of an experiment: names, patterns, ranges. The logits are never among them. */
#include "study/spec.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_PATTERN = 256 }; /* bytes: fnmatch takes time for long ones */

typedef struct resolver {
    const lsn_net *net;
    lsn_reading *mistakes;
    bool *taken; /* [layers] */
} resolver;

static int n_ablatable(const lsn_net *net)
{
    return net->n_layers - 1;
}

/* "conv1_1, conv1_2, ..., fc7": all of them, or where they are many the first and the last. */
static const char *list_layers(const lsn_net *net, char *text, size_t bytes)
{
    const int most = 24, count = n_ablatable(net);
    size_t used = 0;
    for (int i = 0; i < count && used < bytes; i++) {
        bool left_out = count > most && i >= most - 1 && i < count - 1;
        if (!left_out)
            used += (size_t)snprintf(text + used, bytes - used, "%s%s", i == 0 ? "" : ", ", net->layers[i].name);
        else if (i == most - 1)
            used += (size_t)snprintf(text + used, bytes - used, ", ...");
    }
    return text;
}

static bool refuse_logits(const resolver *of, const lsn_node *at)
{
    const lsn_layer *layers = of->net->layers;
    int last = n_ablatable(of->net);
    return lsn_mistake_at(
        of->mistakes, at,
        "layer %s gives the logits: to remove one of its outputs is to remove a class, not a feature; "
        "take layers from %s to %s",
        layers[last].name, layers[0].name, layers[last - 1].name);
}

const char *lsn_nearest_layer(const lsn_net *net, int count, const char *name)
{
    const char **names = lsn_array((size_t)count + 1, sizeof *names, NULL);
    for (int i = 0; names != NULL && i < count; i++)
        names[i] = net->layers[i].name;
    const char *nearest = names == NULL ? NULL : lsn_nearest(name, names);
    free(names);
    return nearest;
}

static bool refuse_unknown(const resolver *of, const lsn_node *at, const char *name, const char *what)
{
    char shown[LSN_SHOWN_BYTES], all[512], hint[64] = "";
    const char *nearest = lsn_nearest_layer(of->net, n_ablatable(of->net), name);
    if (nearest != NULL)
        snprintf(hint, sizeof hint, "did you mean \"%s\"? ", nearest);
    return lsn_mistake_at(of->mistakes, at, "%s %s; %sthe network's layers are %s", what, lsn_shown(name, shown), hint,
                          list_layers(of->net, all, sizeof all));
}

/* A layer by its exact name; -1, and a mistake, where it cannot be taken. */
static int find_layer(const resolver *of, const lsn_node *at, const char *name)
{
    int layer = lsn_net_find(of->net, name);
    if (layer < 0)
        refuse_unknown(of, at, name, "the network has no layer");
    else if (of->net->layers[layer].logits)
        refuse_logits(of, at);
    else
        return layer;
    return -1;
}

static bool take_range(resolver *of, const lsn_node *at, const char *dots)
{
    char first[LONGEST_PATTERN + 1];
    snprintf(first, sizeof first, "%.*s", (int)(dots - at->text), at->text);
    int low = find_layer(of, at, first), high = find_layer(of, at, dots + 2);
    if (low < 0 || high < 0)
        return false;
    if (low > high)
        return lsn_mistake_at(of->mistakes, at, "range %s is reversed: %s comes before %s in the network; write %s..%s",
                              at->text, dots + 2, first, dots + 2, first);
    for (int i = low; i <= high; i++)
        of->taken[i] = true;
    return true;
}

static bool matches(const char *pattern, const lsn_layer *layer)
{
    return fnmatch(pattern, layer->name, FNM_NOESCAPE) == 0 ||
           (layer->alias != NULL && fnmatch(pattern, layer->alias, FNM_NOESCAPE) == 0);
}

static bool take_pattern(resolver *of, const lsn_node *at)
{
    bool found = false;
    for (int i = 0; i < n_ablatable(of->net); i++)
        if (matches(at->text, &of->net->layers[i]))
            found = of->taken[i] = true;
    if (found)
        return true;
    if (matches(at->text, &of->net->layers[n_ablatable(of->net)]))
        return refuse_logits(of, at);
    return refuse_unknown(of, at, at->text, "no layer matches");
}

static bool take_layers(resolver *of, const lsn_node *at)
{
    char shown[LSN_SHOWN_BYTES];
    if (strlen(at->text) > LONGEST_PATTERN)
        return lsn_mistake_at(of->mistakes, at, "layer %s is longer than %d bytes; no layer's name is",
                              lsn_shown(at->text, shown), LONGEST_PATTERN);
    const char *dots = strstr(at->text, "..");
    if (dots != NULL)
        return take_range(of, at, dots);
    if (strpbrk(at->text, "*?[") != NULL)
        return take_pattern(of, at);
    int layer = find_layer(of, at, at->text);
    if (layer >= 0)
        of->taken[layer] = true;
    return layer >= 0;
}

bool lsn_layers_resolve(lsn_experiment_spec *experiment, const lsn_net *net, lsn_reading *in)
{
    const size_t count = (size_t)n_ablatable(net);
    resolver of = {.net = net, .mistakes = in, .taken = lsn_keep(in, count, sizeof(bool))};
    experiment->resolved = lsn_keep(in, count, sizeof *experiment->resolved);
    const lsn_node *layers = experiment->layers;
    bool ok = of.taken != NULL && experiment->resolved != NULL;
    if (!ok)
        return false;
    for (int i = 0; i < (layers->kind == LSN_LIST ? layers->count : 1); i++)
        ok = take_layers(&of, lsn_node_item(layers, i)) && ok;
    experiment->n_resolved = 0;
    for (int i = 0; i < n_ablatable(net); i++)
        if (of.taken[i])
            experiment->resolved[experiment->n_resolved++] = i;
    return ok;
}
