#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A new text "<path><suffix>". */
static char *with_suffix(const char *path, const char *suffix, lsn_error *err)
{
    lsn_text full = {0};
    lsn_text_add(&full, "%s%s", path, suffix);
    if (!full.failed)
        return full.data;
    lsn_text_finish(&full);
    lsn_fail(err, LSN_FAILED, "out of memory: a path could not be composed");
    return NULL;
}

/* ---- folder -------------------------------------------------------------------------------------------------- */

bool place_make_folder(const char *path, lsn_error *err)
{
    char *folder = lsn_strdup(path, err);
    if (folder == NULL)
        return false;
    bool ok = true;
    for (char *slash = strchr(folder + 1, '/'); ok && slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
            int reason = errno;
            struct stat status; /* a read-only file system says so even of a folder that is there */
            if (stat(folder, &status) != 0)
                ok = lsn_fail(err, LSN_FAILED, "%s: the folder %s cannot be made: %s; give another file with --db",
                              path, folder, strerror(reason));
        }
        *slash = '/';
    }
    free(folder);
    return ok;
}

/* ---- lock ---------------------------------------------------------------------------------------------------- */

static bool same_file(int file, const char *path)
{
    struct stat held, named;
    return fstat(file, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

/* Open file description locks: the kernel drops them when their process dies, and they bind within a process too. */
static bool try_lock(place_lock *lock, bool *again, const char *path, lsn_error *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *again = false;
    lock->file = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->file < 0)
        return lsn_fail(err, LSN_FAILED, "%s: its folder cannot be written: %s; give another file with --db", path,
                        strerror(errno));
    if (fcntl(lock->file, F_OFD_SETLK, &whole) != 0) {
        if (errno != EAGAIN && errno != EACCES)
            return true; /* a file system without locks */
        close(lock->file);
        lock->file = -1;
        return lsn_fail(err, LSN_FAILED,
                        "%s: another run is writing to it; wait for its end, or give another file "
                        "with --db",
                        path);
    }
    /* Its holder may have removed the file between our opening and our locking it: then it guards nothing. */
    *again = !same_file(lock->file, lock->path);
    if (*again) {
        close(lock->file);
        lock->file = -1;
    }
    return true;
}

bool place_take_lock(place_lock *lock, const char *path, lsn_error *err)
{
    *lock = (place_lock){.file = -1, .path = with_suffix(path, ".lock", err)};
    bool again = lock->path != NULL, ok = again;
    while (ok && again)
        ok = try_lock(lock, &again, path, err);
    if (!ok)
        place_release_lock(lock);
    return ok;
}

void place_release_lock(place_lock *lock)
{
    if (lock->path != NULL && lock->file >= 0) {
        unlink(lock->path); /* before it is let go: whoever waits finds that it guards nothing */
        close(lock->file);
    }
    free(lock->path);
    *lock = (place_lock){.file = -1};
}

/* ---- an old file --------------------------------------------------------------------------------------------- */

/* Moves what a journal still holds into the file itself; without success the journal is renamed too. */
static void fold_journal(const char *path)
{
    database db;
    if (!database_open(&db, path, SQLITE_OPEN_READWRITE, NULL))
        return;
    int64_t ignored;
    database_integer(&db, "SELECT count(*) FROM sqlite_master", &ignored, NULL); /* rolls a hot journal back */
    database_integer(&db, "PRAGMA wal_checkpoint(TRUNCATE)", &ignored, NULL);
    database_close(&db);
}

/* Renames "<path><suffix>" to "<path>.old<suffix>", or removes the latter where there is no former. */
static bool rename_to_old(const char *path, const char *suffix, lsn_error *err)
{
    lsn_text from = {0}, to = {0};
    lsn_text_add(&from, "%s%s", path, suffix);
    lsn_text_add(&to, "%s.old%s", path, suffix);
    bool ok = !from.failed && !to.failed;
    if (!ok)
        lsn_fail(err, LSN_FAILED, "out of memory: a path could not be composed");
    else if (rename(from.data, to.data) != 0) {
        if (errno == ENOENT)
            unlink(to.data);
        else
            ok = lsn_fail(err, LSN_FAILED, "%s: cannot be renamed to %s: %s", from.data, to.data, strerror(errno));
    }
    lsn_text_finish(&from);
    lsn_text_finish(&to);
    return ok;
}

bool place_put_aside(const char *path, lsn_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno == ENOENT || lsn_fail(err, LSN_FAILED, "%s: cannot be examined: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return lsn_fail(err, LSN_FAILED, "%s: is no file; give another one with --db", path);
    fold_journal(path);
    return rename_to_old(path, "-journal", err) && rename_to_old(path, "-wal", err) &&
           rename_to_old(path, "-shm", err) && rename_to_old(path, "", err);
}

/* ---- journal ------------------------------------------------------------------------------------------------- */

/* File systems that several hosts may share, by statfs's number. */
static const struct {
    unsigned long type;
    const char *name;
} shared[] = {
    {0x00006969, "NFS"},   {0x0000517b, "SMB"},    {0xfe534d42, "SMB"},  {0xff534d42, "CIFS"},   {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"},  {0x65735546, "FUSE"},   {0x00c36400, "Ceph"}, {0x19830326, "BeeGFS"}, {0x20030528, "PVFS2"},
    {0xaad7aaea, "PanFS"}, {0x5346414f, "AFS"},    {0x73757245, "Coda"}, {0x01021997, "9P"},     {0x01161970, "GFS2"},
    {0x7461636f, "OCFS2"}, {0x786f4256, "vboxsf"},
};

/* The name of the network file system that `path` is on; NULL where it is a local one. */
static const char *network_name(const char *path)
{
    const char *asked = getenv("LESION_JOURNAL");
    if (asked != NULL && strcmp(asked, "wal") == 0)
        return NULL;
    if (asked != NULL && strcmp(asked, "truncate") == 0)
        return "LESION_JOURNAL";
    struct statfs system;
    if (statfs(path, &system) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (((unsigned long)system.f_type & 0xffffffff) == shared[i].type)
            return shared[i].name;
    return NULL;
}

bool place_set_journal(const database *db, lsn_error *err)
{
    const char *network = network_name(db->path), *wanted = network == NULL ? "wal" : "truncate";
    sqlite3_stmt *statement =
        database_prepare(db, network == NULL ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = TRUNCATE", err);
    bool row = false, ok = statement != NULL && database_row(db, statement, &row, err);
    /* A refusal is no error, but another answer. A rollback journal in place of a log is safe, the reverse is not. */
    if (ok && network != NULL && (!row || strcmp(database_words(statement, 0), wanted) != 0))
        ok = lsn_fail(err, LSN_FAILED,
                      "%s: is kept with a write-ahead log, which does not work on this file system (%s), and cannot be "
                      "changed while another program has it open; close that and run again",
                      db->path, network);
    sqlite3_finalize(statement);
    return ok && database_run(db, "PRAGMA synchronous = FULL", err);
}
