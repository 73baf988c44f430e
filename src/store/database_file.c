/* The database's file: its folder, putting an old one aside, what its file system bears: journal, locks. */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- folder -------------------------------------------------------------------------------------------------- */

/* A folder just made is there after a loss of power only if the folder that it was made in was written out. That of the
 * database itself SQLite writes out with the first commit. */
static void write_out_above(const char *folder)
{
    char *above = lsn_compose(NULL, "%s/..", folder);
    const int file = above == NULL ? -1 : open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0) {
        fsync(file); /* where a file system cannot, there is nothing more to be done */
        close(file);
    }
    free(above);
}

bool file_make_folder(const char *path, lsn_error *err)
{
    char *folder = lsn_strdup(path, err);
    if (folder == NULL)
        return false;
    bool ok = true;
    for (char *slash = strchr(folder + 1, '/'); ok && slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) == 0)
            write_out_above(folder);
        else if (errno != EEXIST) {
            int reason = errno;
            struct stat status; /* a read-only file system says so even of a folder that is there */
            if (stat(folder, &status) != 0)
                ok = lsn_fail_at(err, LSN_FAILED, path, "the folder %s cannot be made: %s; give another file with --db",
                                 folder, strerror(reason));
        }
        *slash = '/';
    }
    free(folder);
    return ok;
}

/* ---- an old file --------------------------------------------------------------------------------------------- */

/* Lets SQLite roll back what a failed transaction has left; a log is folded into the file where `fold`. */
static void recover(const char *path, bool fold)
{
    database db;
    if (!database_open(&db, path, SQLITE_OPEN_READWRITE, NULL))
        return;
    int64_t ignored;
    database_integer(&db, "SELECT count(*) FROM sqlite_master", &ignored, NULL);
    if (fold)
        database_integer(&db, "PRAGMA wal_checkpoint(TRUNCATE)", &ignored, NULL);
    database_close(&db);
}

void file_roll_back(const char *path)
{
    recover(path, false);
}

/* Renames "<path><suffix>" to "<path>.old<suffix>", or removes the latter where there is no former. */
static bool rename_to_old(const char *path, const char *suffix, lsn_error *err)
{
    char *from = lsn_compose(err, "%s%s", path, suffix), *to = lsn_compose(err, "%s.old%s", path, suffix);
    bool ok = from != NULL && to != NULL;
    if (ok && rename(from, to) != 0) {
        if (errno == ENOENT)
            unlink(to);
        else
            ok = lsn_fail_at(err, LSN_FAILED, from, "cannot be renamed to %s: %s", to, strerror(errno));
    }
    free(from);
    free(to);
    return ok;
}

bool file_put_aside(const char *path, lsn_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno == ENOENT || lsn_fail_at(err, LSN_FAILED, path, "cannot be examined: %s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return lsn_fail_at(err, LSN_FAILED, path, "is no file; give another one with --db");
    recover(path, true); /* without success the journal is renamed too */
    return rename_to_old(path, "-journal", err) && rename_to_old(path, "-wal", err) &&
           rename_to_old(path, "-shm", err) && rename_to_old(path, "", err);
}

/* ---- journal ------------------------------------------------------------------------------------------------- */

/* File systems that several hosts may share, by statfs's number; and whether their locks reach from one host to another
 * unless they are mounted otherwise. */
static const struct {
    unsigned long type;
    const char *name;
    bool locks;
} shared[] = {
    {0x00006969, "NFS", true},    {0x0000517b, "SMB", true},     {0xfe534d42, "SMB", true},
    {0xff534d42, "CIFS", true},   {0x0bd00bd0, "Lustre", true},  {0x47504653, "GPFS", true},
    {0x65735546, "FUSE", false},  {0x00c36400, "Ceph", true},    {0x19830326, "BeeGFS", false},
    {0x20030528, "PVFS2", false}, {0xaad7aaea, "PanFS", false},  {0x5346414f, "AFS", false},
    {0x73757245, "Coda", false},  {0x01021997, "9P", false},     {0x01161970, "GFS2", true},
    {0x7461636f, "OCFS2", true},  {0x786f4256, "vboxsf", false},
};

/* Index into `shared`, or -1 where the path is on a local file system. */
static int find_shared(const char *path)
{
    struct statfs system;
    if (statfs(path, &system) != 0)
        return -1;
    for (int i = 0; i < (int)(sizeof shared / sizeof *shared); i++)
        if (((unsigned long)system.f_type & 0xffffffff) == shared[i].type)
            return i;
    return -1;
}

/* The name of the network file system that `path` is on; NULL where it is a local one. */
static const char *network_name(const char *path)
{
    const char *asked = getenv("LESION_JOURNAL");
    if (asked != NULL && strcmp(asked, "wal") == 0)
        return NULL;
    if (asked != NULL && strcmp(asked, "truncate") == 0)
        return "LESION_JOURNAL";
    const int found = find_shared(path);
    return found < 0 ? NULL : shared[found].name;
}

/* ---- whom locks reach ---------------------------------------------------------------------------------------- */

/* Whether the file system of that device is mounted so that locks end at the host. */
static bool mounted_without_locks(dev_t device)
{
    static const char *const options[] = {"nolock", "local_lock=all", "local_lock=posix", "localflock", "nobrl"};
    char line[4096], number[32];
    bool found = false;
    snprintf(number, sizeof number, "%u:%u", major(device), minor(device));
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    while (mounts != NULL && !found && fgets(line, sizeof line, mounts) != NULL) {
        char *rest = NULL, *word = strtok_r(line, " \n", &rest);
        for (int i = 0; word != NULL && i < 2; i++)
            word = strtok_r(NULL, " \n", &rest); /* the third is the device */
        if (word == NULL || strcmp(word, number) != 0)
            continue;
        while (!found && (word = strtok_r(NULL, " ,\n", &rest)) != NULL)
            for (size_t i = 0; i < sizeof options / sizeof *options; i++)
                found = found || strcmp(word, options[i]) == 0;
    }
    if (mounts != NULL)
        fclose(mounts);
    return found;
}

lock_reach file_lock_reach(const char *path)
{
    const char *asked = getenv("LESION_LOCKS"), *slash = strrchr(path, '/');
    struct stat status;
    char folder[4096];
    lock_reach reach;
    if (asked != NULL && lock_reach_named(asked, &reach))
        return reach;
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1, slash == NULL ? "." : path);
    const int found = find_shared(folder);
    if (found < 0)
        return LOCK_ALL;
    return shared[found].locks && stat(folder, &status) == 0 && !mounted_without_locks(status.st_dev) ? LOCK_ALL
                                                                                                      : LOCK_HERE;
}

/* ---- setting it ---------------------------------------------------------------------------------------------- */

bool file_set_journal(const database *db, lsn_error *err)
{
    const char *network = network_name(db->path), *wanted = network == NULL ? "wal" : "truncate";
    sqlite3_stmt *statement =
        database_prepare(db, network == NULL ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = TRUNCATE", err);
    bool row = false, ok = statement != NULL && database_row(db, statement, &row, err);
    /* A refusal is no error, but another answer. A rollback journal in place of a log is safe, the reverse is not. */
    if (ok && network != NULL && (!row || strcmp(database_words(statement, 0), wanted) != 0))
        ok = lsn_fail_at(err, LSN_FAILED, db->path,
                         "is kept with a write-ahead log, which does not work on this file system (%s), and cannot be "
                         "changed while another program has it open; close that and run again",
                         network);
    sqlite3_finalize(statement);
    return ok && database_run(db, "PRAGMA synchronous = FULL", err);
}
