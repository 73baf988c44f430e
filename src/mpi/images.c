/* Whether the study's images can be read, found once, before anything is computed: of n ranks each decodes every n-th
 * image, and then all know all. */
#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_REASONS = 1000,   /* that a rank sends */
    CHECKS_AT_ONCE = 65536 /* in one reduction */
};
/* ---- all ranks' -------------------------------------------------------------------------------------------------- */

/* Each rank has filled its own checks and left the others' bytes zero. Waits without burning a core. */
static bool share_checks(lsn_image_checks *found, lsn_error *err)
{
    for (int32_t at = 0; at < found->count; at += CHECKS_AT_ONCE) {
        int32_t n = found->count - at < CHECKS_AT_ONCE ? found->count - at : CHECKS_AT_ONCE;
        MPI_Request request;
        LSN_MPI(MPI_Iallreduce(MPI_IN_PLACE, found->checks + at, n * (int)sizeof *found->checks, MPI_BYTE, MPI_BOR,
                               MPI_COMM_WORLD, &request));
        if (!lsn_mpi_wait(&request, 1, err))
            return false;
    }
    return true;
}

/* This rank's reasons, one after another: the check's number, the text, a zero. */
static bool pack_reasons(const lsn_image_checks *found, lsn_text *packed, lsn_error *err)
{
    int count = 0;
    for (int32_t i = 0; i < found->count && count < MOST_REASONS; i++)
        if (found->reasons[i] != NULL) {
            lsn_text_add(packed, "%" PRId32 " %s%c", i, found->reasons[i], '\0');
            count++;
        }
    return !packed->failed || lsn_fail(err, LSN_FAILED, "out of memory: the unreadable images could not be told");
}

static bool unpack_reasons(lsn_image_checks *found, const char *packed, size_t bytes, lsn_error *err)
{
    for (size_t at = 0; at < bytes; at += strlen(packed + at) + 1) {
        char *text;
        long i = strtol(packed + at, &text, 10);
        if (i < 0 || i >= found->count || found->reasons[i] != NULL || *text != ' ')
            continue;
        found->reasons[i] = lsn_strdup(text + 1, err);
        if (found->reasons[i] == NULL)
            return false;
    }
    return true;
}

/* Rank 0 learns all reasons. */
static bool gather_reasons(const lsn_ranks *ranks, lsn_image_checks *found, lsn_text *packed, lsn_error *err)
{
    int mine = (int)packed->length, total = 0;
    int *sizes = lsn_array((size_t)ranks->size, 2 * sizeof *sizes, err), *starts = sizes + ranks->size;
    bool ok = lsn_ranks_agree(ranks, sizes != NULL);
    if (!ok) {
        free(sizes);
        return lsn_fail(err, LSN_FAILED, "out of memory: the unreadable images could not be told");
    }
    MPI_Gather(&mine, 1, MPI_INT, sizes, 1, MPI_INT, 0, MPI_COMM_WORLD);
    for (int r = 0; ranks->rank == 0 && r < ranks->size; r++) {
        starts[r] = total;
        total += sizes[r];
    }
    char *all = lsn_array((size_t)total + 1, 1, err);
    ok = lsn_ranks_agree(ranks, all != NULL);
    if (ok) {
        MPI_Gatherv(packed->data, mine, MPI_CHAR, all, sizes, starts, MPI_CHAR, 0, MPI_COMM_WORLD);
        ok = ranks->rank != 0 || unpack_reasons(found, all, (size_t)total, err);
    }
    free(all);
    free(sizes);
    return ok;
}

static bool any_unfit(const lsn_image_checks *found)
{
    for (int32_t i = 0; i < found->count; i++)
        if (!found->checks[i].readable || found->checks[i].odd_size)
            return true;
    return false;
}

/* Collective. */
static bool share_all(const lsn_ranks *ranks, lsn_image_checks *found, lsn_error *err)
{
    lsn_text packed = {0};
    if (!share_checks(found, err))
        return false;
    if (!any_unfit(found))
        return true;
    bool ok = lsn_ranks_agree(ranks, pack_reasons(found, &packed, err)) && gather_reasons(ranks, found, &packed, err);
    lsn_text_finish(&packed);
    return ok;
}

bool lsn_images_check(const lsn_plan *plan, const lsn_ranks *ranks, int threads, lsn_image_checks *found,
                      lsn_error *err)
{
    *err = (lsn_error){0};
    bool ok = lsn_image_checks_init(found, plan, err) &&
              lsn_images_check_share(plan, ranks->rank, ranks->size, threads, found, err);
    /* All ranks come here, whatever happened to them, so that none waits for another in vain. */
    bool all = lsn_ranks_agree(ranks, ok);
    if (ok && !all)
        return lsn_fail(err, lsn_signals_asked() != LSN_GO_ON ? LSN_STOPPED : LSN_FAILED,
                        "another rank could not check its share of the images");
    return all && (!ranks->launched || share_all(ranks, found, err));
}

bool lsn_images_settle(lsn_plan *plan, const lsn_ranks *ranks, int threads, lsn_problems *problems, lsn_error *err)
{
    lsn_image_checks found = {0};
    bool ok = lsn_images_check(plan, ranks, threads, &found, err) && lsn_plan_settle(plan, &found, problems, err);
    lsn_image_checks_finish(&found);
    return ok;
}
