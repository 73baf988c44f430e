/* lesion eval: one ablation on a study's images. */
#include "cli/cli.h"

#include "lesion/ranks.h"
#include "lesion/report.h"
#include "lesion/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "zero", "mean", "resample", "noise"; the last two with a seed if wanted, "noise:7". NULL: zero. */
static bool parse_mode(const char *text, lsn_ablation *ablation, lsn_error *err)
{
    char name[16];
    *ablation = (lsn_ablation){0};
    if (text == NULL)
        return true;
    const char *colon = strchr(text, ':');
    const int length = colon == NULL ? (int)strlen(text) : (int)(colon - text);
    snprintf(name, sizeof name, "%.*s", length, text);
    ablation->mode = lsn_mode_find(name);
    if (ablation->mode == LSN_N_MODES)
        return lsn_fail(err, LSN_USAGE, "--mode %s: should be zero, mean, resample or noise", text);
    if (colon == NULL)
        return true;
    char *end = NULL;
    errno = 0;
    ablation->seed = strtoll(colon + 1, &end, 10);
    if (ablation->mode != LSN_RESAMPLE && ablation->mode != LSN_NOISE)
        return lsn_fail(err, LSN_USAGE, "--mode %s: %s has no seed", text, name);
    return (colon[1] >= '0' && colon[1] <= '9' && *end == '\0' && errno == 0) ||
           lsn_fail(err, LSN_USAGE, "--mode %s: the seed should be a whole number, 0 or more", text);
}

/* ---- the mask ------------------------------------------------------------------------------------------------ */

static int by_layer(const void *a, const void *b)
{
    return ((const lsn_mask_part *)a)->layer - ((const lsn_mask_part *)b)->layer;
}

/* "conv3_1:0,5" as a part; its list of filters is to be freed. */
static bool parse_part(const lsn_net *net, const char *text, lsn_mask_part *part, lsn_error *err)
{
    char name[64];
    const char *colon = strchr(text, ':');
    if (colon == NULL)
        return lsn_fail(err, LSN_USAGE, "--ablate %s: should be LAYER:LIST, as in conv3_1:0,5,8..15", text);
    snprintf(name, sizeof name, "%.*s", (int)(colon - text), text);
    int layer = lsn_net_find(net, name);
    if (layer < 0)
        return lsn_fail(err, LSN_USAGE, "--ablate %s: the network has no layer '%s' ('lesion inspect' lists them)",
                        text, name);
    if (net->layers[layer].logits)
        return lsn_fail(err, LSN_USAGE, "--ablate %s: %s gives the logits, which are not ablated", text, name);
    int32_t *filters = NULL;
    char all[LSN_NUMBER_BYTES];
    snprintf(all, sizeof all, "0..%d", net->layers[layer].filters - 1);
    const char *list = strcmp(colon + 1, "all") == 0 ? all : colon + 1;
    if (!lsn_filter_list_parse(list, net->layers[layer].filters, &filters, &part->count, err))
        return lsn_fail_in(err, "--ablate %s", text);
    part->layer = layer;
    part->filters = filters;
    return true;
}

static bool build_mask(const lsn_net *net, const lsn_texts *ablate, lsn_mask_part *parts, lsn_mask *mask,
                       lsn_error *err)
{
    *mask = (lsn_mask){.parts = parts};
    for (int i = 0; i < ablate->count; i++) {
        if (!parse_part(net, ablate->text[i], &parts[i], err))
            return false;
        mask->count++;
    }
    if (mask->count > 0)
        qsort(parts, (size_t)mask->count, sizeof *parts, by_layer);
    for (int i = 1; i < mask->count; i++)
        if (parts[i].layer == parts[i - 1].layer)
            return lsn_fail(err, LSN_USAGE, "--ablate names %s twice: put its filters into one list",
                            net->layers[parts[i].layer].name);
    return true;
}

/* ---- evaluating ---------------------------------------------------------------------------------------------- */

static void print_drift(const lsn_net *net, const lsn_trial *trial)
{
    for (int l = 0; l < net->n_layers; l++)
        if (trial->drift[l] > 0)
            printf("drift     %.6f  %s\n", trial->drift[l], net->layers[l].name);
}

/* A network that only seems to be broken is mostly shown other images than it was trained on. */
static void warn_of_chance(const lsn_plan *plan, const lsn_tally *t)
{
    if (lsn_wilson(t->top1 + t->lost - t->gained, t->images).low <= 1.0 / plan->net->classes)
        lsn_log(
            "warning: guessing would be right on %.3g %%, and these images do not tell the intact network from that: "
            "are the weights, the preprocessing and the order of the classes those of its training? 'lesion inspect "
            "%s --sheet FILE.png' shows what it sees",
            100.0 / plan->net->classes, plan->path);
}

static bool print_metrics(const lsn_plan *plan, const lsn_trial *trial, const lsn_ablation *ablation, lsn_error *err)
{
    const lsn_tally *t = &trial->tally;
    const double n = (double)t->images;
    const lsn_interval top1 = lsn_wilson(t->top1, t->images);
    lsn_text mask = {0};
    lsn_mask_json(plan->net, &ablation->mask, &mask);
    if (mask.failed) {
        lsn_text_finish(&mask);
        return lsn_fail(err, LSN_FAILED, "out of memory: the mask could not be told");
    }
    printf("ablation  %s", ablation->mask.count == 0 ? "none (the baseline)" : mask.data);
    if (ablation->mask.count > 0)
        printf("  mode %s", lsn_mode_name(ablation->mode));
    if (ablation->mask.count > 0 && (ablation->mode == LSN_RESAMPLE || ablation->mode == LSN_NOISE))
        printf(", seed %lld", (long long)ablation->seed);
    putchar('\n');
    printf("images    %lld\n", (long long)t->images);
    printf("top1      %.4f  [%.4f, %.4f]\n", (double)t->top1 / n, top1.low, top1.high);
    printf("top5      %.4f\n", (double)t->top5 / n);
    printf("loss      %.6f\n", (double)t->loss / LSN_FIXED / n);
    printf("margin    %.6f\n", (double)t->margin / LSN_FIXED / n);
    if (ablation->mask.count > 0) {
        printf("kl        %.6f\n", (double)t->kl / LSN_FIXED / n);
        printf("d_top1    %+.4f\n", (double)(t->gained - t->lost) / n);
        printf("d_top5    %+.4f\n", (double)(t->top5 - t->base_top5) / n);
        printf("d_loss    %+.6f\n", (double)(t->loss - t->base_loss) / LSN_FIXED / n);
        printf("agreement %.4f\n", (double)t->agree / n);
        printf("lost      %lld\ngained    %lld\n", (long long)t->lost, (long long)t->gained);
        printf("p         %.3g\n", lsn_mcnemar_mid(t->lost, t->gained));
        print_drift(plan->net, trial);
    }
    lsn_text_finish(&mask);
    warn_of_chance(plan, t);
    return true;
}

static int eval_plan(lsn_plan *plan, const lsn_options *options)
{
    const lsn_engine_options engine = {.memory_bytes = options->sweep.memory_bytes, .threads = options->sweep.threads};
    lsn_trial trial = {0};
    lsn_ablation ablation = {0};
    lsn_error err = {0};
    lsn_mask_part *parts = lsn_array((size_t)options->ablate.count, sizeof *parts, &err);
    const bool ok = parts != NULL && parse_mode(options->mode, &ablation, &err) &&
                    build_mask(plan->net, &options->ablate, parts, &ablation.mask, &err) &&
                    lsn_trial_run(plan, &ablation, &engine, &trial, &err) &&
                    (options->logits == NULL ||
                     lsn_npy_write(options->logits, trial.logits, plan->images.count, plan->net->classes, &err)) &&
                    print_metrics(plan, &trial, &ablation, &err);
    for (int32_t i = 0; i < ablation.mask.count; i++)
        free((void *)(uintptr_t)parts[i].filters);
    free(parts);
    lsn_trial_finish(&trial);
    return ok ? LSN_OK : lsn_exit_with(&err);
}

/* A mistake in --mode is told before the study is read. */
int lsn_command_eval(lsn_options *options)
{
    lsn_error err = {0};
    lsn_ablation ablation;
    return parse_mode(options->mode, &ablation, &err) ? lsn_use_plan(options, true, eval_plan) : lsn_exit_with(&err);
}
