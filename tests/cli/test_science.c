/* Scores, modes, metrics and early stops, through the program as a user runs it. */
#include "science.h"
#include "shell.h"

#include <stdio.h>
#include <stdlib.h>

static int begin(void **state)
{
    if (shell_begin(state) != 0)
        return -1;
    science_write();
    return shell("$LESION run science.yaml --quiet --db science.db && $LESION run race.yaml --quiet --db race.db");
}

static void every_job_is_there(void **state)
{
    (void)state;
    assert_string_equal(ask("science.db", "SELECT sum(status <> 'done') FROM job_result"), "0");
    /* 24 filters x 6, 7 layers x 6, 2 orders x 4, 2 seeds x 4, 3 filters and 3 pairs. */
    assert_string_equal(ask("science.db", "SELECT group_concat(n) FROM (SELECT count(*) AS n FROM job JOIN experiment "
                                          "USING (experiment) GROUP BY name ORDER BY name)"),
                        "1,8,6,36,8,144");
    assert_string_equal(ask("science.db", "SELECT group_concat(mode || coalesce(mode_seed, '')) FROM (SELECT DISTINCT "
                                          "mode, mode_seed FROM evaluation ORDER BY mode, mode_seed)"),
                        "mean,noise0,noise3,resample0,resample1,zero");
    assert_string_equal(ask("science.db", "PRAGMA foreign_key_check"), "");
}

/* One ablation on its own gives what the study stored, in each mode. */
static void an_evaluation_gives_what_is_stored(void **state)
{
    (void)state;
    static const char *const modes[] = {"zero", "mean", "resample:1", "noise:3"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(shell("$LESION eval science.yaml --ablate conv5_1:2 --mode %s > eval.txt", modes[i]), 0);
        char query[700];
        snprintf(query, sizeof query,
                 "SELECT printf('%%.6f %%.6f %%.6f %%.4f', loss, kl, margin, agreement) FROM job_result WHERE "
                 "job IN (SELECT key FROM evaluation WHERE layers = 'conv5_1' AND filter = 2) AND experiment = "
                 "'single' AND mode || coalesce(':' || mode_seed, '') = "
                 "'%s'",
                 modes[i]);
        char stored[100];
        snprintf(stored, sizeof stored, "%s", ask("science.db", query));
        assert_int_equal(shell("awk '{ v[$1] = $2 } END { printf \"%%s %%s %%s %%s\", v[\"loss\"], v[\"kl\"], "
                               "v[\"margin\"], v[\"agreement\"] }' eval.txt"),
                         0);
        assert_string_equal(shell_output, stored);
        assert_string_equal(ask("science.db", "SELECT count(DISTINCT loss) > 1 FROM job_metric WHERE layer = 'conv5_1' "
                                              "AND filter = 2"),
                            "1");
    }
}

/* What is kept for each image adds up to what is kept for all. */
static void image_rows_add_up(void **state)
{
    (void)state;
    assert_string_equal(ask("science.db", "SELECT count(*) = (SELECT 40 * count(*) FROM evaluation) FROM image_result"),
                        "1");
    assert_string_equal(
        ask("science.db",
            "SELECT sum(t <> e.top1 OR f <> e.top5 OR abs(l - e.loss_sum / 1073741824.0) > 1e-6) FROM evaluation e "
            "JOIN (SELECT evaluation, sum(prediction = class) AS t, sum(rank < 5) AS f, sum(loss) AS l FROM "
            "image_result "
            "JOIN image USING (image) GROUP BY evaluation) USING (evaluation)"),
        "0");
    assert_string_equal(ask("science.db",
                            "SELECT sum(p <> c.predicted) FROM evaluation_class c JOIN (SELECT evaluation, prediction, "
                            "count(*) AS p FROM image_result GROUP BY evaluation, prediction) r ON r.evaluation = "
                            "c.evaluation AND r.prediction = c.class"),
                        "0");
}

/* Nothing moves before the mask; the first masked layer and those behind it do. */
static void drift_begins_at_the_mask(void **state)
{
    (void)state;
    assert_string_equal(ask("science.db", "SELECT sum(d.layer < e.layer AND d.drift <> 0) FROM drift d JOIN evaluation "
                                          "e USING (evaluation)"),
                        "0");
    assert_string_equal(ask("science.db", "SELECT count(*) > 0 AND min(d.drift) > 0 FROM drift d JOIN evaluation e "
                                          "USING (evaluation) WHERE d.layer >= e.layer AND e.kl_sum > 0"),
                        "1");
}

static void scores_are_stored_and_obeyed(void **state)
{
    (void)state;
    assert_string_equal(ask("science.db", "SELECT group_concat(score) FROM (SELECT DISTINCT score FROM filter_score "
                                          "ORDER BY score)"),
                        "apoz,l1,mean_activation,selectivity");
    assert_string_equal(ask("science.db", "SELECT min(value) >= 0 AND max(value) <= 1 FROM filter_score WHERE score IN "
                                          "('apoz', 'selectivity')"),
                        "1");
    /* Of fc6's filters, the lowest quarter by mean activation. */
    assert_string_equal(
        ask("science.db",
            "SELECT group_concat(filter) = (SELECT trim(substr(filters, instr(filters, '[')), '[]}') FROM job_result "
            "WHERE experiment = 'scored' AND layers = 'fc6' AND fraction = 0.25 AND score = 'mean_activation') FROM "
            "(SELECT filter FROM (SELECT filter FROM filter_score JOIN layer USING (layer) WHERE name = 'fc6' AND "
            "score = 'mean_activation' ORDER BY value, filter LIMIT 3) ORDER BY filter)"),
        "1");
    assert_string_equal(ask("science.db", "SELECT sum(abs(s.value - a.mean) > 1e-6) FROM filter_score s JOIN "
                                          "filter_activation a USING (layer, filter) WHERE s.score = "
                                          "'mean_activation'"),
                        "0");
}

static void what_is_judged_is_there(void **state)
{
    (void)state;
    assert_string_equal(ask("science.db", "SELECT count(*), min(points) FROM curve WHERE experiment = 'curve'"), "2|4");
    assert_string_equal(ask("science.db", "SELECT count(*), sum(loss_low > loss_high) FROM pair_interval"), "3|0");
    assert_string_equal(ask("science.db", "SELECT count(*) > 0 AND min(loss_rho) >= -1 AND max(loss_rho) <= 1 FROM "
                                          "score_damage"),
                        "1");
    assert_string_equal(ask("science.db", "SELECT sum(d_loss_low > d_loss OR d_loss_high < d_loss), count(d_loss_low) "
                                          "= count(*) FROM job_result WHERE experiment <> 'baseline'"),
                        "0|1");
}

/* A job that ended early used whole blocks, fewer than all, and its change is known as well as was asked. */
static void races_end_early(void **state)
{
    (void)state;
    assert_string_equal(ask("race.db", "SELECT sum(status <> 'done') FROM job_result"), "0");
    assert_string_equal(ask("race.db", "SELECT images FROM job_result WHERE experiment = 'baseline'"), "1500");
    assert_string_equal(ask("race.db", "SELECT count(DISTINCT images) > 1 AND min(images) < 1500 FROM job_result"),
                        "1");
    assert_string_equal(ask("race.db", "SELECT sum(images % (SELECT block_images FROM study) <> 0 AND images < 1500) "
                                       "FROM job_result"),
                        "0");
    assert_string_equal(ask("race.db", "SELECT sum(n <> images) FROM evaluation JOIN (SELECT evaluation, count(*) AS n "
                                       "FROM image_result GROUP BY evaluation) USING (evaluation)"),
                        "0");
    /* The differences are those of the images that were used. */
    assert_string_equal(
        ask("race.db",
            "SELECT sum(abs(j.d_top1 - d) > 1e-12 OR abs(j.d_loss - l) > 1e-6) FROM job_result j JOIN evaluation e ON "
            "e.key = j.job JOIN (SELECT a.evaluation, avg((a.rank = 0) - (b.rank = 0)) AS d, avg(a.loss - b.loss) AS l "
            "FROM image_result a JOIN image_result b ON b.evaluation = 0 AND b.image = a.image GROUP BY a.evaluation) "
            "USING (evaluation)"),
        "0");
}

/* However many of its parts were there before, a race ends at the same image. */
static void a_race_continues_where_it_was(void **state)
{
    (void)state;
    science_dump("race.db", "whole.txt");
    /* Killed a few units after something was committed. */
    shell("rm -f part.db* mark.*; " AT_UNIT("3",
                                            "[ -e mark.stored ] && kill -9 $PPID; sleep 1; ! stored part.db || "
                                            "touch mark.stored; exit 1") "$LESION run race.yaml --quiet --db part.db");
    assert_string_equal(ask("part.db", "SELECT (SELECT how IS NULL FROM run), (SELECT count(*) > 0 FROM part)"), "1|1");
    assert_int_equal(shell("$LESION run race.yaml --quiet --db part.db"), 0);
    science_dump("part.db", "part.txt");
    assert_int_equal(shell("cmp whole.txt part.txt"), 0);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    science_dump("science.db", "one.txt");
    assert_int_equal(shell("$LESION run science.yaml --quiet --threads 3 --db threads.db"), 0);
    science_dump("threads.db", "three.txt");
    assert_int_equal(shell("cmp one.txt three.txt"), 0);
}

/* OpenBLAS's products against the own kernels', which are less alike than their bits. */
static void both_kinds_of_kernels_agree(void **state)
{
    (void)state;
    assert_int_equal(shell("LESION_ISA=openblas $LESION run science.yaml --quiet --db openblas.db"), 0);
    assert_string_equal(ask("openblas.db", "SELECT method FROM run"), "openblas");
    assert_string_equal(
        ask("science.db", "ATTACH 'openblas.db' AS r; SELECT count(*) > 200 AND max(abs(a.loss - b.loss)) < 1e-5 FROM "
                          "main.job_result a JOIN r.job_result b USING (job)"),
        "1");
    assert_string_equal(ask("science.db", "ATTACH 'openblas.db' AS r; SELECT max(abs(a.drift - b.drift)) < 1e-4 FROM "
                                          "main.drift a JOIN r.drift b USING (evaluation, layer)"),
                        "1");
}

static void the_plan_knows_what_a_run_will_do(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION plan science.yaml"), 0);
    assert_said("selectivity");
    assert_int_equal(shell("$LESION plan science.yaml --jobs | tail -n +2 | cut -f 1 | sort > planned.txt; sqlite3 "
                           "science.db 'SELECT job FROM job_result ORDER BY job' | cmp - planned.txt"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_is_there),
        cmocka_unit_test(an_evaluation_gives_what_is_stored),
        cmocka_unit_test(image_rows_add_up),
        cmocka_unit_test(drift_begins_at_the_mask),
        cmocka_unit_test(scores_are_stored_and_obeyed),
        cmocka_unit_test(what_is_judged_is_there),
        cmocka_unit_test(races_end_early),
        cmocka_unit_test(a_race_continues_where_it_was),
        cmocka_unit_test(both_kinds_of_kernels_agree),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(the_plan_knows_what_a_run_will_do),
    };
    return cmocka_run_group_tests(tests, begin, shell_end);
}
