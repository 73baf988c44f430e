/* --set key.path=value. */
#include "study/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct setting {
    lsn_node here; /* where its mistakes are */
    lsn_reading *in;
} setting;

static const char *experiment_name(const lsn_node *item)
{
    const lsn_node *name = item->kind == LSN_MAP ? lsn_node_get(item, "name") : NULL;
    return name != NULL && name->kind == LSN_SCALAR ? name->text : "";
}

/* Names may contain dots: the longest that begins the path is meant. -1 where none does. */
static int find_experiment(const lsn_node *list, const char *path, size_t *length)
{
    int found = -1;
    *length = 0;
    for (int i = 0; i < list->count; i++) {
        const char *name = experiment_name(list->items[i]);
        size_t n = strlen(name);
        if (n > *length && strncmp(path, name, n) == 0 && (path[n] == '.' || path[n] == '\0')) {
            found = i;
            *length = n;
        }
    }
    return found;
}

static int find_index(const lsn_node *list, const char *path, size_t length)
{
    if (length == 0 || length > 6 || strspn(path, "0123456789") != length)
        return -1;
    int index = atoi(path); /* ends at the dot */
    return index < list->count ? index : -1;
}

static bool fail_in_list(const setting *set, const lsn_node *list, const char *step)
{
    char shown[LSN_SHOWN_BYTES], all[512] = "";
    size_t used = 0;
    for (int i = 0; i < list->count && used < sizeof all; i++) {
        const char *name = experiment_name(list->items[i]);
        if (name[0] != '\0')
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used == 0 ? ", or a name: " : ", ", name);
    }
    if (list->count == 0)
        return lsn_mistake_at(set->in, &set->here, "there is no element %s: the list is empty", lsn_shown(step, shown));
    return lsn_mistake_at(set->in, &set->here, "there is no element %s in this list; give an index, 0..%d%s",
                          lsn_shown(step, shown), list->count - 1, all);
}

/* One step down: the place of the value, made where it is missing. *length is the step's in the path. */
static lsn_node **step_down(const setting *set, lsn_node *parent, const char *path, size_t *length)
{
    *length = strcspn(path, ".");
    char *step = lsn_keep_text(set->in, path, *length);
    if (step == NULL)
        return NULL;
    if (parent->kind == LSN_LIST) {
        size_t name_length;
        int i = find_experiment(parent, path, &name_length);
        if (i >= 0)
            *length = name_length;
        else
            i = find_index(parent, path, *length);
        if (i < 0)
            fail_in_list(set, parent, step);
        return i < 0 ? NULL : &parent->items[i];
    }
    int i = lsn_node_find(parent, step);
    if (i < 0) {
        lsn_node *key = lsn_node_create(set->in, LSN_SCALAR, &set->here);
        if (key == NULL || !lsn_node_append(set->in, parent, key, NULL))
            return NULL;
        key->text = step;
        i = parent->count - 1;
    }
    return &parent->items[i];
}

/* Sets `value` at the path below *root. What stands in the way and has no keys (`take: all`) is replaced by a map. */
static bool set_value(const setting *set, lsn_node **root, const char *path, lsn_node *value)
{
    lsn_node **slot = root;
    for (;;) {
        if (*slot == NULL || (*slot)->kind == LSN_SCALAR)
            *slot = lsn_node_create(set->in, LSN_MAP, &set->here);
        size_t length = 0;
        slot = *slot == NULL ? NULL : step_down(set, *slot, path, &length);
        if (slot == NULL)
            return false;
        if (path[length] == '\0')
            break;
        path += length + 1;
    }
    *slot = value;
    return true;
}

static bool path_is_whole(const char *path)
{
    size_t length = strlen(path);
    return length > 0 && path[0] != '.' && path[length - 1] != '.' && strstr(path, "..") == NULL;
}

/* The option as it is shown in messages, on one line. */
static const char *show_option(lsn_reading *in, const char *override)
{
    lsn_text text = {0};
    lsn_text_add(&text, "--set %s", override);
    char *shown = lsn_arena_keep(in->arena, &text, &in->failure);
    for (char *c = shown; c != NULL && *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    return shown;
}

bool lsn_override_apply(lsn_reading *in, lsn_node **root, const char *override)
{
    const char *origin = show_option(in, override);
    if (origin == NULL)
        return false;
    setting set = {.here = {.origin = origin}, .in = in};
    const char *equals = strchr(override, '=');
    char *path = lsn_keep_text(in, override, equals == NULL ? 0 : (size_t)(equals - override));
    if (path == NULL)
        return false;
    if (!path_is_whole(path))
        return lsn_mistake_at(in, &set.here, "expected key.path=value, such as data.take.count=100");
    lsn_node *value;
    if (!lsn_yaml_read(in, equals + 1, strlen(equals + 1), origin, &value))
        return false;
    if (value == NULL)
        value = lsn_node_create(in, LSN_SCALAR, &set.here);
    return value != NULL && set_value(&set, root, path, value);
}
