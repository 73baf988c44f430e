#include "data/data_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

static void on_error(png_struct *writer, const char *message)
{
    (void)message;
    longjmp(*(jmp_buf *)png_get_error_ptr(writer), 1);
}

static void on_warning(png_struct *writer, const char *message)
{
    (void)writer;
    (void)message;
}

static bool write_rows(FILE *file, png_struct **writer, png_info **info, const unsigned char *pixels, int height,
                       int width)
{
    jmp_buf failed;
    if (setjmp(failed) != 0)
        return false;
    *writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, &failed, on_error, on_warning);
    *info = *writer == NULL ? NULL : png_create_info_struct(*writer);
    if (*info == NULL)
        return false;
    png_init_io(*writer, file);
    png_set_IHDR(*writer, *info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(*writer, *info);
    for (int y = 0; y < height; y++)
        png_write_row(*writer, pixels + (size_t)y * (size_t)width * 3);
    png_write_end(*writer, NULL);
    return true;
}

bool lsn_png_write(const char *path, const unsigned char *pixels, int height, int width, lsn_error *err)
{
    png_struct *writer = NULL;
    png_info *info = NULL;
    FILE *file = fopen(path, "wbe");
    if (file == NULL)
        return lsn_fail(err, LSN_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    bool ok = write_rows(file, &writer, &info, pixels, height, width);
    int why = errno;
    png_destroy_write_struct(&writer, &info);
    if (fclose(file) != 0 && ok) {
        why = errno;
        ok = false;
    }
    if (ok)
        return true;
    unlink(path);
    return lsn_fail(err, LSN_FAILED, "%s: could not be written whole: %s", path, strerror(why));
}

#define TEXT(x) #x
#define NUMBER(x) TEXT(x)

const char *lsn_data_library(void)
{
#ifdef LIBJPEG_TURBO_VERSION
    return "libjpeg-turbo " NUMBER(LIBJPEG_TURBO_VERSION) ", libpng " PNG_LIBPNG_VER_STRING;
#else
    return "libjpeg " NUMBER(JPEG_LIB_VERSION) ", libpng " PNG_LIBPNG_VER_STRING;
#endif
}
