#include "cli/inspect.h"

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
    lsn_plan *plan = lsn_read_settled_plan(path, overrides, 1, &code);
    if (plan == NULL)
        return code;
    const lsn_data *data = plan->data;
    lsn_print_layers(plan->model);
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
                                      : lsn_inspect_weights(argv[optind], options.input);
    lsn_overrides_finish(&options.overrides);
    return code == LSN_HELPED ? LSN_OK : code;
}
