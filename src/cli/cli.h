/* The program's commands, one file each, and what they share. */
#ifndef LESION_CLI_H
#define LESION_CLI_H

#include "lesion/base.h"
#include "lesion/engine.h"
#include "lesion/study.h"
#include "lesion/ranks.h"

#include <getopt.h>

/* A command gets its own argv, argv[0] being "lesion"; it returns the exit code. */
int lsn_command_run(int argc, char **argv);
int lsn_command_plan(int argc, char **argv);
int lsn_command_simulate(int argc, char **argv);
int lsn_command_eval(int argc, char **argv);
int lsn_command_inspect(int argc, char **argv);
int lsn_command_status(int argc, char **argv);
int lsn_command_export(int argc, char **argv);
int lsn_command_merge(int argc, char **argv);
int lsn_command_diff(int argc, char **argv);
int lsn_command_verify(int argc, char **argv);
int lsn_command_report(int argc, char **argv);

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
/* A duration, as the time by lsn_now_s when it is over; or "none": 0. */
bool lsn_parse_deadline(const char *text, double *deadline_s, lsn_error *err);
/* "500M", "2G", "1.5GiB", "1000000": bytes, powers of 1024. */
bool lsn_parse_size(const char *text, size_t *bytes, lsn_error *err);
/* "1,2,64": each at least 1. *numbers is to be freed. */
bool lsn_parse_counts(const char *text, int **numbers, int *count, lsn_error *err);

/* "1", "20". */
bool lsn_parse_count(const char *text, int32_t *number, lsn_error *err);
/* "2/4": 1 <= *shard <= *shards. */
bool lsn_parse_shard(const char *text, int32_t *shard, int32_t *shards, lsn_error *err);
/* "1" .. "1024". */
bool lsn_parse_threads(const char *text, int *threads, lsn_error *err);
/* "winograd", "blas", "reference". */
bool lsn_parse_method(const char *text, lsn_method *method, lsn_error *err);

/* What a command does with one of its options; the value is in optarg. */
typedef bool lsn_take_option(void *options, int option, lsn_error *err);

/* Reads all options of a command and its one argument (`what`, in words), which is then argv[optind]. LSN_OK;
 * LSN_HELPED after -h printed the help; or the exit code after a message. */
int lsn_read_options(int argc, char **argv, const struct option *table, const char *command, const char *what,
                     lsn_take_option *take, void *options);
/* The same for a command with `least` to `most` arguments, from argv[optind] on. Of the table's values those that are
 * letters are options of one letter too. */
int lsn_read_arguments(int argc, char **argv, const struct option *table, const char *command, const char *what,
                       int least, int most, lsn_take_option *take, void *options);
enum { LSN_HELPED = -1 };

/* Says what went wrong on stderr and returns the exit code. */
int lsn_exit_with(const lsn_error *err);
/* Says all that is wrong with a study (or *err if it is not the study's fault) and returns the exit code. */
int lsn_exit_with_problems(const char *study, const lsn_problems *problems, const lsn_error *err);

/* The plan, or NULL after messages, with the exit code in *code. Collective; one process alone: `ranks` is NULL. */
lsn_plan *lsn_read_plan(const char *study, const lsn_overrides *overrides, const lsn_ranks *ranks, int *code);
/* Reads all images of the plan once and completes it: LSN_OK, or the exit code after messages. Collective. */
int lsn_settle(lsn_plan *plan, const lsn_ranks *ranks, int threads);
/* Names a few of the images that are left out, if there are any. */
void lsn_tell_skipped(const lsn_plan *plan);
/* Both, in this process alone. */
lsn_plan *lsn_read_settled_plan(const char *study, const lsn_overrides *overrides, int threads, int *code);

/* ---- studies on all ranks (together.c) ------------------------------------------------------------------------ */

/* Reads the study on every rank, and the images on all of them together; NULL on all of them where it fails on any,
 * with the exit code in *code. Silences all ranks but 0. Collective. */
lsn_plan *lsn_read_together(const char *study, const lsn_overrides *overrides, int threads, const lsn_ranks *ranks,
                            int *code);
/* Passes the calibration images and expands the plan, where its scores want that. Collective. */
bool lsn_expand_together(lsn_plan *plan, const lsn_ranks *ranks, const lsn_sweep_options *options,
                         lsn_activations *found, lsn_error *err);

/* ---- the time of a SLURM job (deadline.c) -------------------------------------------------------------------- */

/* When SLURM ends this job, by the variable SLURM_JOB_END_TIME (of SLURM, or set by a job script), less some for what
 * follows the last unit; as the time by lsn_now_s. 0 where there is no limit or nothing is known of it. Says on stderr
 * what it found. */
double lsn_slurm_deadline(void);

/* ---- warnings (warnings.c) ----------------------------------------------------------------------------------- */

/* Says, a line each, where a study's images are too few for its jobs, and for its classes where it measures them. The
 * plan is expanded. LSN_FAILED where memory is short. */
bool lsn_warn_few_images(const lsn_plan *plan, void (*say)(const char *line), lsn_error *err);

#endif
