/* Setting an error: its code, what it is about, and the message made of both. */
#include "lesion/base.h"

#include <stdio.h>
#include <string.h>

/* `file` and `part` may be empty, `line` 0. */
static void fail_v(lsn_error *err, lsn_code code, const char *file, int line, const char *part, const char *format,
                   va_list args)
{
    const size_t size = sizeof err->text;
    int used = 0;
    err->code = code;
    err->line = line;
    snprintf(err->file, sizeof err->file, "%s", file);
    snprintf(err->part, sizeof err->part, "%s", part);
    if (line > 0)
        used = snprintf(err->text, size, "%s:%d: ", file, line);
    else if (file[0] != '\0')
        used = snprintf(err->text, size, "%s: %s%s", file, part, part[0] == '\0' ? "" : ": ");
    if ((size_t)used < size)
        vsnprintf(err->text + used, size - (size_t)used, format, args);
}

#define FAIL(file, line, part)                                 \
    do {                                                       \
        va_list args;                                          \
        va_start(args, format);                                \
        if (err != NULL)                                       \
            fail_v(err, code, file, line, part, format, args); \
        va_end(args);                                          \
        return false;                                          \
    } while (0)

bool lsn_fail(lsn_error *err, lsn_code code, const char *format, ...)
{
    FAIL("", 0, "");
}

bool lsn_fail_at(lsn_error *err, lsn_code code, const char *file, const char *format, ...)
{
    FAIL(file, 0, "");
}

bool lsn_fail_line(lsn_error *err, lsn_code code, const char *file, int line, const char *format, ...)
{
    FAIL(file, line, "");
}

bool lsn_fail_part(lsn_error *err, lsn_code code, const char *file, const char *part, const char *format, ...)
{
    FAIL(file, 0, part);
}

bool lsn_fail_in(lsn_error *err, const char *format, ...)
{
    if (err != NULL) {
        char text[LSN_ERROR_BYTES];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, ": %.*s", (int)(sizeof text - used), err->text);
        memcpy(err->text, text, sizeof text);
    }
    return false;
}

bool lsn_fail_as(lsn_error *err, const lsn_error *cause)
{
    if (err != NULL)
        *err = *cause;
    return false;
}

bool lsn_error_is_about(const lsn_error *err, const char *file)
{
    return file != NULL && file[0] != '\0' && strncmp(err->file, file, sizeof err->file - 1) == 0;
}
