/* How long ranks wait for each other. */
#include "run/run_internal.h"

#include <math.h>
#include <stdlib.h>

static const double SILENT_S = 30, LEAST_S = 0.1, MOST_S = 1e6;

lsn_patience lsn_patience_get(void)
{
    const char *given = getenv("LESION_SILENCE_S");
    double silent = given == NULL ? SILENT_S : strtod(given, NULL);
    if (!(silent >= LEAST_S && silent <= MOST_S))
        silent = SILENT_S;
    return (lsn_patience){.beat = silent / 6, .silent = silent, .lost = 10 * silent, .orphaned = 4 * silent};
}
