/* A temporary folder for a test's files. */
#ifndef LESION_TESTS_SCRATCH_H
#define LESION_TESTS_SCRATCH_H

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_folder[PATH_MAX];

/* cmocka group setup: makes the folder. */
static inline int scratch_open(void **state)
{
    (void)state;
    const char *in = getenv("TMPDIR");
    snprintf(scratch_folder, sizeof scratch_folder, "%s/lesion-test-XXXXXX", in != NULL && in[0] != '\0' ? in : "/tmp");
    return mkdtemp(scratch_folder) == NULL ? -1 : 0;
}

/* cmocka group teardown: removes the folder and the files in it. */
static inline int scratch_close(void **state)
{
    (void)state;
    DIR *folder = opendir(scratch_folder);
    char path[2 * PATH_MAX];
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", scratch_folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (folder != NULL)
        closedir(folder);
    return rmdir(scratch_folder);
}

/* The path of a file in the folder; it stays valid. The same name gives the same pointer. */
static inline const char *scratch_path(const char *name)
{
    enum { MOST = 128 };
    static char paths[MOST][2 * PATH_MAX];
    size_t folder = strlen(scratch_folder) + 1;
    int i = 0;
    while (i < MOST - 1 && paths[i][0] != '\0' && strcmp(paths[i] + folder, name) != 0)
        i++;
    snprintf(paths[i], sizeof paths[i], "%s/%s", scratch_folder, name);
    return paths[i];
}

/* Writes a file and returns its path. */
static inline const char *scratch_write(const char *name, const void *data, size_t bytes)
{
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0) {
        fprintf(stderr, "%s could not be written\n", path);
        exit(1);
    }
    return path;
}

#endif
