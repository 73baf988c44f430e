/* What a pickle's calls make: the few that a state dict needs. */
#include "formats/pickle_globals.h"
#include "formats/pickle_machine.h"

enum { LONGEST_NAME = 100, MOST_ARGUMENTS = 8 };

/* For a message: what is not printable becomes '?'. */
static const char *printable(char *to, const char *name, size_t bytes)
{
    size_t count = bytes < LONGEST_NAME ? bytes : LONGEST_NAME;
    for (size_t i = 0; i < count; i++)
        to[i] = (unsigned char)name[i] < 0x20 || (unsigned char)name[i] >= 0x7f ? '?' : name[i];
    to[count] = '\0';
    return to;
}

/* Whether a name that comes now is the class of the object that the whole file is: where it is the first thing of all,
 * or (in the old format) of a persistent id ('module', class, file, source), which is the first thing of all. */
static bool is_whole_object(const lsn_machine *m)
{
    return m->depth == 0 || (m->depth == 2 && m->stack[0] == MACHINE_MARK && m->stack[1] != MACHINE_MARK &&
                             lsn_pickle_is_text(m->pickle, machine_value(m, m->stack[1]), "module"));
}

bool machine_global(lsn_machine *m, const char *module, size_t module_bytes, const char *name, size_t name_bytes)
{
    char in[LONGEST_NAME + 1], of[LONGEST_NAME + 1];
    int global = lsn_global_find(module, module_bytes, name, name_bytes);
    if (global >= 0)
        return machine_push_new(m, (lsn_pickle_value){.kind = LSN_PICKLE_GLOBAL, .global = (uint8_t)global});
    printable(in, module, module_bytes);
    printable(of, name, name_bytes);
    if (is_whole_object(m))
        return lsn_fail_at(
            m->err, LSN_INVALID, m->path,
            "holds a whole pickled object of class %s.%s, not a state dict. Only Python can read it, by running what "
            "it says; if you trust it: python -c \"import torch; torch.save(torch.load('%s', map_location='cpu', "
            "weights_only=False).state_dict(), 'weights.pth')\"",
            in, of, m->path);
    return lsn_fail_at(
        m->err, LSN_INVALID, m->path,
        "holds an object of %s.%s besides tensors and plain values; nothing of Python's is run here. Keep the state "
        "dict alone; if you trust the file: python -c \"import torch; torch.save(torch.load('%s', map_location='cpu', "
        "weights_only=False)['state_dict'], 'weights.pth')\" (or ['model'], or .state_dict() of a whole model)",
        in, of, m->path);
}

/* The items of a tuple; false where it is none, or has fewer than `least` or more than `most` items. */
static bool unpack(const lsn_machine *m, lsn_pickle_ref ref, uint32_t least, uint32_t most, lsn_pickle_ref *items)
{
    const lsn_pickle_value *tuple = machine_value(m, ref);
    if (tuple->kind != LSN_PICKLE_TUPLE || tuple->as.items.count < least || tuple->as.items.count > most)
        return false;
    uint32_t link = tuple->as.items.first;
    for (uint32_t i = 0; i < tuple->as.items.count; i++) {
        items[i] = m->pickle->links[link].value;
        link = m->pickle->links[link].next;
    }
    return true;
}

static bool is_kind(const lsn_machine *m, lsn_pickle_ref ref, lsn_pickle_kind kind)
{
    return machine_value(m, ref)->kind == kind;
}

/* ---- calls --------------------------------------------------------------------------------------------------- */

/* Makes a dict of a list of lists of a key and a value, which is how Python 2 writes an OrderedDict. The list itself
 * becomes the dict, so that nothing is copied, however often it is used. */
static bool turn_into_dict(lsn_machine *m, lsn_pickle_ref list)
{
    lsn_pickle *p = m->pickle;
    uint32_t last = LSN_PICKLE_END, next;
    for (uint32_t key = machine_value(m, list)->as.items.first; key != LSN_PICKLE_END; key = next) {
        const lsn_pickle_value *pair = machine_value(m, p->links[key].value);
        if (pair->kind != LSN_PICKLE_LIST || pair->as.items.count != 2)
            return machine_damaged(m, "an OrderedDict is not made of pairs");
        if (!lsn_grow((void **)&p->links, p->n_links, &p->links_room, sizeof *p->links, m->err))
            return false;
        lsn_pickle_link first = p->links[pair->as.items.first];
        last = (uint32_t)p->n_links++; /* a pair took five bytes of the program, or two to be recalled */
        next = p->links[key].next;
        p->links[last] = (lsn_pickle_link){.value = p->links[first.next].value, .next = next};
        p->links[key] = (lsn_pickle_link){.value = first.value, .next = last};
    }
    lsn_pickle_value *dict = machine_value(m, list);
    dict->kind = LSN_PICKLE_DICT;
    dict->as.items.count *= 2;
    dict->as.items.last = last;
    return true;
}

static bool make_dict(lsn_machine *m, lsn_pickle_ref arguments)
{
    lsn_pickle_ref items[1];
    if (unpack(m, arguments, 0, 0, items))
        return machine_push_new(m, machine_container(LSN_PICKLE_DICT));
    if (!unpack(m, arguments, 1, 1, items) || !is_kind(m, items[0], LSN_PICKLE_LIST))
        return machine_damaged(m, "an OrderedDict is made of other arguments than a list of pairs");
    return turn_into_dict(m, items[0]) && machine_push(m, items[0]);
}

static bool make_size(lsn_machine *m, lsn_pickle_ref arguments)
{
    lsn_pickle_ref items[1];
    if (!unpack(m, arguments, 1, 1, items) || !is_kind(m, items[0], LSN_PICKLE_TUPLE))
        return machine_damaged(m, "a Size is not made of a tuple");
    return machine_push(m, items[0]);
}

/* Storage, offset, sizes, strides. */
static bool describe_tensor(lsn_machine *m, const lsn_pickle_ref *items, lsn_pickle_value *tensor)
{
    if (!is_kind(m, items[0], LSN_PICKLE_STORAGE) || !is_kind(m, items[1], LSN_PICKLE_INT) ||
        !is_kind(m, items[2], LSN_PICKLE_TUPLE) || !is_kind(m, items[3], LSN_PICKLE_TUPLE))
        return false;
    *tensor = (lsn_pickle_value){.kind = LSN_PICKLE_TENSOR};
    tensor->as.tensor.storage = items[0];
    tensor->as.tensor.offset = items[1];
    tensor->as.tensor.size = items[2];
    tensor->as.tensor.stride = items[3];
    return true;
}

/* What describes a tensor; in version 2 also requires_grad, hooks, and later metadata. */
static bool make_tensor(lsn_machine *m, lsn_pickle_ref arguments, uint32_t least, uint32_t most)
{
    lsn_pickle_ref items[MOST_ARGUMENTS];
    lsn_pickle_value tensor;
    if (!unpack(m, arguments, least, most, items) || !describe_tensor(m, items, &tensor))
        return machine_damaged(m, "a tensor is not described as torch.save does");
    return machine_push_new(m, tensor);
}

/* A tensor, and up to two things that do not matter here. */
static bool make_parameter(lsn_machine *m, lsn_pickle_ref arguments, uint32_t least)
{
    lsn_pickle_ref items[MOST_ARGUMENTS];
    if (!unpack(m, arguments, least, 3, items) || !is_kind(m, items[0], LSN_PICKLE_TENSOR))
        return machine_damaged(m, "a parameter is not described as torch.save does");
    return machine_push(m, items[0]);
}

static bool make_object(lsn_machine *m, lsn_pickle_ref arguments)
{
    lsn_pickle_ref items[1];
    if (unpack(m, arguments, 0, 0, items))
        return machine_push_new(m, (lsn_pickle_value){.kind = LSN_PICKLE_UNFILLED});
    return make_parameter(m, arguments, 1);
}

bool machine_reduce(lsn_machine *m)
{
    lsn_pickle_ref arguments, callee;
    if (!machine_pop(m, &arguments) || !machine_pop(m, &callee))
        return false;
    if (!is_kind(m, callee, LSN_PICKLE_GLOBAL))
        return machine_damaged(m, "a value is called that cannot be");
    switch (lsn_global_role_of(machine_value(m, callee)->global)) {
    case LSN_GLOBAL_DICT:
        return make_dict(m, arguments);
    case LSN_GLOBAL_SIZE:
        return make_size(m, arguments);
    case LSN_GLOBAL_TENSOR:
        return make_tensor(m, arguments, 6, 7);
    case LSN_GLOBAL_TENSOR_V1:
        return make_tensor(m, arguments, 4, 4);
    case LSN_GLOBAL_PARAMETER:
        return make_parameter(m, arguments, 3);
    case LSN_GLOBAL_CLASS:
        return make_object(m, arguments);
    case LSN_GLOBAL_STORAGE:
        break;
    }
    return machine_damaged(m, "a storage is made without a persistent id");
}

/* ---- storages ------------------------------------------------------------------------------------------------ */

/* None, or (in the old format) which part of the storage is meant: (key, offset, elements). */
static bool describe_view(const lsn_machine *m, lsn_pickle_ref view, lsn_pickle_value *storage)
{
    lsn_pickle_ref items[3];
    if (is_kind(m, view, LSN_PICKLE_NONE))
        return true;
    if (!unpack(m, view, 3, 3, items) || !is_kind(m, items[1], LSN_PICKLE_INT) || !is_kind(m, items[2], LSN_PICKLE_INT))
        return false;
    storage->as.storage.view_offset = items[1];
    storage->as.storage.view_elements = items[2];
    return true;
}

/* ('storage', class, key, location, elements), and in the old format a view */
bool machine_persistent(lsn_machine *m)
{
    lsn_pickle_ref id, items[6];
    if (!machine_pop(m, &id))
        return false;
    if (!unpack(m, id, 5, 6, items) || !is_kind(m, items[0], LSN_PICKLE_TEXT) ||
        !is_kind(m, items[1], LSN_PICKLE_GLOBAL) || !is_kind(m, items[2], LSN_PICKLE_TEXT) ||
        !is_kind(m, items[4], LSN_PICKLE_INT))
        return machine_damaged(m, "a persistent id does not describe a storage");
    int class = machine_value(m, items[1])->global;
    lsn_pickle_value storage = {.kind = LSN_PICKLE_STORAGE, .global = (uint8_t) class};
    storage.as.storage.key = items[2];
    storage.as.storage.elements = items[4];
    storage.as.storage.view_offset = storage.as.storage.view_elements = LSN_PICKLE_END;
    if (!lsn_pickle_is_text(m->pickle, machine_value(m, items[0]), "storage") ||
        lsn_global_role_of(class) != LSN_GLOBAL_STORAGE ||
        (machine_value(m, id)->as.items.count == 6 && !describe_view(m, items[5], &storage)))
        return machine_damaged(m, "a persistent id does not describe a storage");
    return machine_push_new(m, storage);
}

/* ---- what objects are filled with ---------------------------------------------------------------------------- */

/* A tensor is filled with what describes it; a parameter with its tensor, gradient, hooks, requires_grad, volatile. */
static bool fill(lsn_machine *m, lsn_pickle_ref object, lsn_pickle_ref state)
{
    lsn_pickle_ref items[MOST_ARGUMENTS];
    lsn_pickle_value tensor;
    if (unpack(m, state, 5, 5, items) && is_kind(m, items[0], LSN_PICKLE_TENSOR))
        tensor = *machine_value(m, items[0]);
    else if (!unpack(m, state, 4, 4, items) || !describe_tensor(m, items, &tensor))
        return machine_damaged(m, "a tensor is not filled as torch.save does");
    *machine_value(m, object) = tensor;
    return true;
}

bool machine_build(lsn_machine *m)
{
    lsn_pickle_ref state, object, items[MOST_ARGUMENTS];
    if (!machine_pop(m, &state) || !machine_pop(m, &object) || !machine_push(m, object))
        return false;
    if (is_kind(m, object, LSN_PICKLE_UNFILLED))
        return fill(m, object, state);
    if (is_kind(m, object, LSN_PICKLE_DICT) ||
        (is_kind(m, object, LSN_PICKLE_TENSOR) && unpack(m, state, 3, 3, items))) /* requires_grad, volatile, hooks */
        return true;
    return machine_damaged(m, "a value has attributes that has none");
}
