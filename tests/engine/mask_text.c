/* Masks as text: "zero conv3_1:0,5 conv4_2:7..9", "noise=3 conv3_1:0". */
#include "network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 32, MOST_FILTERS = 16384 };

/* What mask_parse returns the first member of. */
typedef struct owned_ablation {
    lsn_ablation ablation;
    lsn_mask_part parts[MOST_PARTS];
    int32_t filters[MOST_FILTERS];
    int n_filters;
} owned_ablation;

/* Adds "0,5,7..9" to the last part. */
static bool parse_filters(owned_ablation *owned, lsn_mask_part *part, const char *text)
{
    part->filters = owned->filters + owned->n_filters;
    while (*text != '\0') {
        char *end;
        long first = strtol(text, &end, 10), last = first;
        if (strncmp(end, "..", 2) == 0)
            last = strtol(end + 2, &end, 10);
        if (end == text || (*end != '\0' && *end != ','))
            return false;
        for (long f = first; f <= last && owned->n_filters < MOST_FILTERS; f++, part->count++)
            owned->filters[owned->n_filters++] = (int32_t)f;
        text = *end == ',' ? end + 1 : end;
    }
    return part->count > 0;
}

static bool parse_part(const lsn_net *net, owned_ablation *owned, char *word)
{
    char *colon = strchr(word, ':');
    if (colon == NULL || owned->ablation.mask.count == MOST_PARTS)
        return false;
    *colon = '\0';
    for (int l = 0; l < net->n_layers; l++)
        if (strcmp(net->layers[l].name, word) == 0) {
            lsn_mask_part *part = &owned->parts[owned->ablation.mask.count++];
            part->layer = l;
            return parse_filters(owned, part, colon + 1);
        }
    return false;
}

/* "zero", "noise=3" */
static bool parse_mode(lsn_ablation *ablation, char *word)
{
    char *seed = strchr(word, '=');
    if (seed != NULL) {
        *seed++ = '\0';
        ablation->seed = strtol(seed, NULL, 10);
    }
    ablation->mode = lsn_mode_find(word);
    return ablation->mode != LSN_N_MODES;
}

lsn_ablation *mask_parse(const lsn_net *net, const char *line)
{
    owned_ablation *owned = lsn_array(1, sizeof *owned, NULL);
    char *copy = strdup(line), *rest = NULL;
    char *word = copy == NULL ? NULL : strtok_r(copy, " \n", &rest);
    bool good = owned != NULL && word != NULL && parse_mode(&owned->ablation, word);
    if (good)
        owned->ablation.mask.parts = owned->parts;
    while (good && (word = strtok_r(NULL, " \n", &rest)) != NULL)
        good = parse_part(net, owned, word);
    free(copy);
    if (good)
        return &owned->ablation;
    fprintf(stderr, "not a mask: %s\n", line);
    free(owned);
    return NULL;
}

void mask_free(lsn_ablation *ablation)
{
    free(ablation); /* the first member of an owned_ablation */
}
