/* Mistakes of a study: where each is, and in which order they are reported. */
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

/* `text` has its place, and is finished. */
static bool add_mistake(lsn_reading *in, const lsn_node *at, lsn_text *text)
{
    lsn_mistake added = {.order = in->n_mistakes, .text = lsn_arena_keep(in->arena, text, &in->failure)};
    if (at != NULL)
        added.place = (lsn_node){.line = at->line, .column = at->column, .origin = at->origin};
    if (added.text != NULL &&
        lsn_grow((void **)&in->mistakes, in->n_mistakes, &in->room, sizeof *in->mistakes, &in->failure))
        in->mistakes[in->n_mistakes++] = added;
    return false;
}

bool lsn_mistake_at(lsn_reading *in, const lsn_node *at, const char *format, ...)
{
    char what[4096]; /* values are shown cut, layer lists are bounded: nothing is longer */
    lsn_text text = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    add_place(&text, in->path, at);
    lsn_text_add(&text, ": %s", what);
    return add_mistake(in, at, &text);
}

bool lsn_mistake_from(lsn_reading *in, const lsn_node *at, const lsn_error *err)
{
    lsn_text text = {0};
    if (err->code != LSN_INVALID)
        return in->failure.code == LSN_OK && lsn_fail_as(&in->failure, err);
    if (at != NULL || !lsn_error_is_about(err, in->path))
        return lsn_mistake_at(in, at, "%s", err->text);
    lsn_text_add(&text, "%s", err->text); /* the study's path is in it */
    return add_mistake(in, at, &text);
}

/* Options last, in the order in which they were found. */
static int by_place(const void *a, const void *b)
{
    const lsn_mistake *first = a, *second = b;
    const bool options[2] = {first->place.origin != NULL, second->place.origin != NULL};
    int order = LSN_ORDER(options[0], options[1]);
    if (order == 0 && !options[0])
        order = lsn_node_order(&first->place, &second->place);
    return order != 0 ? order : LSN_ORDER(first->order, second->order);
}

void lsn_mistakes_report(lsn_reading *in, lsn_problems *problems)
{
    if (in->n_mistakes > 0)
        qsort(in->mistakes, in->n_mistakes, sizeof *in->mistakes, by_place);
    for (size_t i = 0; i < in->n_mistakes && i < MOST_REPORTED; i++)
        lsn_problem(problems, "%s", in->mistakes[i].text);
    if (in->n_mistakes > MOST_REPORTED)
        lsn_problem(problems, "%s: and %zu more mistakes; correct these first", in->path,
                    in->n_mistakes - MOST_REPORTED);
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
