/* Time, and how much of it this process was awake. */
#include "lesion/base.h"

#include <math.h>
#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double lsn_now_s(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

lsn_awake lsn_awake_begin(double step_s)
{
    return (lsn_awake){.step_s = step_s, .looked_s = lsn_now_s(), .cpu_s = read_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

double lsn_awake_s(lsn_awake *awake)
{
    const double now_s = lsn_now_s(), cpu_s = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    awake->total_s += fmin(now_s - awake->looked_s, fmax(awake->step_s, cpu_s - awake->cpu_s));
    awake->looked_s = now_s;
    awake->cpu_s = cpu_s;
    return awake->total_s;
}
