/* Making nodes, putting them together, finding them again. */
#include "study/tree.h"

#include <string.h>

lsn_node *lsn_node_create(lsn_reading *in, lsn_node_kind kind, const lsn_node *like)
{
    lsn_node *node = lsn_keep(in, 1, sizeof *node);
    if (node != NULL)
        *node =
            (lsn_node){.kind = kind, .line = like->line, .column = like->column, .origin = like->origin, .text = ""};
    return node;
}

/* Doubles the room of a pointer array. The old one stays in the arena: together not more than the new one. */
static bool widen(lsn_reading *in, lsn_node ***array, int count, int room)
{
    lsn_node **wide = lsn_keep(in, (size_t)room, sizeof *wide);
    if (wide == NULL)
        return false;
    if (count > 0)
        memcpy(wide, *array, (size_t)count * sizeof *wide);
    *array = wide;
    return true;
}

bool lsn_node_append(lsn_reading *in, lsn_node *parent, lsn_node *key, lsn_node *item)
{
    if (parent->count == parent->room) {
        int room = parent->room < 4 ? 4 : 2 * parent->room;
        if (!widen(in, &parent->items, parent->count, room) ||
            (key != NULL && !widen(in, &parent->keys, parent->count, room)))
            return false;
        parent->room = room;
    }
    parent->items[parent->count] = item;
    if (key != NULL)
        parent->keys[parent->count] = key;
    parent->count++;
    return true;
}

int lsn_node_find(const lsn_node *map, const char *key)
{
    for (int i = 0; i < map->count; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return i;
    return -1;
}

int lsn_node_order(const lsn_node *a, const lsn_node *b)
{
    return a->line != b->line ? LSN_ORDER(a->line, b->line) : LSN_ORDER(a->column, b->column);
}

const lsn_node *lsn_node_get(const lsn_node *map, const char *key)
{
    int i = lsn_node_find(map, key);
    return i < 0 ? NULL : map->items[i];
}
