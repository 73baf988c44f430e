/* What rank 0 hears. Run by mpirun; ranks: 3. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mpi/mpi_internal.h"

enum { RANKS = 3, LARGE = 8 << 20, MOST_CALLS = 1 << 24 };

static lsn_ranks ranks;

static int begin(void **state)
{
    (void)state;
    lsn_error err;
    sigset_t only; /* blocked for the threads of MPI too */
    sigemptyset(&only);
    sigaddset(&only, SIGUSR1);
    sigprocmask(SIG_BLOCK, &only, NULL);
    return lsn_ranks_begin(&ranks, &err) && ranks.size == RANKS ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    lsn_ranks_end(&ranks, 0);
    return 0;
}

/* Waits for SIGUSR1, which is blocked; a minute at most. */
static void wait_for_signal(void)
{
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGUSR1);
    sigtimedwait(&only, NULL, &(struct timespec){.tv_sec = 60});
}

/* Rank 1 begins a large message and then does nothing, as if it were dead, until rank 0 has heard rank 2. */
static void stall(pid_t rank_2)
{
    char *bytes = calloc(LARGE, 1);
    MPI_Request sending;
    MPI_Isend(bytes, LARGE, MPI_BYTE, 0, LSN_TAG_REFUSED, MPI_COMM_WORLD, &sending);
    kill(rank_2, SIGUSR1);
    wait_for_signal();
    MPI_Wait(&sending, MPI_STATUS_IGNORE);
    free(bytes);
}

/* Meanwhile rank 2 is heard. */
static void half_a_message_holds_up_nobody(void **state)
{
    (void)state;
    lsn_error err = {0};
    int pids[RANKS], self = (int)getpid();
    MPI_Allgather(&self, 1, MPI_INT, pids, 1, MPI_INT, MPI_COMM_WORLD);
    if (ranks.rank == 1)
        stall(pids[2]);
    else if (ranks.rank == 2) {
        wait_for_signal();
        usleep(300000); /* rank 0 has most likely found the half by then; else this test is weaker, and passes too */
        MPI_Send(NULL, 0, MPI_BYTE, 0, LSN_TAG_ALIVE, MPI_COMM_WORLD);
    } else {
        lsn_workers *workers = lsn_workers_create(&ranks, NULL, &err);
        assert_non_null(workers);
        const lsn_crew crew = lsn_workers_crew(workers);
        lsn_news news = {0};
        int heard_2 = -1, heard_1 = -1;
        for (int i = 0; i < MOST_CALLS && (heard_1 < 0 || heard_2 < 0); i++) {
            if (!crew.take(crew.context, &news, &err))
                heard_1 = i;
            else if (news.kind == LSN_ALIVE && news.worker == 1) {
                heard_2 = i;
                kill(pids[1], SIGUSR1);
            }
            usleep(100);
        }
        assert_true(heard_2 >= 0 && heard_1 > heard_2);
        assert_non_null(strstr(err.text, "rank 1: a note of 8388608 bytes is no note")); /* it came whole */
        lsn_workers_destroy(workers);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_a_message_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
