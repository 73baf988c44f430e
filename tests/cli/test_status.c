/* lesion status, beside runs that are under way, ended, stopped and dead. */
#include "shell.h"

#include <stdlib.h>
#include <string.h>

/* So many jobs that a run of a second or two does not end. */
static const char long_study[] = "--set study=status --set ablate.chance.layers=conv2_1 --set "
                                 "ablate.chance.filters='{random: {count: 8, seeds: 0..30000}}'";

static void a_complete_study(void **state)
{
    (void)state;
    assert_int_equal(shell("rm -f done.db*; $LESION run study.yaml --quiet --db done.db"), 0);
    assert_int_equal(shell("$LESION status done.db"), 0);
    assert_said("140 of 140 are done");
    assert_said("100.0 % is done");
    assert_said("none; the study is complete");
    assert_not_said("left ");
    assert_int_equal(shell("$LESION status done.db --findings"), 0);
    assert_said("The intact network");
    assert_int_equal(shell("$LESION status done.db --watch"), 0);
    assert_said("the study is complete");
    assert_not_said("\033");
}

static void json_is_one_object_a_line(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION status done.db --format json > s.json; python3 -c \"import json; s = "
                           "json.loads(open('s.json').read()); print(s['state'], s['jobs'], s['done'], s['work'], "
                           "s['left_s'], sum(x['jobs'] for x in s['experiments']), s['runs'][0]['how'])\""),
                     0);
    assert_said("complete 140 140 1 None 140 complete");
    assert_int_equal(shell("wc -l < s.json"), 0);
    assert_said("1");
}

static void a_stopped_run(void **state)
{
    (void)state;
    assert_int_equal(shell("rm -f stop.db*; $LESION run study.yaml --quiet --db stop.db %s --deadline 1s", long_study),
                     75);
    assert_int_equal(shell("$LESION status stop.db"), 0);
    assert_said("stopped at ");
    assert_said("run the same command again");
    assert_int_equal(shell("$LESION status --watch stop.db"), 75);
    assert_said("stopped at ");
}

static void failures_are_told_with_reasons(void **state)
{
    (void)state;
    assert_int_equal(
        shell("cp done.db bad.db && sqlite3 bad.db \"UPDATE evaluation SET status = 'failed', reason = 'no "
              "luck ' || evaluation WHERE evaluation BETWEEN 3 AND 9; UPDATE experiment AS x SET (done, "
              "failed) = (SELECT sum(status = 'done'), sum(status = 'failed') FROM job j JOIN evaluation "
              "USING (evaluation) WHERE j.experiment = x.experiment)\""),
        0);
    assert_int_equal(shell("$LESION status bad.db"), 0);
    assert_said("7 failed");
    assert_said("no luck 3");
    assert_said("the first of them");
    assert_not_said("no luck 9");
    assert_int_equal(shell("$LESION status bad.db --watch 1"), 4);
}

/* A run in the background, until it has told how far it is. */
static void start_run(const char *database, const char *environment)
{
    assert_int_equal(shell("rm -f %s*; (%s $LESION run study.yaml --quiet --db %s %s > run.log 2>&1 & echo $! > pid); "
                           "for i in $(seq 600); do [ \"$(sqlite3 %s 'SELECT count(*) > 1 FROM progress' "
                           "2>/dev/null)\" = 1 ] && exit 0; sleep 0.05; done; cat run.log; exit 1",
                           database, environment, database, long_study, database),
                     0);
}

static void watch_goes_with_a_run_to_its_end(void **state)
{
    (void)state;
    start_run("live.db", "");
    assert_int_equal(shell("$LESION status live.db"), 0);
    assert_said("has been running for");
    assert_said("1 of 1 workers alive");
    assert_said("images/s");
    assert_int_equal(shell("(sleep 1.5; kill -USR1 $(cat pid)) & $LESION status live.db --watch 0.5s"), 75);
    assert_said("Z  running ");
    assert_said("stopped at ");
    assert_int_equal(shell("$LESION status live.db --watch=5"), 75);
    assert_int_equal(shell("TERM=xterm script -qec \"$LESION status live.db --watch\" /dev/null"), 75);
    assert_said("\033[H\033[J"); /* a terminal's page is drawn over */
}

/* The writer's commits go on while somebody looks without a pause, also where a reader's lock would stop them. */
static void a_writer_is_not_disturbed(void **state)
{
    (void)state;
    start_run("quiet.db", "LESION_JOURNAL=truncate");
    assert_int_equal(
        shell("for i in $(seq 30); do $LESION status quiet.db --format json > look.json || exit 1; done; "
              "kill -USR1 $(cat pid); for i in $(seq 600); do kill -0 $(cat pid) 2>/dev/null || exit 0; sleep "
              "0.05; done; exit 1"),
        0);
    assert_string_equal(ask("quiet.db", "SELECT how FROM run"), "stopped");
    assert_int_equal(shell("[ ! -s run.log ] || ! grep -E 'locked|cannot' run.log"), 0);
}

static void a_dead_coordinator_is_told(void **state)
{
    (void)state;
    start_run("dead.db", "");
    assert_int_equal(shell("kill -9 $(cat pid); sleep 0.3; $LESION status dead.db"), 0);
    assert_said("is dead: its process");
    assert_said("run the same command again");
    assert_said("lesion run study.yaml");
    assert_int_equal(shell("$LESION status dead.db --watch"), 1);
    assert_int_equal(shell("$LESION status dead.db --format json"), 0);
    assert_said("\"state\": \"dead\"");
    /* On another host only the heartbeat tells; a number that another process has now tells nothing. */
    assert_int_equal(shell("sqlite3 dead.db \"UPDATE run SET host = 'elsewhere', slurm_job = '77'\""), 0);
    assert_int_equal(shell("$LESION status dead.db"), 0);
    assert_said("has been running for");
    assert_int_equal(shell("sqlite3 dead.db \"UPDATE run SET heartbeat = '2024-01-01T00:00:00Z'\"; $LESION status "
                           "dead.db"),
                     0);
    assert_said("on elsewhere has not been heard of for");
    assert_said("scancel 77");
    assert_int_equal(shell("sqlite3 dead.db \"UPDATE run SET host = '$(hostname)', pid = $$, started = "
                           "'2024-01-01T00:00:00Z'\"; $LESION status dead.db"),
                     0);
    assert_said("is dead: its process");
    assert_int_equal(
        shell("sqlite3 dead.db \"UPDATE run SET started = strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', 'now'), pid = "
              "$$\"; $LESION status dead.db"),
        0);
    assert_said("not been heard of for");
    assert_said("kill -CONT");
    assert_int_equal(shell("cp dead.db found.db; sqlite3 found.db \"UPDATE run SET how = 'died'\"; $LESION status "
                           "found.db"),
                     0);
    assert_said("1 died. What is done is kept");
    assert_int_equal(
        shell("sqlite3 found.db 'DELETE FROM progress; DELETE FROM unit; UPDATE evaluation SET run = NULL; "
              "DELETE FROM run'; $LESION status found.db"),
        0);
    assert_said("none has begun");
    /* And the same command continues it. */
    assert_int_equal(shell("$LESION run study.yaml --quiet --db dead.db %s --deadline 1s", long_study), 75);
    assert_int_equal(shell("$LESION status dead.db"), 0);
    assert_said("stopped at ");
    assert_said("died");
}

static void mistakes(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION status done.db --watch 0"), 2);
    assert_int_equal(shell("$LESION status done.db --watch=soon"), 2);
    assert_said("should be a length of time");
    assert_int_equal(shell("$LESION status done.db --format xml"), 2);
    assert_said("should be one of table|json");
    assert_int_equal(shell("$LESION status nowhere.db --watch"), 1);
    assert_int_equal(shell("$LESION status study.yaml --format json"), 3);
    assert_int_equal(shell("cp done.db empty.db; sqlite3 empty.db 'DELETE FROM study'; $LESION status empty.db"), 3);
    assert_said("names no study");
    assert_int_equal(shell("$LESION status done.db > /dev/full"), 1);
    assert_said("cannot be written: No space left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_study),
        cmocka_unit_test(json_is_one_object_a_line),
        cmocka_unit_test(a_stopped_run),
        cmocka_unit_test(failures_are_told_with_reasons),
        cmocka_unit_test(watch_goes_with_a_run_to_its_end),
        cmocka_unit_test(a_writer_is_not_disturbed),
        cmocka_unit_test(a_dead_coordinator_is_told),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, shell_begin, shell_end);
}
