/* lesion inspect: a network's layers, or a study's network and images. */
#include "cli/inspect.h"

#include <string.h>

static bool is_study(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

int lsn_command_inspect(lsn_options *options)
{
    const char *path = options->arguments[0];
    return is_study(path) ? lsn_inspect_study(options) : lsn_inspect_weights(path, options->input);
}
