/* Runs gnuplot as a process of its own: script in, picture out. Its names come from us, never from a database. */
#ifndef REPORT_GNUPLOT_H
#define REPORT_GNUPLOT_H

#include "lesion/base.h"

/* Whether there is a gnuplot that is new enough (5.2); where there is none, *err says what to install. */
bool gnuplot_find(lsn_error *err);

/* Runs a script, in `folder` (NULL: here), without the user's settings. *output becomes what it prints on stdout.
 * LSN_FAILED with gnuplot's own words where it fails or takes longer than a minute. No shell is involved, and none of
 * gnuplot's files of settings is read. */
bool gnuplot_run(const char *folder, const lsn_text *script, lsn_text *output, lsn_error *err);

#endif
