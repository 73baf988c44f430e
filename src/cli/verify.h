/* The two parts of lesion verify. */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include "cli/cli.h"
#include "lesion/store.h"

/* Prints a line for each of what is not as it should be; returns how many there are. */
int64_t verify_tell(const char *what, const lsn_problems *found);

/* Computes options->sample (-1: all) of what the database has done again, and the baseline, and prints how it compares:
 * LSN_OK where every bit is the same, LSN_FAILED where not. Takes all other evaluations out of the plan. Collective;
 * returns the exit code of this rank. */
int verify_again(lsn_plan *plan, lsn_ranks *ranks, lsn_reader *reader, const lsn_options *options);

#endif
