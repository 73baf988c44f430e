#include "cli/inspect.h"

#include "cli/cli.h"
#include "cli/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_INPUT = 256, OPT_SET, OPT_SHEET, OPT_SHEET_IMAGES, OPT_THREADS };

static const struct option inspect_option_table[] = {
    {"input", required_argument, NULL, OPT_INPUT},
    {"set", required_argument, NULL, OPT_SET},
    {"sheet", required_argument, NULL, OPT_SHEET},
    {"sheet-images", required_argument, NULL, OPT_SHEET_IMAGES},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool is_study(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

typedef struct inspect_options {
    lsn_overrides overrides;
    const char *input;
    lsn_inspect_options study;
} inspect_options;

static bool take_sheet_images(inspect_options *options, lsn_error *err)
{
    enum { MOST = 1000 };
    char *end;
    long number = strtol(optarg, &end, 10);
    if (end == optarg || *end != '\0' || number < 1 || number > MOST)
        return lsn_fail(err, LSN_USAGE, "--sheet-images %s: should be a whole number, 1 to %d", optarg, MOST);
    options->study.sheet_images = (int)number;
    return true;
}

static bool take_option(void *context, int option, lsn_error *err)
{
    inspect_options *options = context;
    switch (option) {
    case OPT_SET:
        return lsn_override_add(&options->overrides, optarg, err);
    case OPT_SHEET:
        options->study.sheet = optarg;
        return true;
    case OPT_SHEET_IMAGES:
        return take_sheet_images(options, err);
    case OPT_THREADS:
        return lsn_parse_threads(optarg, &options->study.threads, err);
    default:
        options->input = optarg;
        return true;
    }
}

int lsn_command_inspect(int argc, char **argv)
{
    inspect_options options = {.study.sheet_images = LSN_SHEET_IMAGES};
    int code = lsn_read_options(argc, argv, inspect_option_table, "inspect", "one weights file or study file",
                                take_option, &options);
    if (code == LSN_OK)
        code = is_study(argv[optind]) ? lsn_inspect_study(argv[optind], &options.overrides, &options.study)
                                      : lsn_inspect_weights(argv[optind], options.input);
    lsn_overrides_finish(&options.overrides);
    return code == LSN_HELPED ? LSN_OK : code;
}
