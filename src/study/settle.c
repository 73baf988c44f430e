/* What the check of the images makes of a plan: unreadable images end it or are left out, digests and keys follow. */
#include "lesion/study.h"

#include "study/expand.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool lsn_image_checks_init(lsn_image_checks *found, const lsn_plan *plan, lsn_error *err)
{
    const size_t count = (size_t)plan->images.count + (size_t)plan->calibration.count;
    *found = (lsn_image_checks){.count = (int32_t)count};
    found->checks = lsn_array(count, sizeof *found->checks, err);
    found->reasons = found->checks == NULL ? NULL : lsn_array(count, sizeof *found->reasons, err);
    return found->reasons != NULL;
}

void lsn_image_checks_finish(lsn_image_checks *found)
{
    for (int32_t i = 0; found->reasons != NULL && i < found->count; i++)
        free(found->reasons[i]);
    free(found->reasons);
    free(found->checks);
    *found = (lsn_image_checks){0};
}

int32_t lsn_plan_image(const lsn_plan *plan, int32_t check)
{
    assert(check >= 0 && check < plan->images.count + plan->calibration.count);
    return check < plan->images.count ? plan->images.images[check]
                                      : plan->calibration.images[check - plan->images.count];
}

static const char *reason_of(const lsn_image_checks *found, int32_t i)
{
    return found->reasons[i] == NULL ? "cannot be read" : found->reasons[i];
}

/* ---- what cannot be used ------------------------------------------------------------------------------------- */

typedef struct outcome {
    int32_t broken, odd;
    int32_t first_odd; /* a check */
} outcome;

static outcome count_unfit(const lsn_image_checks *found)
{
    outcome all = {.first_odd = -1};
    for (int32_t i = 0; i < found->count; i++) {
        all.broken += !found->checks[i].readable;
        if (found->checks[i].readable && found->checks[i].odd_size && all.odd++ == 0)
            all.first_odd = i;
    }
    return all;
}

static bool refuse_odd(const lsn_image_checks *found, const outcome *all, lsn_error *err)
{
    return lsn_fail(err, LSN_INVALID, "%" PRId32 " of %" PRId32 " images differ in size from the others: %.700s",
                    all->odd, found->count, reason_of(found, all->first_odd));
}

static bool refuse_broken(const lsn_plan *plan, const lsn_image_checks *found, int32_t broken, lsn_problems *problems,
                          lsn_error *err)
{
    for (int32_t i = 0; i < found->count; i++)
        if (!found->checks[i].readable)
            lsn_problem(problems, "%s", reason_of(found, i));
    return lsn_fail(err, LSN_INVALID,
                    "%" PRId32 " of %" PRId32
                    " images cannot be read; nothing was run. Replace them, or leave them out "
                    "with skip_broken: true in data of %.500s",
                    broken, found->count, plan->path);
}

/* The image's name and why it is left out. */
static bool note_skipped(lsn_plan *plan, const lsn_image_checks *found, int32_t i, lsn_error *err)
{
    char name[LSN_IMAGE_NAME_BYTES];
    lsn_skipped *skipped = &plan->skipped[plan->n_skipped];
    *skipped = (lsn_skipped){.image = lsn_plan_image(plan, i), .calibration = i >= plan->images.count};
    skipped->name = lsn_strdup(lsn_data_image_name(plan->data, skipped->image, name), err);
    skipped->reason = lsn_strdup(reason_of(found, i), err);
    plan->n_skipped++;
    return skipped->name != NULL && skipped->reason != NULL;
}

/* ---- the samples --------------------------------------------------------------------------------------------- */

/* Leaves the readable images in the sample, and their digests in pixels[sample->count]. */
static bool keep_readable(lsn_sample *sample, const lsn_image_check *checks, lsn_digest **pixels, lsn_error *err)
{
    int32_t kept = 0;
    *pixels = lsn_array((size_t)sample->count, sizeof **pixels, err);
    if (*pixels == NULL)
        return false;
    for (int32_t i = 0; i < sample->count; i++)
        if (checks[i].readable) {
            (*pixels)[kept] = checks[i].digest;
            sample->images[kept++] = sample->images[i];
        }
    sample->count = kept;
    return true;
}

static bool skip_broken(lsn_plan *plan, const lsn_image_checks *found, int32_t broken, lsn_error *err)
{
    plan->skipped = lsn_array((size_t)broken, sizeof *plan->skipped, err);
    bool ok = plan->skipped != NULL;
    for (int32_t i = 0; ok && i < found->count; i++)
        ok = found->checks[i].readable || note_skipped(plan, found, i, err);
    return ok;
}

/* Something must be left of what is needed. */
static bool check_left(const lsn_plan *plan, lsn_error *err)
{
    if (plan->images.count == 0)
        return lsn_fail_at(err, LSN_INVALID, plan->path, "none of the images can be read: the first, %.500s",
                           plan->skipped[0].reason);
    return lsn_calibration_check(plan, &plan->storage->uses, err) || lsn_fail_in(err, "%s", plan->path);
}

bool lsn_plan_settle(lsn_plan *plan, const lsn_image_checks *found, lsn_problems *problems, lsn_error *err)
{
    assert(!plan->settled && found->count == plan->images.count + plan->calibration.count);
    const outcome all = count_unfit(found);
    if (all.broken > 0 && !plan->skip_broken)
        return refuse_broken(plan, found, all.broken, problems, err);
    if (all.odd > 0)
        return refuse_odd(found, &all, err);
    const lsn_image_check *calibration = found->checks + plan->images.count;
    plan->settled =
        skip_broken(plan, found, all.broken, err) && keep_readable(&plan->images, found->checks, &plan->pixels, err) &&
        keep_readable(&plan->calibration, calibration, &plan->calibration_pixels, err) && check_left(plan, err) &&
        lsn_data_digest(plan->data, &plan->images, plan->pixels, &plan->images_digest, err) &&
        lsn_data_digest(plan->data, &plan->calibration, plan->calibration_pixels, &plan->calibration_digest, err) &&
        lsn_keys_set(plan, err);
    return plan->settled;
}
