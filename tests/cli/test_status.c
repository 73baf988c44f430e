/* lesion status, beside runs that are under way, ended, stopped and dead. */
#include "shell.h"

#include <stdlib.h>
#include <string.h>

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
    assert_int_equal(shell("rm -f stop.db*; $LESION run study.yaml --quiet --db stop.db --deadline 0.001s"), 75);
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

/* How far a run is is stored each second. */
#define HAS_TOLD "[ $(sqlite3 -readonly %s \"SELECT count(*) > 1 FROM progress\") = 1 ]"

/* A run in the background that has told how far it is, and does nothing more until a file "go" is there. */
static void start_run(const char *database)
{
    int code = shell("rm -f %s* go mark.*; (" AT_UNIT(
                         "3", HAS_TOLD " || { sleep 1; exit 1; }; touch mark.held; wait_for [ -e go ]") //
                     "$LESION run study.yaml --quiet --db %s > run.log 2>&1 & echo $! > pid); until [ -e mark.held ]; "
                     "do kill -0 $(cat pid) || exit 1; sleep 0.02; done",
                     database, database, database);
    if (code != 0)
        fail_msg("%s: the run ended:\n%s", database, (shell("cat run.log"), shell_output));
}

/* Until the run has ended; as root of a container one that has may stay a zombie. */
#define WAIT_FOR_ITS_END                                                                                           \
    "while [ -e /proc/$(cat pid) ] && ! grep -q '^State:.*Z' /proc/$(cat pid)/status 2>/dev/null; do sleep 0.02; " \
    "done"

static void watch_goes_with_a_run_to_its_end(void **state)
{
    (void)state;
    start_run("live.db");
    assert_int_equal(shell("$LESION status live.db"), 0);
    assert_said("has been running for");
    assert_said("1 of 1 workers alive");
    assert_said("images/s");
    assert_int_equal(shell("$LESION status live.db --watch 0.1s > watched.txt & until grep -q 'Z  running ' "
                           "watched.txt; do kill -0 $! || break; sleep 0.02; done; kill -USR1 $(cat pid); touch go; "
                           "wait $!; code=$?; cat watched.txt; exit $code"),
                     75);
    assert_said("Z  running ");
    assert_said("stopped at ");
    assert_int_equal(shell("$LESION status live.db --watch=5"), 75);
}

/* The writer's commits go on while somebody looks without a pause, also where a reader's lock would stop them: before
 * each of five units at least one look begins. */
static void a_writer_is_not_disturbed(void **state)
{
    (void)state;
    assert_int_equal(
        shell("rm -f quiet.db* looks; touch looks; (LESION_JOURNAL=truncate " AT_UNIT(
            "1", "was=$(wc -l < looks); wait_for \"[ \\$(wc -l < looks) -gt $was ]\"; echo >> units; "
                 "[ $(wc -l < units) -lt 5 ] || kill -USR1 $PPID; exit 1") //
              "$LESION run study.yaml --quiet --db quiet.db --set study=quiet --set "
              "ablate.chance.filters.random.seeds=0..99 > run.log 2>&1; echo $? > code) & until [ -e code ]; do "
              "echo >> looks; [ ! -e quiet.db ] || $LESION status quiet.db --format json > look.json 2> look.txt || "
              "[ ! -e units ] || exit 1; done; cat run.log; exit $(cat code)"),
        75);
    assert_string_equal(ask("quiet.db", "SELECT how FROM run"), "stopped");
    assert_int_equal(shell("[ ! -s run.log ] || ! grep -E 'locked|cannot' run.log"), 0);
}

static void a_dead_coordinator_is_told(void **state)
{
    (void)state;
    start_run("dead.db");
    assert_int_equal(shell("kill -9 $(cat pid); " WAIT_FOR_ITS_END "; $LESION status dead.db"), 0);
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
    assert_int_equal(shell("$LESION run study.yaml --quiet --db dead.db --deadline 0.001s"), 75);
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
