/* CIFAR's binary version: records of one label (CIFAR-10) or two (CIFAR-100: coarse, fine), then 32 x 32 pixels in
 * planes of red, green and blue. Nothing in a file says what it is: its size and its labels do. */
#include "data/data_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 32, AREA = SIDE * SIDE, PIXELS = 3 * AREA };

typedef struct cifar_kind {
    size_t labels; /* bytes before the pixels */
    int limits[2]; /* labels are below these */
    const char *form, *names;
} cifar_kind;

static const cifar_kind kinds[] = {
    {1, {10}, "CIFAR-10", "batches.meta.txt"},
    {2, {20, 100}, "CIFAR-100", "fine_label_names.txt"},
};

/* ---- which files --------------------------------------------------------------------------------------------- */

static int is_test(const struct dirent *entry)
{
    return strcmp(entry->d_name, "test_batch.bin") == 0 || strcmp(entry->d_name, "test.bin") == 0;
}

static int is_training(const struct dirent *entry)
{
    return fnmatch("data_batch_*.bin", entry->d_name, 0) == 0 || strcmp(entry->d_name, "train.bin") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_matching(lsn_names *all, const char *folder, int (*matches)(const struct dirent *entry), lsn_error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, matches, by_name);
    if (count < 0)
        return lsn_fail_at(err, LSN_INVALID, folder, "cannot be listed: %s", strerror(errno));
    bool ok = true;
    for (int i = 0; i < count; i++) {
        ok = ok && lsn_names_add(all, lsn_compose(err, "%s/%s", folder, entries[i]->d_name), 0, err);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static bool find_files(lsn_names *all, const char *path, lsn_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return lsn_fail_at(err, LSN_INVALID, path, "cannot be opened: %s", strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return lsn_names_add(all, lsn_strdup(path, err), 0, err);
    if (!add_matching(all, path, is_test, err) || (all->count == 0 && !add_matching(all, path, is_training, err)))
        return false;
    return all->count > 0 || lsn_fail_at(err, LSN_INVALID, path,
                                         "has no test_batch.bin, data_batch_*.bin, test.bin or train.bin: fetch the "
                                         "binary version of CIFAR-10 or CIFAR-100, or give the path of a file");
}

/* ---- what they hold ------------------------------------------------------------------------------------------ */

static bool fits(const cifar_kind *kind, const lsn_file *file)
{
    const size_t record = kind->labels + PIXELS;
    if (file->bytes == 0 || file->bytes % record != 0)
        return false;
    for (size_t at = 0; at < file->bytes; at += record)
        for (size_t i = 0; i < kind->labels; i++)
            if (file->data[at + i] >= kind->limits[i])
                return false;
    return true;
}

static bool find_kind(const lsn_file *file, const char *path, const cifar_kind **found, lsn_error *err)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (fits(&kinds[i], file)) {
            if (*found != NULL && *found != &kinds[i])
                return lsn_fail_at(err, LSN_INVALID, path,
                                   "is of %s, but the files before it are of %s: keep them apart", kinds[i].form,
                                   (*found)->form);
            *found = &kinds[i];
            return true;
        }
    return lsn_fail_at(
        err, LSN_INVALID, path,
        "is not a file of the binary version of CIFAR-10 or CIFAR-100: its %zu bytes are not a whole number "
        "of records of %d or %d, or its labels are out of range",
        file->bytes, PIXELS + 1, PIXELS + 2);
}

/* Planes to pixels. */
static void interleave(const unsigned char *planes, unsigned char *pixels)
{
    for (int i = 0; i < AREA; i++)
        for (int c = 0; c < 3; c++)
            *pixels++ = planes[c * AREA + i];
}

/* Adds the images of one file behind those there are. */
static bool add_file(lsn_images *images, lsn_labels *labels, const cifar_kind *kind, const lsn_file *file,
                     lsn_error *err)
{
    const size_t record = kind->labels + PIXELS, more = file->bytes / record;
    const size_t before = (size_t)images->count, all = before + more;
    if (all > INT32_MAX)
        return lsn_fail(err, LSN_INVALID, "there are more than %d images", INT32_MAX);
    unsigned char *pixels = realloc(images->owned, all * PIXELS);
    images->owned = pixels != NULL ? pixels : images->owned;
    int32_t *list = realloc(labels->labels, all * sizeof *list);
    labels->labels = list != NULL ? list : labels->labels;
    if (pixels == NULL || list == NULL)
        return lsn_fail(err, LSN_FAILED, "out of memory: %zu images could not be held", all);
    for (size_t i = 0; i < more; i++) {
        const unsigned char *at = file->data + i * record;
        labels->labels[before + i] = at[kind->labels - 1];
        interleave(at + kind->labels, images->owned + (before + i) * PIXELS);
    }
    images->count = labels->count = (int32_t)all;
    return true;
}

/* The names beside the files, where they are; damaged ones are as good as none. */
static bool read_names(lsn_class_names *names, const cifar_kind *kind, const char *file, lsn_error *err)
{
    struct stat status;
    lsn_error ignored;
    char *path = lsn_path_beside(file, kind->names, err);
    if (path == NULL)
        return false;
    if (stat(path, &status) == 0 &&
        (!lsn_class_names_read(names, path, &ignored) || names->count != kind->limits[kind->labels - 1]))
        lsn_class_names_finish(names);
    free(path);
    return true;
}

bool lsn_cifar_read(lsn_images *images, lsn_labels *labels, lsn_class_names *names, const char *path, lsn_error *err)
{
    lsn_names all = {0};
    const cifar_kind *kind = NULL;
    bool ok = find_files(&all, path, err);
    for (size_t i = 0; ok && i < all.count; i++) {
        lsn_file file;
        ok = lsn_file_map(&file, all.list[i].name, err);
        if (ok) {
            ok = find_kind(&file, all.list[i].name, &kind, err) && add_file(images, labels, kind, &file, err);
            lsn_file_unmap(&file);
        }
    }
    ok = ok && read_names(names, kind, all.list[0].name, err);
    if (ok) {
        images->form = kind->form;
        images->pixels = images->owned;
        images->h = images->w = SIDE;
        images->channels = 3;
    }
    lsn_names_finish(&all);
    return ok;
}
