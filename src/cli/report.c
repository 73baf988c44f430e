/* lesion report: what a study found, as one HTML page. */
#include "cli/cli.h"

#include "lesion/report.h"

#include <stdio.h>
#include <string.h>

/* results/study.db: results/study.html */
static void default_page(const char *database, lsn_text *page)
{
    const size_t length = strlen(database);
    const bool plain = length > 3 && strcmp(database + length - 3, ".db") == 0;
    lsn_text_add(page, "%.*s.html", (int)(plain ? length - 3 : length), database);
}

static void tell(const char *page, const char *figures, const lsn_page_made *made)
{
    char bytes[LSN_NUMBER_BYTES];
    if (made->missing.code != LSN_OK)
        lsn_log("no figures were drawn, for %s; words and tables are in the page", made->missing.text);
    if (made->no_pdf)
        lsn_log("%s has SVG files only: this gnuplot makes no PDF (Debian's gnuplot-nox does)", figures);
    printf("%s: %d figure%s, %sB\n", page, made->figures, made->figures == 1 ? "" : "s",
           lsn_quantity_text((double)made->bytes, bytes));
}

int lsn_command_report(lsn_options *options)
{
    const char *database = options->arguments[0];
    lsn_error err = {0};
    lsn_page_made made;
    lsn_text page = {0};
    int code = LSN_OK;
    if (options->output != NULL)
        lsn_text_add(&page, "%s", options->output);
    else
        default_page(database, &page);
    if (page.failed)
        lsn_fail(&err, LSN_FAILED, "out of memory composing a path");
    if (page.failed || !lsn_report_page(database, page.data, options->figures, &made, &err))
        code = lsn_exit_with(&err);
    else
        tell(page.data, options->figures, &made);
    lsn_text_finish(&page);
    return code;
}
