/* The program's commands, one file each, and what they share. */
#ifndef LESION_CLI_H
#define LESION_CLI_H

#include "lesion/base.h"
#include "lesion/engine.h"
#include "lesion/study.h"

#include <getopt.h>

/* A command gets its own argv, argv[0] being "lesion"; it returns the exit code. */
int lsn_command_run(int argc, char **argv);
int lsn_command_plan(int argc, char **argv);
int lsn_command_eval(int argc, char **argv);
int lsn_command_inspect(int argc, char **argv);
int lsn_command_status(int argc, char **argv);

/* Prints what the command does and its options to stdout. */
void lsn_help(const char *command);

/* ---- options (options.c) ------------------------------------------------------------------------------------- */

/* Options that more than one command has. */
typedef struct lsn_overrides {
    const char **text; /* "k=v", as given; point into argv */
    int count;
} lsn_overrides;

bool lsn_override_add(lsn_overrides *overrides, const char *text, lsn_error *err);
void lsn_overrides_finish(lsn_overrides *overrides);

/* "90", "90s", "5m", "1h30m", "2d", "01:30:00": seconds. */
bool lsn_parse_duration(const char *text, double *seconds, lsn_error *err);
/* "500M", "2G", "1.5GiB", "1000000": bytes, powers of 1024. */
bool lsn_parse_size(const char *text, size_t *bytes, lsn_error *err);
/* "1,2,64": each at least 1. *numbers is to be freed. */
bool lsn_parse_counts(const char *text, int **numbers, int *count, lsn_error *err);

/* "1" .. "1024". */
bool lsn_parse_threads(const char *text, int *threads, lsn_error *err);
/* "winograd", "blas", "reference". */
bool lsn_parse_method(const char *text, lsn_method *method, lsn_error *err);

/* The next option as getopt_long gives it: -1 at the end; '?' after a message. '-h' prints the help and gives 'h'. */
int lsn_next_option(int argc, char **argv, const struct option *options, const char *command);
/* Exactly `count` arguments besides the options, or a message that names `what`. */
bool lsn_have_arguments(int argc, int count, const char *command, const char *what);

/* Says what went wrong on stderr and returns the exit code. */
int lsn_exit_with(const lsn_error *err);
/* Says all that is wrong with a study (or *err if it is not the study's fault) and returns the exit code. */
int lsn_exit_with_problems(const char *study, const lsn_problems *problems, const lsn_error *err);

/* The plan, or NULL after messages, with the exit code in *code. */
lsn_plan *lsn_read_plan(const char *study, const lsn_overrides *overrides, int *code);

#endif
