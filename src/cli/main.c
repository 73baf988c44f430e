/* Finds the command that the command line names, and runs it. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int (*const functions[N_COMMANDS])(lsn_options *options) = {
    [COMMAND_RUN] = lsn_command_run,           [COMMAND_PLAN] = lsn_command_plan,
    [COMMAND_SIMULATE] = lsn_command_simulate, [COMMAND_EVAL] = lsn_command_eval,
    [COMMAND_STATUS] = lsn_command_status,     [COMMAND_EXPORT] = lsn_command_export,
    [COMMAND_MERGE] = lsn_command_merge,       [COMMAND_VERIFY] = lsn_command_verify,
    [COMMAND_DIFF] = lsn_command_diff,         [COMMAND_REPORT] = lsn_command_report,
    [COMMAND_INSPECT] = lsn_command_inspect,
};

static int unknown_command(const char *word)
{
    const char *names[N_COMMANDS + 1] = {NULL};
    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = lsn_commands[i].name;
    const char *nearest = lsn_nearest(word, names);
    if (nearest != NULL)
        lsn_log("lesion has no command '%s': did you mean 'lesion %s'?", word, nearest);
    else
        lsn_log("lesion has no command '%s': see 'lesion --help'", word);
    return LSN_USAGE;
}

/* Of many ranks that were started with the same mistake one is enough to say so. */
static bool speaks_for_all(void)
{
    static const char *const ranks[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
    const char *rank;
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        if ((rank = getenv(ranks[i])) != NULL)
            return atoi(rank) == 0;
    return true;
}

static int run_command(int command, int argc, char **argv)
{
    lsn_options options;
    int code = lsn_options_read(&options, &lsn_commands[command], argc, argv);
    if (code == LSN_OK)
        code = functions[command](&options);
    lsn_options_finish(&options);
    return code == LSN_HELPED ? LSN_OK : code;
}

static int obey(int argc, char **argv)
{
    lsn_log_quiet(!speaks_for_all());
    if (argc < 2) {
        lsn_print_overview(stderr);
        return LSN_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("lesion %s\n", lsn_version());
        return LSN_OK;
    }
    const bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0;
    if (help && argc == 2) {
        lsn_print_overview(stdout);
        return LSN_OK;
    }
    const char *word = help ? argv[2] : argv[1];
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(word, lsn_commands[i].name) != 0)
            continue;
        if (!help)
            return run_command(i, argc - 1, argv + 1);
        lsn_print_help(&lsn_commands[i], stdout);
        return LSN_OK;
    }
    return unknown_command(word);
}

int main(int argc, char **argv)
{
    const int code = obey(argc, argv);
    if ((fflush(stdout) == 0 && !ferror(stdout)) || code != LSN_OK)
        return code;
    lsn_log("standard output cannot be written: %s; make room, or send it elsewhere", strerror(errno));
    return LSN_FAILED;
}
