#include "study/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_REPORTED = 100 };

/* "file:line:column", "--set k=v" or "file". */
static void add_place(lsn_text *text, const char *path, const lsn_node *at)
{
    if (at == NULL)
        lsn_text_add(text, "%s", path);
    else if (at->origin != NULL)
        lsn_text_add(text, "%s", at->origin);
    else
        lsn_text_add(text, "%s:%d:%d", path, at->line, at->column);
}

/* `what` without its place, or, where `whole`, with it. */
static bool add_mistake(lsn_mistakes *mistakes, const lsn_node *at, bool whole, const char *what)
{
    if (mistakes->failure.code != LSN_OK)
        return false;
    lsn_text text = {0};
    if (!whole)
        add_place(&text, mistakes->path, at);
    lsn_text_add(&text, "%s%s", whole ? "" : ": ", what);
    if (text.failed) {
        lsn_text_finish(&text);
        return lsn_fail(&mistakes->failure, LSN_FAILED, "out of memory: a message could not be composed");
    }
    if (!lsn_grow((void **)&mistakes->list, mistakes->count, &mistakes->room, sizeof *mistakes->list,
                  &mistakes->failure)) {
        lsn_text_finish(&text);
        return false;
    }
    mistakes->list[mistakes->count] = (lsn_mistake){
        .in_option = at != NULL && at->origin != NULL,
        .line = at == NULL ? 0 : at->line,
        .column = at == NULL ? 0 : at->column,
        .order = mistakes->count,
        .text = text.data,
    };
    mistakes->count++;
    return false;
}

bool lsn_mistake_at(lsn_mistakes *mistakes, const lsn_node *at, const char *format, ...)
{
    char what[4096]; /* values are shown cut, layer lists are bounded: nothing is longer */
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return add_mistake(mistakes, at, false, what);
}

bool lsn_mistake_from(lsn_mistakes *mistakes, const lsn_node *at, const lsn_error *err)
{
    if (err->code == LSN_INVALID)
        return add_mistake(mistakes, at, at == NULL && lsn_error_is_about(err, mistakes->path), err->text);
    if (mistakes->failure.code == LSN_OK)
        mistakes->failure = *err;
    return false;
}

static int by_place(const void *a, const void *b)
{
    const lsn_mistake *one = a, *two = b;
    if (one->in_option != two->in_option)
        return one->in_option - two->in_option;
    if (!one->in_option && one->line != two->line)
        return one->line < two->line ? -1 : 1;
    if (!one->in_option && one->column != two->column)
        return one->column < two->column ? -1 : 1;
    return one->order < two->order ? -1 : 1;
}

void lsn_mistakes_report(lsn_mistakes *mistakes, lsn_problems *problems)
{
    if (mistakes->count > 0)
        qsort(mistakes->list, mistakes->count, sizeof *mistakes->list, by_place);
    for (size_t i = 0; i < mistakes->count && i < MOST_REPORTED; i++)
        lsn_problem(problems, "%s", mistakes->list[i].text);
    if (mistakes->count > MOST_REPORTED)
        lsn_problem(problems, "%s: and %zu more mistakes; correct these first", mistakes->path,
                    mistakes->count - MOST_REPORTED);
}

void lsn_mistakes_finish(lsn_mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->count; i++)
        free(mistakes->list[i].text);
    free(mistakes->list);
    *mistakes = (lsn_mistakes){0};
}

const char *lsn_shown(const char *text, char shown[LSN_SHOWN_BYTES])
{
    const size_t most = LSN_SHOWN_BYTES - 6; /* two quotes, three dots, the final zero */
    size_t length = strlen(text), n = length < most ? length : most;
    while (n < length && n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--; /* not within a character */
    char *out = shown;
    *out++ = '"';
    for (size_t i = 0; i < n; i++)
        *out++ = (unsigned char)text[i] < ' ' || text[i] == 127 ? ' ' : text[i];
    strcpy(out, n < length ? "...\"" : "\"");
    return shown;
}
