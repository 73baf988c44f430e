/* The line that tells how far a run is. */
#ifndef LESION_CLI_PROGRESS_H
#define LESION_CLI_PROGRESS_H

#include "lesion/run.h"

/* On a terminal a bar that is drawn anew, elsewhere a line every 30 s; on stderr. */
typedef struct lsn_progress {
    bool live;
    double shown_s;
    int width; /* of the bar that is on the screen; 0: none */
} lsn_progress;

void lsn_progress_init(lsn_progress *progress);
/* As lsn_sweep_options wants it; context is the lsn_progress. */
void lsn_progress_show(void *context, const lsn_sweep_progress *seen);
/* Ends the bar's line. */
void lsn_progress_end(lsn_progress *progress);

#endif
