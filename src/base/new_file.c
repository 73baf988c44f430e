/* Files that get their name only once they are whole. */
#include "lesion/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool lsn_new_file_open(lsn_new_file *file, const char *path, lsn_error *err)
{
    struct stat status;
    *file = (lsn_new_file){.path = path};
    const bool special = stat(path, &status) == 0 && !S_ISREG(status.st_mode);
    if (!special && (file->part = lsn_compose(err, "%s.part", path)) == NULL)
        return false;
    file->out = fopen(special ? path : file->part, "we");
    if (file->out != NULL)
        return true;
    lsn_fail_at(err, LSN_FAILED, path, "cannot be written: %s", strerror(errno));
    free(file->part);
    file->part = NULL;
    return false;
}

bool lsn_new_file_close(lsn_new_file *file, bool ok, lsn_error *err)
{
    const bool written = ferror(file->out) == 0; /* an earlier error, of which fclose says nothing */
    errno = EIO;
    const bool closed = fclose(file->out) == 0 && written;
    const bool whole = ok && closed && (file->part == NULL || rename(file->part, file->path) == 0);
    if (ok && !whole)
        lsn_fail_at(err, LSN_FAILED, file->path, "cannot be written: %s", strerror(errno));
    if (!whole && file->part != NULL)
        unlink(file->part);
    free(file->part);
    *file = (lsn_new_file){0};
    return whole;
}
