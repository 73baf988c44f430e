/* A process that is stopped: others see that it is, and it does not count the time. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lesion/base.h"

static const double STEP_S = 0.01, STOPPED_S = 1;

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Stops itself, and tells how long it believes to have been awake. */
static void be_stopped(int told)
{
    const lsn_process self = lsn_process_self();
    lsn_awake clock = lsn_awake_begin(STEP_S);
    if (write(told, &self, sizeof self) != sizeof self)
        _exit(1);
    raise(SIGSTOP);
    const double awake_s = lsn_awake_s(&clock);
    if (write(told, &awake_s, sizeof awake_s) != sizeof awake_s)
        _exit(1);
    pause();
    _exit(0);
}

static void a_stopped_process_is_seen_and_does_not_count_the_time(void **state)
{
    (void)state;
    int ends[2], status;
    lsn_process child;
    double awake_s;
    const lsn_process self = lsn_process_self();
    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0)
        be_stopped(ends[1]);
    assert_int_equal(read(ends[0], &child, sizeof child), sizeof child);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    const double began_s = lsn_now_s();
    assert_true(lsn_process_sees(&self, &child));
    assert_true(lsn_process_stopped(&child));
    assert_false(lsn_process_ended(&child));
    while (lsn_now_s() - began_s < STOPPED_S)
        usleep(10000);
    kill(pid, SIGCONT);
    assert_int_equal(read(ends[0], &awake_s, sizeof awake_s), sizeof awake_s);
    assert_true(awake_s > 0 && awake_s < STOPPED_S / 2);
    assert_false(lsn_process_stopped(&child));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(lsn_process_ended(&child));
    assert_false(lsn_process_stopped(&child));
    assert_false(lsn_process_stopped(&self));
}

static void time_that_is_computed_counts(void **state)
{
    (void)state;
    lsn_awake clock = lsn_awake_begin(STEP_S);
    const double began_s = cpu_s();
    while (cpu_s() - began_s < 20 * STEP_S)
        ;
    assert_true(lsn_awake_s(&clock) > 19 * STEP_S);
}

static void looks_that_follow_each_other_count_all_time(void **state)
{
    (void)state;
    const double began_s = lsn_now_s();
    lsn_awake clock = lsn_awake_begin(1e6);
    double awake_s = 0;
    while (lsn_now_s() - began_s < 10 * STEP_S)
        awake_s = lsn_awake_s(&clock);
    assert_true(awake_s > 9 * STEP_S && awake_s <= lsn_now_s() - began_s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_process_is_seen_and_does_not_count_the_time),
        cmocka_unit_test(time_that_is_computed_counts),
        cmocka_unit_test(looks_that_follow_each_other_count_all_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
