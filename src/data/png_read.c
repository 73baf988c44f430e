/* PNG files, as Pillow's convert('RGB') gives them. libpng undoes compression and filters; what pixels mean is decided
 * here: alpha and transparency are dropped, gamma and profiles are not applied, 16-bit channels lose their low byte,
 * but 16-bit grey is clipped at 255. Unlike Pillow, the check sums of pixel data are verified. */
#include "data/data_internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

typedef struct png {
    png_struct *reader;
    png_info *info;
    const lsn_file *file;
    size_t at; /* bytes read */
    bool ended;
    char message[128];
    jmp_buf failed;
    png_uint_32 w, h;
    int depth, colour, interlace;
    unsigned char palette[256][3];
    size_t stride;      /* bytes of a row as stored, each pixel of at least one byte */
    unsigned char *raw; /* [h][stride], or one row */
} png;

bool lsn_is_png(const lsn_file *file)
{
    return file->bytes >= 8 && memcmp(file->data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

/* ---- libpng's hooks ------------------------------------------------------------------------------------------ */

static void on_read(png_struct *reader, unsigned char *out, size_t bytes)
{
    png *p = png_get_io_ptr(reader);
    if (bytes > p->file->bytes - p->at) {
        p->ended = true;
        png_error(reader, "is cut short");
    }
    memcpy(out, p->file->data + p->at, bytes);
    p->at += bytes;
}

static void on_error(png_struct *reader, const char *message)
{
    png *p = png_get_error_ptr(reader);
    snprintf(p->message, sizeof p->message, "%s", message);
    longjmp(p->failed, 1);
}

static void on_warning(png_struct *reader, const char *message)
{
    (void)reader;
    (void)message;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

/* Entries beyond the file's palette are grey, as in Pillow. */
static void read_palette(png *p)
{
    png_color *colours = NULL;
    int count = 0;
    for (int i = 0; i < 256; i++)
        memset(p->palette[i], i, 3);
    if (png_get_PLTE(p->reader, p->info, &colours, &count) == 0)
        return;
    for (int i = 0; i < count && i < 256; i++) {
        p->palette[i][0] = colours[i].red;
        p->palette[i][1] = colours[i].green;
        p->palette[i][2] = colours[i].blue;
    }
}

static bool read_header(png *p, const char *path, lsn_image_header *header, lsn_error *err)
{
    static const char *const names[8] = {" grey", "", "", " palette", " grey+alpha", "", " RGBA", ""};
    png_read_info(p->reader, p->info);
    png_get_IHDR(p->reader, p->info, &p->w, &p->h, &p->depth, &p->colour, &p->interlace, NULL, NULL);
    /* Deflate makes at most 1032 bytes of one. */
    double pixel_bytes = (double)png_get_channels(p->reader, p->info) * p->depth / 8;
    if (!lsn_check_size(p->file, path, p->h, p->w, 1032 / pixel_bytes, err))
        return false;
    header->h = (int)p->h;
    header->w = (int)p->w;
    snprintf(header->form, sizeof header->form, "PNG%s%s%s", names[p->colour & 7], p->depth == 16 ? " 16-bit" : "",
             p->interlace != PNG_INTERLACE_NONE ? " interlaced" : "");
    return true;
}

/* ---- what pixels mean ---------------------------------------------------------------------------------------- */

/* A grey pixel of any depth; those of fewer than 8 bits fill the range. */
static unsigned char grey_of(const png *p, const unsigned char *in)
{
    static const unsigned char widen[9] = {[1] = 255, [2] = 85, [4] = 17, [8] = 1};
    if (p->depth < 16)
        return (unsigned char)(*in * widen[p->depth]);
    return in[0] > 0 ? 255 : in[1];
}

static void convert_pixel(const png *p, const unsigned char *in, unsigned char *rgb)
{
    const int wide = p->depth == 16 ? 2 : 1; /* bytes of a channel, the high one first */
    if (p->colour == PNG_COLOR_TYPE_PALETTE)
        memcpy(rgb, p->palette[*in], 3);
    else if (p->colour == PNG_COLOR_TYPE_GRAY)
        memset(rgb, grey_of(p, in), 3);
    else if (p->colour == PNG_COLOR_TYPE_GRAY_ALPHA)
        memset(rgb, in[0], 3);
    else
        for (int c = 0; c < 3; c++)
            rgb[c] = in[c * wide];
}

static void convert_row(const png *p, const unsigned char *in, unsigned char *rgb)
{
    const size_t bytes = p->stride / p->w;
    for (size_t x = 0; x < p->w; x++, in += bytes, rgb += 3)
        convert_pixel(p, in, rgb);
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

/* Row by row; of an interlaced file all rows are needed until the last pass. */
static bool read_rows(png *p, const char *path, lsn_pixels *pixels, lsn_error *err)
{
    if (p->depth < 8)
        png_set_packing(p->reader);
    const int passes = png_set_interlace_handling(p->reader);
    png_read_update_info(p->reader, p->info);
    p->stride = png_get_rowbytes(p->reader, p->info);
    p->raw = calloc(passes > 1 ? p->h : 1, p->stride);
    if (p->raw == NULL)
        return lsn_fail_at(err, LSN_FAILED, path, "out of memory: rows of %zu bytes could not be held", p->stride);
    if (!lsn_pixels_create(pixels, (int)p->h, (int)p->w, 3, err))
        return false;
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < p->h; y++) {
            unsigned char *row = passes > 1 ? p->raw + y * p->stride : p->raw;
            png_read_row(p->reader, row, NULL);
            if (pass == passes - 1)
                convert_row(p, row, pixels->data + 3 * y * p->w);
        }
    return true;
}

static bool read_file(png *p, const char *path, lsn_image_header *header, lsn_pixels *pixels, lsn_error *err)
{
    if (setjmp(p->failed) != 0)
        return p->ended ? lsn_fail_at(err, LSN_INVALID, path, "is cut short")
                        : lsn_fail_at(err, LSN_INVALID, path, "is a damaged PNG file: %s", p->message);
    p->reader = png_create_read_struct(PNG_LIBPNG_VER_STRING, p, on_error, on_warning);
    p->info = p->reader == NULL ? NULL : png_create_info_struct(p->reader);
    if (p->info == NULL)
        return lsn_fail_at(err, LSN_FAILED, path, "out of memory, or libpng is of another version");
    png_set_read_fn(p->reader, p, on_read);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    png_set_crc_action(p->reader, PNG_CRC_QUIET_USE,
                       PNG_CRC_QUIET_USE); /* which a fuzzer does not get right by chance */
#endif
    if (!read_header(p, path, header, err))
        return false;
    read_palette(p);
    return pixels == NULL || read_rows(p, path, pixels, err);
}

bool lsn_png_decode(const lsn_file *file, const char *path, lsn_image_header *header, lsn_pixels *pixels,
                    lsn_error *err)
{
    png *p = lsn_array(1, sizeof *p, err);
    if (p == NULL)
        return false;
    p->file = file;
    bool ok = read_file(p, path, header, pixels, err);
    png_destroy_read_struct(&p->reader, &p->info, NULL);
    free(p->raw);
    free(p);
    return ok;
}
