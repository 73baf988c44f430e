#include "cli/cli.h"

#include "lesion/report.h"

#include <stdio.h>
#include <string.h>

typedef struct report_options {
    const char *page, *figures;
} report_options;

enum { OPT_FIGURES = 256 };

static const struct option report_option_table[] = {
    {"output", required_argument, NULL, 'o'},
    {"figures", required_argument, NULL, OPT_FIGURES},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool take_option(void *context, int option, lsn_error *err)
{
    report_options *options = context;
    (void)err;
    if (option == 'o')
        options->page = optarg;
    else
        options->figures = optarg;
    return true;
}

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

int lsn_command_report(int argc, char **argv)
{
    report_options options = {0};
    int code = lsn_read_options(argc, argv, report_option_table, "report", "one database", take_option, &options);
    if (code != LSN_OK)
        return code == LSN_HELPED ? LSN_OK : code;
    lsn_error err = {0};
    lsn_page_made made;
    lsn_text page = {0};
    if (options.page != NULL)
        lsn_text_add(&page, "%s", options.page);
    else
        default_page(argv[optind], &page);
    if (page.failed)
        lsn_fail(&err, LSN_FAILED, "out of memory: a path could not be composed");
    if (page.failed || !lsn_report_page(argv[optind], page.data, options.figures, &made, &err))
        code = lsn_exit_with(&err);
    else
        tell(page.data, options.figures, &made);
    lsn_text_finish(&page);
    return code;
}
