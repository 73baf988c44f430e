#include "study/tree.h"

#include <string.h>

lsn_node *lsn_node_create(lsn_arena *arena, lsn_node_kind kind, const lsn_node *like, lsn_error *err)
{
    lsn_node *node = lsn_arena_take(arena, sizeof *node, err);
    if (node != NULL)
        *node =
            (lsn_node){.kind = kind, .line = like->line, .column = like->column, .origin = like->origin, .text = ""};
    return node;
}

/* Doubles the room of a pointer array. The old one stays in the arena: together not more than the new one. */
static bool widen(lsn_arena *arena, lsn_node ***array, int count, int room, lsn_error *err)
{
    lsn_node **wide = lsn_arena_array(arena, (size_t)room, sizeof *wide, err);
    if (wide == NULL)
        return false;
    if (count > 0)
        memcpy(wide, *array, (size_t)count * sizeof *wide);
    *array = wide;
    return true;
}

bool lsn_node_append(lsn_arena *arena, lsn_node *parent, lsn_node *key, lsn_node *item, lsn_error *err)
{
    if (parent->count == parent->room) {
        int room = parent->room < 4 ? 4 : 2 * parent->room;
        if (!widen(arena, &parent->items, parent->count, room, err) ||
            (key != NULL && !widen(arena, &parent->keys, parent->count, room, err)))
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
