/* What was computed when and by whom, for those who look for slow ranks, and for tests that count work. */
#include "run/run_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Opened once; -1: there is none. */
static int log_file(void)
{
    static int file = -2;
    const char *path = getenv("LESION_UNIT_LOG");
    if (file == -2)
        file = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return file;
}

/* One write, so that the lines of several ranks are not mixed. What cannot be written is left out. */
void lsn_unit_log(const char *what, int32_t block, int32_t images, const int32_t *evaluations, int32_t count)
{
    const int file = log_file();
    if (file < 0)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    lsn_text line = {0};
    lsn_text_add(&line, "%lld.%03d %d %s %d %d ", (long long)now.tv_sec, (int)(now.tv_nsec / 1000000), (int)getpid(),
                 what, (int)block, (int)images);
    for (int32_t i = 0; i < count; i++)
        lsn_text_add(&line, "%s%d", i == 0 ? "[" : ",", (int)evaluations[i]);
    lsn_text_add(&line, "]\n");
    if (!line.failed && write(file, line.data, line.length) < 0)
        line.failed = true;
    lsn_text_finish(&line);
}
