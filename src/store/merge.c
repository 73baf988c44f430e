/* Combining databases: inputs are opened one by one, the output is built beside its place and renamed at the end. */
#include "store/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what went wrong ----------------------------------------------------------------------------------------- */

bool merge_fail(const merging *m, lsn_error *err)
{
    const int code = sqlite3_errcode(m->db.handle) & 0xff;
    if (m->input != NULL && (code == SQLITE_CORRUPT || code == SQLITE_ERROR || code == SQLITE_CONSTRAINT ||
                             code == SQLITE_MISMATCH || code == SQLITE_NOTADB))
        return lsn_fail_at(err, LSN_FAILED, m->input, "is damaged (%s); 'lesion verify' tells more",
                           sqlite3_errmsg(m->db.handle));
    return database_fail(&m->db, err);
}

bool merge_run(const merging *m, const char *sql, lsn_error *err)
{
    return database_run(&m->db, sql, NULL) || merge_fail(m, err);
}

bool merge_integer(const merging *m, const char *sql, int64_t *number, lsn_error *err)
{
    return database_integer(&m->db, sql, number, NULL) || merge_fail(m, err);
}

/* ---- inputs -------------------------------------------------------------------------------------------------- */

static bool attach(const merging *m, const lsn_reader *from, lsn_error *err)
{
    char *uri = reader_uri(from, err);
    sqlite3_stmt *statement = uri == NULL ? NULL : database_prepare(&m->db, "ATTACH ? AS input", err);
    const bool ok = statement != NULL && (DATABASE_STEP(&m->db, statement, NULL, text(uri)) || merge_fail(m, err));
    sqlite3_finalize(statement);
    free(uri);
    return ok;
}

/* The input with most jobs, the first of equal ones; each is looked at. */
static bool choose_base(const char *const *inputs, int n, int *base, lsn_error *err)
{
    int64_t most = -1;
    for (int i = 0; i < n; i++) {
        int64_t jobs = 0;
        lsn_reader *reader = lsn_reader_open(inputs[i], err);
        const bool ok =
            reader != NULL && database_integer(reader_database(reader), "SELECT count(*) FROM job", &jobs, err);
        lsn_reader_close(reader);
        if (!ok)
            return false;
        if (jobs > most)
            *base = i;
        most = jobs > most ? jobs : most;
    }
    return true;
}

/* ---- one after another --------------------------------------------------------------------------------------- */

static bool take(const merging *m, bool is_base, lsn_error *err)
{
    return merge_run(m, "BEGIN", err) && (is_base ? merge_take_study(m, err) : merge_compare_studies(m, err)) &&
           merge_match(m, err) && merge_take_runs(m, err) && merge_check_conflicts(m, err) &&
           merge_take_results(m, err) && merge_run(m, "COMMIT", err);
}

static bool add_input(merging *m, const char *path, bool is_base, lsn_error *err)
{
    lsn_reader *from = lsn_reader_open_alone(path, err);
    m->input = path;
    bool ok = from != NULL && attach(m, from, err) && take(m, is_base, err);
    if (sqlite3_get_autocommit(m->db.handle) == 0)
        sqlite3_exec(m->db.handle, "ROLLBACK", NULL, NULL, NULL);
    ok = ok && merge_run(m, "DETACH input", err);
    m->input = NULL;
    lsn_reader_close(from);
    return ok;
}

/* The output is nobody's before it is renamed, so that it needs no journal. Views and indices come with the tables. */
static bool build(merging *m, const char *const *inputs, int n, const char *path, lsn_error *err)
{
    int base = 0;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
    bool ok = choose_base(inputs, n, &base, err) && database_open(&m->db, path, flags, err);
    if (!ok)
        return false;
    m->base = inputs[base];
    ok = database_run(&m->db,
                      "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA "
                      "cache_size = -131072",
                      err) &&
         schema_create(&m->db, err) && add_input(m, inputs[base], true, err);
    for (int i = 0; ok && i < n; i++)
        ok = i == base || add_input(m, inputs[i], false, err);
    database_close(&m->db);
    return ok;
}

/* What has enough parts now is completed, and what rests on several evaluations computed; then all must fit together.
 */
static bool finish(const char *path, lsn_merged *merged, lsn_error *err)
{
    lsn_problems found = {0};
    lsn_store *store = merge_complete_open(path, err);
    bool ok = store != NULL && lsn_store_judge(store, err) && progress_recount(&store->db, err) &&
              consistency_check(&store->db, &found, err);
    if (ok && found.count > 0)
        ok = lsn_fail(err, LSN_FAILED, "an input is damaged ('lesion verify' tells which), for together %s",
                      found.text == NULL ? "they contradict themselves" : found.text[0]);
    ok = ok && database_integer(&store->db, "SELECT count(*) FROM job", &merged->jobs, err) &&
         database_integer(&store->db,
                          "SELECT count(*) FROM job JOIN evaluation USING (evaluation) WHERE status = 'done'",
                          &merged->done, err) &&
         database_integer(&store->db,
                          "SELECT count(*) FROM job JOIN evaluation USING (evaluation) WHERE status = 'failed'",
                          &merged->failed, err);
    lsn_problems_finish(&found);
    lsn_store_close(store);
    return ok;
}

/* ---- recomputed results -------------------------------------------------------------------------------------- */

bool lsn_store_differences(const char *path, const char *recomputed, lsn_problems *found, int64_t *compared,
                           lsn_error *err)
{
    merging m = {.input = path, .base = recomputed};
    lsn_reader *from = lsn_reader_open(path, err);
    bool ok = from != NULL && database_open(&m.db, recomputed, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, err) &&
              attach(&m, from, err) && merge_compare_studies(&m, err) && merge_match(&m, err) &&
              merge_list_conflicts(&m, found, err) &&
              merge_integer(&m, "SELECT count(*) FROM temp.evaluations WHERE what = " MERGE_BOTH, compared, err);
    database_close(&m.db);
    lsn_reader_close(from);
    return ok;
}

/* ---- the file ------------------------------------------------------------------------------------------------ */

static bool check_inputs(const char *const *inputs, int n, const char *output, lsn_error *err)
{
    struct stat *seen = lsn_array((size_t)n + 1, sizeof *seen, err);
    bool ok = seen != NULL;
    const bool there = ok && stat(output, &seen[n]) == 0;
    for (int i = 0; ok && i < n; i++) {
        if (stat(inputs[i], &seen[i]) != 0)
            ok = lsn_fail_at(err, LSN_FAILED, inputs[i], "cannot be read: %s", strerror(errno));
        for (int k = 0; ok && k < i; k++)
            if (seen[k].st_ino == seen[i].st_ino && seen[k].st_dev == seen[i].st_dev)
                ok = lsn_fail(err, LSN_USAGE, "%s and %s are the same file; give each database once", inputs[k],
                              inputs[i]);
        if (ok && there && seen[n].st_ino == seen[i].st_ino && seen[n].st_dev == seen[i].st_dev)
            ok = lsn_fail(err, LSN_USAGE, "%s is an input and the output; give another file with -o", output);
    }
    free(seen);
    return ok;
}

/* A file that SQLite would take for the new database's journal must not lie about either. */
static bool check_output(const char *output, bool force, lsn_error *err)
{
    static const char *const suffixes[] = {"", "-wal", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        struct stat status;
        char *path = lsn_compose(NULL, "%s%s", output, suffixes[i]);
        const bool there = path != NULL && lstat(path, &status) == 0 && (i == 0 || status.st_size > 0);
        free(path);
        if (there && (!force || (i > 0 && access(output, F_OK) != 0)))
            return lsn_fail(err, LSN_FAILED,
                            "%s%s: is there already; remove it, give another file with -o, or --force, which keeps "
                            "the old one as %s.old",
                            output, suffixes[i], output);
    }
    return true;
}

static bool sync_path(const char *path, int flags)
{
    const int file = open(path, flags | O_CLOEXEC);
    const bool ok = file >= 0 && fsync(file) == 0;
    if (file >= 0)
        close(file);
    return ok;
}

/* Durable before it has its name. */
static bool put_in_place(const char *made, const char *output, bool force, lsn_error *err)
{
    if (!sync_path(made, O_RDWR))
        return lsn_fail_at(err, LSN_FAILED, made, "cannot be written: %s", strerror(errno));
    if (force && !file_put_aside(output, err))
        return false;
    if (rename(made, output) != 0)
        return lsn_fail_at(err, LSN_FAILED, made, "cannot be renamed to %s: %s", output, strerror(errno));
    char *folder = lsn_strdup(output, NULL), *slash = folder == NULL ? NULL : strrchr(folder, '/');
    if (slash != NULL)
        slash[1] = '\0';
    sync_path(slash == NULL ? "." : folder, O_RDONLY | O_DIRECTORY); /* not every file system can */
    free(folder);
    return true;
}

static void remove_made(const char *made)
{
    char *journal = lsn_compose(NULL, "%s-journal", made);
    unlink(made);
    if (journal != NULL)
        unlink(journal);
    free(journal);
}

bool lsn_store_merge(const char *const *inputs, int n_inputs, const char *output, bool force, lsn_merged *merged,
                     lsn_error *err)
{
    merging m = {0};
    database_lock lock = {.file = -1};
    *merged = (lsn_merged){0};
    const bool plain = strchr(output, '/') == NULL || strncmp(output, "file:", 5) == 0;
    char *made = lsn_compose(err, "%s%s.merging", plain ? "./" : "", output);
    bool ok = made != NULL && check_inputs(inputs, n_inputs, output, err) && check_output(output, force, err) &&
              file_make_folder(output, err) && lock_take(&lock, output, false, err);
    if (ok) {
        remove_made(made); /* of a merge that died */
        ok = build(&m, inputs, n_inputs, made, err) && finish(made, merged, err) &&
             put_in_place(made, output, force, err);
        if (!ok)
            remove_made(made);
    }
    database_close(&m.db);
    lock_release(&lock);
    free(made);
    return ok;
}
