#include "cli/cli.h"

#include "lesion/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_INPUT = 256, OPT_SET };

static const struct option inspect_option_table[] = {
    {"input", required_argument, NULL, OPT_INPUT},
    {"set", required_argument, NULL, OPT_SET},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static void print_layers(const lsn_model *model)
{
    char hex[LSN_HEX_BYTES], size[LSN_NUMBER_BYTES], parameters[LSN_NUMBER_BYTES], madds[LSN_NUMBER_BYTES];
    int64_t all_parameters = 0;
    double all_madds = 0;
    lsn_digest_hex(&model->digest, hex);
    printf("weights   %s (%s)\nsha256    %s\ninput     %d x %d, %d channel%s\nclasses   %d\n\n", model->path,
           model->dtype, hex, model->input_h, model->input_w, model->input_channels,
           model->input_channels == 1 ? "" : "s", model->classes);
    printf("%-9s %-5s %7s %6s  %-13s %12s %14s  %s\n", "layer", "kind", "filters", "kernel", "output", "parameters",
           "multiply-adds", "tensor");
    for (int l = 0; l < model->n_layers; l++) {
        const lsn_layer *layer = &model->layers[l];
        char kernel[LSN_NUMBER_BYTES] = "-";
        if (layer->kind == LSN_CONV)
            snprintf(kernel, sizeof kernel, "%dx%d", layer->kernel, layer->kernel);
        snprintf(size, sizeof size, "%d x %d%s", layer->out_h, layer->out_w, layer->pool ? " pooled" : "");
        printf("%-9s %-5s %7d %6s  %-13s %12s %14s  %s\n", layer->name, layer->kind == LSN_CONV ? "conv" : "fc",
               layer->filters, kernel, size, lsn_count_text(lsn_layer_parameters(layer), parameters),
               lsn_count_text((int64_t)lsn_layer_madds(layer), madds), layer->weights_tensor);
        all_parameters += lsn_layer_parameters(layer);
        all_madds += lsn_layer_madds(layer);
    }
    printf("%-9s %-5s %7d %6s  %-13s %12s %14s\n", "all", "", lsn_model_filters(model), "", "",
           lsn_count_text(all_parameters, parameters), lsn_count_text((int64_t)all_madds, madds));
    puts("(filters in all: those that can be ablated; multiply-adds of one image)");
}

static void print_classes(const lsn_plan *plan)
{
    const lsn_data *data = plan->data;
    const int classes = plan->model->classes;
    int32_t *counts = lsn_array((size_t)classes, sizeof *counts, NULL);
    if (counts == NULL)
        return;
    for (int32_t i = 0; i < plan->images.count; i++)
        counts[lsn_data_label(data, plan->images.images[i])]++;
    printf("\n%-6s %8s  %s\n", "class", "images", "name");
    for (int c = 0; c < classes; c++) {
        const char *name = lsn_data_class_name(data, c);
        printf("%-6d %8d  %s\n", c, counts[c], name == NULL ? "" : name);
    }
    free(counts);
}

static int inspect_study(const char *path, const lsn_overrides *overrides)
{
    int code = LSN_OK;
    char hex[LSN_HEX_BYTES], number[LSN_NUMBER_BYTES];
    lsn_plan *plan = lsn_read_plan(path, overrides, &code);
    if (plan == NULL)
        return code;
    const lsn_data *data = plan->data;
    print_layers(plan->model);
    lsn_digest_hex(&plan->images_digest, hex);
    printf("\nimages    %s of %d, %d x %d x %d after preprocessing (%s)\n", lsn_count_text(plan->images.count, number),
           lsn_data_count(data), lsn_data_height(data), lsn_data_width(data), lsn_data_channels(data),
           plan->preprocess);
    printf("sha256    %s\n", hex);
    if (plan->calibration.count > 0)
        printf("calibration images %s\n", lsn_count_text(plan->calibration.count, number));
    print_classes(plan);
    lsn_plan_destroy(plan);
    return code;
}

/* Without --input: the size for which the last map is as large as the average-pooled one. */
static bool set_input(lsn_model *model, const char *input, lsn_error *err)
{
    int h = 0, w = 0, end = 0;
    if (input == NULL) {
        h = model->grid;
        for (int l = 0; l < model->n_conv; l++)
            h *= model->layers[l].pool ? 2 : 1;
        w = h;
    } else if (sscanf(input, "%dx%d%n", &h, &w, &end) != 2 || input[end] != '\0' || h < 1 || w < 1)
        return lsn_fail(err, LSN_USAGE, "--input %s: should be HEIGHTxWIDTH, as in 224x224", input);
    return lsn_model_set_input(model, h, w, model->input_channels, err);
}

static int inspect_weights(const char *path, const char *input)
{
    lsn_error err = {0};
    lsn_model *model = lsn_model_load(path, &err);
    bool ok = model != NULL && set_input(model, input, &err);
    if (ok)
        print_layers(model);
    lsn_model_destroy(model);
    return ok ? LSN_OK : lsn_exit_with(&err);
}

static bool is_study(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

typedef struct inspect_options {
    lsn_overrides overrides;
    const char *input;
} inspect_options;

static bool take_option(void *context, int option, lsn_error *err)
{
    inspect_options *options = context;
    if (option == OPT_SET)
        return lsn_override_add(&options->overrides, optarg, err);
    options->input = optarg;
    return true;
}

int lsn_command_inspect(int argc, char **argv)
{
    inspect_options options = {0};
    int code = lsn_read_options(argc, argv, inspect_option_table, "inspect", "one weights file or study file",
                                take_option, &options);
    if (code == LSN_OK)
        code = is_study(argv[optind]) ? inspect_study(argv[optind], &options.overrides)
                                      : inspect_weights(argv[optind], options.input);
    lsn_overrides_finish(&options.overrides);
    return code == LSN_HELPED ? LSN_OK : code;
}
