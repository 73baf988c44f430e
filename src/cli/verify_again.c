/* Computes a sample of a database's ablations again: a run of them into a temporary database, which is compared. */
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/verify.h"

#include "lesion/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the sample ---------------------------------------------------------------------------------------------- */

/* The plan's evaluations, but the baseline, that the database has done: in the plan's order. */
static bool list_done(lsn_reader *reader, const lsn_plan *plan, int32_t *done, int32_t *count, int64_t *strange,
                      lsn_error *err)
{
    lsn_table table = {0};
    lsn_key_index index = {0};
    bool ok = lsn_key_index_init(&index, plan, err) &&
              lsn_reader_query(reader, &table,
                               "SELECT key FROM evaluation WHERE status = 'done' AND evaluation <> 0 ORDER BY "
                               "evaluation",
                               NULL, 0, err);
    *count = 0;
    *strange = 0;
    for (int64_t r = 0; ok && r < table.rows; r++) {
        const int32_t found = lsn_key_index_find(&index, lsn_table_cell(&table, r, 0)->text);
        if (found >= 0 && *count < plan->n_evaluations)
            done[(*count)++] = found;
        else
            ++*strange;
    }
    lsn_table_finish(&table);
    lsn_key_index_finish(&index);
    return ok;
}

/* *wanted: a sample of what is done, and the baseline. */
static bool choose(lsn_reader *reader, const lsn_plan *plan, const lsn_options *options, lsn_wanted *wanted,
                   int32_t *chosen, int64_t *strange, lsn_error *err)
{
    int32_t count = 0;
    int32_t *done = lsn_array((size_t)plan->n_evaluations, sizeof *done, err);
    wanted->evaluations = lsn_array((size_t)plan->n_evaluations, sizeof *wanted->evaluations, err);
    const bool ok = done != NULL && wanted->evaluations != NULL && list_done(reader, plan, done, &count, strange, err);
    if (ok && options->sample >= 0 && options->sample < count) {
        lsn_random random;
        lsn_random_init(&random, (uint64_t)options->seed, 0);
        lsn_random_choose(&random, done, (size_t)count, (size_t)options->sample);
        count = (int32_t)options->sample;
    }
    if (ok)
        wanted->evaluations[0] = true;
    for (int32_t i = 0; ok && i < count; i++)
        wanted->evaluations[done[i]] = true;
    *chosen = count;
    free(done);
    return ok;
}

/* ---- computing again ----------------------------------------------------------------------------------------- */

typedef struct scratch {
    char folder[256];
    char database[300];
} scratch;

static bool make_scratch(scratch *made, lsn_error *err)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(made->folder, sizeof made->folder, "%.200s/lesion-verify-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(made->folder) == NULL)
        return lsn_fail_at(err, LSN_FAILED, made->folder,
                           "no folder can be made for what is computed again: %s; set TMPDIR", strerror(errno));
    snprintf(made->database, sizeof made->database, "%s/again.db", made->folder);
    return true;
}

static void remove_scratch(const scratch *made)
{
    if (made->database[0] == '\0')
        return;
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char path[320];
        snprintf(path, sizeof path, "%s%s", made->database, suffixes[i]);
        unlink(path);
    }
    rmdir(made->folder);
}

/* Rank 0: what the second computation gave against the first. */
static int compare_results(const lsn_options *options, const scratch *made, int32_t chosen, int64_t done)
{
    lsn_problems found = {0};
    lsn_error err = {0};
    int64_t compared = 0;
    if (!lsn_store_differences(options->arguments[0], made->database, &found, &compared, &err)) {
        lsn_problems_finish(&found);
        return lsn_exit_with(&err);
    }
    const int64_t differences = verify_tell("differs", &found);
    char numbers[3][LSN_NUMBER_BYTES];
    printf("computed    %s of %s ablations again: ", lsn_count_text(compared, numbers[0]),
           lsn_count_text(done, numbers[1]));
    if (differences > 0)
        printf("%s values differ\n", lsn_count_text(differences, numbers[2]));
    else
        puts("every bit is the same");
    lsn_problems_finish(&found);
    return differences > 0 || compared < chosen ? LSN_FAILED : LSN_OK;
}

static bool count_done(lsn_reader *reader, int64_t *done, lsn_error *err)
{
    lsn_table table = {0};
    const bool ok =
        lsn_reader_query(reader, &table, "SELECT count(*) FROM evaluation WHERE status = 'done'", NULL, 0, err);
    if (ok)
        *done = lsn_table_cell(&table, 0, 0)->integer;
    lsn_table_finish(&table);
    return ok;
}

int verify_again(lsn_plan *plan, lsn_ranks *ranks, lsn_reader *reader, const lsn_options *options)
{
    lsn_error err = {0};
    lsn_activations found = {0};
    lsn_progress progress;
    scratch made = {0};
    lsn_wanted wanted = {0};
    int32_t chosen = 0;
    int64_t strange = 0;
    lsn_sweep_options sweep = options->sweep;
    bool ok = lsn_ranks_agree(ranks, ranks->rank != 0 || make_scratch(&made, &err)) &&
              lsn_expand_together(plan, ranks, &sweep, &found, &err);
    ok = lsn_ranks_agree(ranks, ok && choose(reader, plan, options, &wanted, &chosen, &strange, &err));
    lsn_code code = err.code == LSN_OK && !ok ? LSN_FAILED : err.code;
    lsn_progress_init(&progress);
    sweep.database = made.database;
    sweep.wanted = &wanted;
    sweep.progress = lsn_progress_show;
    sweep.context = &progress;
    if (ok)
        code = lsn_sweep_run(plan, found.sums == NULL ? NULL : &found, ranks, &sweep, &err);
    lsn_activations_finish(&found);
    lsn_wanted_finish(&wanted);
    lsn_progress_end(&progress);
    int exit_code = (int)code;
    if (code == LSN_STOPPED)
        lsn_log("stopped early: nothing was compared");
    else if (code != LSN_OK && err.text[0] != '\0')
        exit_code = lsn_exit_with(&err);
    if (code == LSN_OK && ranks->rank == 0) {
        if (strange > 0)
            printf("study       %lld ablations of the database are not the study's any more, and are not looked at\n",
                   (long long)strange);
        int64_t done = 0;
        exit_code =
            count_done(reader, &done, &err) ? compare_results(options, &made, chosen, done) : lsn_exit_with(&err);
    }
    remove_scratch(&made);
    return exit_code;
}
