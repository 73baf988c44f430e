/* The lock of a database, with a heartbeat: see lock.c. */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "lesion/base.h"

#include <pthread.h>

enum { LOCK_BYTES = 1024 };

/* Whom the kernel's lock on a file keeps out. */
typedef enum lock_reach {
    LOCK_NONE, /* nobody: the file system has none */
    LOCK_HERE, /* processes of this host */
    LOCK_ALL,  /* everybody who can see the file */
} lock_reach;

/* By its name: "none", "host", "all". False where none has it: *reach stays. */
bool lock_reach_named(const char *name, lock_reach *reach);

/* What the file says of its holder. */
typedef struct lock_note {
    char host[128];
    lsn_process process;
    char job[32]; /* of SLURM; "": none */
    char token[40];
    lock_reach reach;
    double every_s; /* its heartbeat */
    long long beat;
} lock_note;

typedef struct database_lock {
    int file; /* -1: not held */
    char *path;
    bool held;
    lock_note mine;
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows, and of mine.beat */
    pthread_cond_t wake;
    bool beating, leave, lost;
    double checked_s;
} database_lock;

/* Keeps everybody else from writing to the database at `path` until lock_release. LSN_FAILED, with who holds it, where
 * another does, unless that one is known to be dead, or `steal` and its heartbeat stands still: see lock.c.
 * The lock must not be moved while it is held. */
bool lock_take(database_lock *lock, const char *path, bool steal, lsn_error *err);
/* Whether it is held still; to be asked before each commit. */
bool lock_check(database_lock *lock, const char *path, lsn_error *err);
/* NULL, and one that was never taken (file -1, path NULL), are accepted. */
void lock_release(database_lock *lock);

#endif
