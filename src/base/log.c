/* Lines on stderr. */
#include "lesion/base.h"

#include <stdio.h>

static bool log_is_quiet;

void lsn_log_quiet(bool quiet)
{
    log_is_quiet = quiet;
}

void lsn_log(const char *format, ...)
{
    if (log_is_quiet)
        return;
    char line[4096]; /* one write, so that lines of several processes do not mix */
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "lesion: %s\n", line);
}
