/* Scores that come in a file. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "fixture.h"

#define RANKED(layers) ONE(layers, "{lowest: {file: scores.csv}, count: 2}", "zero")

static void write_scores(const char *text)
{
    fixture_write("scores.csv", text, strlen(text));
}

static void filters_are_ranked_by_it(void **state)
{
    (void)state;
    static const char *const files[] = {
        "layer,filter,score\nconv1_1,0,3\nconv1_1,1,-1.5e-3\nconv1_1,2,7\nconv1_1,3,0\n",
        "\xEF\xBB\xBFlayer,filter,score\r\nconv1_1,3,0\r\nconv1_1,2,7\r\nconv1_1,1,-1\r\nconv1_1,0,3",
        ",score,name,\"layer\", filter \n0,3,a,conv1_1,0\n1,-1,b,conv1_1, 1 \n\n2,7,c,\"conv1_1\",2\n3,0,,conv1_1,3\n",
        "layer,filter,score\nfc8,0,1\nfc6,15,1\nconv1_1,0,3\nconv1_1,1,-1\nconv1_1,2,7\nconv1_1,3,0\n",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_scores(files[i]);
        check_masks(RANKED("conv1_1"), "{\"conv1_1\":[1,3]}");
    }
    lsn_plan *plan = planned(RANKED("conv1_1"), NULL);
    assert_int_equal(plan->n_scores, 1);
    assert_string_equal(plan->scores[0].name, "file:scores.csv");
    assert_true(!(fabs(plan->scores[0].values[2] - 7) > 0));
    for (int f = 4; f < lsn_net_filters(plan->net); f++)
        assert_true(isnan(plan->scores[0].values[f])); /* fc6 is in the file, but not in the study */
    lsn_plan_destroy(plan);
    check_masks(ONE("conv1_1", "{cumulative: {order: {file: scores.csv}, steps: 2, first: highest}}", "zero"),
                "{\"conv1_1\":[0,2]} {\"conv1_1\":[0,1,2,3]}");
    plan = planned(ONE("conv1_1", "{highest: [l1, {file: scores.csv}, l2], count: 1}", "zero"), NULL);
    assert_int_equal(plan->n_scores, 3);
    check_job(plan, 2, "{\"conv1_1\":[2]}", LSN_ZERO, NAN, -1);
    assert_int_equal(plan->jobs[2].score, 1);
    lsn_plan_destroy(plan);
}

static void check_file(const char *text, const char *part)
{
    write_scores(text);
    refused(RANKED("conv1_1"), NULL, (const expected[]){{"14:30", part}, {NULL, NULL}});
}

static void its_mistakes_are_told_with_their_line(void **state)
{
    (void)state;
    check_file("", "scores.csv:1: is empty; let the first line name the columns: layer,filter,score");
    check_file("layer,filter\n", "scores.csv:1: the column \"score\" is missing; let the first line name the columns");
    write_scores("layer,filter,score\nconv1_2,0,1\nconv1_1,4,1\nconv1_1,x,1\nconv1_1,0\nconv1_1,1,nan\nconv1_1,1,1\n"
                 "conv1_1,1,2\nconv1_1,1..2,2\nconv1_1,1.0,2\nnonsense,1,2\nfc8,3,1\n");
    refused(RANKED("conv1_1"), NULL,
            (const expected[]){
                {"14:30", "scores.csv:2: the network has no layer \"conv1_2\"; did you mean \"conv1_1\"?"},
                {"14:30", "scores.csv:3: there is no filter 4 in layer conv1_1: it has 4, 0..3"},
                {"14:30", "scores.csv:4: filter is \"x\"; give a whole number"},
                {"14:30", "scores.csv:5: there are 2 fields; score is field 3"},
                {"14:30", "scores.csv:6: score is \"nan\"; give a number"},
                {"14:30", "scores.csv:8: filter 1 of layer conv1_1 has a score at line 7 already; remove one"},
                {"14:30", "scores.csv:9: filter is \"1..2\"; give a whole number"},
                {"14:30", "scores.csv:10: filter is \"1.0\"; give a whole number"},
                {"14:30", "scores.csv:11: the network has no layer \"nonsense\"; its layers are conv1_1 to fc8"},
                {"14:30", "scores.csv:12: there is no filter 3 in layer fc8: it has 3, 0..2"},
                {NULL, NULL},
            });
}

static void every_filter_needs_a_score(void **state)
{
    (void)state;
    write_scores("layer,filter,score\nconv1_1,0,1\nconv1_1,3,1\n");
    refused(
        RANKED("[conv1_1, conv2_1]"), NULL,
        (const expected[]){
            {"14:30", "scores.csv: 2 of the 4 filters of layer conv1_1 have no score, the first is 1; add their rows"},
            {"14:30", "scores.csv: 6 of the 6 filters of layer conv2_1 have no score, the first is 0"},
            {NULL, NULL}});
}

static void files_that_are_none_are_refused(void **state)
{
    (void)state;
    lsn_text text = {0};
    lsn_text_add(&text, "layer,filter,score\n%5000s\n", "x");
    check_file(text.data, "scores.csv:2: is longer than 4095 bytes; a row has a layer, a filter and a score");
    lsn_text_finish(&text);
    fixture_write("scores.csv", "layer,filter,score\nconv\0001,0,1\n", 31);
    refused(RANKED("conv1_1"), NULL, (const expected[]){{"14:30", "scores.csv:2: has a zero byte"}, {NULL, NULL}});
    lsn_text_add(&text, "layer,filter,score\n");
    for (int i = 0; i < 30; i++)
        lsn_text_add(&text, "conv1_1,%d,1\n", 4 + i);
    write_scores(text.data);
    lsn_problems problems = {0};
    lsn_error err = {0};
    const char *path = fixture_write("study.yaml", RANKED("conv1_1"), strlen(RANKED("conv1_1")));
    assert_null(lsn_plan_create(path, NULL, 0, &problems, &err));
    assert_int_equal(problems.count, 21);
    assert_non_null(strstr(problems.text[20], "scores.csv: and 10 more mistakes; correct these first"));
    lsn_problems_finish(&problems);
    lsn_text_finish(&text);
    refused(ONE("conv1_1", "{lowest: {file: .}, count: 2}", "zero"), NULL,
            (const expected[]){{"14:30", "is not a file"}, {NULL, NULL}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_ranked_by_it),
        cmocka_unit_test(its_mistakes_are_told_with_their_line),
        cmocka_unit_test(every_filter_needs_a_score),
        cmocka_unit_test(files_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
