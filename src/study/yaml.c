/* YAML text to a tree, event by event. The events, rather than libyaml's own document, let depth, nodes and aliases be
 * bounded before anything large is built. */
#include "study/tree.h"

#include <string.h>
#include <yaml.h>

enum {
    DEEPEST = 32,        /* nested lists and maps */
    MOST_NODES = 100000, /* aliases expanded */
    MOST_KEYS = 64,      /* of one map */
    MOST_ANCHORS = 100,
};

typedef struct loader {
    yaml_parser_t parser;
    const char *text; /* all of the input */
    size_t bytes;
    const char *origin;
    lsn_reading *reading;
    int n_nodes, n_anchors;
    struct {
        const char *name;
        const lsn_node *node;
    } anchors[MOST_ANCHORS];
} loader;

/* ---- what libyaml finds wrong -------------------------------------------------------------------------------- */

static lsn_node place_at(const loader *in, yaml_mark_t mark)
{
    return (lsn_node){.line = (int)mark.line + 1, .column = (int)mark.column + 1, .origin = in->origin};
}

/* A place in the text from an offset in bytes; columns are counted in characters. */
static lsn_node place_at_byte(const loader *in, size_t offset)
{
    lsn_node place = {.line = 1, .column = 1, .origin = in->origin};
    for (size_t i = 0; i < offset && i < in->bytes; i++) {
        unsigned char byte = (unsigned char)in->text[i];
        if (byte == '\n') {
            place.line++;
            place.column = 1;
        } else if ((byte & 0xC0) != 0x80)
            place.column++;
    }
    return place;
}

/* Whether a syntax error stands at the bracket of a ${. libyaml counts characters, not bytes. */
static bool at_variable(const loader *in)
{
    size_t at = 0, left = in->parser.problem_mark.index;
    for (; at < in->bytes; at++)
        if (((unsigned char)in->text[at] & 0xC0) != 0x80 && left-- == 0)
            break;
    return at > 0 && at < in->bytes && in->text[at] == '{' && in->text[at - 1] == '$';
}

/* A hint for frequent slips. */
static const char *find_hint(const loader *in)
{
    const char *problem = in->parser.problem;
    if (at_variable(in))
        return "; between brackets write \"${NAME}\" in quotes";
    if (strstr(in->parser.context != NULL ? in->parser.context : "", "alias") != NULL)
        return "; write a pattern that begins with * in quotes";
    if (strstr(problem, "tab character") != NULL)
        return "; indent with spaces";
    if (strstr(problem, "found character that cannot start any token") != NULL)
        return "; indent with spaces, and write text that begins with @, % or ` in quotes";
    if (strstr(problem, "mapping values are not allowed") != NULL)
        return "; write text that contains \": \" in quotes, and keys of one map below each other";
    return "";
}

static bool fail_syntax(const loader *in)
{
    const yaml_parser_t *parser = &in->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return lsn_fail(&in->reading->failure, LSN_FAILED, "out of memory reading the study");
    }
    if (parser->error == YAML_READER_ERROR) {
        lsn_node place = place_at_byte(in, parser->problem_offset);
        return lsn_mistake_at(in->reading, &place, "YAML: %s; the file must be UTF-8 text", parser->problem);
    }
    lsn_node place = place_at(in, parser->problem_mark);
    if (parser->context == NULL || in->origin != NULL)
        return lsn_mistake_at(in->reading, &place, "YAML: %s%s", parser->problem, find_hint(in));
    return lsn_mistake_at(in->reading, &place, "YAML: %s, %s that begins at line %zu, column %zu%s", parser->problem,
                          parser->context, parser->context_mark.line + 1, parser->context_mark.column + 1,
                          find_hint(in));
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

static lsn_node *fail_depth(const loader *in, const lsn_node *at)
{
    lsn_mistake_at(in->reading, at, "lists and maps are nested more than %d deep", DEEPEST);
    return NULL;
}

static lsn_node *new_node(loader *in, lsn_node_kind kind, const lsn_node *like)
{
    if (++in->n_nodes > MOST_NODES) {
        lsn_mistake_at(in->reading, like, "the study has more than %d values (aliases count as what they stand for)",
                       MOST_NODES);
        return NULL;
    }
    return lsn_node_create(in->reading, kind, like);
}

/* ---- anchors and aliases ------------------------------------------------------------------------------------- */

static bool keep_anchor(loader *in, const char *name, const lsn_node *node)
{
    if (name == NULL)
        return true;
    if (in->n_anchors == MOST_ANCHORS)
        return lsn_mistake_at(in->reading, node, "the study has more than %d anchors", MOST_ANCHORS);
    in->anchors[in->n_anchors].name = name;
    in->anchors[in->n_anchors++].node = node;
    return true;
}

/* Copies what an alias at `alias` stands for; mistakes in the values are reported where they are written. */
static lsn_node *copy_tree(loader *in, const lsn_node *node, const lsn_node *alias, int depth)
{
    if (depth > DEEPEST)
        return fail_depth(in, alias);
    lsn_node *copy = new_node(in, node->kind, alias);
    if (copy == NULL)
        return NULL;
    copy->line = node->line;
    copy->column = node->column;
    copy->text = node->text;
    copy->quoted = node->quoted;
    for (int i = 0; i < node->count; i++) {
        lsn_node *item = copy_tree(in, node->items[i], alias, depth + 1);
        if (item == NULL || !lsn_node_append(in->reading, copy, node->kind == LSN_MAP ? node->keys[i] : NULL, item))
            return NULL;
    }
    return copy;
}

static lsn_node *read_alias(loader *in, const yaml_event_t *event, int depth)
{
    const char *name = (const char *)event->data.alias.anchor;
    char shown[LSN_SHOWN_BYTES];
    lsn_node place = place_at(in, event->start_mark);
    for (int i = in->n_anchors - 1; i >= 0; i--)
        if (strcmp(in->anchors[i].name, name) == 0)
            return copy_tree(in, in->anchors[i].node, &place, depth);
    lsn_mistake_at(in->reading, &place,
                   "alias %s stands for no anchor above it; write a pattern that begins with * in quotes",
                   lsn_shown(name, shown));
    return NULL;
}

/* ---- events -------------------------------------------------------------------------------------------------- */

/* The anchor of a node's event (NULL: none), copied; false where memory was short. Tags are refused here. */
static bool read_properties(loader *in, const yaml_event_t *event, const lsn_node *place, const char **anchor)
{
    /* Scalars', lists' and maps' events begin with the same two members. */
    const char *name = (const char *)event->data.scalar.anchor, *tag = (const char *)event->data.scalar.tag;
    char shown[LSN_SHOWN_BYTES];
    if (tag != NULL)
        lsn_mistake_at(in->reading, place, "tag %s: a study has no tags; remove it", lsn_shown(tag, shown));
    *anchor = name == NULL ? NULL : lsn_keep_text(in->reading, name, strlen(name));
    return name == NULL || *anchor != NULL;
}

static lsn_node *read_scalar(loader *in, const yaml_event_t *event, const lsn_node *place)
{
    lsn_node *node = new_node(in, LSN_SCALAR, place);
    if (node == NULL)
        return NULL;
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(text, '\0', length) != NULL) {
        lsn_mistake_at(in->reading, node, "a value contains a zero byte; take it out");
        return NULL;
    }
    node->text = lsn_keep_text(in->reading, text, length);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return node->text != NULL ? node : NULL;
}

/* `dropped`: the key stands there already, and its value is to be left out. */
static bool check_key(loader *in, const lsn_node *map, const lsn_node *key, bool *dropped)
{
    char shown[LSN_SHOWN_BYTES];
    if (key->kind != LSN_SCALAR)
        return lsn_mistake_at(in->reading, key, "a key must be a word, not a %s",
                              key->kind == LSN_LIST ? "list" : "map");
    int before = lsn_node_find(map, key->text);
    *dropped = before >= 0;
    if (before >= 0)
        lsn_mistake_at(in->reading, key, "key %s is already given at line %d; keep one of them",
                       lsn_shown(key->text, shown), map->keys[before]->line);
    else if (map->count == MOST_KEYS)
        return lsn_mistake_at(in->reading, key, "this map has more than %d keys; no map of a study has so many",
                              MOST_KEYS);
    return true;
}

static lsn_node *read_node(loader *in, const yaml_event_t *event, int depth);

/* The items of a list, or the keys and values of a map, up to its end. */
static bool read_items(loader *in, lsn_node *parent, int depth)
{
    lsn_node *key = NULL;
    bool dropped = false;
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&in->parser, &event))
            return fail_syntax(in);
        const bool at_end = event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
        lsn_node *item = at_end ? NULL : read_node(in, &event, depth);
        yaml_event_delete(&event);
        if (item == NULL)
            return at_end;
        if (parent->kind == LSN_MAP && key == NULL) {
            if (!check_key(in, parent, item, &dropped))
                return false;
            key = item;
            continue;
        }
        if (!dropped && !lsn_node_append(in->reading, parent, key, item))
            return false;
        key = NULL;
        dropped = false;
    }
}

/* The node that begins with an event; NULL where reading cannot go on. `depth`: the lists and maps it lies in. An
 * anchor counts from the end of its node on, so that no node contains itself. */
static lsn_node *read_node(loader *in, const yaml_event_t *event, int depth)
{
    const char *anchor;
    lsn_node place = place_at(in, event->start_mark), *node;
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(in, event, depth);
    if (!read_properties(in, event, &place, &anchor))
        return NULL;
    if (event->type == YAML_SCALAR_EVENT)
        node = read_scalar(in, event, &place);
    else if (depth == DEEPEST)
        return fail_depth(in, &place);
    else {
        node = new_node(in, event->type == YAML_MAPPING_START_EVENT ? LSN_MAP : LSN_LIST, &place);
        if (node != NULL && !read_items(in, node, depth + 1))
            return NULL;
    }
    return node != NULL && keep_anchor(in, anchor, node) ? node : NULL;
}

static bool read_stream(loader *in, lsn_node **root)
{
    for (int n_documents = 0;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&in->parser, &event))
            return fail_syntax(in);
        const yaml_event_type_t type = event.type;
        lsn_node place = place_at(in, event.start_mark);
        bool ok = true;
        if (type == YAML_DOCUMENT_START_EVENT && n_documents++ > 0)
            ok = lsn_mistake_at(in->reading, &place, "a second document begins here; a study is one: remove the ---");
        else if (type == YAML_ALIAS_EVENT || type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                 type == YAML_MAPPING_START_EVENT)
            ok = (*root = read_node(in, &event, 0)) != NULL;
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT || !ok)
            return ok;
    }
}

bool lsn_yaml_read(lsn_reading *reading, const char *text, size_t bytes, const char *origin, lsn_node **root)
{
    *root = NULL;
    loader *in = lsn_keep(reading, 1, sizeof *in);
    if (in == NULL)
        return false;
    *in = (loader){.text = text, .bytes = bytes, .origin = origin, .reading = reading};
    if (!yaml_parser_initialize(&in->parser))
        return lsn_fail(&reading->failure, LSN_FAILED, "out of memory reading the study");
    yaml_parser_set_input_string(&in->parser, (const unsigned char *)text, bytes);
    lsn_node *whole = NULL;
    bool ok = read_stream(in, &whole);
    yaml_parser_delete(&in->parser);
    *root = ok ? whole : NULL;
    return ok;
}
