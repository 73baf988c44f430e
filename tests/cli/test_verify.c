/* lesion verify: what is whole passes, everything else is named. */
#include "science.h"
#include "shell.h"

#include <stdio.h>
#include <string.h>

static void must(int expected, const char *said)
{
    int code = shell("$LESION verify b.db");
    if (code != expected)
        fail_msg("exit code %d, not %d:\n%s", code, expected, shell_output);
    assert_said(said);
}

static int begin(void **state)
{
    if (shell_begin(state) != 0)
        return -1;
    science_write();
    return shell("$LESION run science.yaml --quiet --db a.db && sqlite3 a.db VACUUM && $LESION run race.yaml --quiet "
                 "--db race.db");
}

static void what_is_whole_passes(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION verify a.db"), 0);
    assert_said("whole, and its rows fit together");
    assert_said("sha256 as recorded");
    assert_said("computed    9 of ");
    assert_said("every bit is the same");
    assert_int_equal(shell("$LESION verify a.db --all"), 0);
    assert_said("computed    195 of 195");
    assert_int_equal(shell("$LESION verify race.db --all"), 0);
    assert_said("every bit is the same");
    assert_int_equal(shell("$LESION verify a.db --sample 0"), 0);
    assert_not_said("computed");
    assert_int_equal(shell("$LESION run study.yaml --quiet --shard 1/3 --db shard.db --set "
                           "data.take.count=20 && $LESION verify shard.db --sample 3 --seed 5"),
                     0);
    assert_said("computed    4 of ");
    assert_int_equal(shell("sqlite3 shard.db \"UPDATE run SET method = 'blas'\"; $LESION verify shard.db"), 3);
    assert_said("the method 'blas', and cannot be computed again");
    assert_int_equal(shell("$LESION verify shard.db --sample 0"), 0);
    assert_int_equal(shell("LESION_ISA=openblas $LESION verify a.db"), 3);
    assert_said("set LESION_ISA; --sample 0 checks the rest");
    assert_string_equal(ask("a.db", "SELECT count(*) FROM run"), "1");
    assert_int_equal(shell("mkdir temporary && TMPDIR=$PWD/temporary $LESION verify a.db && rmdir temporary"), 0);
}

/* Values that fit together, but are not what is computed. */
static void changed_results_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *change, *said;
    } cases[] = {
        {"UPDATE evaluation SET kl_sum = kl_sum + 1 WHERE evaluation > 0", "column kl_sum: "},
        {"UPDATE evaluation SET p = 0.125 WHERE evaluation > 0", "column p: 0.125, not "},
        {"UPDATE evaluation SET d_loss_low = d_loss_low - 1", "column d_loss_low: "},
        {"UPDATE drift SET drift = drift * 2 WHERE layer = 6", "table drift, evaluation "},
        {"UPDATE image_result SET loss = 1.5 WHERE image = 3", "image 3, column loss: 1.5, not "},
        {"UPDATE filter_activation SET mean = 0.5 WHERE layer = 1", "table filter_activation, layer 1"},
        {"UPDATE filter_score SET value = 0.5 WHERE layer = 1", "table filter_score"},
        {"UPDATE study SET weights_sha256 = '00ff'", "that of the results is 00ff"},
        {"UPDATE study SET images_sha256 = '00ff'", "that of the results is 00ff"},
        {"UPDATE study SET calibration_sha256 = '00ff'", "that of the results is 00ff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(shell("cp a.db b.db && sqlite3 b.db \"%s\"", cases[i].change), 0);
        must(1, cases[i].said);
    }
}

/* One changed value in one evaluation: found with --all. */
static void all_finds_the_one(void **state)
{
    (void)state;
    assert_int_equal(shell("cp a.db b.db && sqlite3 b.db 'UPDATE evaluation SET margin_sum = margin_sum + 1 WHERE "
                           "evaluation = 150'"),
                     0);
    assert_int_equal(shell("$LESION verify b.db --all"), 1);
    assert_said("column margin_sum");
    assert_said("1 values differ");
}

static void what_does_not_fit_together_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *change, *said;
    } cases[] = {
        {"UPDATE evaluation SET top1 = top1 + 1 WHERE evaluation = 5", "baseline that is stored"},
        {"UPDATE evaluation SET images = images + 1 WHERE evaluation = 5", "all images"},
        {"UPDATE evaluation SET top5 = 0 WHERE evaluation = 5", "counts of a result are possible"},
        {"UPDATE evaluation_class SET top1 = top1 + 1 WHERE evaluation = 5 AND class = 0", "add up to its top1"},
        {"DELETE FROM drift WHERE evaluation = 5", "drift"},
        {"DELETE FROM image_result WHERE evaluation = 5 AND image = 7", "has its images"},
        {"DELETE FROM job WHERE evaluation = 5", "every evaluation has a job"},
        {"UPDATE job SET evaluation = 99999 WHERE job = 9", "rows refer to rows"},
        {"UPDATE evaluation SET status = 'pending' WHERE evaluation = 5", "images of what is not done"},
        {"INSERT INTO part VALUES (5, 0, 40, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL)",
         "parts are blocks"},
        {"UPDATE class SET images = 7 WHERE class = 0", "classes have as many images"},
        {"UPDATE evaluation SET kl_sum = 5 WHERE evaluation = 0", "differs from itself"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(shell("cp a.db b.db && sqlite3 b.db \"PRAGMA foreign_keys = OFF; %s\"", cases[i].change), 0);
        must(1, cases[i].said);
        assert_said("broken");
    }
    assert_int_equal(shell("cp a.db b.db && printf zzzzzzzzzzzzzzzzzzzz | dd of=b.db bs=1 seek=$((4096 * 30)) "
                           "conv=notrunc 2>/dev/null"),
                     0);
    must(1, "");
}

static void files_that_moved_or_changed(void **state)
{
    (void)state;
    assert_int_equal(
        shell("mkdir -p away && cp a.db science.yaml net.safetensors images.idx labels.idx away && cd away "
              "&& rm science.yaml && $LESION verify a.db"),
        3);
    assert_said("--study");
    assert_int_equal(shell("$LESION verify away/a.db --study science.yaml --sample 1"), 0);
    assert_int_equal(shell("cp science.yaml away && printf x | dd of=away/net.safetensors bs=1 seek=9000 conv=notrunc "
                           "2>/dev/null && cd away && $LESION verify a.db"),
                     1);
    assert_said("weights     net.safetensors: sha256 is ");
    assert_said("images      40 images: sha256 as recorded");
    assert_not_said("computed");
}

static void bad_use(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION verify"), 2);
    assert_int_equal(shell("$LESION verify a.db --sample some"), 2);
    assert_said("whole number");
    assert_int_equal(shell("$LESION verify nowhere.db"), 1);
    assert_said("no such file");
    assert_int_equal(shell("$LESION verify science.yaml"), 3);
    assert_said("no Lesion database");
}

static void options_are_the_runs(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION run study.yaml --quiet --db options.db"), 0);
    assert_int_equal(shell("$LESION verify options.db --sample 2 --threads 2 --memory 500MB"), 0);
    assert_said("every bit is the same");
    assert_int_equal(shell("$LESION verify options.db --threads none"), 2);
    assert_int_equal(shell("$LESION verify options.db --memory none"), 2);
    assert_said("--memory");
    assert_int_equal(shell("TMPDIR=/nowhere $LESION verify options.db --sample 2"), 1);
    assert_said("set TMPDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_whole_passes),        cmocka_unit_test(changed_results_are_found),
        cmocka_unit_test(all_finds_the_one),           cmocka_unit_test(what_does_not_fit_together_is_named),
        cmocka_unit_test(files_that_moved_or_changed), cmocka_unit_test(bad_use),
        cmocka_unit_test(options_are_the_runs),
    };
    return cmocka_run_group_tests(tests, begin, shell_end);
}
