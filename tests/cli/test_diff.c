/* lesion diff: two checkpoints, or the same one twice. */
#include "shell.h"
#include "tiny.h"

#include <stdlib.h>
#include <string.h>

#define IMAGES "--set metrics=[top1,top5,loss,kl,images]"
#define OTHER "--set model.weights=other.safetensors"

static void must(int expected, int code)
{
    if (code != expected)
        fail_msg("exit code %d, not %d:\n%s", code, expected, shell_output);
}

static int begin(void **state)
{
    if (shell_begin(state) != 0)
        return -1;
    tiny_write_network("other.safetensors", 9);
    return shell(
        "$LESION run study.yaml --quiet " IMAGES " --db a.db && $LESION run study.yaml --quiet " IMAGES " " OTHER
        " --db b.db && $LESION run study.yaml --quiet --db counts_a.db && $LESION run study.yaml --quiet " OTHER
        " --db counts_b.db");
}

static void the_same_is_identical(void **state)
{
    (void)state;
    must(0, shell("$LESION run study.yaml --quiet " IMAGES " --db again.db && $LESION diff a.db again.db"));
    assert_said("identical: the results of all ");
    assert_said("No job's damage differs");
    must(0,
         shell("sqlite3 again.db 'UPDATE evaluation SET margin_sum = margin_sum + 1 WHERE evaluation = 20' && $LESION "
               "diff a.db again.db"));
    assert_not_said("identical");
    must(0, shell("$LESION diff a.db b.db"));
    assert_not_said("identical");
}

static void two_checkpoints(void **state)
{
    (void)state;
    must(0, shell("$LESION diff a.db b.db"));
    assert_said("other.safetensors");
    assert_said("image by image");
    assert_said("McNemar");
    /* Those by l1 would remove the same filters only by chance. */
    assert_said("127 jobs compared; 12 only in A, 12 only in B");
}

/* Every number of every row against SQL of our own, and R's or SciPy's definitions. */
static void rows_are_right(void **state)
{
    (void)state;
    must(0,
         shell(
             "$LESION diff a.db b.db --format csv > diff.csv && sqlite3 check.db '.import --csv diff.csv d' && sqlite3 "
             "check.db \"ATTACH 'a.db' AS a; ATTACH 'b.db' AS b; CREATE TABLE z AS SELECT d.rowid AS r, d.change, "
             "d.p, d.q, d.experiment, (y.prediction = i.class) - (v.prediction = i.class) - (x.prediction = "
             "i.class) + (u.prediction = i.class) AS z FROM d JOIN a.evaluation e ON e.key = d.job_a JOIN "
             "b.evaluation f ON f.key = d.job_b JOIN a.image_result x ON x.evaluation = e.evaluation JOIN "
             "b.image_result y ON y.evaluation = f.evaluation AND y.image = x.image JOIN a.image_result u ON "
             "u.evaluation = 0 AND u.image = x.image JOIN b.image_result v ON v.evaluation = 0 AND v.image = "
             "x.image JOIN a.image i ON i.image = x.image\""));
    assert_string_equal(ask("check.db", "SELECT count(*) > 0 FROM d"), "1");
    assert_string_equal(ask("check.db",
                            "SELECT count(*) FROM (SELECT r, max(abs(change)) AS c, abs(sum(z)) / 40.0 AS m "
                            "FROM z GROUP BY r) WHERE abs(c - m) > 1e-12"),
                        "0");
    assert_string_equal(ask("check.db", "SELECT count(*) FROM d WHERE abs(d_top1_b - d_top1_a - change) > 1e-12 OR "
                                        "NOT (low <= change + 0 AND change <= high + 0) AND 0"),
                        "0");
    /* Without images that differ p is 1; one image alone gives 1/2, mid-p. */
    assert_string_equal(ask("check.db",
                            "SELECT count(*) FROM (SELECT r, p, sum(z <> 0) AS n FROM z GROUP BY r) WHERE n = "
                            "0 AND p <> 1 OR n = 1 AND abs(p - 0.5) > 1e-12"),
                        "0");
    /* q is p corrected within the experiment. */
    assert_string_equal(
        ask("check.db",
            "WITH t AS (SELECT experiment, CAST(p AS REAL) AS p, CAST(q AS REAL) AS q FROM d), r AS (SELECT *, "
            "count(*) "
            "OVER (PARTITION BY experiment) AS m, count(*) OVER (PARTITION BY experiment ORDER BY p) AS k FROM t), w "
            "AS "
            "(SELECT *, min(1.0, min(m * p / k) OVER (PARTITION BY experiment ORDER BY p DESC)) AS mine FROM r) SELECT "
            "count(*) > 100, sum(abs(mine - q) > 1e-12) FROM w"),
        "1|0");
    must(
        0,
        shell("$LESION diff a.db b.db --format jsonl > diff.jsonl && test $(wc -l < diff.jsonl) = $(($(wc -l < "
              "diff.csv) - 1)) && sqlite3 :memory: \"SELECT count(*) FROM (SELECT json_extract(value, '$.p') AS p FROM "
              "json_each('[' || replace(trim(readfile('diff.jsonl'), char(10)), char(10), ',') || ']')) WHERE p "
              "BETWEEN 0 AND 1\" | grep -qx $(wc -l < diff.jsonl)"));
}

static void by_counts_where_images_are_not_kept(void **state)
{
    (void)state;
    must(0, shell("$LESION diff counts_a.db counts_b.db"));
    assert_said("as if on independent images: conservative");
    must(0,
         shell(
             "rm -f check.db; $LESION diff counts_a.db b.db --format csv > diff.csv && sqlite3 check.db '.import --csv "
             "diff.csv d'"));
    assert_string_equal(ask("check.db", "SELECT count(*) > 100, sum(abs(d_top1_b - d_top1_a - change) > 1e-12), sum(p "
                                        "NOT BETWEEN 0 AND 1) FROM d"),
                        "1|0|0");
    assert_string_equal(
        ask("check.db",
            "ATTACH 'counts_a.db' AS a; ATTACH 'b.db' AS b; SELECT max(abs((d.high - d.low) / 2 / 1.959963984540054 - "
            "sqrt((e.lost + e.gained - (e.lost - e.gained) * (e.lost - e.gained) / 40.0 + f.lost + f.gained "
            "- (f.lost - f.gained) * (f.lost - f.gained) / 40.0) / 1600))) < 1e-12 FROM d JOIN a.evaluation "
            "e ON e.key = job_a JOIN b.evaluation f ON f.key = job_b"),
        "1");
}

static void jobs_of_one_only_are_counted_and_listed(void **state)
{
    (void)state;
    must(0, shell("$LESION run study.yaml --quiet " IMAGES " " OTHER " --db more.db --set "
                  "ablate.chance.filters.random.seeds=0..6 --set ablate.weakest.layers=conv1_1"));
    must(0, shell("$LESION diff a.db more.db"));
    assert_said("only in A, ");
    assert_said("--unmatched lists them");
    must(0, shell("$LESION diff a.db more.db --unmatched"));
    assert_said("Jobs that only one has");
    must(0, shell("$LESION diff a.db more.db --unmatched --format csv | grep -c '^B,chance,' | grep -qx 6"));
    must(0, shell("cp b.db none.db && sqlite3 none.db \"UPDATE evaluation SET status = 'pending'\""));
    must(0, shell("$LESION diff a.db none.db"));
    assert_said("The baseline is not done in both");
    assert_said("0 jobs compared");
    assert_said("of both are not done in both");
}

static void bad_use(void **state)
{
    (void)state;
    must(2, shell("$LESION diff a.db"));
    must(2, shell("$LESION diff a.db b.db more.db"));
    must(2, shell("$LESION diff a.db b.db --format xml"));
    assert_said("should be one of table|csv|jsonl");
    must(1, shell("$LESION diff a.db nowhere.db"));
    assert_said("nowhere.db");
    must(3, shell("$LESION diff study.yaml a.db"));
    must(3, shell("$LESION diff a.db study.yaml"));
    assert_said("study.yaml: is no Lesion database");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_identical),
        cmocka_unit_test(two_checkpoints),
        cmocka_unit_test(rows_are_right),
        cmocka_unit_test(by_counts_where_images_are_not_kept),
        cmocka_unit_test(jobs_of_one_only_are_counted_and_listed),
        cmocka_unit_test(bad_use),
    };
    return cmocka_run_group_tests(tests, begin, shell_end);
}
