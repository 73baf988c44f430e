/* The report's section of findings in words. */
#include "report/sentences.h"

static void take(void *context, const char *text)
{
    report *r = context;
    page_markup(&r->body, "<li>");
    page_prose(&r->body, text);
    page_markup(&r->body, "</li>\n");
}

bool section_findings(report *r, lsn_error *err)
{
    report_section(r, "findings", "What was found");
    report_begin(r);
    page_markup(&r->body, "<ul class=\"findings\">\n");
    const bool ok = report_sentences(r->reader, &r->singles, &r->pairs, take, r, err);
    page_markup(&r->body, "</ul>\n");
    if (!r->draw)
        page_markup(&r->body,
                    "<p class=\"message\">No figures were drawn, for gnuplot is missing: install it "
                    "(<code>apt-get install gnuplot-nox</code>) and write this page again. The tables below are "
                    "complete.</p>\n");
    page_markup(&r->body,
                "<p>Findings are of this network, on these images, and of what was tested; intervals are 95 %%, "
                "changes are in points of top-1 unless they say otherwise, and q is the false-discovery rate within an "
                "experiment "
                "(Benjamini and Hochberg).</p>\n");
    return ok;
}
