/* lesion verify: checks a database: that it is whole, that weights and images are those of its results, and that some
 * of these come out again (verify_again.c). */
#include "cli/verify.h"

#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what the database says ---------------------------------------------------------------------------------- */

/* What it was made of. Texts belong to the table. */
typedef struct record {
    lsn_table table;
    const char *study, *overrides, *weights, *images, *calibration, *kernels;
    int32_t block_images;
} record;

static bool read_record(lsn_reader *reader, record *found, lsn_error *err)
{
    static const char sql[] =
        "SELECT path, overrides, weights_sha256, images_sha256, calibration_sha256, block_images, "
        "(SELECT " LSN_RUN_KERNELS " FROM run WHERE method IS NOT NULL ORDER BY run DESC LIMIT 1) FROM study";
    if (!lsn_reader_query(reader, &found->table, sql, NULL, 0, err))
        return false;
    if (found->table.rows != 1)
        return lsn_fail(err, LSN_FAILED, "its table `study` has %lld rows", (long long)found->table.rows);
    const lsn_cell *row = found->table.cells;
    found->study = row[0].text;
    found->overrides = row[1].text;
    found->weights = row[2].text;
    found->images = row[3].text;
    found->calibration = row[4].text;
    found->block_images = row[5].integer > 0 && row[5].integer <= INT32_MAX ? (int32_t)row[5].integer : 0;
    found->kernels = row[6].text;
    return true;
}

/* Another kind of kernels computes other last bits. */
static bool check_kernels(const lsn_options *options, const char *kernels, lsn_error *err)
{
    if (options->sample == 0 || *kernels == '\0' || strcmp(kernels, lsn_engine_kernels()) == 0)
        return true;
    const bool gone = strcmp(kernels, "blas") == 0 || strcmp(kernels, "reference") == 0;
    return lsn_fail_at(err, LSN_INVALID, options->arguments[0],
                       "its results were computed by %s '%s', and cannot be computed again with the same bits by "
                       "kernels of the kind '%s': %s; --sample 0 checks the rest",
                       gone ? "the method" : "kernels of the kind", kernels, lsn_engine_kernels(),
                       gone ? "Lesion 0.1.0 has it" : "set LESION_ISA");
}

/* One override a line; *lines is to be freed. */
static bool split_overrides(const char *text, char **lines, lsn_texts *overrides, lsn_error *err)
{
    char *rest = NULL;
    *lines = lsn_strdup(text, err);
    if (*lines == NULL)
        return false;
    for (char *line = strtok_r(*lines, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (!lsn_texts_add(overrides, line, err))
            return false;
    return true;
}

/* ---- what is compared ---------------------------------------------------------------------------------------- */

int64_t verify_tell(const char *what, const lsn_problems *found)
{
    for (size_t i = 0; i < found->count; i++)
        printf("%-10s  %s\n", what, found->text == NULL || found->text[i] == NULL ? "(out of memory)" : found->text[i]);
    return (int64_t)found->count;
}

static bool compare_digest(const char *what, const char *of, const lsn_digest *digest, const char *recorded)
{
    char hex[LSN_HEX_BYTES];
    lsn_digest_hex(digest, hex);
    if (strcmp(hex, recorded) == 0) {
        printf("%-10s  %s: sha256 as recorded (%.12s...)\n", what, of, hex);
        return true;
    }
    printf("%-10s  %s: sha256 is %.12s..., that of the results is %.12s...\n", what, of, hex, recorded);
    return false;
}

/* How many digests differ. */
static int compare_digests(const lsn_plan *plan, const record *of)
{
    int differ = !compare_digest("weights", plan->net->path, &plan->net->digest, of->weights);
    char count[64];
    snprintf(count, sizeof count, "%d images", (int)plan->images.count);
    differ += !compare_digest("images", count, &plan->images_digest, of->images);
    if (plan->calibration.count > 0 && of->calibration[0] != '\0') {
        snprintf(count, sizeof count, "%d images", (int)plan->calibration.count);
        differ += !compare_digest("calibrated", count, &plan->calibration_digest, of->calibration);
    }
    return differ;
}

/* ---- one after another --------------------------------------------------------------------------------------- */

/* Rank 0 looks at the file; the others learn whether to go on. */
static int check_file(lsn_reader *reader, const char *database)
{
    lsn_problems found = {0};
    lsn_error err = {0};
    const bool ok = lsn_reader_check(reader, &found, &err);
    const int64_t wrong = verify_tell("broken", &found);
    lsn_problems_finish(&found);
    if (!ok)
        return lsn_exit_with(&err);
    if (wrong == 0)
        printf("database    %s: whole, and its rows fit together\n", database);
    return wrong == 0 ? LSN_OK : LSN_FAILED;
}

/* Weights and images first: where they differ nothing need be computed to know that results do. */
static int verify_study(lsn_ranks *ranks, lsn_reader *reader, const lsn_options *options, record *of,
                        const lsn_texts *overrides)
{
    int code = LSN_OK;
    const char *study = options->study != NULL ? options->study : of->study;
    if (ranks->rank == 0 && access(study, R_OK) != 0)
        lsn_log("%s: the study file is not where the last run found it; --study names it", study);
    lsn_plan *plan = lsn_read_together(study, overrides, options->sweep.threads, ranks, &code);
    if (plan == NULL)
        return code;
    const int differ = ranks->rank == 0 ? compare_digests(plan, of) : 0;
    if (!lsn_ranks_agree(ranks, differ == 0))
        code = LSN_FAILED;
    else if (options->sample != 0)
        code = verify_again(plan, ranks, reader, options);
    lsn_plan_destroy(plan);
    return code;
}

static int verify(lsn_ranks *ranks, lsn_options *options)
{
    record of = {0};
    lsn_error err = {0};
    lsn_texts overrides = {0};
    char *lines = NULL;
    const bool first = ranks->rank == 0;
    lsn_log_quiet(!first);
    lsn_reader *reader =
        first ? lsn_reader_open_alone(options->arguments[0], &err) : lsn_reader_open(options->arguments[0], &err);
    int code = reader == NULL ? lsn_exit_with(&err) : first ? check_file(reader, options->arguments[0]) : LSN_OK;
    bool ok = lsn_ranks_agree(ranks, code == LSN_OK);
    if (ok) {
        ok = read_record(reader, &of, &err) && split_overrides(of.overrides, &lines, &overrides, &err);
        options->sweep.block_images = of.block_images;
        ok = ok && check_kernels(options, of.kernels, &err);
        code = ok ? LSN_OK : lsn_exit_with(&err);
        if (lsn_ranks_agree(ranks, ok))
            code = verify_study(ranks, reader, options, &of, &overrides);
    }
    lsn_table_finish(&of.table);
    free(overrides.text);
    lsn_reader_close(reader);
    free(lines);
    return code;
}

int lsn_command_verify(lsn_options *options)
{
    lsn_error err = {0};
    lsn_ranks ranks;
    if (options->all)
        options->sample = -1;
    options->sweep.command = "lesion verify";
    lsn_sweep_catch_signals();
    const int code = lsn_ranks_begin(&ranks, &err) ? verify(&ranks, options) : lsn_exit_with(&err);
    return lsn_leave_ranks(&ranks, code);
}
