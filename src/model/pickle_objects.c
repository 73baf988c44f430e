/* What a pickle's calls make: the few that a state dict needs. */
#include "model/pickle_globals.h"
#include "model/pickle_machine.h"

#include <string.h>

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

bool machine_global(lsn_machine *m, const char *module, size_t module_bytes, const char *name, size_t name_bytes)
{
    char in[LONGEST_NAME + 1], of[LONGEST_NAME + 1];
    int global = lsn_global_find(module, module_bytes, name, name_bytes);
    if (global >= 0)
        return machine_push_new(m, (lsn_pickle_value){.kind = LSN_PICKLE_GLOBAL, .global = (uint8_t)global});
    printable(in, module, module_bytes);
    printable(of, name, name_bytes);
    if (m->depth == 0) /* the first thing of all: the file is an object of this class */
        return lsn_fail(
            m->err, LSN_INVALID,
            "%s: holds a whole pickled object of class %s.%s, not a state dict. Only Python can read it, by "
            "running what it says; if you trust it: python -c \"import torch; "
            "torch.save(torch.load('%s', map_location='cpu', weights_only=False).state_dict(), "
            "'weights.pth')\"",
            m->path, in, of, m->path);
    return lsn_fail(m->err, LSN_INVALID,
                    "%s: holds an object of %s.%s besides tensors and plain values; nothing of Python's is run here. "
                    "Keep the state dict alone; if you trust the file: python -c \"import torch; "
                    "torch.save(torch.load('%s', map_location='cpu', weights_only=False)['state_dict'], "
                    "'weights.pth')\" (or ['model'], or .state_dict() of a whole model)",
                    m->path, in, of, m->path);
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

/* Storage, offset, sizes, strides, requires_grad, hooks, and in later versions metadata. */
static bool make_tensor(lsn_machine *m, lsn_pickle_ref arguments)
{
    lsn_pickle_ref items[MOST_ARGUMENTS];
    if (!unpack(m, arguments, 6, 7, items) || !is_kind(m, items[0], LSN_PICKLE_STORAGE) ||
        !is_kind(m, items[1], LSN_PICKLE_INT) || !is_kind(m, items[2], LSN_PICKLE_TUPLE) ||
        !is_kind(m, items[3], LSN_PICKLE_TUPLE))
        return machine_damaged(m, "a tensor is not described as torch.save does");
    lsn_pickle_value tensor = {.kind = LSN_PICKLE_TENSOR};
    tensor.as.tensor.storage = items[0];
    tensor.as.tensor.offset = items[1];
    tensor.as.tensor.size = items[2];
    tensor.as.tensor.stride = items[3];
    return machine_push_new(m, tensor);
}

static bool make_parameter(lsn_machine *m, lsn_pickle_ref arguments)
{
    lsn_pickle_ref items[MOST_ARGUMENTS];
    if (!unpack(m, arguments, 3, 3, items) || !is_kind(m, items[0], LSN_PICKLE_TENSOR))
        return machine_damaged(m, "a parameter is not described as torch.save does");
    return machine_push(m, items[0]);
}

bool machine_reduce(lsn_machine *m)
{
    lsn_pickle_ref arguments, callee, items[1];
    if (!machine_pop(m, &arguments) || !machine_pop(m, &callee))
        return false;
    if (!is_kind(m, callee, LSN_PICKLE_GLOBAL))
        return machine_damaged(m, "a value is called that cannot be");
    switch (lsn_global_role_of(machine_value(m, callee)->global)) {
    case LSN_GLOBAL_DICT:
        if (unpack(m, arguments, 0, 0, items))
            return machine_push_new(m, machine_container(LSN_PICKLE_DICT));
        return machine_damaged(m, "an OrderedDict is made of arguments");
    case LSN_GLOBAL_SIZE:
        if (unpack(m, arguments, 1, 1, items) && is_kind(m, items[0], LSN_PICKLE_TUPLE))
            return machine_push(m, items[0]);
        return machine_damaged(m, "a Size is not made of a tuple");
    case LSN_GLOBAL_TENSOR:
        return make_tensor(m, arguments);
    case LSN_GLOBAL_PARAMETER:
        return make_parameter(m, arguments);
    case LSN_GLOBAL_STORAGE:
        break;
    }
    return machine_damaged(m, "a storage is made without a persistent id");
}

/* ('storage', class, key, location, elements) */
bool machine_persistent(lsn_machine *m)
{
    lsn_pickle_ref id, items[5];
    if (!machine_pop(m, &id))
        return false;
    if (!unpack(m, id, 5, 5, items) || !is_kind(m, items[0], LSN_PICKLE_TEXT) ||
        !is_kind(m, items[1], LSN_PICKLE_GLOBAL) || !is_kind(m, items[2], LSN_PICKLE_TEXT) ||
        !is_kind(m, items[4], LSN_PICKLE_INT))
        return machine_damaged(m, "a persistent id does not describe a storage");
    const lsn_pickle_value *tag = machine_value(m, items[0]);
    int class = machine_value(m, items[1])->global;
    if (tag->as.text.bytes != 7 || memcmp(m->pickle->data + tag->as.text.at, "storage", 7) != 0 ||
        lsn_global_role_of(class) != LSN_GLOBAL_STORAGE)
        return machine_damaged(m, "a persistent id does not describe a storage");
    lsn_pickle_value storage = {.kind = LSN_PICKLE_STORAGE, .global = (uint8_t) class};
    storage.as.storage.key = items[2];
    storage.as.storage.elements = items[4];
    return machine_push_new(m, storage);
}

bool machine_build(lsn_machine *m)
{
    lsn_pickle_ref attributes, object;
    return machine_pop(m, &attributes) &&
           machine_top(m, LSN_PICKLE_DICT, "a value has attributes that has none", &object);
}
