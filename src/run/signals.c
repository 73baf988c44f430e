/* Signals only set a flag, which the loops read. They are caught before MPI starts, which leaves such handlers alone.
 */
#include "run/run_internal.h"

#include <signal.h>

static volatile sig_atomic_t asked = LSN_GO_ON;

static void note(int signal_number)
{
    lsn_asked wish = signal_number == SIGUSR1 ? LSN_DRAIN : LSN_LEAVE;
    if (asked < (sig_atomic_t)wish)
        asked = (sig_atomic_t)wish;
}

void lsn_sweep_catch_signals(void)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

lsn_asked lsn_signals_asked(void)
{
    return (lsn_asked)asked;
}

bool lsn_leave_asked(void *context)
{
    (void)context;
    return lsn_signals_asked() == LSN_LEAVE;
}
