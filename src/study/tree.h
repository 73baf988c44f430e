/* A study file as a tree of located nodes, before anything in it is understood.
 *
 * Nodes and their texts live in an arena and die with it. Functions that find a mistake add it to the reading and
 * return false; reading goes on elsewhere, so that independent mistakes are all found. Where memory is short, the
 * reading's `failure` is set instead: it ends everything.
 *
 *   arena.c     memory that is released at once
 *   mistakes.c  mistakes: where, in which order, how values are shown in them
 *   yaml.c      YAML text to nodes, by libyaml's events
 *   variables.c ${NAME} in the nodes' texts
 *   override.c  --set key.path=value
 *   node.c      making nodes and finding keys
 *   read.c      what a node should be: a map, a word, a number, a list
 *   lists.c     whole numbers and ranges as text
 */
#ifndef STUDY_TREE_H
#define STUDY_TREE_H

#include "lesion/base.h"

/* ---- arena --------------------------------------------------------------------------------------------------- */

/* Memory that is released at once. Zero-initialised is empty. */
typedef struct lsn_arena {
    struct lsn_chunk *chunks; /* the newest first */
} lsn_arena;

/* `bytes` zeroed bytes, 8-byte aligned; NULL and *err set (LSN_FAILED) where memory is short. */
void *lsn_arena_take(lsn_arena *arena, size_t bytes, lsn_error *err);
/* An array of `count` items of `size` bytes. */
void *lsn_arena_array(lsn_arena *arena, size_t count, size_t size, lsn_error *err);
char *lsn_arena_text(lsn_arena *arena, const char *text, size_t bytes, lsn_error *err);
/* A composed text, which is finished. */
char *lsn_arena_keep(lsn_arena *arena, lsn_text *text, lsn_error *err);
void lsn_arena_finish(lsn_arena *arena);

/* ---- nodes --------------------------------------------------------------------------------------------------- */

typedef enum lsn_node_kind { LSN_SCALAR, LSN_LIST, LSN_MAP } lsn_node_kind;

typedef struct lsn_node {
    lsn_node_kind kind;
    int line, column;        /* 1-based */
    const char *origin;      /* NULL: in the file; otherwise the option it came from, "--set k=v" */
    bool quoted;             /* of a scalar */
    bool wrong;              /* of a scalar: a mistake has been reported here, so that no other needs to be */
    const char *text;        /* of a scalar; never NULL there */
    struct lsn_node **keys;  /* of a map: scalars, each once */
    struct lsn_node **items; /* of a list; of a map: its values */
    int count, room;
} lsn_node;

/* ---- mistakes ------------------------------------------------------------------------------------------------ */

typedef struct lsn_mistake {
    lsn_node place;
    size_t order; /* in which they were found */
    char *text;   /* with its place */
} lsn_mistake;

/* A study that is being read. */
typedef struct lsn_reading {
    const char *path;            /* of the study file */
    lsn_arena *arena;            /* of the tree and of what is read from it */
    struct lsn_study_spec *spec; /* what is read from it (spec.h) */
    lsn_mistake *mistakes;       /* to be freed; their texts are in the arena */
    size_t n_mistakes, room;
    lsn_error failure; /* code LSN_OK unless something failed that is no mistake of the study */
} lsn_reading;

/* Zeroed memory of the reading's arena, `count` items of `size` bytes, and a copy of a text; NULL with in->failure set
 * where memory is short. */
void *lsn_keep(lsn_reading *in, size_t count, size_t size);
char *lsn_keep_text(lsn_reading *in, const char *text, size_t bytes);

/* Adds a mistake at a node (NULL: in the file as a whole); always returns false. */
bool lsn_mistake_at(lsn_reading *in, const lsn_node *at, const char *format, ...) LSN_PRINTF(3, 4);
/* Adds what `err` says at a node if it is LSN_INVALID; otherwise it becomes the failure. Returns false. */
bool lsn_mistake_from(lsn_reading *in, const lsn_node *at, const lsn_error *err);
/* Hands the mistakes over by line, those of options last. */
void lsn_mistakes_report(lsn_reading *in, lsn_problems *problems);

#define LSN_SHOWN_BYTES 72
/* A value as it is shown in a message: in quotes, on one line, cut where it is long. Returns `shown`. */
const char *lsn_shown(const char *text, char shown[LSN_SHOWN_BYTES]);

/* ---- from text to tree --------------------------------------------------------------------------------------- */

/* Reads one YAML document into *root (NULL where there is none). `origin` as in lsn_node. Refuses what could make
 * reading a small file expensive: deep nesting, large maps, aliases that expand into too many nodes. */
bool lsn_yaml_read(lsn_reading *in, const char *text, size_t bytes, const char *origin, lsn_node **root);

/* Puts the environment's values for ${NAME} and ${NAME:-default} in all scalars but keys; $${ gives ${. */
bool lsn_variables_expand(lsn_reading *in, lsn_node *root);

/* Applies "key.path=value" to the tree. A step of the path is a key of a map (made where it is missing), an
 * experiment's name or an index in a list. */
bool lsn_override_apply(lsn_reading *in, lsn_node **root, const char *override);

/* A new node of a kind, placed where `like` is. */
lsn_node *lsn_node_create(lsn_reading *in, lsn_node_kind kind, const lsn_node *like);
/* Adds an item to a list, or (key != NULL) a pair to a map. */
bool lsn_node_append(lsn_reading *in, lsn_node *parent, lsn_node *key, lsn_node *item);
/* The place of a key in a map; -1 where there is none. */
int lsn_node_find(const lsn_node *map, const char *key);

/* ---- located access ------------------------------------------------------------------------------------------ */

/* Words, ended by NULL. */
typedef const char *const *lsn_words;

/* By line and column, as qsort's comparisons. */
int lsn_node_order(const lsn_node *a, const lsn_node *b);
/* The value of a key, NULL where it is missing. */
const lsn_node *lsn_node_get(const lsn_node *map, const char *key);
/* The same; a missing key is a mistake of the map, with what would be right ("give ..."), unless lsn_read_map found one
 * that was meant to be it. */
const lsn_node *lsn_node_need(lsn_reading *in, const lsn_node *map, const char *key, const char *remedy);

/* "a list", "a map", "the text "x"", "empty". */
const char *lsn_node_describe(const lsn_node *node, char shown[LSN_SHOWN_BYTES]);

/* A mistake: "WHAT is VALUE; give RIGHT". Returns false. */
bool lsn_mistake_value(lsn_reading *in, const lsn_node *node, const char *what, const char *right);
/* Whether a node is a map with keys in `known` only. An unknown key is a mistake, but the rest can still be read: false
 * is only for what is no map. */
bool lsn_read_map(lsn_reading *in, const lsn_node *node, const char *what, const char *right, lsn_words known);
/* Whether lsn_read_map found an unknown key: what seems to be missing is then probably it. */
bool lsn_has_unknown_key(const lsn_node *map);
/* A text that is not empty. */
bool lsn_read_text(lsn_reading *in, const lsn_node *node, const char *what, const char **text);
/* A text of A-Z a-z 0-9 . _ - only, of at most 200 bytes: it becomes part of a file name. */
bool lsn_read_name(lsn_reading *in, const lsn_node *node, const char *what, const char **name);
bool lsn_read_whole(lsn_reading *in, const lsn_node *node, const char *what, int64_t low, int64_t high, int64_t *value);
/* The map's `seed`; 0 where there is none. */
bool lsn_read_seed(lsn_reading *in, const lsn_node *map, int64_t *seed);
/* The map's key, true or false; false where there is none. */
bool lsn_read_flag(lsn_reading *in, const lsn_node *map, const char *key);
/* A finite number. */
bool lsn_read_real(lsn_reading *in, const lsn_node *node, const char *what, double *value);
/* The place of a word in `known`; -1, and a mistake, where it is not there. */
int lsn_read_word(lsn_reading *in, const lsn_node *node, const char *what, lsn_words known);

/* A value that may stand alone or in a list: how many there are, at least one; 0, and a mistake, where it is a map or
 * an empty list. */
int lsn_read_count(lsn_reading *in, const lsn_node *node, const char *what, const char *right);
const lsn_node *lsn_node_item(const lsn_node *node, int i);

/* A finite number in decimal notation, nothing around it. */
bool lsn_real_parse(const char *text, double *value);
/* "7" or "0..9", nothing around it: low <= high is not checked. At most 18 digits each. */
bool lsn_number_range_parse(const char *text, int64_t *low, int64_t *high);

#endif
