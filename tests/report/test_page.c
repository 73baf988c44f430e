/* Texts from databases on their way into HTML and into scripts for gnuplot: whatever they hold, they stay texts. */
#include "report/figure.h"
#include "report/gnuplot.h"
#include "report/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_text(const char *text, const char *html)
{
    lsn_text to = {0};
    lsn_text_add(&to, "%s", "");
    page_text(&to, text);
    assert_string_equal(to.data, html);
    lsn_text_finish(&to);
}

static void markup_in_texts_is_shown_as_it_is(void **state)
{
    (void)state;
    assert_text("", "");
    assert_text("conv1_1", "conv1_1");
    assert_text("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;");
    assert_text("a\" onload='x' &amp;", "a&quot; onload=&#39;x&#39; &amp;amp;");
    assert_text("</table>&lt;", "&lt;/table&gt;&amp;lt;");
    assert_text("line\nfeed\ttab\r", "line feed tab ");
    assert_text("%s %n", "%s %n");
}

static void bytes_that_are_no_text_become_the_replacement_character(void **state)
{
    (void)state;
    assert_text("\x01z\x7F", "\xEF\xBF\xBDz\xEF\xBF\xBD");
    assert_text("caf\xC3\xA9 \xE2\x88\x92 \xF0\x9F\x90\x88", "caf\xC3\xA9 \xE2\x88\x92 \xF0\x9F\x90\x88");
    assert_text("\xFF<", "\xEF\xBF\xBD&lt;");
    assert_text("\xC0\xBC", "\xEF\xBF\xBD\xEF\xBF\xBD");                 /* an overlong < */
    assert_text("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* a surrogate */
    assert_text("\xE2\x88", "\xEF\xBF\xBD\xEF\xBF\xBD");                 /* cut off */
    assert_text("\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void rows_are_headed_and_numbers_have_a_true_minus(void **state)
{
    (void)state;
    static const page_table table = {"t", "A <title>.", "lr", "some_view"};
    static const char *const names[] = {"na<me", "value"};
    lsn_text html = {0};
    page_begin_table(&html, &table, 2, names, 2, 1234567);
    page_cell(&html, &table, 0, "<b>");
    page_cell(&html, &table, 1, "-1.50");
    page_cell(&html, &table, 0, "-x");
    page_cell(&html, &table, 1, "");
    page_end_table(&html);
    assert_non_null(strstr(html.data,
                           "A &lt;title&gt;. The first 2 of 1,234,567 rows. All: <code>lesion export DB --view "
                           "some_view</code></caption>"));
    assert_non_null(strstr(html.data, "<th scope=\"col\">na&lt;me</th><th scope=\"col\" class=\"n\">value</th>"));
    assert_non_null(strstr(html.data, "<tr><th scope=\"row\">&lt;b&gt;</th><td class=\"n\">\xE2\x88\x92"
                                      "1.50</td></tr>\n"
                                      "<tr><th scope=\"row\">-x</th><td class=\"n\"></td></tr>"));
    lsn_text_finish(&html);
}

/* ---- gnuplot ------------------------------------------------------------------------------------------------- */

static void need_gnuplot(void)
{
    lsn_error err = {0};
    if (!gnuplot_find(&err)) {
        print_message("%s\n", err.text);
        skip();
    }
}

static const char *const hostile[] = {
    "' ; system('touch owned'); plot 'x",
    "`touch owned`",
    "\"`touch owned`\"",
    "$(touch owned)",
    "@owned",
    "\\' . system('touch owned') . '",
    "a\nsystem 'touch owned'\n",
    "a\n!touch owned\n",
    "EOD\n!touch owned",
    "<script>alert(1)</script>",
    "{/Bold x}_^&",
    "%s%n%d",
    "\xFF\xC0\xBC",
    "caf\xC3\xA9",
    "",
};

static void names_cannot_command_gnuplot(void **state)
{
    (void)state;
    need_gnuplot();
    char folder[] = "/tmp/lesion-XXXXXX", before[4096];
    assert_non_null(mkdtemp(folder));
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        figure f = figure_of("x", "x", 300, 200);
        lsn_text script = {0}, output = {0};
        lsn_error err = {0};
        figure_say(&f, "set label ");
        figure_quote(&f, hostile[i], 0);
        figure_say(&f, " at 0.5,0.5\nset xtics (");
        figure_tic(&f, hostile[i], 5);
        figure_say(&f, " 0.5)\nplot [0:1][0:1] x title ");
        figure_quote(&f, hostile[i], 0);
        figure_legend(&f, FIGURE_LINE, COLOUR_LOSS, hostile[i]);
        lsn_text_add(&script, "set encoding utf8\nset terminal svg noenhanced size 300,200\n%s%s\n", f.legend.data,
                     f.script.data);
        if (!gnuplot_run(NULL, &script, &output, &err))
            fail_msg("%s: %s", hostile[i], err.text);
        assert_non_null(strstr(output.data, "</svg>"));
        assert_null(strstr(output.data, "<script"));
        lsn_text_finish(&script);
        lsn_text_finish(&output);
        figure_finish(&f);
    }
    const bool owned = access("owned", F_OK) == 0;
    assert_int_equal(chdir(before), 0);
    assert_false(owned);
    assert_int_equal(rmdir(folder), 0);
}

static void a_long_name_is_shortened_between_characters(void **state)
{
    (void)state;
    figure f = figure_of("x", "x", 300, 200);
    figure_quote(&f, "caf\xC3\xA9s and bars", 4);
    assert_string_equal(f.script.data, "'caf\xC3\xA9\xE2\x80\xA6'");
    figure_finish(&f);
}

static void what_gnuplot_says_is_told(void **state)
{
    (void)state;
    need_gnuplot();
    lsn_text script = {0}, output = {0};
    lsn_error err = {0};
    lsn_text_add(&script, "set terminal svg\nplot nonsense(x\n");
    assert_false(gnuplot_run(NULL, &script, &output, &err));
    assert_int_equal(err.code, LSN_FAILED);
    assert_non_null(strstr(err.text, "gnuplot failed: "));
    assert_false(gnuplot_run("/nonexistent/folder", &script, &output, &err));
    assert_non_null(strstr(err.text, "cannot be entered"));
    lsn_text_finish(&script);
    lsn_text_finish(&output);
}

static void a_missing_gnuplot_is_said_with_the_remedy(void **state)
{
    (void)state;
    char *path = strdup(getenv("PATH"));
    lsn_error err = {0};
    setenv("PATH", "/nonexistent", 1);
    assert_false(gnuplot_find(&err));
    setenv("PATH", path, 1);
    free(path);
    assert_non_null(strstr(err.text, "gnuplot is not installed"));
    assert_non_null(strstr(err.text, "apt-get install gnuplot-nox"));
}

/* ---- scales -------------------------------------------------------------------------------------------------- */

static void the_signed_scale_is_odd_and_rises(void **state)
{
    (void)state;
    double last = -2;
    for (int i = -100; i <= 100; i++) {
        const double place = figure_signed_log(i / 100.0, 0.005, 1);
        assert_true(place > last);
        assert_float_equal(place, -figure_signed_log(-i / 100.0, 0.005, 1), 1e-12);
        last = place;
    }
    assert_float_equal(figure_signed_log(1, 0.005, 1), 1, 1e-12);
    assert_float_equal(figure_signed_log(5, 0.005, 1), 1, 1e-12);
    assert_float_equal(figure_signed_log(0, 0.005, 1), 0, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_in_texts_is_shown_as_it_is),
        cmocka_unit_test(bytes_that_are_no_text_become_the_replacement_character),
        cmocka_unit_test(rows_are_headed_and_numbers_have_a_true_minus),
        cmocka_unit_test(names_cannot_command_gnuplot),
        cmocka_unit_test(a_long_name_is_shortened_between_characters),
        cmocka_unit_test(what_gnuplot_says_is_told),
        cmocka_unit_test(a_missing_gnuplot_is_said_with_the_remedy),
        cmocka_unit_test(the_signed_scale_is_odd_and_rises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
