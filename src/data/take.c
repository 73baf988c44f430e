/* Which images of a data set a study takes. */
#include "data/data_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    return LSN_ORDER(*(const int32_t *)a, *(const int32_t *)b);
}

/* The images that may be taken, ascending. */
static bool find_allowed(const lsn_data *data, const lsn_sample *without, lsn_sample *allowed, lsn_error *err)
{
    bool *excluded = lsn_array((size_t)data->images.count, sizeof *excluded, err);
    allowed->images = lsn_array((size_t)data->images.count, sizeof *allowed->images, err);
    bool ok = excluded != NULL && allowed->images != NULL;
    for (int32_t i = 0; ok && without != NULL && i < without->count; i++) {
        assert(without->images[i] >= 0 && without->images[i] < data->images.count);
        excluded[without->images[i]] = true;
    }
    for (int32_t i = 0; ok && i < data->images.count; i++)
        if (!excluded[i])
            allowed->images[allowed->count++] = i;
    free(excluded);
    return ok;
}

static bool too_few(const lsn_data *data, const char *whose, int64_t there, int64_t asked, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, data->path,
                       "%s%" PRId64 " images can be taken (of %" PRId32
                       ", without those that are taken already), but %" PRId64 " are asked for: ask for fewer",
                       whose, there, data->images.count, asked);
}

/* starts[class] .. starts[class + 1] of `by_class` are the allowed images of each class, ascending. */
static void sort_by_class(const lsn_data *data, const lsn_sample *allowed, int32_t *starts, int32_t *by_class)
{
    for (int32_t i = 0; i < allowed->count; i++)
        starts[lsn_data_label(data, allowed->images[i]) + 1]++;
    for (int c = 0; c < data->classes; c++)
        starts[c + 1] += starts[c];
    for (int32_t i = allowed->count - 1; i >= 0; i--) /* from the end, so that starts[c + 1] comes down to c's start */
        by_class[--starts[lsn_data_label(data, allowed->images[i]) + 1]] = allowed->images[i];
    memmove(starts, starts + 1, (size_t)data->classes * sizeof *starts);
    starts[data->classes] = allowed->count;
}

/* Leaves `take->count` images of every class in `allowed`. */
static bool take_per_class(const lsn_data *data, const lsn_take *take, lsn_sample *allowed, lsn_error *err)
{
    int32_t *starts = lsn_array((size_t)data->classes + 1, sizeof *starts, err);
    int32_t *by_class = lsn_array((size_t)allowed->count, sizeof *by_class, err);
    bool ok = starts != NULL && by_class != NULL;
    if (ok)
        sort_by_class(data, allowed, starts, by_class);
    allowed->count = 0;
    for (int c = 0; ok && c < data->classes; c++) {
        int32_t there = starts[c + 1] - starts[c];
        const char *name = lsn_data_class_name(data, c);
        char whose[128];
        if (there < take->count) {
            snprintf(whose, sizeof whose, "of class %d%s%.60s%s ", c, name != NULL ? " (" : "",
                     name != NULL ? name : "", name != NULL ? ")" : "");
            ok = too_few(data, whose, there, take->count, err);
            break;
        }
        lsn_random random;
        lsn_random_init(&random, take->seed, (uint64_t)c + 1);
        lsn_random_choose(&random, by_class + starts[c], (size_t)there, (size_t)take->count);
        memcpy(allowed->images + allowed->count, by_class + starts[c], (size_t)take->count * sizeof *by_class);
        allowed->count += (int32_t)take->count;
    }
    free(starts);
    free(by_class);
    return ok;
}

/* Leaves the images that are taken at the front of `allowed`. */
static bool choose(const lsn_data *data, const lsn_take *take, lsn_sample *allowed, lsn_error *err)
{
    if (take->kind == LSN_TAKE_ALL)
        return allowed->count > 0 || too_few(data, "", 0, 1, err);
    if (take->count < 1)
        return lsn_fail_at(err, LSN_INVALID, data->path, "%" PRId64 " images are asked for; expected at least 1",
                           take->count);
    if (take->kind == LSN_TAKE_PER_CLASS)
        return take_per_class(data, take, allowed, err);
    if (take->count > allowed->count)
        return too_few(data, "", allowed->count, take->count, err);
    if (take->kind == LSN_TAKE_COUNT) {
        lsn_random random;
        lsn_random_init(&random, take->seed, 0);
        lsn_random_choose(&random, allowed->images, (size_t)allowed->count, (size_t)take->count);
    }
    allowed->count = (int32_t)take->count;
    return true;
}

bool lsn_data_take(const lsn_data *data, const lsn_take *take, const lsn_sample *without, lsn_sample *sample,
                   lsn_error *err)
{
    lsn_sample taken = {0};
    *sample = (lsn_sample){0};
    if (!find_allowed(data, without, &taken, err) || !choose(data, take, &taken, err)) {
        lsn_sample_finish(&taken);
        return false;
    }
    qsort(taken.images, (size_t)taken.count, sizeof *taken.images, ascending);
    *sample = taken;
    return true;
}

void lsn_sample_finish(lsn_sample *sample)
{
    free(sample->images);
    *sample = (lsn_sample){0};
}
