/* The machine that a pickle is a program for. Private to the pickle reader. */
#ifndef LESION_FORMATS_PICKLE_MACHINE_H
#define LESION_FORMATS_PICKLE_MACHINE_H

#include "formats/pickle.h"

typedef struct lsn_machine {
    lsn_pickle *pickle;      /* the values made so far */
    const char *path, *name; /* of the file, and of the pickle in it */
    size_t at, bytes;        /* of the program, of which no more are read */
    lsn_pickle_ref *stack;   /* values, and marks */
    lsn_pickle_ref *memo;    /* values by the number they were given; MACHINE_NOTHING where none was */
    size_t depth, stack_room, memo_count, memo_room;
    bool stopped;
    lsn_error *err;
} lsn_machine;

/* In place of a value. */
#define MACHINE_MARK UINT32_MAX
#define MACHINE_NOTHING (UINT32_MAX - 1)

/* All that return bool (or NULL) have set *m->err where they fail. */

/* Fails with "FILE: NAME at byte N: WHAT". */
bool machine_damaged(lsn_machine *m, const char *what);
/* Fails where the program goes on behind the last byte that is read. */
bool machine_cut(lsn_machine *m);
/* The next bytes of the program; NULL where there are fewer. */
const unsigned char *machine_take(lsn_machine *m, uint64_t bytes);
/* The bytes up to the next end of a line, which is taken too; NULL where there is none. */
const unsigned char *machine_take_line(lsn_machine *m, size_t *bytes);
/* A whole number of 1 to 8 of the program's next bytes, without sign. */
bool machine_take_number(lsn_machine *m, int bytes, uint64_t *number);

lsn_pickle_value *machine_value(const lsn_machine *m, lsn_pickle_ref ref);
/* The value is new; the index is valid as long as the pickle, the pointer to a value until the next is made. */
bool machine_make(lsn_machine *m, lsn_pickle_value value, lsn_pickle_ref *ref);
bool machine_push(lsn_machine *m, lsn_pickle_ref ref);
bool machine_push_new(lsn_machine *m, lsn_pickle_value value);
/* Fails where the stack is empty or ends in a mark. */
bool machine_pop(lsn_machine *m, lsn_pickle_ref *ref);
/* Where the values after the last mark begin. */
bool machine_find_mark(lsn_machine *m, size_t *first);
/* Appends the stack's values from `first` on to the items of `to`, and takes them off the stack. */
bool machine_append(lsn_machine *m, lsn_pickle_ref to, size_t first);

lsn_pickle_value machine_container(lsn_pickle_kind kind);

/* ---- objects (pickle_objects.c) ------------------------------------------------------------------------------ */

/* Pushes the global of this name, or fails with what it is and how to do without. */
bool machine_global(lsn_machine *m, const char *module, size_t module_bytes, const char *name, size_t name_bytes);
/* Pops arguments and a global, pushes what the global makes of them. */
bool machine_reduce(lsn_machine *m);
/* Pops a persistent id, a tuple that describes a storage; pushes the storage. */
bool machine_persistent(lsn_machine *m);
/* Pops what the object below is filled with, or its attributes, which are of no interest. */
bool machine_build(lsn_machine *m);

#endif
