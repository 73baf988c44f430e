/* Pixels as a PNG file; which libraries read and write images. */
#include "data/data_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

bool lsn_png_write(const char *path, const unsigned char *pixels, int height, int width, lsn_error *err)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_RGB};
    lsn_new_file file;
    if (!lsn_new_file_open(&file, path, err))
        return false;
    errno = 0;
    const bool ok =
        png_image_write_to_stdio(&image, file.out, 0, pixels, 0, NULL) != 0 ||
        lsn_fail_at(err, LSN_FAILED, path, "cannot be written: %s", errno != 0 ? strerror(errno) : image.message);
    return lsn_new_file_close(&file, ok, err);
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
