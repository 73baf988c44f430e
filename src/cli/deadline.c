/* Until when a run may take: what SLURM grants its job. */
#include "cli/cli.h"

#include "lesion/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A job without a time limit ends in a year, says SLURM. */
static const double NO_LIMIT_S = 300 * 86400.0;
/* Before the end, for what is left to do then: the last commit, and what the job script does after the run. */
static const double MARGIN_S = 60, MARGIN_SHARE = 0.1;

/* Seconds since 1970. */
static bool parse_time(const char *text, double *time_s)
{
    char *end;
    errno = 0;
    const long long whole = strtoll(text, &end, 10);
    *time_s = (double)whole;
    return strspn(text, "0123456789") > 0 && *end == '\0' && errno == 0;
}

double lsn_slurm_deadline(void)
{
    const char *text = getenv("SLURM_JOB_END_TIME");
    struct timespec now;
    double end_s;
    if (text == NULL || text[0] == '\0')
        return 0;
    if (!parse_time(text, &end_s)) {
        lsn_log("warning: SLURM_JOB_END_TIME is '%.40s', which is no time in seconds since 1970: not heeded", text);
        return 0;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    const double left_s = end_s - ((double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
    if (left_s > NO_LIMIT_S)
        return 0;
    if (left_s <= 0) {
        lsn_log(
            "SLURM's time for this job is over (SLURM_JOB_END_TIME=%s): nothing is begun. With --deadline none that "
            "is not heeded",
            text);
        return lsn_now_s();
    }
    char left[LSN_NUMBER_BYTES], margin[LSN_NUMBER_BYTES];
    const double margin_s = fmin(MARGIN_S, MARGIN_SHARE * left_s);
    lsn_duration_text(left_s, left);
    lsn_duration_text(margin_s, margin);
    lsn_log("SLURM ends this job in %s: nothing is begun that would not end %s before that (--deadline none: anything "
            "is)",
            left, margin);
    return lsn_now_s() + left_s - margin_s;
}
