/* The other commands, their options, and what a user is told after a mistake. */
#include "shell.h"

#include <stdlib.h>
#include <string.h>

static void help_and_version(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION --version"), 0);
    assert_said("lesion ");
    assert_int_equal(shell("$LESION --help"), 0);
    static const char *const commands[] = {"run", "plan", "eval", "status", "merge", "verify", "diff", "inspect"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        assert_int_equal(shell("$LESION --help"), 0);
        assert_said(commands[i]);
        assert_int_equal(shell("$LESION %s --help", commands[i]), 0);
        assert_said("usage: lesion");
        assert_int_equal(shell("$LESION help %s", commands[i]), 0);
        assert_said("usage: lesion");
        assert_int_equal(shell("$LESION %s", commands[i]), 2);
        assert_said("--help");
    }
}

static void usage_mistakes_end_with_2(void **state)
{
    (void)state;
    static const struct {
        const char *command, *said;
    } cases[] = {
        {"$LESION", "usage"},
        {"$LESION rnu study.yaml", "did you mean 'lesion run'"},
        {"$LESION run study.yaml --deadlnie 5", "did you mean --deadline"},
        {"$LESION run study.yaml --deadline", "--deadline needs a value"},
        {"$LESION run study.yaml --deadline soon", "--deadline soon: should be a length of time"},
        {"$LESION run study.yaml --memory much", "--memory much: should be an amount of memory"},
        {"$LESION run study.yaml --method winograd", "--method"},
        {"$LESION run study.yaml --threads none", "whole number"},
        {"$LESION run study.yaml --set data", "KEY=VALUE"},
        {"$LESION run study.yaml other.yaml", "one study file"},
        {"$LESION plan study.yaml --ranks 1,x", "whole numbers"},
        {"$LESION eval study.yaml --ablate conv9_9:1", "no layer 'conv9_9'"},
        {"$LESION eval study.yaml --ablate fc8:1", "logits"},
        {"$LESION eval study.yaml --ablate conv1_1", "LAYER:LIST"},
        {"$LESION eval study.yaml --ablate conv1_1:9", "conv1_1"},
        {"$LESION eval study.yaml --ablate conv1_1:0 --ablate conv1_1:1", "twice"},
        {"$LESION eval study.yaml --mode none", "zero, mean, resample or noise"},
        {"$LESION inspect net.safetensors --input 32", "HEIGHTxWIDTH"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = shell("%s", cases[i].command);
        if (code != 2)
            fail_msg("%s: exit code %d:\n%s", cases[i].command, code, shell_output);
        assert_said(cases[i].said);
    }
}

static void what_cannot_be_said_is_no_success(void **state)
{
    (void)state;
    static const char *const commands[] = {"--version", "help", "help run", "plan study.yaml",
                                           "inspect net.safetensors"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        assert_int_equal(shell("$LESION %s > /dev/full", commands[i]), 1);
        assert_said("standard output cannot be written");
    }
    assert_int_equal(shell("$LESION plan nothing.yaml > /dev/full"), 3);
}

static void five_mistakes_get_five_messages(void **state)
{
    (void)state;
    write_file("five.yaml", "study: five\n"
                            "model: {weights: net.safetensors}\n"
                            "data:\n"
                            "  format: idx\n"
                            "  images: images.idx\n"
                            "  labels: labels.idx\n"
                            "  preproces: {pad: 2}\n"
                            "  take: {count: 1000}\n"
                            "ablate:\n"
                            "  - name: one\n"
                            "    layers: conv6*\n"
                            "    filters: each\n"
                            "  - name: two\n"
                            "    layers: conv1_1\n"
                            "    filters: [0, 7]\n"
                            "  - name: three\n"
                            "    layers: conv*\n"
                            "    filters: {lowest: l3, fraction: 0.5}\n");
    assert_int_equal(shell("$LESION run five.yaml"), 3);
    assert_said("five.yaml:7:3: ");
    assert_said("preprocess");
    assert_said("five.yaml:8:");
    assert_said("five.yaml:11:13: ");
    assert_said("five.yaml:15:");
    assert_said("five.yaml:18:");
    assert_said("5 mistakes in five.yaml");
    assert_int_equal(shell("test -e results/five.db"), 1);
}

static void bad_files_end_with_3(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION run nowhere.yaml"), 3);
    assert_said("nowhere.yaml");
    assert_int_equal(shell("head -c 3000 net.safetensors > short.safetensors; $LESION run study.yaml --set "
                           "model.weights=short.safetensors"),
                     3);
    assert_said("short.safetensors");
    assert_int_equal(shell("{ printf '\\377\\377\\377\\377\\377\\377\\377\\377'; cat net.safetensors; } > "
                           "hostile.safetensors; $LESION inspect hostile.safetensors"),
                     3);
    assert_said("hostile.safetensors");
    assert_int_equal(shell("$LESION run study.yaml --set data.labels=images.idx"), 3);
    assert_said("images.idx");
    assert_int_equal(shell("head -c 500 images.idx > short.idx; $LESION run study.yaml --set data.images=short.idx"),
                     3);
    assert_said("short.idx");
    assert_int_equal(shell("head -c 40 labels.idx > few.idx; $LESION run study.yaml --set data.labels=few.idx"), 3);
    assert_said("few.idx");
    /* Labels 0..4 for a network of four classes. */
    assert_int_equal(shell("{ head -c 67 labels.idx; printf '\\004'; } > five.idx; $LESION run study.yaml --set "
                           "data.labels=five.idx"),
                     3);
    assert_said("4");
    assert_int_equal(shell("$LESION status study.yaml"), 3);
    assert_said("study.yaml");
    assert_int_equal(shell("$LESION status nowhere.db"), 1);
    assert_said("nowhere.db");
}

static void plan_counts_jobs(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION plan study.yaml --ranks 1,7"), 0);
    assert_said("every");
    assert_said("112");
    assert_said("140");
    assert_said("work saved");
    assert_said("56 filters of 5 layers x 2 modes"); /* why there are 112 */
    assert_said("nothing removed");
    assert_int_equal(shell("$LESION plan study.yaml --jobs | wc -l"), 0);
    assert_string_equal(shell_output, "141\n");
    assert_int_equal(shell("test -e results/tiny.db"), 1);
}

/* 40 images, ten of each of four classes. */
static void plan_warns_of_few_images(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION plan study.yaml --ranks 1"), 0);
    assert_said("warning: 40 images are few for 112 comparisons (jobs of experiment every): a change is told from "
                "chance (q < 0.05) only where 12 of them are lost and none gained, 30 %");
    assert_said(" are few for 448 comparisons (jobs x classes of experiment every): a change is told from chance (q < "
                "0.05) only where 14 of them are lost and none gained, more than there are");
    assert_int_equal(shell("$LESION plan study.yaml --ranks 1 --set metrics=[top1]"), 0);
    assert_said("jobs of experiment every");
    assert_not_said("jobs x classes");
    assert_int_equal(shell("$LESION plan study.yaml --ranks 1 --set ablate=[]"), 0);
    assert_not_said("warning");
    /* One comparison needs 5 flips: 2 % of 250 images, but there are 60, of which 10 calibrate. */
    assert_int_equal(shell("$LESION plan study.yaml --ranks 1 --set "
                           "'ablate=[{name: one, layers: fc6, filters: all}]'"),
                     0);
    assert_said("few for 1 comparison (jobs of experiment one)");
}

static void plan_says_where_jobs_may_stop(void **state)
{
    (void)state;
    const char *plan = "$LESION plan study.yaml --ranks 1 --set metrics=[top1] --set stop.half_width=";
    assert_int_equal(shell("%s0.5", plan), 0);
    assert_said("stop: jobs may end early, so that this work is an upper bound: one that changes nothing needs ");
    assert_said(" of 40 images");
    assert_int_equal(shell("%s0.001", plan), 0);
    assert_said("stop: no job can end early: one that changes nothing needs 5,9");
    assert_said(" images, and there are 40");
    assert_int_equal(shell("$LESION plan study.yaml --ranks 1"), 0);
    assert_not_said("stop:");
    assert_int_equal(shell("$LESION plan study.yaml --set stop.half_width=0.1"), 3); /* with metric per_class */
    assert_said("metric per_class is measured on all images of a job, but stop ends jobs before that");
}

/* Filters that are ranked by activations are not known without the network; how many there are is. */
static void plan_counts_what_activations_decide(void **state)
{
    (void)state;
    const char *by = "--set 'ablate.weakest.filters.lowest=[apoz, l1]'";
    assert_int_equal(shell("$LESION plan study.yaml --ranks 1 %s", by), 0);
    assert_said("6 layers x 2 scores x 2 fractions");
    assert_said("scores: apoz is known once 10 calibration images were passed through the network; here the filters' "
                "indices stand in for it");
    assert_int_equal(shell("$LESION plan study.yaml --jobs %s | wc -l", by), 0);
    assert_string_equal(shell_output, "153\n"); /* 12 more */
    assert_int_equal(shell("$LESION plan study.yaml --ranks 1"), 0);
    assert_not_said("stand in");
}

static void plan_lists_seeds_of_modes(void **state)
{
    (void)state;
    assert_int_equal(
        shell("$LESION plan study.yaml --jobs --set 'ablate.every.mode=[zero, {noise: {seeds: [7, 3]}}]' | "
              "awk -F'\t' 'NR >= 1 && NR <= 5 { print $6 \":\" $7 }'"),
        0);
    assert_string_equal(shell_output, "mode:mode_seed\nzero:\nzero:\nnoise:7\nnoise:3\n");
}

static void plan_and_database_have_the_same_keys(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION plan study.yaml --jobs | tail -n +2 | cut -f1 > plan.txt && $LESION run study.yaml "
                           "--quiet --db keys.db && sqlite3 keys.db 'SELECT job FROM job_result' > keys.txt && cmp "
                           "plan.txt keys.txt"),
                     0);
}

static void eval_agrees_with_run(void **state)
{
    (void)state;
    char mine[256];
    assert_int_equal(shell("$LESION run study.yaml --quiet --db eval.db"), 0);
    static const char *const modes[] = {"zero", "mean"};
    for (int i = 0; i < 2; i++) {
        const char *row = ask("eval.db", i == 0 ? "SELECT printf('%.6f %.6f %d', loss, kl, lost) FROM job_result WHERE "
                                                  "layers = 'conv2_1' AND filters LIKE '%[3]%' AND mode = 'zero'"
                                                : "SELECT printf('%.6f %.6f %d', loss, kl, lost) FROM job_result WHERE "
                                                  "layers = 'conv2_1' AND filters LIKE '%[3]%' AND mode = 'mean'");
        strcpy(mine, row);
        assert_int_equal(shell("$LESION eval study.yaml --ablate conv2_1:3 --mode %s --logits logits.npy 2> said | awk "
                               "'$1 == \"loss\" { l = $2 } $1 == \"kl\" { k = $2 } $1 == \"lost\" { print l, k, $2 }'",
                               modes[i]),
                         0);
        shell_output[strcspn(shell_output, "\n")] = '\0';
        assert_string_equal(shell_output, mine);
    }
    assert_int_equal(shell("grep -q 'guessing would be right on 25 %%' said"), 0); /* its weights are random */
    assert_int_equal(shell("$LESION eval study.yaml --ablate conv2_1:3 --memory 1GiB 2>&1 | grep loss; "
                           "$LESION eval study.yaml --memory "
                           "much 2>&1 | grep 'much.*should be an amount'"),
                     0);
    assert_said("d_loss");
    /* 40 images of 4 logits behind a header of 128 bytes */
    assert_int_equal(shell("wc -c < logits.npy"), 0);
    assert_string_equal(shell_output, "768\n");
}

static void eval_without_a_mask_is_the_baseline(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION eval study.yaml"), 0);
    assert_said("baseline");
    assert_not_said("lost");
    assert_int_equal(shell("$LESION eval study.yaml --ablate fc6:all --ablate conv5_1:all"), 0);
    assert_said("\"conv5_1\":[0,1,2,3,4,5,6,7]");
}

static void inspect_shows_layers_and_images(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION inspect net.safetensors"), 0);
    assert_said("conv5_1");
    assert_said("fc8");
    assert_said("classifier.6.weight");
    assert_said("32 x 32");
    assert_int_equal(shell("$LESION inspect net.safetensors --input 64x48"), 0);
    assert_said("64 x 48");
    assert_int_equal(shell("$LESION inspect study.yaml"), 0);
    assert_said("40 of 60");
    assert_said("pad 2");
    assert_int_equal(
        shell("sha256sum net.safetensors | cut -d' ' -f1 > sum.txt; $LESION inspect net.safetensors | grep "
              "-q \"$(cat sum.txt)\""),
        0);
}

static void status_tells_how_far_a_study_is(void **state)
{
    (void)state;
    shell("rm -f status.db*");
    assert_int_equal(shell("$LESION run study.yaml --quiet --db status.db --deadline 0.001s"), 75);
    assert_int_equal(shell("$LESION status status.db"), 0);
    assert_said("every");
    assert_said("chance");
    assert_said("stopped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_and_version),
        cmocka_unit_test(usage_mistakes_end_with_2),
        cmocka_unit_test(what_cannot_be_said_is_no_success),
        cmocka_unit_test(five_mistakes_get_five_messages),
        cmocka_unit_test(bad_files_end_with_3),
        cmocka_unit_test(plan_counts_jobs),
        cmocka_unit_test(plan_warns_of_few_images),
        cmocka_unit_test(plan_says_where_jobs_may_stop),
        cmocka_unit_test(plan_counts_what_activations_decide),
        cmocka_unit_test(plan_lists_seeds_of_modes),
        cmocka_unit_test(plan_and_database_have_the_same_keys),
        cmocka_unit_test(eval_agrees_with_run),
        cmocka_unit_test(eval_without_a_mask_is_the_baseline),
        cmocka_unit_test(inspect_shows_layers_and_images),
        cmocka_unit_test(status_tells_how_far_a_study_is),
    };
    return cmocka_run_group_tests(tests, shell_begin, shell_end);
}
