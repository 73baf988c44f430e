/* How ranks part. MPI_Finalize is collective: where a rank dies instead of joining in, the others would wait for ever.
 * So nobody enters it before rank 0 has nothing left to do, which may take it many minutes, and then for half a minute
 * at most. Results are stored by then. */
#include "mpi/checked.h"
#include "mpi/mpi_internal.h"
#include "mpi/node.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

enum { WAIT_TIMES = 120 }; /* that a worker waits for rank 0, an hour, in times that a silent rank is waited for */

enum { TICKS = 100 }; /* in the time that is waited. While the process is stopped there is one at most */

static volatile sig_atomic_t end_code, ticks_left;

static void count_tick(int signal_number)
{
    (void)signal_number;
    if (--ticks_left <= 0)
        _exit(end_code);
}

/* Ends the process when it was awake for so many seconds; 0: not any more. */
static void leave_after(double seconds)
{
    const struct sigaction action = {.sa_handler = count_tick, .sa_flags = SA_RESTART};
    const double tick_s = seconds / TICKS;
    const struct timeval tick = {.tv_sec = (time_t)tick_s, .tv_usec = (suseconds_t)(1e6 * fmod(tick_s, 1))};
    const struct itimerval timer = {.it_value = tick, .it_interval = tick};
    ticks_left = TICKS;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void tell_others(const lsn_ranks *ranks)
{
    for (int rank = 1; rank < ranks->size; rank++) {
        MPI_Request request; /* freed, not waited for: the rank may be dead */
        if (MPI_Isend(NULL, 0, MPI_BYTE, rank, LSN_TAG_END, MPI_COMM_WORLD, &request) == MPI_SUCCESS)
            MPI_Request_free(&request);
    }
}

static void wait_for_rank_0(void)
{
    lsn_wait wait = {0};
    int there = 0;
    while (MPI_Iprobe(0, LSN_TAG_END, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE) == MPI_SUCCESS && !there)
        lsn_wait_step(&wait);
    if (there)
        MPI_Recv(NULL, 0, MPI_BYTE, 0, LSN_TAG_END, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

void lsn_ranks_end(lsn_ranks *ranks, int code)
{
    if (ranks->launched && ranks->rank == 0)
        tell_others(ranks); /* also where it leaves by itself: others may not know of whom it misses */
    if (ranks->launched && !ranks->abandoned) {
        const double patience = lsn_patience_get().silent;
        end_code = code;
        fflush(NULL);
        if (ranks->rank != 0) {
            leave_after(WAIT_TIMES * patience);
            wait_for_rank_0();
        }
        leave_after(patience);
        lsn_node_end(ranks);
        MPI_Finalize();
        leave_after(0);
    }
    ranks->launched = false;
}
