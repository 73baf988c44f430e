/* A folder of images: a folder of each class, images at any depth below it. */
#include "data/data_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEPEST = 32 };

typedef struct listing {
    const char *root;
    lsn_names classes; /* of folders, each with its class; ascending once they are known */
    lsn_names images;  /* their paths below root, each with its label */
    int32_t in_root;   /* images that lie in no class's folder */
    int passed_over;
} listing;

/* ---- entries of a folder ------------------------------------------------------------------------------------- */

typedef enum entry_kind { ENTRY_FILE, ENTRY_FOLDER, ENTRY_OTHER } entry_kind;

/* Links count as what they lead to. */
static entry_kind kind_of(DIR *dir, const struct dirent *entry)
{
    struct stat status;
    if (entry->d_type == DT_REG)
        return ENTRY_FILE;
    if (entry->d_type == DT_DIR)
        return ENTRY_FOLDER;
    if ((entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) || fstatat(dirfd(dir), entry->d_name, &status, 0) != 0)
        return ENTRY_OTHER;
    return S_ISREG(status.st_mode) ? ENTRY_FILE : S_ISDIR(status.st_mode) ? ENTRY_FOLDER : ENTRY_OTHER;
}

static bool is_image(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL &&
           (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".png") == 0);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static DIR *open_folder(const char *path, lsn_error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        lsn_fail_at(err, LSN_INVALID, path, "cannot be listed: %s", strerror(errno));
    return dir;
}

/* ---- images -------------------------------------------------------------------------------------------------- */

static bool walk(listing *l, const char *below, int32_t label, int depth, lsn_error *err);

static bool take_entry(listing *l, DIR *dir, const struct dirent *entry, const char *below, int32_t label, int depth,
                       lsn_error *err)
{
    entry_kind kind = entry->d_name[0] == '.' ? ENTRY_OTHER : kind_of(dir, entry);
    if (kind == ENTRY_OTHER || (kind == ENTRY_FILE && !is_image(entry->d_name))) {
        l->passed_over++;
        return true;
    }
    char *path = lsn_compose(err, "%s/%s", below, entry->d_name);
    if (path == NULL)
        return false;
    if (kind == ENTRY_FILE)
        return lsn_names_add(&l->images, path, label, err);
    bool ok = walk(l, path, label, depth + 1, err);
    free(path);
    return ok;
}

/* Adds all images of the folder `below` root and of those in it. */
static bool walk(listing *l, const char *below, int32_t label, int depth, lsn_error *err)
{
    char *path = lsn_compose(err, "%s/%s", l->root, below);
    if (path == NULL)
        return false;
    bool ok = depth <= DEEPEST ||
              lsn_fail_at(err, LSN_INVALID, l->root,
                          "its folders are more than %d deep: does a link lead back to a folder above it?", DEEPEST);
    DIR *dir = ok ? open_folder(path, err) : NULL;
    free(path);
    if (dir == NULL)
        return false;
    for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;)
        ok = is_dots(entry->d_name) || take_entry(l, dir, entry, below, label, depth, err);
    closedir(dir);
    return ok;
}

/* ---- classes ------------------------------------------------------------------------------------------------- */

static bool is_folder(const char *root, const char *name, lsn_error *err)
{
    struct stat status;
    char *path = lsn_compose(err, "%s/%s", root, name);
    bool is = path != NULL && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    free(path);
    return is;
}

/* Line `i` of the file of classes: "n01440764 tench, Tinca tinca", or a folder's name that may have blanks. What it
 * calls the class is left in *line. */
static bool read_line(listing *l, int i, char **line, const char *path, lsn_error *err)
{
    char *name = lsn_strdup(*line, err);
    if (name == NULL)
        return false;
    size_t length = strcspn(name, " \t");
    if (name[length] != '\0' && !is_folder(l->root, name, err)) {
        name[length] = '\0';
        char *rest = *line + length + strspn(*line + length, " \t");
        *line = *rest == '\0' ? *line : rest;
    }
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
        lsn_fail_line(err, LSN_INVALID, path, i + 1,
                      "begins with \"%.80s\", which cannot be the name of a class's folder", name);
        free(name);
        return false;
    }
    return lsn_names_add(&l->classes, name, i, err);
}

static bool read_classes(listing *l, lsn_class_names *names, const char *path, lsn_error *err)
{
    if (!lsn_class_names_read(names, path, err))
        return false;
    for (int i = 0; i < names->count; i++)
        if (!read_line(l, i, &names->names[i], path, err))
            return false;
    lsn_names_sort(&l->classes);
    for (size_t i = 1; i < l->classes.count; i++)
        if (strcmp(l->classes.list[i].name, l->classes.list[i - 1].name) == 0) {
            const int line = l->classes.list[i - 1].number + 1, other = l->classes.list[i].number + 1;
            return lsn_fail_line(err, LSN_INVALID, path, LSN_MAX(line, other), "the folder %.80s is in line %d too",
                                 l->classes.list[i].name, LSN_MIN(line, other));
        }
    return true;
}

/* Without a file of classes: each folder is one, in bytewise order. */
static bool number_folders(listing *l, lsn_class_names *names, lsn_error *err)
{
    const size_t count = l->classes.count;
    size_t bytes = 0, used = 0;
    if (count > LSN_MAX_CLASSES)
        return lsn_fail_at(err, LSN_INVALID, l->root, "has %zu folders; at most %d classes are possible", count,
                           LSN_MAX_CLASSES);
    lsn_names_sort(&l->classes);
    for (size_t i = 0; i < count; i++)
        bytes += strlen(l->classes.list[i].name) + 1;
    names->text = lsn_array(bytes, 1, err);
    names->names = names->text == NULL ? NULL : lsn_array(count, sizeof *names->names, err);
    if (names->names == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        l->classes.list[i].number = (int32_t)i;
        names->names[i] = strcpy(names->text + used, l->classes.list[i].name);
        used += strlen(l->classes.list[i].name) + 1;
    }
    names->count = (int)count;
    return true;
}

/* Looks at what lies in root: folders that are classes already are known; others become classes if `add` says so. */
static bool look_at_root(listing *l, bool add, lsn_error *err)
{
    DIR *dir = open_folder(l->root, err);
    bool ok = dir != NULL;
    const lsn_names known = l->classes;
    for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;) {
        entry_kind kind = is_dots(entry->d_name) || entry->d_name[0] == '.' ? ENTRY_OTHER : kind_of(dir, entry);
        if (kind == ENTRY_FOLDER && add)
            ok = lsn_names_add(&l->classes, lsn_strdup(entry->d_name, err), 0, err);
        else if (!is_dots(entry->d_name) && (kind != ENTRY_FOLDER || !lsn_names_have(&known, entry->d_name))) {
            l->passed_over++;
            l->in_root += kind == ENTRY_FILE && is_image(entry->d_name);
        }
    }
    if (dir != NULL)
        closedir(dir);
    return ok;
}

static bool find_classes(listing *l, lsn_class_names *names, const char *classes, lsn_error *err)
{
    if (classes != NULL)
        return read_classes(l, names, classes, err) && look_at_root(l, false, err);
    return look_at_root(l, true, err) && number_folders(l, names, err);
}

static bool find_images(listing *l, lsn_error *err)
{
    for (size_t i = 0; i < l->classes.count; i++) {
        const lsn_name *folder = &l->classes.list[i];
        if (is_folder(l->root, folder->name, err) && !walk(l, folder->name, folder->number, 1, err))
            return false;
    }
    lsn_names_sort(&l->images);
    if (l->images.count > 0)
        return true;
    if (l->in_root > 0)
        return lsn_fail_at(err, LSN_INVALID, l->root,
                           "has %d images, but none in a folder of its class: put them into one folder a class",
                           (int)l->in_root);
    return lsn_fail_at(err, LSN_INVALID, l->root, "has no JPEG or PNG file in %s",
                       l->classes.count == 0 ? "it: expected one folder a class" : "the folder of any class");
}

/* ---- the result ---------------------------------------------------------------------------------------------- */

static bool hand_over(listing *l, lsn_folder *folder, lsn_labels *labels, lsn_error *err)
{
    folder->root = lsn_strdup(l->root, err);
    folder->paths = folder->root == NULL ? NULL : lsn_array(l->images.count, sizeof *folder->paths, err);
    if (folder->paths == NULL || !lsn_labels_create(labels, l->images.count, l->root, err))
        return false;
    for (size_t i = 0; i < l->images.count; i++) {
        folder->paths[i] = l->images.list[i].name;
        labels->labels[i] = l->images.list[i].number;
    }
    folder->count = (int32_t)l->images.count;
    folder->passed_over = l->passed_over;
    l->images.count = 0;
    return true;
}

bool lsn_folder_list(lsn_folder *folder, lsn_labels *labels, lsn_class_names *names, const char *root,
                     const char *classes, lsn_error *err)
{
    listing l = {.root = root};
    bool ok = find_classes(&l, names, classes, err) && find_images(&l, err) && hand_over(&l, folder, labels, err);
    lsn_names_finish(&l.classes);
    lsn_names_finish(&l.images);
    return ok;
}

void lsn_folder_finish(lsn_folder *folder)
{
    for (int32_t i = 0; i < folder->count; i++)
        free(folder->paths[i]);
    free(folder->paths);
    free(folder->root);
    *folder = (lsn_folder){0};
}

bool lsn_folder_open(const lsn_folder *folder, int32_t image, char **path, lsn_file *file, lsn_error *err)
{
    *path = lsn_compose(err, "%s/%s", folder->root, folder->paths[image]);
    return *path != NULL && lsn_file_map(file, *path, err);
}
