#include "cli/cli.h"

#include "lesion/report.h"
#include "lesion/stats.h"
#include "lesion/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct eval_options {
    const char *study, *logits;
    lsn_overrides overrides, ablate;
    lsn_mode mode;
    lsn_engine_options engine;
} eval_options;

enum { OPT_ABLATE = 256, OPT_MODE, OPT_LOGITS, OPT_METHOD, OPT_MEMORY, OPT_THREADS, OPT_SET };

static const struct option eval_option_table[] = {
    {"ablate", required_argument, NULL, OPT_ABLATE},
    {"mode", required_argument, NULL, OPT_MODE},
    {"logits", required_argument, NULL, OPT_LOGITS},
    {"method", required_argument, NULL, OPT_METHOD},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"set", required_argument, NULL, OPT_SET},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool add_ablate(lsn_overrides *ablate, const char *text, lsn_error *err)
{
    size_t room = (size_t)ablate->count;
    if (strchr(text, ':') == NULL)
        return lsn_fail(err, LSN_USAGE, "--ablate %s: should be LAYER:LIST, as in conv3_1:0,5,8..15", text);
    if (!lsn_grow((void **)&ablate->text, room, &room, sizeof(char *), err))
        return false;
    ablate->text[ablate->count++] = text;
    return true;
}

static bool take_option(void *context, int option, lsn_error *err)
{
    eval_options *options = context;
    switch (option) {
    case OPT_ABLATE:
        return add_ablate(&options->ablate, optarg, err);
    case OPT_MODE:
        options->mode = lsn_mode_find(optarg);
        return options->mode != LSN_N_MODES || lsn_fail(err, LSN_USAGE, "--mode %s: should be zero or mean", optarg);
    case OPT_LOGITS:
        options->logits = optarg;
        return true;
    case OPT_METHOD:
        return lsn_parse_method(optarg, &options->engine.method, err);
    case OPT_MEMORY:
        return lsn_parse_size(optarg, &options->engine.memory_bytes, err) || lsn_fail_in(err, "--memory");
    case OPT_THREADS:
        return lsn_parse_threads(optarg, &options->engine.threads, err);
    default:
        return lsn_override_add(&options->overrides, optarg, err);
    }
}

/* ---- the mask ------------------------------------------------------------------------------------------------ */

static int by_layer(const void *a, const void *b)
{
    return ((const lsn_mask_part *)a)->layer - ((const lsn_mask_part *)b)->layer;
}

/* "conv3_1:0,5" as a part; its list of filters is to be freed. */
static bool parse_part(const lsn_model *model, const char *text, lsn_mask_part *part, lsn_error *err)
{
    char name[64];
    const char *colon = strchr(text, ':');
    snprintf(name, sizeof name, "%.*s", (int)(colon - text), text);
    int layer = lsn_model_find(model, name);
    if (layer < 0)
        return lsn_fail(err, LSN_USAGE, "--ablate %s: the network has no layer '%s' ('lesion inspect' lists them)",
                        text, name);
    if (model->layers[layer].logits)
        return lsn_fail(err, LSN_USAGE, "--ablate %s: %s gives the logits, which are not ablated", text, name);
    int32_t *filters = NULL;
    char all[LSN_NUMBER_BYTES];
    snprintf(all, sizeof all, "0..%d", model->layers[layer].filters - 1);
    const char *list = strcmp(colon + 1, "all") == 0 ? all : colon + 1;
    if (!lsn_filter_list_parse(list, model->layers[layer].filters, &filters, &part->count, err))
        return lsn_fail_in(err, "--ablate %s", text);
    part->layer = layer;
    part->filters = filters;
    return true;
}

static bool build_mask(const lsn_model *model, const lsn_overrides *ablate, lsn_mask_part *parts, lsn_mask *mask,
                       lsn_error *err)
{
    *mask = (lsn_mask){.parts = parts};
    for (int i = 0; i < ablate->count; i++) {
        if (!parse_part(model, ablate->text[i], &parts[i], err))
            return false;
        mask->count++;
    }
    if (mask->count > 0)
        qsort(parts, (size_t)mask->count, sizeof *parts, by_layer);
    for (int i = 1; i < mask->count; i++)
        if (parts[i].layer == parts[i - 1].layer)
            return lsn_fail(err, LSN_USAGE, "--ablate names %s twice: put its filters into one list",
                            model->layers[parts[i].layer].name);
    return true;
}

/* ---- evaluating ---------------------------------------------------------------------------------------------- */

typedef struct evaluation {
    const lsn_plan *plan;
    lsn_engine *engine;
    int32_t block;   /* images at a time */
    float *images;   /* [block][H][W][C] */
    float *baseline; /* [block][classes] */
    float *logits;   /* [images][classes] */
    lsn_tally tally, intact;
} evaluation;

static bool find_means(evaluation *e, lsn_error *err)
{
    const lsn_plan *plan = e->plan;
    const int filters = lsn_model_filters(plan->model);
    if (plan->calibration.count == 0)
        return lsn_fail(err, LSN_INVALID, "%s: mode mean needs calibration images: add data.calibration", plan->path);
    int64_t *sums = lsn_array((size_t)filters, sizeof *sums, err);
    float *means = sums == NULL ? NULL : lsn_array((size_t)filters, sizeof *means, err);
    bool ok = means != NULL;
    int64_t seen = 0;
    lsn_activations all = {.filters = filters, .images = &seen, .mean = sums};
    for (int32_t at = 0; ok && at < plan->calibration.count; at += e->block) {
        int32_t n = plan->calibration.count - at < e->block ? plan->calibration.count - at : e->block;
        ok = lsn_data_load(plan->data, plan->calibration.images + at, n, e->images, err) &&
             lsn_engine_add_activations(e->engine, e->images, NULL, n, &all, NULL, NULL, err);
    }
    for (int i = 0; ok && i < filters; i++)
        means[i] = (float)((double)sums[i] / LSN_FIXED / plan->calibration.count);
    ok = ok && lsn_engine_set_means(e->engine, means, err);
    free(means);
    free(sums);
    return ok;
}

static bool evaluate(evaluation *e, const lsn_ablation *ablation, lsn_error *err)
{
    const lsn_plan *plan = e->plan;
    const int classes = plan->model->classes;
    for (int32_t at = 0; at < plan->images.count; at += e->block) {
        int32_t n = plan->images.count - at < e->block ? plan->images.count - at : e->block;
        float *logits = e->logits + (size_t)at * (size_t)classes;
        if (!lsn_data_load(plan->data, plan->images.images + at, n, e->images, err) ||
            !lsn_engine_run(e->engine,
                            &(lsn_engine_request){.images = e->images,
                                                  .n = n,
                                                  .ablations = &ablation,
                                                  .n_ablations = 1,
                                                  .baseline = e->baseline,
                                                  .logits = logits},
                            err))
            return false;
        for (int32_t i = 0; i < n; i++) {
            int label = lsn_data_label(plan->data, plan->images.images[at + i]);
            const float *intact = e->baseline + (size_t)i * (size_t)classes;
            lsn_tally_image(&e->tally, intact, logits + (size_t)i * (size_t)classes, classes, label, NULL, NULL);
            lsn_tally_image(&e->intact, intact, intact, classes, label, NULL, NULL);
        }
    }
    return true;
}

static bool prepare(evaluation *e, const eval_options *options, lsn_error *err)
{
    const lsn_model *model = e->plan->model;
    size_t pixels = (size_t)model->input_h * (size_t)model->input_w * (size_t)model->input_channels;
    size_t classes = (size_t)model->classes;
    lsn_engine_options engine = options->engine;
    if (engine.memory_bytes == 0)
        engine.memory_bytes = lsn_sweep_default_memory(1);
    e->block = lsn_sweep_block_images(e->plan);
    e->images = lsn_array((size_t)e->block, pixels * sizeof(float), err);
    e->baseline = e->images == NULL ? NULL : lsn_array((size_t)e->block, classes * sizeof(float), err);
    e->logits = e->baseline == NULL ? NULL : lsn_array((size_t)e->plan->images.count, classes * sizeof(float), err);
    e->engine = e->logits == NULL ? NULL : lsn_engine_create(model, &engine, err);
    return e->engine != NULL;
}

static void print_metrics(const evaluation *e, const lsn_ablation *ablation)
{
    const lsn_tally *t = &e->tally, *b = &e->intact;
    const double n = (double)t->images;
    const lsn_interval top1 = lsn_wilson(t->top1, t->images);
    lsn_text mask = {0};
    lsn_mask_json(e->plan->model, &ablation->mask, &mask);
    printf("ablation  %s", ablation->mask.count == 0 ? "none (the baseline)" : mask.data);
    printf(ablation->mask.count == 0 ? "\n" : "  mode %s\n", lsn_mode_name(ablation->mode));
    printf("images    %lld\n", (long long)t->images);
    printf("top1      %.4f  [%.4f, %.4f]\n", (double)t->top1 / n, top1.low, top1.high);
    printf("top5      %.4f\n", (double)t->top5 / n);
    printf("loss      %.6f\n", (double)t->loss / LSN_FIXED / n);
    if (ablation->mask.count > 0) {
        printf("kl        %.6f\n", (double)t->kl / LSN_FIXED / n);
        printf("d_top1    %+.4f\n", (double)(t->top1 - b->top1) / n);
        printf("d_top5    %+.4f\n", (double)(t->top5 - b->top5) / n);
        printf("d_loss    %+.6f\n", (double)(t->loss - b->loss) / LSN_FIXED / n);
        printf("lost      %lld\ngained    %lld\n", (long long)t->lost, (long long)t->gained);
        printf("p         %.3g\n", lsn_mcnemar_mid(t->lost, t->gained));
    }
    lsn_text_finish(&mask);
}

static int eval_plan(const lsn_plan *plan, const eval_options *options)
{
    evaluation e = {.plan = plan};
    lsn_error err = {0};
    lsn_ablation ablation = {.mode = options->mode};
    lsn_mask_part *parts = lsn_array((size_t)options->ablate.count, sizeof *parts, &err);
    bool ok = parts != NULL && build_mask(plan->model, &options->ablate, parts, &ablation.mask, &err) &&
              prepare(&e, options, &err) && (options->mode != LSN_MEAN || find_means(&e, &err)) &&
              evaluate(&e, &ablation, &err) &&
              (options->logits == NULL ||
               lsn_npy_write(options->logits, e.logits, plan->images.count, plan->model->classes, &err));
    if (ok)
        print_metrics(&e, &ablation);
    int code = ok ? LSN_OK : lsn_exit_with(&err);
    for (int32_t i = 0; i < ablation.mask.count; i++)
        free((void *)(uintptr_t)parts[i].filters);
    free(parts);
    lsn_engine_destroy(e.engine);
    free(e.logits);
    free(e.baseline);
    free(e.images);
    return code;
}

int lsn_command_eval(int argc, char **argv)
{
    eval_options options = {.engine = {.method = LSN_METHOD_WINOGRAD}};
    int code = lsn_read_options(argc, argv, eval_option_table, "eval", "one study file", take_option, &options);
    if (code == LSN_OK) {
        options.study = argv[optind];
        lsn_plan *plan = lsn_read_settled_plan(options.study, &options.overrides, options.engine.threads, &code);
        if (plan != NULL)
            code = eval_plan(plan, &options);
        lsn_plan_destroy(plan);
    }
    lsn_overrides_finish(&options.overrides);
    lsn_overrides_finish(&options.ablate);
    return code == LSN_HELPED ? LSN_OK : code;
}
