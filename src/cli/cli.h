/* The program: a file a command, named as it is, and what they share.
 *
 *   main.c                             finds the command
 *   commands.c                         all commands, their options and help, as data; tables.c prints them as JSON
 *   options.c, help.c                  command lines read, --help printed, by these tables (options.h)
 *   studies.c                          a study read, here or on all ranks
 *   deadline.c, progress.c, warnings.c until when SLURM lets a run go on, its progress, too few images
 *   verify_again.c, inspect_study.c, inspect_weights.c, sheet.c    parts of verify and inspect
 */
#ifndef LESION_CLI_H
#define LESION_CLI_H

#include "cli/options.h"
#include "lesion/base.h"
#include "lesion/ranks.h"
#include "lesion/study.h"

/* Each returns the exit code. */
int lsn_command_run(lsn_options *options);
int lsn_command_plan(lsn_options *options);
int lsn_command_simulate(lsn_options *options);
int lsn_command_eval(lsn_options *options);
int lsn_command_inspect(lsn_options *options);
int lsn_command_status(lsn_options *options);
int lsn_command_export(lsn_options *options);
int lsn_command_merge(lsn_options *options);
int lsn_command_diff(lsn_options *options);
int lsn_command_verify(lsn_options *options);
int lsn_command_report(lsn_options *options);

/* Says what went wrong on stderr and returns the exit code. */
int lsn_exit_with(const lsn_error *err);
/* Says all that is wrong with a study (or *err if it is not the study's fault) and returns the exit code. */
int lsn_exit_with_problems(const char *study, const lsn_problems *problems, const lsn_error *err);

/* The plan, or NULL after messages, with the exit code in *code. Collective; one process alone: `ranks` is NULL. */
lsn_plan *lsn_read_plan(const char *study, const lsn_texts *set, const lsn_ranks *ranks, int *code);
/* Reads all images of the plan once and completes it: LSN_OK, or the exit code after messages. Collective. */
int lsn_settle(lsn_plan *plan, const lsn_ranks *ranks, int threads);
/* Names a few of the images that are left out, if there are any. */
void lsn_tell_skipped(const lsn_plan *plan);
/* Reads the study that is the first argument, in this process alone, and, where `settled`, its images; then uses the
 * plan. The exit code, after messages. */
int lsn_use_plan(lsn_options *options, bool settled, int (*use)(lsn_plan *plan, const lsn_options *options));

/* What each layer takes on one core of this machine, by a measurement of a second. */
bool lsn_measure_layers(const lsn_plan *plan, lsn_costs *costs, lsn_error *err);

/* ---- studies on all ranks (studies.c) ------------------------------------------------------------------------ */

/* Reads the study on every rank, and the images on all of them together; NULL on all of them where it fails on any,
 * with the exit code in *code. Silences all ranks but 0. Collective. */
lsn_plan *lsn_read_together(const char *study, const lsn_texts *set, int threads, const lsn_ranks *ranks, int *code);
/* Passes the calibration images and expands the plan, where its scores want that. Collective. */
bool lsn_expand_together(lsn_plan *plan, const lsn_ranks *ranks, const lsn_sweep_options *options,
                         lsn_activations *found, lsn_error *err);

/* Ends what lsn_ranks_begin began; returns `code`, or ends the process with it where a rank is dead. */
int lsn_leave_ranks(lsn_ranks *ranks, int code);

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
