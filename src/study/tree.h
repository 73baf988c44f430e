/* A study file as a tree of located nodes, before anything in it is understood.
 *
 * Nodes and their texts live in an arena and die with it. Functions that find a mistake add it to `lsn_mistakes` and
 * return false; reading goes on elsewhere, so that independent mistakes are all found. Where memory is short, the
 * mistakes' `failure` is set instead: it ends everything.
 */
#ifndef STUDY_TREE_H
#define STUDY_TREE_H

#include "lesion/base.h"

/* ---- arena --------------------------------------------------------------------------------------------------- */

/* Memory that is given back at once. Zero-initialised is empty. */
typedef struct lsn_arena {
    struct lsn_chunk *chunks; /* the newest first */
} lsn_arena;

/* `bytes` zeroed bytes, 8-byte aligned; NULL and *err set (LSN_FAILED) where memory is short. */
void *lsn_arena_take(lsn_arena *arena, size_t bytes, lsn_error *err);
/* An array of `count` items of `size` bytes. */
void *lsn_arena_array(lsn_arena *arena, size_t count, size_t size, lsn_error *err);
char *lsn_arena_text(lsn_arena *arena, const char *text, size_t bytes, lsn_error *err);
void lsn_arena_finish(lsn_arena *arena);

/* ---- nodes --------------------------------------------------------------------------------------------------- */

typedef enum lsn_node_kind { LSN_SCALAR, LSN_LIST, LSN_MAP } lsn_node_kind;

typedef struct lsn_node {
    lsn_node_kind kind;
    int line, column;        /* 1-based */
    const char *origin;      /* NULL: in the file; otherwise the option it came from, "--set k=v" */
    bool quoted;             /* of a scalar */
    bool wrong;              /* of a scalar: a mistake was reported here already; nothing more is to be said of it */
    const char *text;        /* of a scalar; never NULL there */
    struct lsn_node **keys;  /* of a map: scalars, each once */
    struct lsn_node **items; /* of a list; of a map: its values */
    int count, room;
} lsn_node;

/* ---- mistakes ------------------------------------------------------------------------------------------------ */

typedef struct lsn_mistake {
    bool in_option;
    int line, column;
    size_t order; /* in which they were found */
    char *text;   /* with its place */
} lsn_mistake;

typedef struct lsn_mistakes {
    const char *path; /* of the study file */
    lsn_mistake *list;
    size_t count, room;
    lsn_error failure; /* code LSN_OK unless something failed that is no mistake of the study */
} lsn_mistakes;

/* Adds a mistake at a node (NULL: in the file as a whole); always returns false. */
bool lsn_mistake_at(lsn_mistakes *mistakes, const lsn_node *at, const char *format, ...) LSN_PRINTF(3, 4);
/* Adds what `err` says at a node if it is LSN_INVALID; otherwise it becomes the failure. Returns false. */
bool lsn_mistake_from(lsn_mistakes *mistakes, const lsn_node *at, const lsn_error *err);
/* Hands the mistakes over by line, those of options last. */
void lsn_mistakes_report(lsn_mistakes *mistakes, lsn_problems *problems);
void lsn_mistakes_finish(lsn_mistakes *mistakes);

#define LSN_SHOWN_BYTES 72
/* A value as it is shown in a message: in quotes, on one line, cut where it is long. Returns `shown`. */
const char *lsn_shown(const char *text, char shown[LSN_SHOWN_BYTES]);

/* ---- from text to tree --------------------------------------------------------------------------------------- */

/* Reads one YAML document into *root (NULL where there is none). `origin` as in lsn_node. Refuses what could make
 * reading a small file expensive: deep nesting, large maps, aliases that expand into too many nodes. */
bool lsn_yaml_read(const char *text, size_t bytes, const char *origin, lsn_arena *arena, lsn_mistakes *mistakes,
                   lsn_node **root);

/* Puts the environment's values for ${NAME} and ${NAME:-default} in all scalars but keys; $${ gives ${. */
bool lsn_variables_expand(lsn_node *root, lsn_arena *arena, lsn_mistakes *mistakes);

/* Applies "key.path=value" to the tree. A step of the path is a key of a map (made where it is missing), an
 * experiment's name or an index in a list. */
bool lsn_override_apply(lsn_node **root, const char *override, lsn_arena *arena, lsn_mistakes *mistakes);

/* A new node of a kind, placed where `like` is. */
lsn_node *lsn_node_create(lsn_arena *arena, lsn_node_kind kind, const lsn_node *like, lsn_error *err);
/* Adds an item to a list, or (key != NULL) a pair to a map. */
bool lsn_node_append(lsn_arena *arena, lsn_node *parent, lsn_node *key, lsn_node *item, lsn_error *err);
/* The place of a key in a map; -1 where there is none. */
int lsn_node_find(const lsn_node *map, const char *key);

/* ---- located access ------------------------------------------------------------------------------------------ */

/* A word list ended by NULL. */
typedef const char *const *lsn_words;

/* The value of a key, NULL where it is missing. */
const lsn_node *lsn_node_get(const lsn_node *map, const char *key);
/* The same; a missing key is a mistake of the map, with what would be right ("give ..."), unless lsn_read_map found one
 * that was meant to be it. */
const lsn_node *lsn_node_need(lsn_mistakes *mistakes, const lsn_node *map, const char *key, const char *remedy);

/* "a list", "a map", "the text "x"", "empty". */
const char *lsn_node_describe(const lsn_node *node, char shown[LSN_SHOWN_BYTES]);

/* Whether a node is a map with keys in `known` only. An unknown key is a mistake, but the rest can still be read: false
 * is only for what is no map. */
bool lsn_read_map(lsn_mistakes *mistakes, const lsn_node *node, const char *what, const char *right, lsn_words known);
/* Whether lsn_read_map found an unknown key: what seems to be missing is then probably it. */
bool lsn_has_unknown_key(const lsn_node *map);
/* A text that is not empty. */
bool lsn_read_text(lsn_mistakes *mistakes, const lsn_node *node, const char *what, const char **text);
/* A text of A-Z a-z 0-9 . _ - only, of at most 200 bytes: it becomes part of a file name. */
bool lsn_read_name(lsn_mistakes *mistakes, const lsn_node *node, const char *what, const char **name);
bool lsn_read_whole(lsn_mistakes *mistakes, const lsn_node *node, const char *what, int64_t low, int64_t high,
                    int64_t *value);
/* A finite number. */
bool lsn_read_real(lsn_mistakes *mistakes, const lsn_node *node, const char *what, double *value);
/* The place of a word in `known`; -1, and a mistake, where it is not there. */
int lsn_read_word(lsn_mistakes *mistakes, const lsn_node *node, const char *what, lsn_words known);

/* A value that may stand alone or in a list: how many there are, at least one; 0, and a mistake, where it is a map or
 * an empty list. */
int lsn_read_count(lsn_mistakes *mistakes, const lsn_node *node, const char *what, const char *right);
const lsn_node *lsn_node_item(const lsn_node *node, int i);

/* A finite number in decimal notation, nothing around it. */
bool lsn_real_parse(const char *text, double *value);
/* "7" or "0..9", nothing around it: low <= high is not checked. At most 18 digits each. */
bool lsn_number_range_parse(const char *text, int64_t *low, int64_t *high);

#endif
