/* Located access: what a node should be, and what to say where it is not. */
#include "study/tree.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether an unknown key of the map, reported already, was meant to be this one. */
static bool was_misspelt(const lsn_node *map, const char *key)
{
    const char *const known[] = {key, NULL};
    for (int i = 0; i < map->count; i++)
        if (map->keys[i]->wrong && lsn_nearest(map->keys[i]->text, known) != NULL)
            return true;
    return false;
}

const lsn_node *lsn_node_need(lsn_reading *in, const lsn_node *map, const char *key, const char *remedy)
{
    const lsn_node *value = lsn_node_get(map, key);
    if (value == NULL && !was_misspelt(map, key))
        lsn_mistake_at(in, map, "key \"%s\" is missing here; %s", key, remedy);
    return value;
}

const char *lsn_node_describe(const lsn_node *node, char shown[LSN_SHOWN_BYTES])
{
    if (node->kind != LSN_SCALAR)
        return node->kind == LSN_LIST ? "a list" : "a map";
    return node->text[0] == '\0' ? "empty" : lsn_shown(node->text, shown);
}

bool lsn_has_unknown_key(const lsn_node *map)
{
    for (int i = 0; i < map->count; i++)
        if (map->keys[i]->wrong)
            return true;
    return false;
}

bool lsn_mistake_value(lsn_reading *in, const lsn_node *node, const char *what, const char *right)
{
    char shown[LSN_SHOWN_BYTES];
    return lsn_mistake_at(in, node, "%s is %s; give %s", what, lsn_node_describe(node, shown), right);
}

/* ---- words --------------------------------------------------------------------------------------------------- */

static int find_word(const char *word, lsn_words words)
{
    for (int i = 0; words != NULL && words[i] != NULL; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static const char *join_words(lsn_words words, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; words[i] != NULL && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", i == 0 ? "" : ", ", words[i]);
    return text;
}

/* An unknown word, and what it should have been. `where`: " in model", or nothing. */
static bool fail_word(lsn_reading *in, const lsn_node *at, const char *what, const char *where, lsn_words known)
{
    char shown[LSN_SHOWN_BYTES], all[512];
    join_words(known, all, sizeof all);
    lsn_shown(at->text, shown);
    const char *nearest = lsn_nearest(at->text, known);
    if (nearest != NULL)
        return lsn_mistake_at(in, at, "unknown %s %s%s; did you mean \"%s\"? (it can be: %s)", what, shown, where,
                              nearest, all);
    return lsn_mistake_at(in, at, "unknown %s %s%s; it can be: %s", what, shown, where, all);
}

bool lsn_read_map(lsn_reading *in, const lsn_node *node, const char *what, const char *right, lsn_words known)
{
    char where[64];
    if (node->wrong)
        return false;
    if (node->kind != LSN_MAP)
        return lsn_mistake_value(in, node, what, right);
    snprintf(where, sizeof where, " in %s", what);
    for (int i = 0; i < node->count; i++)
        if (find_word(node->keys[i]->text, known) < 0) {
            fail_word(in, node->keys[i], "key", where, known);
            node->keys[i]->wrong = true;
        }
    return true;
}

int lsn_read_word(lsn_reading *in, const lsn_node *node, const char *what, lsn_words known)
{
    char shown[LSN_SHOWN_BYTES], all[512];
    if (node->wrong)
        return -1;
    if (node->kind != LSN_SCALAR || node->text[0] == '\0') {
        lsn_mistake_at(in, node, "%s is %s; it can be: %s", what, lsn_node_describe(node, shown),
                       join_words(known, all, sizeof all));
        return -1;
    }
    int found = find_word(node->text, known);
    if (found < 0)
        fail_word(in, node, what, "", known);
    return found;
}

bool lsn_read_flag(lsn_reading *in, const lsn_node *map, const char *key)
{
    static const char *const words[] = {"false", "true", NULL};
    const lsn_node *node = lsn_node_get(map, key);
    return node != NULL && lsn_read_word(in, node, key, words) == 1;
}

/* ---- texts --------------------------------------------------------------------------------------------------- */

bool lsn_read_text(lsn_reading *in, const lsn_node *node, const char *what, const char **text)
{
    if (node->wrong)
        return false;
    if (node->kind != LSN_SCALAR || node->text[0] == '\0')
        return lsn_mistake_value(in, node, what, "a text");
    *text = node->text;
    return true;
}

bool lsn_read_name(lsn_reading *in, const lsn_node *node, const char *what, const char **name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    enum { LONGEST = 200 }; /* bytes: file systems take 255, and an ending is added */
    char shown[LSN_SHOWN_BYTES];
    const char *text = NULL;
    if (!lsn_read_text(in, node, what, &text))
        return false;
    size_t length = strlen(text);
    if (strspn(text, letters) != length)
        return lsn_mistake_at(in, node, "%s %s: use only the letters A-Z, a-z, 0-9, '.', '_' and '-'", what,
                              lsn_shown(text, shown));
    if (length > LONGEST)
        return lsn_mistake_at(in, node, "%s %s has %zu letters; use at most %d", what, lsn_shown(text, shown), length,
                              LONGEST);
    *name = text;
    return true;
}

/* ---- numbers ------------------------------------------------------------------------------------------------- */

bool lsn_read_whole(lsn_reading *in, const lsn_node *node, const char *what, int64_t low, int64_t high, int64_t *value)
{
    char shown[LSN_SHOWN_BYTES];
    int64_t first, last;
    if (node->wrong)
        return false;
    if (node->kind != LSN_SCALAR || strchr(node->text, '.') != NULL ||
        !lsn_number_range_parse(node->text, &first, &last) || first < low || first > high)
        return lsn_mistake_at(in, node, "%s is %s; give a whole number from %" PRId64 " to %" PRId64, what,
                              lsn_node_describe(node, shown), low, high);
    *value = first;
    return true;
}

bool lsn_read_seed(lsn_reading *in, const lsn_node *map, int64_t *seed)
{
    const lsn_node *node = lsn_node_get(map, "seed");
    *seed = 0;
    return node == NULL || lsn_read_whole(in, node, "seed", 0, INT64_MAX / 2, seed);
}

bool lsn_real_parse(const char *text, double *value)
{
    /* Decimal notation only: strtod would take hexadecimal numbers, infinities and leading spaces too. */
    char *end = NULL;
    *value = text[strspn(text, "0123456789+-.eE")] == '\0' ? strtod(text, &end) : (double)NAN;
    return end != NULL && end > text && *end == '\0' && isfinite(*value);
}

bool lsn_read_real(lsn_reading *in, const lsn_node *node, const char *what, double *value)
{
    return !node->wrong && ((node->kind == LSN_SCALAR && lsn_real_parse(node->text, value)) ||
                            lsn_mistake_value(in, node, what, "a number"));
}

/* ---- one or a list ------------------------------------------------------------------------------------------- */

int lsn_read_count(lsn_reading *in, const lsn_node *node, const char *what, const char *right)
{
    char shown[LSN_SHOWN_BYTES];
    if (node->kind == LSN_SCALAR && (node->wrong || node->text[0] != '\0'))
        return 1;
    if (node->kind == LSN_LIST && node->count > 0)
        return node->count;
    lsn_mistake_at(in, node, "%s is %s; give %s", what,
                   node->kind == LSN_LIST ? "an empty list" : lsn_node_describe(node, shown), right);
    return 0;
}

const lsn_node *lsn_node_item(const lsn_node *node, int i)
{
    return node->kind == LSN_LIST ? node->items[i] : node;
}
