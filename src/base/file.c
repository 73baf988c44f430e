/* Files mapped for reading, and paths relative to others. */
#include "lesion/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool lsn_file_map(lsn_file *file, const char *path, lsn_error *err)
{
    *file = (lsn_file){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused below, not waited for */
    if (fd < 0)
        return lsn_fail_at(err, LSN_INVALID, path, "cannot be opened: %s", strerror(errno));
    struct stat status;
    bool ok = false;
    if (fstat(fd, &status) != 0)
        lsn_fail_at(err, LSN_INVALID, path, "cannot be examined: %s", strerror(errno));
    else if (!S_ISREG(status.st_mode))
        lsn_fail_at(err, LSN_INVALID, path, "is not a file");
    else if (status.st_size == 0)
        ok = true;
    else {
        void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            lsn_fail_at(err, LSN_FAILED, path, "cannot be mapped: %s", strerror(errno));
        else {
            file->data = data;
            file->bytes = (size_t)status.st_size;
            ok = true;
        }
    }
    close(fd);
    return ok;
}

void lsn_file_unmap(lsn_file *file)
{
    if (file->data != NULL)
        munmap((void *)(uintptr_t)file->data, file->bytes);
    *file = (lsn_file){0};
}

char *lsn_path_beside(const char *beside, const char *name, lsn_error *err)
{
    const char *slash = strrchr(beside, '/');
    if (name[0] == '/' || slash == NULL)
        return lsn_strdup(name, err);
    return lsn_compose(err, "%.*s/%s", (int)(slash - beside), beside, name);
}
