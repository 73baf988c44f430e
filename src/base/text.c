/* Growing strings, lists of problems, and the nearest word. */
#include "lesion/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(lsn_text *text, size_t more)
{
    if (text->length + more < text->room)
        return true;
    size_t room = text->room + text->room / 2 + more + 64;
    char *data = realloc(text->data, room);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->room = room;
    return true;
}

void lsn_text_add_v(lsn_text *text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    /* It mostly fits as it is; a zero is written where the text already ends otherwise. */
    const size_t left = text->room - text->length;
    const int length = vsnprintf(left == 0 ? NULL : text->data + text->length, left, format, args);
    if (length < 0)
        text->failed = true;
    else if ((size_t)length >= left && !text->failed && make_room(text, (size_t)length))
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
    if (!text->failed)
        text->length += (size_t)length;
    else if (text->data != NULL)
        text->data[text->length] = '\0';
    va_end(again);
}

void lsn_text_put(lsn_text *text, const char *bytes, size_t count)
{
    if (text->failed || !make_room(text, count))
        return;
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void lsn_text_add(lsn_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lsn_text_add_v(text, format, args);
    va_end(args);
}

void lsn_text_finish(lsn_text *text)
{
    free(text->data);
    *text = (lsn_text){0};
}

char *lsn_text_take(lsn_text *text, lsn_error *err)
{
    lsn_text_add(text, "%s", "");
    char *data = text->failed ? NULL : text->data;
    if (text->failed) {
        free(text->data);
        lsn_fail(err, LSN_FAILED, "out of memory composing a text");
    }
    *text = (lsn_text){0};
    return data;
}

char *lsn_compose(lsn_error *err, const char *format, ...)
{
    lsn_text text = {0};
    va_list args;
    va_start(args, format);
    lsn_text_add_v(&text, format, args);
    va_end(args);
    return lsn_text_take(&text, err);
}

int lsn_real_text(double number, char text[LSN_REAL_BYTES])
{
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(text, LSN_REAL_BYTES, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    return length;
}

/* Stands in for the list where there was no memory for a first message. */
static char lost[] = "out of memory: the message was lost";
static char *lost_list[] = {lost};

bool lsn_problem(lsn_problems *problems, const char *format, ...)
{
    lsn_text text = {0};
    va_list args;
    va_start(args, format);
    lsn_text_add_v(&text, format, args);
    va_end(args);
    bool kept = !text.failed && problems->text != lost_list &&
                lsn_grow((void **)&problems->text, problems->count, &problems->room, sizeof(char *), NULL);
    if (kept) {
        problems->text[problems->count++] = text.data;
        return false;
    }
    lsn_text_finish(&text);
    if (problems->count == 0) {
        free(problems->text);
        *problems = (lsn_problems){.text = lost_list, .count = 1};
    }
    return false;
}

void lsn_problems_finish(lsn_problems *problems)
{
    if (problems->text != lost_list) {
        for (size_t i = 0; i < problems->count; i++)
            free(problems->text[i]);
        free(problems->text);
    }
    *problems = (lsn_problems){0};
}

enum { LONGEST_WORD = 64 };

/* Letters that are left out, put in, changed, or exchanged with their neighbour (the optimal string alignment
 * distance); words longer than LONGEST_WORD are too far from everything. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t n = strlen(a), m = strlen(b);
    size_t rows[3][LONGEST_WORD + 1];
    if (n > LONGEST_WORD || m > LONGEST_WORD)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            const size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = LSN_MIN(change, LSN_MIN(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

const char *lsn_nearest(const char *word, const char *const known[])
{
    const char *nearest = NULL;
    const size_t length = strlen(word);
    size_t best = 1 + (length < 4 ? 1 : length < 9 ? 2 : length / 3); /* of short words all are near each other */
    for (; *known != NULL; known++) {
        size_t distance = edit_distance(word, *known);
        if (distance < best) {
            best = distance;
            nearest = *known;
        }
    }
    return nearest;
}
