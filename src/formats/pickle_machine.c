/* A pickle's machine: its stack, its memo, and the values on them. */
#include "formats/pickle_machine.h"

#include <assert.h>
#include <string.h>

bool machine_damaged(lsn_machine *m, const char *what)
{
    return lsn_fail_at(m->err, LSN_INVALID, m->path, "%s at byte %zu: %s; write the checkpoint again with torch.save",
                       m->name, m->at, what);
}

bool machine_cut(lsn_machine *m)
{
    if (m->bytes < LSN_PICKLE_LARGEST)
        return machine_damaged(m, "is cut short");
    return lsn_fail_at(m->err, LSN_INVALID, m->path,
                       "%s is damaged, or longer than %zu bytes, the most that are read: keep the state dict alone",
                       m->name, LSN_PICKLE_LARGEST);
}

const unsigned char *machine_take(lsn_machine *m, uint64_t bytes)
{
    if (bytes > m->bytes - m->at) {
        machine_cut(m);
        return NULL;
    }
    const unsigned char *taken = m->pickle->data + m->at;
    m->at += (size_t)bytes;
    return taken;
}

const unsigned char *machine_take_line(lsn_machine *m, size_t *bytes)
{
    const unsigned char *line = m->pickle->data + m->at;
    const unsigned char *end = m->at < m->bytes ? memchr(line, '\n', m->bytes - m->at) : NULL;
    if (end == NULL) {
        machine_cut(m);
        return NULL;
    }
    *bytes = (size_t)(end - line);
    m->at += *bytes + 1;
    return line;
}

bool machine_take_number(lsn_machine *m, int bytes, uint64_t *number)
{
    const unsigned char *taken = machine_take(m, (uint64_t)bytes);
    if (taken == NULL)
        return false;
    *number = 0;
    for (int i = 0; i < bytes; i++)
        *number |= (uint64_t)taken[i] << (8 * i);
    return true;
}

lsn_pickle_value *machine_value(const lsn_machine *m, lsn_pickle_ref ref)
{
    assert(ref < m->pickle->n_values);
    return &m->pickle->values[ref];
}

bool machine_make(lsn_machine *m, lsn_pickle_value value, lsn_pickle_ref *ref)
{
    lsn_pickle *p = m->pickle;
    if (!lsn_grow((void **)&p->values, p->n_values, &p->values_room, sizeof *p->values, m->err))
        return false;
    *ref = (lsn_pickle_ref)p->n_values; /* at most LSN_PICKLE_LARGEST, one for each byte */
    p->values[p->n_values++] = value;
    return true;
}

bool machine_push(lsn_machine *m, lsn_pickle_ref ref)
{
    if (!lsn_grow((void **)&m->stack, m->depth, &m->stack_room, sizeof *m->stack, m->err))
        return false;
    m->stack[m->depth++] = ref;
    return true;
}

bool machine_push_new(lsn_machine *m, lsn_pickle_value value)
{
    lsn_pickle_ref ref;
    return machine_make(m, value, &ref) && machine_push(m, ref);
}

bool machine_pop(lsn_machine *m, lsn_pickle_ref *ref)
{
    if (m->depth == 0 || m->stack[m->depth - 1] == MACHINE_MARK)
        return machine_damaged(m, "a value is missing");
    *ref = m->stack[--m->depth];
    return true;
}

bool machine_find_mark(lsn_machine *m, size_t *first)
{
    *first = m->depth;
    while (*first > 0 && m->stack[*first - 1] != MACHINE_MARK)
        (*first)--;
    return *first > 0 || machine_damaged(m, "a mark is missing");
}

bool machine_append(lsn_machine *m, lsn_pickle_ref to, size_t first)
{
    lsn_pickle *p = m->pickle;
    for (size_t i = first; i < m->depth; i++) {
        if (!lsn_grow((void **)&p->links, p->n_links, &p->links_room, sizeof *p->links, m->err))
            return false;
        uint32_t link = (uint32_t)p->n_links; /* at most one for each byte of the program */
        lsn_pickle_value *value = machine_value(m, to);
        p->links[p->n_links++] = (lsn_pickle_link){.value = m->stack[i], .next = LSN_PICKLE_END};
        if (value->as.items.count++ == 0)
            value->as.items.first = link;
        else
            p->links[value->as.items.last].next = link;
        value->as.items.last = link;
    }
    m->depth = first;
    return true;
}

lsn_pickle_value machine_container(lsn_pickle_kind kind)
{
    return (lsn_pickle_value){.kind = (uint8_t)kind,
                              .as.items = {.first = LSN_PICKLE_END, .last = LSN_PICKLE_END, .count = 0}};
}
