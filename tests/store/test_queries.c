/* The ready queries of results/queries/, as the sqlite3 shell runs them. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the shell prints for one of the files; to be freed. */
static char *run_query(const fixture *f, const char *name)
{
    const char *source = getenv("LESION_SOURCE");
    if (source == NULL)
        fail_msg("LESION_SOURCE must name the source folder");
    lsn_text command = {0}, printed = {0};
    lsn_text_add(&command, "sqlite3 -bail -readonly '%s' < '%s/results/queries/%s' 2>&1", f->path, source, name);
    FILE *pipe = popen(command.data, "r");
    assert_non_null(pipe);
    char line[1024];
    lsn_text_add(&printed, "%s", "");
    while (fgets(line, sizeof line, pipe) != NULL)
        lsn_text_add(&printed, "%s", line);
    if (pclose(pipe) != 0)
        fail_msg("%s failed: %s", name, printed.data);
    lsn_text_finish(&command);
    return printed.data;
}

static void expect_words(const fixture *f, const char *name, const char *const words[])
{
    char *printed = run_query(f, name);
    for (; *words != NULL; words++)
        if (strstr(printed, *words) == NULL)
            fail_msg("%s prints no '%s':\n%s", name, *words, printed);
    free(printed);
}

/* Curves, pairs, scores, images and drift in one study. */
static void everything(fixture *f)
{
    static char l1[] = "l1";
    static double values[7] = {1, 7, 3, 2, 4, 6, 5};
    static lsn_filter_score score = {.name = l1, .values = values};
    lsn_error err = {0};
    f->plan.scores = &score;
    f->plan.n_scores = 1;
    f->plan.metrics.images = f->plan.metrics.drift = true;
    fixture_experiment(f, "orders");
    for (int order = 0; order < 4; order++)
        for (int count = 1; count <= 3; count++) {
            fixture_run_of_filters(f, 0, order % 2, count, 0.25 * count, order == 0 ? -1 : order);
            fixture_last_job(f)->step = count;
            fixture_last_job(f)->score = order == 0 ? 0 : -1;
        }
    fixture_experiment(f, "pairs");
    for (int filter = 0; filter < 3; filter++) {
        fixture_run_of_filters(f, 0, filter, 2, (double)NAN, -1);
        for (int i = 0; i < 2; i++) /* of every-filter */
            fixture_last_job(f)->singles[i] = f->plan.jobs[1 + filter + i].evaluation;
    }
    lsn_store *store = fixture_store(f, 4);
    fixture_fill(f, store);
    if (!lsn_store_judge(store, &err))
        fail_msg("%s", err.text);
    lsn_store_close(store);
}

static void the_science_is_told(void **state)
{
    fixture *f = *state;
    everything(f);
    expect_words(f, "degradation.sql",
                 (const char *const[]){"orders", "3 of 3", "9 of 9", "area_range", "75 %", "half_lost_at", "quartiles",
                                       "random", NULL});
    expect_words(f, "pairs.sql", (const char *const[]){"stand_in", "conv1 0", "conv1 3", "interaction", " .. ", NULL});
    expect_words(f, "score_against_damage.sql",
                 (const char *const[]){"rho, loss", "every-filter", "l1", "all", "by_damage", NULL});
    expect_words(f, "drift.sql",
                 (const char *const[]){"mean_drift", "removed_in", "conv2", "fc1", "drift_of_logits", NULL});
    expect_words(f, "class_damage.sql", (const char *const[]){"class_damage", "worst", "ant", NULL});
    char *strongest = fixture_ask(f, "SELECT layer_a || ' ' || filter_a || ' │ ' || layer_b || ' ' || filter_b FROM "
                                     "pair_interaction ORDER BY abs(loss_interaction) DESC LIMIT 1");
    strongest[strlen(strongest) - 1] = '\0';
    expect_words(f, "pairs.sql", (const char *const[]){strongest, NULL});
    free(strongest);
}

static void every_query_answers(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    expect_words(f, "filters_that_matter.sql",
                 (const char *const[]){"rank", "q < 0.05", "conv1", "harmful_to_remove", NULL});
    expect_words(f, "layer_sensitivity.sql",
                 (const char *const[]){"mean_top1", "random_range", "25 %", "50 %", "conv2", "of 2", NULL});
    expect_words(f, "class_damage.sql", (const char *const[]){"without it", "ant", "conv", NULL});
    expect_words(f, "progress.sql", (const char *const[]){"every-filter", "100.0 %", "compute_seconds", NULL});
}

static void the_most_damaging_filter_is_first(void **state)
{
    fixture *f = *state;
    fixture_complete(f, 4);
    char *best = fixture_ask(f, "SELECT layer, filter FROM filter_rank WHERE experiment = 'every-filter' LIMIT 1");
    char *printed = run_query(f, "filters_that_matter.sql"), row[64];
    snprintf(row, sizeof row, "│ 1    │ %.5s │ %c", best, best[6]);
    if (strstr(printed, row) == NULL)
        fail_msg("no '%s' in\n%s", row, printed);
    free(best);
    free(printed);
}

/* A study that has only begun must not make them fail. */
static void they_answer_before_there_are_results(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"filters_that_matter.sql",  "layer_sensitivity.sql",
                                        "class_damage.sql",         "progress.sql",
                                        "degradation.sql",          "pairs.sql",
                                        "score_against_damage.sql", "drift.sql"};
    lsn_error err = {0};
    lsn_store *store = fixture_store(f, 4);
    assert_true(lsn_store_fail(store, 2, "out of luck", &err));
    assert_true(lsn_store_commit(store, &err));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        free(run_query(f, names[i]));
    expect_words(f, "progress.sql", (const char *const[]){"0.0 %", "out of luck", NULL});
    lsn_store_close(store);
}

int main(void)
{
    if (system("sqlite3 --version > /dev/null 2>&1") != 0) {
        print_message("skipped: there is no sqlite3 shell (package sqlite3)\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_query_answers),
        TEST(the_science_is_told),
        TEST(the_most_damaging_filter_is_first),
        TEST(they_answer_before_there_are_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
