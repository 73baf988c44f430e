#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "run a study, or continue it", lsn_command_run},
    {"plan", "count a study's jobs and estimate its time", lsn_command_plan},
    {"simulate", "play a study with many virtual ranks, and faults", lsn_command_simulate},
    {"eval", "evaluate one ablation on a study's images", lsn_command_eval},
    {"status", "see how far a study is", lsn_command_status},
    {"export", "write a table or view as CSV or JSON Lines", lsn_command_export},
    {"merge", "combine databases of one study", lsn_command_merge},
    {"verify", "check a database, and compute a sample again", lsn_command_verify},
    {"diff", "compare two databases of the same jobs", lsn_command_diff},
    {"report", "draw what a study found, as one HTML page", lsn_command_report},
    {"inspect", "look at a network's layers or a study's images", lsn_command_inspect},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_overview(FILE *out)
{
    fprintf(out, "lesion: what does a trained network lose when a part of it is removed?\n\n"
                 "usage: lesion COMMAND [OPTION]... ARGUMENT...\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n'lesion COMMAND --help' tells the rest.\n");
}

static int unknown_command(const char *word)
{
    const char *names[N_COMMANDS + 1] = {NULL};
    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    const char *nearest = lsn_nearest(word, names);
    if (nearest != NULL)
        lsn_log("'%s' is no command: did you mean 'lesion %s'?", word, nearest);
    else
        lsn_log("'%s' is no command: see 'lesion --help'", word);
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

static int obey(int argc, char **argv)
{
    static char name[] = "lesion";
    lsn_log_quiet(!speaks_for_all());
    if (argc < 2) {
        print_overview(stderr);
        return LSN_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("lesion %s\n", lsn_version());
        return LSN_OK;
    }
    bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0;
    if (help && argc == 2) {
        print_overview(stdout);
        return LSN_OK;
    }
    const char *word = help ? argv[2] : argv[1];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(word, commands[i].name) != 0)
            continue;
        if (help) {
            lsn_help(word);
            return LSN_OK;
        }
        argv[1] = name;
        return commands[i].run(argc - 1, argv + 1);
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
