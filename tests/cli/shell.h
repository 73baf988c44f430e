/* The built program as a user runs it: commands of the shell, what they print, their exit codes, in a folder of the
 * test's own that holds a small study. */
#ifndef TESTS_CLI_SHELL_H
#define TESTS_CLI_SHELL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

/* Makes a temporary folder, enters it and writes there: net.safetensors (a network of five blocks with random weights:
 * conv1_1 4, conv2_1 16, conv3_1 12, conv4_1 16, conv5_1 8, fc6 12, fc7 10 filters, 4 classes, 32x32 grey),
 * images.idx and labels.idx (60 images) and study.yaml. To be used as a group's set-up and tear-down. */
int shell_begin(void **state);
int shell_end(void **state);

/* Runs a command of the shell with $LESION being the program; returns its exit code, 128 + signal where one ended it.
 * What it printed (stdout and stderr together) is in shell_output until the next call. */
int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern char shell_output[1 << 18];

/* Fails the test, showing the output, unless the last output holds the text. */
void assert_said(const char *text);
void assert_not_said(const char *text);

/* Replaces a file's contents. */
void write_file(const char *path, const char *text);

/* The answer of sqlite3 to a query, through the shell. */
const char *ask(const char *database, const char *query);

/* The environment of a run that does `script`, which has no single quotes, before its n-th unit, "3" say, and before
 * each later one until the script ends with 0; a rank of several does so for itself. In it $PPID is the process, and
 *
 *   $rank, $size         its rank and the number of ranks
 *   stored DATABASE      whether results are committed there
 *   wait_for COMMAND     goes on when that succeeds; ends the script with the process, or after some minutes
 *   said WORDS           whether printed.txt, to which the run's output goes, has them
 *   got RANK             whether a rank has got SIGUSR1 or SIGTERM
 *
 * Files that it makes lie in the test's folder. */
#define AT_UNIT(n, script) \
    "env LD_PRELOAD=$PRELOAD LESION_UNIT_LOG=/dev/null AT_UNIT=" n " AT_UNIT_DO='. ./at_unit.sh; " script "' "

#endif
