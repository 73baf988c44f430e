/* lesion report: what a user gets, with and without gnuplot, and of a database whose names mean harm. */
#include "shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int begin(void **state)
{
    const int failed = shell_begin(state);
    return failed != 0 ? failed : shell("$LESION run study.yaml --db r.db --quiet");
}

static bool have_gnuplot(void)
{
    return shell("gnuplot --version") == 0;
}

/* How often grep finds lines with the pattern. */
static int lines_with(const char *pattern, const char *file)
{
    shell("grep -c -e '%s' %s", pattern, file);
    return atoi(shell_output);
}

static void the_page_tells_what_was_studied_and_found(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION report r.db"), 0);
    assert_said("r.html: ");
    assert_int_equal(shell("test -e r.html.part"), 1);
    assert_true(lines_with("<h1>tiny</h1>", "r.html") == 1);
    char hash[80];
    snprintf(hash, sizeof hash, "%.64s", ask("r.db", "SELECT weights_sha256 FROM study"));
    assert_true(lines_with(hash, "r.html") == 1);
    assert_true(lines_with("The intact network is right on", "r.html") == 1);
    assert_true(lines_with("id=\"filter-table\"", "r.html") == 1);
    assert_true(lines_with("id=\"run-table\"", "r.html") == 1);
    assert_int_equal(lines_with("id=\"pairs\"", "r.html"), 0); /* the study has none */
    assert_int_equal(lines_with("id=\"drift\"", "r.html"), 0);
}

/* The numbers of the sentences are those that the views give. */
static void the_sentences_agree_with_the_views(void **state)
{
    (void)state;
    char expected[256];
    assert_int_equal(shell("$LESION report r.db"), 0);
    const char *answer = ask(
        "r.db",
        "SELECT printf('right on %.1f..*%% of %d images (95..*%% interval %.1f to %.1f)', 100 * top1, images, 100 * "
        "top1_low, 100 * top1_high) FROM job_result WHERE experiment = 'baseline'");
    snprintf(expected, sizeof expected, "%.*s", (int)strcspn(answer, "\n"), answer);
    assert_true(lines_with(expected, "r.html") == 1);
    answer =
        ask("r.db", "SELECT printf('Of %d filters removed one at a time (every)', count(*)) FROM job_result WHERE "
                    "experiment = 'every' AND mode = (SELECT min(mode) FROM job_result WHERE experiment = 'every')");
    snprintf(expected, sizeof expected, "%.*s", (int)strcspn(answer, "\n"), answer);
    assert_true(lines_with(expected, "r.html") == 1);
    answer =
        ask("r.db", "SELECT CASE WHEN count(*) = 0 THEN 'none does damage that 40 images can tell' ELSE printf('%d "
                    "do', count(*)) END FROM job_result WHERE experiment = 'every' AND mode = 'mean' AND q < 0.05 AND "
                    "d_top1 < 0");
    snprintf(expected, sizeof expected, "%.*s", (int)strcspn(answer, "\n"), answer);
    assert_true(lines_with(expected, "r.html") == 1);
    answer = ask("r.db", "SELECT printf('%s</th><td class=.n.>%d</td><td class=.n.>', layers, filter) FROM "
                         "filter_rank JOIN job_result USING (job, experiment) WHERE filter_rank.experiment = 'every' "
                         "AND filter_rank.mode = 'mean' "
                         "ORDER BY rank, layers, filter LIMIT 1");
    snprintf(expected, sizeof expected, "%.*s", (int)strcspn(answer, "\n"), answer);
    if (lines_with(expected, "r.html") != 1)
        fail_msg("'%s' is not there once", expected);
}

static void figures_are_drawn_for_the_page_and_for_paper(void **state)
{
    (void)state;
    if (!have_gnuplot()) {
        print_message("gnuplot is not installed\n");
        skip();
    }
    assert_int_equal(shell("$LESION report r.db -o page.html --figures 'my figures'"), 0);
    assert_int_equal(lines_with("<figure id=\"fig-layers-heat\"", "page.html"), 1);
    assert_int_equal(lines_with("<figure id=\"fig-filters-map\"", "page.html"), 1);
    assert_true(lines_with("<title>conv3_1 ", "page.html") >= 12); /* of the map: each filter's name and numbers */
    assert_int_equal(shell("head -c 5 'my figures/filters-map.svg' 'my figures/volcano.svg'"), 0);
    assert_said("<?xml");
    assert_int_equal(shell("$LESION report r.db -o page.html --figures r.db/x"), 1);
    assert_said("r.db/x");
}

/* Nothing is fetched, and no style or script of others runs. */
static void the_page_asks_nobody_for_anything(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION report r.db"), 0);
    assert_true(lines_with("default-src .none.;", "r.html") == 1);
    shell("grep -o 'script-src .sha256-[^;]*' r.html | cut -d- -f3- | tr -d \"'\" > said; "
          "sed -n '/^<script>/,/<\\/script>/p' r.html | sed 's/^<script>//; s/<\\/script>$//' | head -c -1 | openssl "
          "dgst -sha256 "
          "-binary | base64 > computed; cmp said computed && echo same");
    assert_said("same");
    assert_int_equal(lines_with("<link\\|src=\\|@import\\|url(\\|<iframe\\|http-equiv=.refresh", "r.html"), 0);
}

static void without_gnuplot_there_are_words_and_tables(void **state)
{
    (void)state;
    assert_int_equal(shell("PATH=/nonexistent $LESION report r.db -o bare.html --figures f"), 0);
    assert_said("gnuplot is not installed: `apt-get install gnuplot-nox`");
    assert_said("bare.html: 0 figures");
    assert_int_equal(lines_with("<figure", "bare.html"), 0);
    assert_true(lines_with("No figures were drawn", "bare.html") == 1);
    assert_true(lines_with("id=\"filter-table\"", "bare.html") == 1);
    assert_int_equal(shell("test -e f"), 1);
}

static void a_pipe_is_written_into_and_stays(void **state)
{
    (void)state;
    assert_int_equal(
        shell("mkfifo pipe && { cat pipe > piped.html & } && $LESION report r.db -o pipe && wait && test -p "
              "pipe && $LESION report r.db -o plain.html && cmp piped.html plain.html"),
        0);
    assert_int_equal(shell("test -e pipe.part"), 1);
}

/* Names as nobody but an enemy would give them, wherever the database has names. */
static void hostile_names_stay_names(void **state)
{
    (void)state;
    assert_int_equal(shell("cp r.db evil.db"), 0);
    write_file(
        "evil.sql",
        "PRAGMA foreign_keys = OFF;\n"
        "UPDATE study SET name = '<script>alert(1)</script>', weights_path = '\"><img src=x onerror=alert(2)>';\n"
        "UPDATE class SET name = '<script>alert(3)</script>`touch owned`' || char(10) || '!touch owned' || char(10) "
        "|| 'EOD' || class;\n"
        "UPDATE experiment SET name = ''' ; system(\"touch owned\") # <b>' || experiment WHERE experiment > 0;\n"
        "UPDATE layer SET name = '</svg><script>' || name || '$(touch owned)`touch owned`' WHERE layer <> 2;\n"
        "UPDATE evaluation SET layers = (SELECT name FROM layer l WHERE l.layer = evaluation.layer) WHERE layer IS NOT "
        "NULL;\n"
        "UPDATE run SET command = '<script>', hosts = '<script>x</script>', method = char(1) || x'ff';\n");
    shell("sqlite3 evil.db < evil.sql");
    assert_int_equal(shell("$LESION report evil.db --figures evil-figures"), 0);
    assert_int_equal(shell("test -e owned || test -e evil-figures/owned"), 1);
    assert_int_equal(lines_with("<script>", "evil.html"), 1); /* ours */
    assert_int_equal(lines_with("<img\\|<b>\\|onerror=alert(2)>", "evil.html"), 0);
    assert_true(lines_with("&lt;script&gt;alert(1)", "evil.html") >= 1);
    assert_int_equal(shell("iconv -f UTF-8 -t UTF-8 evil.html > /dev/null"), 0);
}

static void part_of_a_study_is_reported_too(void **state)
{
    (void)state;
    shell("cp r.db part.db; sqlite3 part.db \"UPDATE evaluation SET status = 'pending' WHERE evaluation %% 3 = 1\"");
    assert_int_equal(shell("$LESION report part.db"), 0);
    assert_true(lines_with("The study is not complete: ", "part.html") == 1);
    shell("cp r.db none.db; sqlite3 none.db \"UPDATE evaluation SET status = 'pending'\"");
    assert_int_equal(shell("$LESION report none.db"), 0);
    assert_true(lines_with("has not been evaluated yet", "none.html") == 1);
    shell("cp r.db failed.db; sqlite3 failed.db \"UPDATE evaluation SET status = 'failed', reason = 'no <luck>' WHERE "
          "evaluation = 5\"");
    assert_int_equal(shell("$LESION report failed.db"), 0);
    assert_true(lines_with("no &lt;luck&gt;", "failed.html") == 1);
}

static void mistakes_get_one_message_and_leave_the_old_page(void **state)
{
    (void)state;
    write_file("old.html", "old\n");
    write_file("text.db", "this is no database\n");
    static const struct {
        const char *arguments, *said;
        int code;
    } cases[] = {
        {"", "takes one database", 2},
        {"r.db other.db", "takes one database", 2},
        {"r.db --figure", "needs a value", 2},
        {"r.db -o", "-o needs a value", 2},
        {"r.db --outptu x", "did you mean --output?", 2},
        {"none-such.db -o old.html", "none-such.db: there is no such file", 1},
        {"text.db -o old.html", "text.db", 3},
        {"r.db -o nowhere/page.html", "nowhere/page.html: cannot be written", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(shell("$LESION report %s", cases[i].arguments), cases[i].code);
        assert_said(cases[i].said);
    }
    shell("cat old.html");
    assert_string_equal(shell_output, "old\n");
    assert_int_equal(shell("$LESION report --help"), 0);
    assert_said("--figures DIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_tells_what_was_studied_and_found),
        cmocka_unit_test(the_sentences_agree_with_the_views),
        cmocka_unit_test(figures_are_drawn_for_the_page_and_for_paper),
        cmocka_unit_test(the_page_asks_nobody_for_anything),
        cmocka_unit_test(without_gnuplot_there_are_words_and_tables),
        cmocka_unit_test(a_pipe_is_written_into_and_stays),
        cmocka_unit_test(hostile_names_stay_names),
        cmocka_unit_test(part_of_a_study_is_reported_too),
        cmocka_unit_test(mistakes_get_one_message_and_leave_the_old_page),
    };
    return cmocka_run_group_tests(tests, begin, shell_end);
}
