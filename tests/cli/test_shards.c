/* lesion run --shard: shares of a study, each in a database of its own. */
#include "science.h"
#include "shell.h"

#include <stdio.h>
#include <string.h>

enum { SHARDS = 3 };

static void run_shards(const char *study, const char *options)
{
    for (int i = 1; i <= SHARDS; i++) {
        int code = shell("$LESION run %s.yaml --quiet --shard %d/%d %s", study, i, SHARDS, options);
        if (code != 0)
            fail_msg("shard %d: exit code %d:\n%s", i, code, shell_output);
    }
}

static void every_evaluation_is_in_one_shard(void **state)
{
    (void)state;
    run_shards("study", "");
    for (int i = 1; i <= SHARDS; i++) {
        char database[64], expected[64];
        snprintf(database, sizeof database, "results/tiny.%d-of-%d.db", i, SHARDS);
        snprintf(expected, sizeof expected, "%d|%d", i, SHARDS);
        assert_string_equal(ask(database, "SELECT shard, shards FROM study"), expected);
        assert_string_equal(ask(database, "SELECT sum((status = 'done') <> (shard IN (0, (SELECT shard FROM study)))), "
                                          "min(shard), max(shard) FROM evaluation"),
                            "0|0|3");
        /* The same shares in all of them. */
        assert_int_equal(shell("sqlite3 %s 'SELECT key, shard FROM evaluation ORDER BY key' > shares%d.txt && cmp "
                               "shares%d.txt shares1.txt",
                               database, i, i),
                         0);
    }
    assert_string_equal(ask("results/tiny.1-of-3.db", "SELECT count(*) FROM evaluation WHERE shard = 0 AND evaluation "
                                                      "= 0"),
                        "1");
    assert_string_equal(ask("results/tiny.1-of-3.db", "SELECT count(*) FROM evaluation WHERE shard = 0"), "1");
    /* Dealt by cost, so that the filters of each layer are spread. */
    assert_string_equal(ask("results/tiny.1-of-3.db",
                            "SELECT max(n) - min(n) <= 2 FROM (SELECT count(*) AS n FROM evaluation WHERE filter IS "
                            "NOT NULL AND layer = 3 GROUP BY shard)"),
                        "1");
}

static void results_are_those_of_the_whole_study(void **state)
{
    (void)state;
    science_write();
    static const char *const studies[] = {"science", "race"};
    for (int s = 0; s < 2; s++) {
        run_shards(studies[s], "");
        assert_int_equal(shell("$LESION run %s.yaml --quiet", studies[s]), 0);
        for (int i = 1; i <= SHARDS; i++) {
            char query[512], whole[64];
            snprintf(whole, sizeof whole, "results/%s.db", studies[s]);
            snprintf(query, sizeof query,
                     "ATTACH 'results/%s.%d-of-3.db' AS s; SELECT count(*) > 1, sum(e.images IS m.images AND e.top1 "
                     "IS m.top1 AND e.loss_sum IS m.loss_sum AND e.kl_sum IS m.kl_sum AND e.d_loss_squared IS "
                     "m.d_loss_squared AND e.d_loss_low IS m.d_loss_low) = count(*) FROM s.evaluation e JOIN "
                     "evaluation m USING (key) WHERE e.status = 'done'",
                     studies[s], i);
            assert_string_equal(ask(whole, query), "1|1");
        }
    }
}

static void a_complete_shard_says_what_is_next(void **state)
{
    (void)state;
    assert_int_equal(shell("rm -f results/tiny.*; $LESION run study.yaml --shard 2/3"), 0);
    assert_said("shard 2 of 3 is complete");
    assert_said("lesion merge results/tiny.*-of-3.db -o results/tiny.db");
    assert_int_equal(shell("$LESION run study.yaml --shard 2/3 --quiet"), 0);
    assert_said("shard 2 of 3 is complete");
    assert_string_equal(ask("results/tiny.2-of-3.db", "SELECT count(*) FROM run"), "1");
    assert_int_equal(shell("$LESION status results/tiny.2-of-3.db"), 0);
    assert_said("shard     2 of 3: ");
    assert_said(" of 140 jobs are to be computed here");
    assert_int_equal(shell("$LESION run study.yaml --shard 2/3 --db own.db"), 0);
    assert_said("complete after");
    assert_string_equal(ask("own.db", "SELECT shard, shards FROM study"), "2|3");
}

static void a_shard_that_stopped_is_continued(void **state)
{
    (void)state;
    assert_int_equal(shell("rm -f part.db*; $LESION run study.yaml --shard 1/3 --db part.db --deadline 0.001s"), 75);
    assert_int_equal(shell("$LESION run study.yaml --shard 1/3 --db part.db"), 0);
    assert_string_equal(ask("part.db", "SELECT count(*) FROM evaluation WHERE shard IN (0, 1) AND status <> 'done'"),
                        "0");
}

static void another_share_is_refused(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION run study.yaml --quiet --shard 1/3 --db one.db"), 0);
    assert_int_equal(shell("$LESION run study.yaml --quiet --db whole.db"), 0);
    assert_int_equal(shell("$LESION run study.yaml --shard 2/3 --db one.db"), 3);
    assert_said("one.db: holds shard 1 of 3, not shard 2 of 3");
    assert_int_equal(shell("$LESION run study.yaml --shard 1/4 --db one.db"), 3);
    assert_said("holds shard 1 of 3, not shard 1 of 4");
    assert_int_equal(shell("$LESION run study.yaml --db one.db"), 3);
    assert_said("holds shard 1 of 3, not the whole study");
    assert_int_equal(shell("$LESION run study.yaml --shard 1/3 --db whole.db"), 3);
    assert_said("holds the whole study, not shard 1 of 3");
    assert_string_equal(ask("one.db", "SELECT count(*) FROM run"), "1");
}

static void what_is_added_is_dealt_too(void **state)
{
    (void)state;
    assert_int_equal(shell("rm -f results/tiny.*"), 0);
    run_shards("study", "");
    run_shards("study", "--set ablate.chance.filters.random.seeds=0..19");
    assert_int_equal(
        shell(
            "for i in 1 2 3; do sqlite3 results/tiny.$i-of-3.db \"SELECT key FROM evaluation WHERE status = 'done'\"; "
            "done | sort -u | wc -l > union.txt; sqlite3 results/tiny.1-of-3.db 'SELECT count(*) FROM evaluation' > "
            "all.txt; cat union.txt all.txt; cmp union.txt all.txt"),
        0);
    assert_string_equal(ask("results/tiny.3-of-3.db", "SELECT count(*) FROM evaluation WHERE shard = 3 AND status <> "
                                                      "'done'"),
                        "0");
}

static void more_shards_than_ablations(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION run study.yaml --quiet --shard 999/999 --db far.db"), 0);
    assert_string_equal(ask("far.db", "SELECT sum(status = 'done') FROM evaluation"), "1");
}

static void a_plan_says_how_even_they_are(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION plan study.yaml --shards 3"), 0);
    assert_said("shards: 3, ");
    assert_said(" ablations each, and the baseline");
    assert_said("run --shard 1/3 .. 3/3");
    assert_int_equal(shell("$LESION plan study.yaml --shards 0"), 2);
    assert_said("--shards");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const shards[] = {"0/4",  "5/4",  "4",     "/4",    "1/", "a/b",          "1/0",
                                         "-1/3", "1/4x", "1/4/2", "1.5/2", "''", "1/99999999999"};
    for (size_t i = 0; i < sizeof shards / sizeof *shards; i++) {
        int code = shell("$LESION run study.yaml --shard %s", shards[i]);
        if (code != 2)
            fail_msg("--shard %s: exit code %d:\n%s", shards[i], code, shell_output);
        assert_said("should be I/N");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_evaluation_is_in_one_shard),
        cmocka_unit_test(results_are_those_of_the_whole_study),
        cmocka_unit_test(a_complete_shard_says_what_is_next),
        cmocka_unit_test(a_shard_that_stopped_is_continued),
        cmocka_unit_test(another_share_is_refused),
        cmocka_unit_test(what_is_added_is_dealt_too),
        cmocka_unit_test(more_shards_than_ablations),
        cmocka_unit_test(a_plan_says_how_even_they_are),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, shell_begin, shell_end);
}
