#include "lesion/base.h"

#include <stdio.h>
#include <string.h>

bool lsn_fail(lsn_error *err, lsn_code code, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return false;
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
