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
    static const char *const names[] = {"filters_that_matter.sql", "layer_sensitivity.sql", "class_damage.sql",
                                        "progress.sql"};
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
        TEST(the_most_damaging_filter_is_first),
        TEST(they_answer_before_there_are_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
