/* The instructions. Their codes and operands are those of Python's pickletools, which documents them. */
#include "formats/pickle.h"

#include "formats/pickle_machine.h"

#include <stdlib.h>

enum { LOWEST_PROTOCOL = 2, HIGHEST_PROTOCOL = 5, FRAME_BYTES = 8, WHOLE_BYTES = 8 };

/* Instructions that differ in an operand's width, or in what they make, share a function. */
typedef bool instruction(lsn_machine *m, int operand);

/* ---- plain values -------------------------------------------------------------------------------------------- */

static bool push_plain(lsn_machine *m, int kind)
{
    return machine_push_new(m, (lsn_pickle_value){.kind = (uint8_t)kind});
}

static bool push_bool(lsn_machine *m, int value)
{
    return machine_push_new(m, (lsn_pickle_value){.kind = LSN_PICKLE_BOOL, .as.number = value});
}

static bool push_container(lsn_machine *m, int kind)
{
    return machine_push_new(m, machine_container((lsn_pickle_kind)kind));
}

/* Without sign, of 1 or 2 bytes. */
static bool push_int(lsn_machine *m, int bytes)
{
    uint64_t number;
    return machine_take_number(m, bytes, &number) &&
           machine_push_new(m, (lsn_pickle_value){.kind = LSN_PICKLE_INT, .as.number = (int64_t)number});
}

static bool push_int_32(lsn_machine *m, int bytes)
{
    uint64_t number;
    return machine_take_number(m, bytes, &number) &&
           machine_push_new(m, (lsn_pickle_value){.kind = LSN_PICKLE_INT, .as.number = (int32_t)(uint32_t)number});
}

/* A whole number of any size, as bytes behind their count; two's complement. */
static bool push_long(lsn_machine *m, int count_bytes)
{
    uint64_t count, number = 0;
    const unsigned char *taken;
    if (!machine_take_number(m, count_bytes, &count) || (taken = machine_take(m, count)) == NULL)
        return false;
    if (count > WHOLE_BYTES)
        return push_plain(m, LSN_PICKLE_NUMBER);
    if (count > 0 && taken[count - 1] >= 0x80)
        number = UINT64_MAX;
    for (uint64_t i = count; i-- > 0;)
        number = number << 8 | taken[i];
    return machine_push_new(m, (lsn_pickle_value){.kind = LSN_PICKLE_INT, .as.number = (int64_t)number});
}

/* A line of digits: Python 2's way with whole numbers of more than 32 bits. */
static bool push_line(lsn_machine *m, int unused)
{
    (void)unused;
    enum { MOST_DIGITS = 18 }; /* of which any number fits */
    size_t bytes;
    const unsigned char *line = machine_take_line(m, &bytes);
    if (line == NULL)
        return false;
    bool negative = bytes > 0 && line[0] == '-';
    int64_t number = 0;
    if (bytes == negative || bytes > MOST_DIGITS)
        return machine_damaged(m, "a line should be a whole number of 1 to 18 characters");
    for (size_t i = negative; i < bytes; i++) {
        if (line[i] < '0' || line[i] > '9')
            return machine_damaged(m, "a line should be a whole number of 1 to 18 characters");
        number = 10 * number + (line[i] - '0');
    }
    return machine_push_new(m, (lsn_pickle_value){.kind = LSN_PICKLE_INT, .as.number = negative ? -number : number});
}

static bool push_float(lsn_machine *m, int bytes)
{
    return machine_take(m, (uint64_t)bytes) != NULL && push_plain(m, LSN_PICKLE_NUMBER);
}

static bool push_string(lsn_machine *m, int count_bytes, lsn_pickle_kind kind)
{
    uint64_t count;
    if (!machine_take_number(m, count_bytes, &count))
        return false;
    lsn_pickle_value text = {.kind = (uint8_t)kind};
    text.as.text.at = (uint32_t)m->at;
    text.as.text.bytes = (uint32_t)count; /* fits, where the bytes are there */
    return machine_take(m, count) != NULL && machine_push_new(m, text);
}

static bool push_text(lsn_machine *m, int count_bytes)
{
    return push_string(m, count_bytes, LSN_PICKLE_TEXT);
}

static bool push_bytes(lsn_machine *m, int count_bytes)
{
    return push_string(m, count_bytes, LSN_PICKLE_BYTES);
}

/* ---- containers ---------------------------------------------------------------------------------------------- */

static bool push_mark(lsn_machine *m, int unused)
{
    (void)unused;
    return machine_push(m, MACHINE_MARK);
}

static bool make_tuple(lsn_machine *m, size_t first, size_t mark)
{
    lsn_pickle_ref ref;
    if (!machine_make(m, machine_container(LSN_PICKLE_TUPLE), &ref) || !machine_append(m, ref, first))
        return false;
    m->depth = mark;
    return machine_push(m, ref);
}

static bool push_tuple(lsn_machine *m, int unused)
{
    (void)unused;
    size_t first;
    return machine_find_mark(m, &first) && make_tuple(m, first, first - 1);
}

static bool push_short_tuple(lsn_machine *m, int count)
{
    size_t first = m->depth;
    for (int i = 0; i < count; i++)
        if (first == 0 || m->stack[--first] == MACHINE_MARK)
            return machine_damaged(m, "a tuple lacks items");
    return make_tuple(m, first, first);
}

/* The container below the items that begin at `first`, and below the mark if there is one. */
static bool extend(lsn_machine *m, lsn_pickle_kind kind, size_t first, size_t below)
{
    if (below == 0 || m->stack[below - 1] == MACHINE_MARK || machine_value(m, m->stack[below - 1])->kind != kind)
        return machine_damaged(m, kind == LSN_PICKLE_DICT ? "items are set in what is no dict"
                                                          : "items are appended to what is no list");
    if (kind == LSN_PICKLE_DICT && (m->depth - first) % 2 != 0)
        return machine_damaged(m, "a key has no value");
    lsn_pickle_ref to = m->stack[below - 1];
    bool ok = machine_append(m, to, first);
    m->depth = below;
    return ok;
}

static bool extend_marked(lsn_machine *m, int kind)
{
    size_t first;
    return machine_find_mark(m, &first) && extend(m, (lsn_pickle_kind)kind, first, first - 1);
}

/* One item of a list, or a key and its value of a dict. */
static bool extend_by_one(lsn_machine *m, int kind)
{
    size_t count = kind == LSN_PICKLE_DICT ? 2 : 1;
    if (m->depth <= count)
        return machine_damaged(m, "a value is missing");
    for (size_t i = 1; i <= count; i++)
        if (m->stack[m->depth - i] == MACHINE_MARK)
            return machine_damaged(m, "a value is missing");
    return extend(m, (lsn_pickle_kind)kind, m->depth - count, m->depth - count);
}

/* ---- the memo ------------------------------------------------------------------------------------------------ */

/* A number is never larger than the program is long, so that the memo is not either. */
static bool remember(lsn_machine *m, uint64_t number)
{
    if (m->depth == 0 || m->stack[m->depth - 1] == MACHINE_MARK)
        return machine_damaged(m, "nothing is there to be remembered");
    if (number >= m->bytes)
        return machine_damaged(m, "a value is remembered under a number that is too large");
    while (m->memo_count <= number) {
        if (!lsn_grow((void **)&m->memo, m->memo_count, &m->memo_room, sizeof *m->memo, m->err))
            return false;
        m->memo[m->memo_count++] = MACHINE_NOTHING;
    }
    m->memo[number] = m->stack[m->depth - 1];
    return true;
}

static bool put(lsn_machine *m, int bytes)
{
    uint64_t number;
    return machine_take_number(m, bytes, &number) && remember(m, number);
}

static bool memoize(lsn_machine *m, int unused)
{
    (void)unused;
    return remember(m, m->memo_count);
}

static bool get(lsn_machine *m, int bytes)
{
    uint64_t number;
    if (!machine_take_number(m, bytes, &number))
        return false;
    if (number >= m->memo_count || m->memo[number] == MACHINE_NOTHING)
        return machine_damaged(m, "a value is recalled that was not remembered");
    return machine_push(m, m->memo[number]);
}

/* ---- objects and the program itself -------------------------------------------------------------------------- */

/* Module and name as two lines. */
static bool push_global(lsn_machine *m, int unused)
{
    (void)unused;
    const char *lines[2];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        lines[i] = (const char *)machine_take_line(m, &bytes[i]);
        if (lines[i] == NULL)
            return false;
    }
    return machine_global(m, lines[0], bytes[0], lines[1], bytes[1]);
}

static bool push_stack_global(lsn_machine *m, int unused)
{
    (void)unused;
    lsn_pickle_ref module, name;
    if (!machine_pop(m, &name) || !machine_pop(m, &module))
        return false;
    const lsn_pickle_value *in = machine_value(m, module), *of = machine_value(m, name);
    if (in->kind != LSN_PICKLE_TEXT || of->kind != LSN_PICKLE_TEXT)
        return machine_damaged(m, "a name is no text");
    const char *text = (const char *)m->pickle->data;
    return machine_global(m, text + in->as.text.at, in->as.text.bytes, text + of->as.text.at, of->as.text.bytes);
}

static bool call(lsn_machine *m, int unused)
{
    (void)unused;
    return machine_reduce(m);
}

static bool build(lsn_machine *m, int unused)
{
    (void)unused;
    return machine_build(m);
}

static bool persistent(lsn_machine *m, int unused)
{
    (void)unused;
    return machine_persistent(m);
}

static bool begin_frame(lsn_machine *m, int bytes)
{
    uint64_t length;
    if (!machine_take_number(m, bytes, &length))
        return false;
    return length <= m->bytes - m->at || machine_cut(m);
}

static bool set_protocol(lsn_machine *m, int bytes)
{
    uint64_t protocol;
    if (!machine_take_number(m, bytes, &protocol))
        return false;
    return (protocol >= LOWEST_PROTOCOL && protocol <= HIGHEST_PROTOCOL) ||
           machine_damaged(m, "has a pickle protocol that is not one of 2 to 5");
}

static bool stop(lsn_machine *m, int unused)
{
    (void)unused;
    m->stopped = true;
    m->pickle->bytes = m->at;
    return machine_pop(m, &m->pickle->root) && (m->depth == 0 || machine_damaged(m, "values are left over"));
}

static const struct {
    instruction *run;
    int operand;
} instructions[256] = {
    [0x80] = {set_protocol, 1},
    [0x95] = {begin_frame, FRAME_BYTES},
    ['.'] = {stop, 0},
    ['N'] = {push_plain, LSN_PICKLE_NONE},
    [0x88] = {push_bool, true},
    [0x89] = {push_bool, false},
    ['K'] = {push_int, 1},
    ['M'] = {push_int, 2},
    ['J'] = {push_int_32, 4},
    [0x8a] = {push_long, 1},
    [0x8b] = {push_long, 4},
    ['I'] = {push_line, 0},
    ['G'] = {push_float, 8},
    ['X'] = {push_text, 4},
    [0x8c] = {push_text, 1},
    [0x8d] = {push_text, 8},
    ['U'] = {push_text, 1}, /* Python 2's */
    ['T'] = {push_text, 4},
    ['C'] = {push_bytes, 1},
    ['B'] = {push_bytes, 4},
    [0x8e] = {push_bytes, 8},
    ['}'] = {push_container, LSN_PICKLE_DICT},
    [']'] = {push_container, LSN_PICKLE_LIST},
    [')'] = {push_container, LSN_PICKLE_TUPLE},
    ['('] = {push_mark, 0},
    ['t'] = {push_tuple, 0},
    [0x85] = {push_short_tuple, 1},
    [0x86] = {push_short_tuple, 2},
    [0x87] = {push_short_tuple, 3},
    ['s'] = {extend_by_one, LSN_PICKLE_DICT},
    ['u'] = {extend_marked, LSN_PICKLE_DICT},
    ['a'] = {extend_by_one, LSN_PICKLE_LIST},
    ['e'] = {extend_marked, LSN_PICKLE_LIST},
    ['q'] = {put, 1},
    ['r'] = {put, 4},
    [0x94] = {memoize, 0},
    ['h'] = {get, 1},
    ['j'] = {get, 4},
    ['c'] = {push_global, 0},
    [0x93] = {push_stack_global, 0},
    ['R'] = {call, 0},
    [0x81] = {call, 0},
    ['b'] = {build, 0},
    ['Q'] = {persistent, 0},
};

static bool run(lsn_machine *m)
{
    while (!m->stopped) {
        const unsigned char *code = machine_take(m, 1);
        if (code == NULL)
            return false;
        if (instructions[*code].run == NULL)
            return lsn_fail_at(m->err, LSN_INVALID, m->path,
                               "%s at byte %zu: has the instruction 0x%02x, which torch.save does not write; write the "
                               "checkpoint again with torch.save",
                               m->name, m->at - 1, (unsigned)*code);
        if (!instructions[*code].run(m, instructions[*code].operand))
            return false;
    }
    return true;
}

bool lsn_pickle_read(lsn_pickle *pickle, const unsigned char *data, size_t bytes, const char *path, const char *name,
                     lsn_error *err)
{
    *pickle = (lsn_pickle){.data = data};
    lsn_machine m = {.pickle = pickle, .path = path, .name = name, .err = err};
    m.bytes = bytes < LSN_PICKLE_LARGEST ? bytes : LSN_PICKLE_LARGEST;
    bool ok = run(&m);
    free(m.stack);
    free(m.memo);
    if (!ok)
        lsn_pickle_finish(pickle);
    return ok;
}

void lsn_pickle_finish(lsn_pickle *pickle)
{
    free(pickle->values);
    free(pickle->links);
    *pickle = (lsn_pickle){0};
}
