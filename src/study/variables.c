/* ${NAME}: the environment's values in a study. */
#include "study/tree.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_VALUE = 4096, LONGEST_NAME = 256 }; /* bytes, so that a small file cannot become a large tree */

static size_t name_length(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return text[0] != '\0' && strchr(letters, text[0]) != NULL ? strspn(text, all) : 0;
}

/* Adds what the variable at `at` (its "${") stands for to `out`; returns what follows it, NULL after a mistake. */
static const char *expand_one(const char *at, const lsn_node *node, lsn_text *out, lsn_reading *in)
{
    const char *name = at + 2, *close = strchr(name, '}');
    size_t length = name_length(name);
    char copy[LONGEST_NAME], shown[LSN_SHOWN_BYTES];
    const char *after = name + length;
    bool has_default = strncmp(after, ":-", 2) == 0;
    if (close == NULL || length == 0 || length >= sizeof copy || (*after != '}' && !has_default)) {
        lsn_mistake_at(in, node, "%s: write a variable as ${NAME} or ${NAME:-default}, and $${ for a ${ that is none",
                       lsn_shown(at, shown));
        return NULL;
    }
    memcpy(copy, name, length);
    copy[length] = '\0';
    const char *value = getenv(copy);
    if (has_default && (value == NULL || value[0] == '\0'))
        lsn_text_add(out, "%.*s", (int)(close - after - 2 < LONGEST_VALUE ? close - after - 2 : LONGEST_VALUE + 1),
                     after + 2);
    else if (value != NULL)
        lsn_text_add(out, "%.*s", LONGEST_VALUE + 1, value);
    else {
        lsn_mistake_at(in, node, "the environment has no variable %s; set it, or write ${%s:-default}", copy, copy);
        return NULL;
    }
    return close + 1;
}

static bool expand_text(const lsn_node *node, lsn_text *out, lsn_reading *in)
{
    for (const char *at = node->text; *at != '\0' && out->length <= LONGEST_VALUE;) {
        size_t plain = strcspn(at, "$");
        if (strncmp(at, "$${", 3) == 0) {
            lsn_text_add(out, "${");
            at += 3;
        } else if (strncmp(at, "${", 2) == 0) {
            at = expand_one(at, node, out, in);
            if (at == NULL)
                return false;
        } else {
            plain += plain == 0; /* a $ on its own */
            size_t most = plain < LONGEST_VALUE ? plain : LONGEST_VALUE + 1;
            lsn_text_add(out, "%.*s", (int)most, at);
            at += plain;
        }
    }
    return out->length <= LONGEST_VALUE ||
           lsn_mistake_at(in, node, "with its variables' values this is longer than %d bytes", LONGEST_VALUE);
}

static bool expand_scalar(lsn_node *node, lsn_reading *in)
{
    if (strstr(node->text, "${") == NULL)
        return true;
    lsn_text out = {0};
    node->wrong = !expand_text(node, &out, in);
    if (node->wrong) {
        lsn_text_finish(&out);
        return false;
    }
    node->text = lsn_arena_keep(in->arena, &out, &in->failure);
    return node->text != NULL;
}

bool lsn_variables_expand(lsn_reading *in, lsn_node *root)
{
    if (root->kind == LSN_SCALAR)
        return expand_scalar(root, in);
    bool ok = true;
    for (int i = 0; i < root->count; i++)
        ok = lsn_variables_expand(in, root->items[i]) && ok;
    return ok;
}
