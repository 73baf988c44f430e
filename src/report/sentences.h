/* What a study found, in plain sentences: the same in the page and at the end of a run on the terminal. */
#ifndef REPORT_SENTENCES_H
#define REPORT_SENTENCES_H

#include "report/report_page.h"

/* Takes one sentence (or a few that belong together): plain text. */
typedef void sentence_take(void *context, const char *text);

/* Gives all sentences that the database has results for, the most general first; at least one about the baseline. */
bool report_sentences(lsn_reader *reader, const report_singles *singles, const report_pairs *pairs, sentence_take *take,
                      void *context, lsn_error *err);

#endif
