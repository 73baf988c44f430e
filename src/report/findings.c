/* What a study found, on a terminal: the page's sentences, each with its own bullet. */
#include "lesion/report.h"
#include "report/sentences.h"

#include <string.h>

enum { COLUMNS = 100, INDENT = 4 };

/* Words until the line is full, then the next line. */
static void print_bullet(void *context, const char *text)
{
    FILE *out = context;
    int column = INDENT;
    fputs("  - ", out);
    for (const char *word = text; *word != '\0';) {
        const size_t bytes = strcspn(word, " ");
        const int width = lsn_utf8_count(word, bytes);
        if (column > INDENT && column + 1 + width > COLUMNS) {
            fprintf(out, "\n%*s", INDENT, "");
            column = INDENT;
        } else if (column > INDENT) {
            fputc(' ', out);
            column++;
        }
        fwrite(word, 1, bytes, out);
        column += width;
        word += bytes + strspn(word + bytes, " ");
    }
    fputc('\n', out);
}

bool lsn_report_findings(const char *database, FILE *out, lsn_error *err)
{
    report_singles singles = {0};
    report_pairs pairs = {0};
    lsn_reader *reader = lsn_reader_open(database, err);
    bool ok = reader != NULL && report_singles_read(reader, &singles, err) && report_pairs_read(reader, &pairs, err);
    if (ok) {
        fputs("\nWhat was found (changes in points of top-1; q: false-discovery rate within an experiment)\n", out);
        ok = report_sentences(reader, &singles, &pairs, print_bullet, out, err);
        fputc('\n', out);
    }
    report_singles_finish(&singles);
    lsn_table_finish(&pairs.layers);
    lsn_reader_close(reader);
    return ok;
}
