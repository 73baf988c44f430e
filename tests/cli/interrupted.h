/* Runs that are interrupted half-way, on machines of any speed: one that ends before it can be interrupted is tried
 * again with more work. */
#ifndef TESTS_CLI_INTERRUPTED_H
#define TESTS_CLI_INTERRUPTED_H

#include "shell.h"

/* Everything a study measured, but for times, written to a file. */
void dump_tables(const char *database, const char *file);

/* Runs study.yaml, with more jobs, on a new database: `launch` stands before "$LESION run" (mpirun; "" for none),
 * `options` behind it. As soon as some results are stored, the command `interrupt` is given, where $pid is what was
 * launched. Fails the test if no amount of work lasts long enough, if the database is not whole, or if none of its jobs
 * is done. Returns the exit code; what the run printed is in `said`, of at most `size` bytes. */
int interrupt_run(const char *launch, const char *options, const char *db, const char *interrupt, char *said,
                  size_t size);

/* The same for a run that is to survive the interruption, without a second run: fails the test unless it then holds
 * what an undisturbed one gives, and has printed `expected`. Its exit code does not count. */
void assert_survives(const char *launch, const char *db, const char *interrupt, const char *expected);

/* Runs it again to its end, and fails the test unless it then holds what a run that was not interrupted gives. */
void assert_continues(const char *launch, const char *options, const char *db);

#endif
