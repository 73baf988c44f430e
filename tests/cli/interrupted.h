/* Runs that something happens to half-way, at a unit that is counted (at_unit.c), on machines of any speed. */
#ifndef TESTS_CLI_INTERRUPTED_H
#define TESTS_CLI_INTERRUPTED_H

#include "shell.h"

/* Everything a study measured, but for times, written to a file. */
void dump_tables(const char *database, const char *file);

/* Runs study.yaml, with more jobs, on a new database: `launch` stands before "lesion run" (mpirun; "" for none),
 * `options` behind it; before its third unit each process that computes does `script` (AT_UNIT in shell.h), which may
 * have quotes and in which $launcher is the process that was launched. Fails the test if the database is not whole, if
 * the run was completed, or if none of its jobs is done. Returns the exit code; what the run printed is in `printed`,
 * of at most `size` bytes. */
int interrupt_run(const char *launch, const char *options, const char *db, const char *script, char *printed,
                  size_t size);

/* The same for a run whose deadline, $seconds away, passes in the middle of it; longer ones are tried where a machine
 * is so slow that nothing was computed before. */
int outlast_deadline(const char *launch, const char *options, const char *db, char *printed, size_t size);

/* As interrupt_run for a run that is to survive what happens, without a second run: fails the test unless it then holds
 * what an undisturbed one gives, and has printed `expected`. Its exit code does not count. */
void assert_survives(const char *launch, const char *db, const char *script, const char *expected);

/* Runs it again to its end, and fails the test unless it then holds what a run that was not interrupted gives. */
void assert_continues(const char *launch, const char *options, const char *db);

#endif
