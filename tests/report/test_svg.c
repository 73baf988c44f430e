/* gnuplot's SVG on its way into the page. */
#include "report/colours.h"
#include "report/svg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN                                                                                                    \
    "<?xml version=\"1.0\"?>\n<svg \n viewBox=\"0 0 300 200\"\n>\n<title>g</title>\n<g id=\"gnuplot_canvas\">\n" \
    "<rect x=\"0\" y=\"0\" width=\"300\" height=\"200\" fill=\"#ffffff\"/>\n<defs>\n<path id='gpPt0' "           \
    "d='M0,0'/>\n</defs>\n"
#define POINT(x) \
    "<use xlink:href='#gpPt6' transform='translate(" #x ",2.00) scale(1.46)' color='rgb(213,  94,   0)'/>\n"
#define PLOT(n, inside) "<g id=\"g_plot_" n "\" ><title>hostile</title>\n" inside "</g>\n"

static char *rewrite(const char *svg, const svg_hover *hovers, size_t count, bool *hovered)
{
    lsn_text html = {0};
    lsn_error err = {0};
    if (!svg_rewrite(&html, svg, "a \"label\"", hovers, count, hovered, &err)) {
        lsn_text_finish(&html);
        return NULL;
    }
    return html.data;
}

static void shapes_get_variables_for_colours_and_short_numbers(void **state)
{
    (void)state;
    char *html =
        rewrite(BEGIN "<g fill=\"none\" color=\"black\" stroke=\"currentColor\" stroke-width=\"2.00\">\n"
                      "<path stroke='black'  d='M59.153,261.00 L68.90,-0.01 Z  '/></g>\n"
                      "<g stroke='none' shape-rendering='crispEdges'>\n"
                      "<polygon fill = 'rgb(  0, 114, 178)' points = '1.00,2.00 3.55,2.00 '/>\n</g></g>\n</svg>\n",
                NULL, 0, NULL);
    assert_non_null(html);
    assert_non_null(strstr(html, "viewBox=\"0 0 300 200\""));
    assert_non_null(strstr(html, "aria-label=\"a &quot;label&quot;\""));
    assert_non_null(
        strstr(html, "<g fill=\"none\" stroke-width=\"2\"><path stroke=\"var(--ink)\" d=\"M59.2 261L68.9 0Z\"/>"));
    assert_non_null(strstr(html, "<polygon fill=\"var(--s0)\" points=\"1 2 3.5 2\" shape-rendering=\"crispEdges\"/>"));
    assert_null(strstr(html, "id="));
    assert_null(strstr(html, "<rect"));
    free(html);
}

static void only_shapes_and_texts_come_through(void **state)
{
    (void)state;
    char *html = rewrite(BEGIN "<script>alert(1)</script><image href='http://x/'/><a xlink:href='http://x/'>"
                               "<g transform=\"translate(5.00,6.00) rotate(-90)\" fill=\"black\" font-family=\"x\" "
                               "font-size=\"13.00\" text-anchor=\"end\"><text>a &lt;b></text></g></g></svg>",
                         NULL, 0, NULL);
    assert_non_null(html);
    assert_non_null(strstr(html, "<g fill=\"var(--ink)\" transform=\"translate(5 6)rotate(-90)\" font-size=\"13\" "
                                 "text-anchor=\"end\"><text>a &lt;b></text></g>"));
    assert_null(strstr(html, "script"));
    assert_null(strstr(html, "http"));
    assert_null(strstr(html, "font-family"));
    free(html);
}

static void marks_get_their_words_plot_by_plot(void **state)
{
    (void)state;
    static const char *const words[] = {"first <1>", "second", "third"};
    const svg_hover hovers[] = {{"1", words, 2}, {"2", words + 2, 1}};
    bool hovered;
    char *html =
        rewrite(BEGIN PLOT("1", POINT(1.0) POINT(2.0)) PLOT("2", POINT(3.0)) PLOT("12", POINT(4.0)) "</g></svg>",
                hovers, 2, &hovered);
    assert_true(hovered);
    assert_non_null(strstr(html, "cx=\"1.0\" cy=\"2.0\" r=\"1.5\"><title>first &lt;1&gt;</title></circle>"));
    assert_non_null(strstr(html, "cx=\"3.0\" cy=\"2.0\" r=\"1.5\"><title>third</title>"));
    assert_non_null(strstr(html, "cx=\"4.0\" cy=\"2.0\" r=\"1.5\"/>"));
    assert_null(strstr(html, "hostile"));
    free(html);
}

/* Words that would be those of another mark are worse than none. */
static void words_are_left_out_where_marks_are_missing(void **state)
{
    (void)state;
    static const char *const words[] = {"first", "second", "third"};
    const svg_hover hovers[] = {{"1", words, 2}, {"2", words + 2, 1}};
    bool hovered;
    char *html = rewrite(BEGIN PLOT("1", POINT(1.0)) PLOT("2", POINT(3.0)) "</g></svg>", hovers, 2, &hovered);
    assert_false(hovered);
    assert_null(strstr(html, "first"));
    assert_non_null(strstr(html, "<title>third</title>"));
    assert_ptr_equal(strstr(strstr(html, "<svg") + 1, "<svg"), NULL);
    free(html);
}

static void what_is_no_picture_is_refused(void **state)
{
    (void)state;
    assert_null(rewrite("", NULL, 0, NULL));
    assert_null(rewrite("<html><body>", NULL, 0, NULL));
    assert_null(rewrite(BEGIN "<g>\n", NULL, 0, NULL));
    assert_null(rewrite(BEGIN "</g></g></g>", NULL, 0, NULL));
    assert_null(rewrite(BEGIN "<path d='M1,1", NULL, 0, NULL));
    char deep[20000] = BEGIN;
    for (int i = 0; i < 1000; i++)
        strcat(deep, "<g>");
    assert_null(rewrite(deep, NULL, 0, NULL));
}

static void colours_of_both_themes_have_the_same_names(void **state)
{
    (void)state;
    lsn_text light = {0}, dark = {0};
    char name[COLOUR_NAME_BYTES];
    colour_variables(&light, false);
    colour_variables(&dark, true);
    for (const char *c = light.data; (c = strstr(c, "--")) != NULL; c++) {
        char variable[32];
        snprintf(variable, sizeof variable, "%.*s:", (int)strcspn(c, ":"), c);
        assert_non_null(strstr(dark.data, variable));
    }
    for (int i = -16; i <= 16; i++)
        assert_string_not_equal(colour_name(colour_at(COLOUR_SIGNED, i / 16.0), name), "");
    assert_string_equal(colour_name(colour_at(COLOUR_SIGNED, -1), name), "d0");
    assert_string_equal(colour_name(colour_at(COLOUR_SIGNED, 9), name), "d32");
    assert_string_equal(colour_name(0x123456, name), "");
    lsn_text_finish(&light);
    lsn_text_finish(&dark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_get_variables_for_colours_and_short_numbers),
        cmocka_unit_test(only_shapes_and_texts_come_through),
        cmocka_unit_test(marks_get_their_words_plot_by_plot),
        cmocka_unit_test(words_are_left_out_where_marks_are_missing),
        cmocka_unit_test(what_is_no_picture_is_refused),
        cmocka_unit_test(colours_of_both_themes_have_the_same_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
