/* Waiting for messages without burning a core. */
#include "run/run_internal.h"

#include <sched.h>
#include <time.h>

enum {
    YIELDS = 20, /* answer in microseconds while messages come thick */
    NAPS = 200,  /* then 50 us each, for 10 ms */
    NAP_NS = 50000,
    SLEEP_NS = 2000000 /* then 2 ms each: 2 % of a core at most */
};

void lsn_wait_step(lsn_wait *wait)
{
    if (wait->idle < YIELDS)
        sched_yield();
    else {
        struct timespec pause = {0, wait->idle < YIELDS + NAPS ? NAP_NS : SLEEP_NS};
        nanosleep(&pause, NULL);
    }
    if (wait->idle < YIELDS + NAPS)
        wait->idle++;
}

void lsn_wait_reset(lsn_wait *wait)
{
    wait->idle = 0;
}
