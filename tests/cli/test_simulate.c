/* lesion simulate: what a user sees, and is told after a mistake. */
#include "shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void it_shows_how_long_a_study_takes(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION simulate study.yaml --ranks 1,7,1000"), 0);
    assert_said("tiny: ");
    assert_said("efficiency");
    assert_said("complete");
    assert_int_equal(shell("$LESION simulate study.yaml --ranks 1,7,1000 | grep -c '100.0 %%.*complete'"), 0);
    assert_string_equal(shell_output, "3\n");
    assert_int_equal(shell("test -e results/tiny.db"), 1);
}

static void faults_are_seen(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION simulate study.yaml --ranks 20 --set data.take.count=50 --faults "
                           "deaths=2,silent=2,silence=1m,notice=10s,lost=20s,refused=1,speed=0.2,noise=0.1,start=5s,"
                           "delay=1ms,serve=100us,restarts=1,broken=1"),
                     0);
    assert_said("complete");
    assert_said("deaths=2,silent=2");
    assert_int_equal(shell("$LESION simulate study.yaml --ranks 4 --faults deaths=4,start=0,notice=1s,lost=1s"), 0);
    assert_said("no workers left");
    assert_int_equal(shell("$LESION simulate study.yaml --ranks 1 --faults stop=1ms,start=1s"), 0);
    assert_said("stopped in time");
}

static void wrong_faults_get_one_message(void **state)
{
    (void)state;
    static const struct {
        const char *options, *said;
    } cases[] = {
        {"--faults deths=3", "did you mean deaths?"},
        {"--faults zzzzzzzz=3", "there is no fault 'zzzzzzzz'"},
        {"--faults deaths", "'deaths' should be NAME=VALUE"},
        {"--faults ''", "'' should be NAME=VALUE"},
        {"--faults =3", "'=3' should be NAME=VALUE"},
        {"--faults deaths=3,", "'' should be NAME=VALUE"},
        {"--faults deaths=", "deaths=: should be a whole number"},
        {"--faults deaths=1.5", "deaths=1.5: should be a whole number"},
        {"--faults deaths=-1", "deaths=-1: should be a whole number"},
        {"--faults deaths=99999999999", "should be a whole number, 0 to 1000000"},
        {"--faults speed=fast", "speed=fast: should be a number"},
        {"--faults speed=4", "speed=4: should be a number, 0 to 3"},
        {"--faults delay=1x", "delay=1x: should be a length of time"},
        {"--faults delay=-1s", "delay=-1s: should be a length of time"},
        {"--faults notice=30s,lost=10s", "lost should be no shorter than notice"},
        {"--seed x", "--seed x: should be a whole number"},
        {"--ranks 0", "whole numbers, 1 to 100000"},
        {"--ranks 100001", "whole numbers, 1 to 100000"},
        {"--set data", "KEY=VALUE"},
        {"--fault deaths=1x", "should be a whole number"}, /* as getopt_long completes it */
        {"--folts deaths=1", "did you mean --faults?"},
        {"other.yaml", "one study file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int code = shell("$LESION simulate study.yaml %s", cases[i].options);
        if (code != 2)
            fail_msg("%s: exit code %d:\n%s", cases[i].options, code, shell_output);
        assert_said(cases[i].said);
        const char *end = strchr(shell_output, '\n');
        if (end == NULL || end[1] != '\0')
            fail_msg("%s: not one message:\n%s", cases[i].options, shell_output);
    }
    assert_int_equal(shell("$LESION simulate nowhere.yaml"), 3);
    assert_said("nowhere.yaml");
}

static void help_tells_every_fault(void **state)
{
    (void)state;
    static const char *const names[] = {
        "deaths=", "silent=", "silence=", "notice=",  "lost=",  "refused=", "sick=", "poison=", "broken=",
        "speed=",  "noise=",  "start=",   "restarts", "delay=", "serve=",   "stop=", "--seed",  "--ranks"};
    assert_int_equal(shell("$LESION simulate --help"), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_said(names[i]);
    assert_int_equal(shell("$LESION --help"), 0);
    assert_said("simulate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_shows_how_long_a_study_takes),
        cmocka_unit_test(faults_are_seen),
        cmocka_unit_test(wrong_faults_get_one_message),
        cmocka_unit_test(help_tells_every_fault),
    };
    return cmocka_run_group_tests(tests, shell_begin, shell_end);
}
