/* JPEG files, as Pillow decodes them: libjpeg's default settings. What libjpeg calls an error is one, and so is an end
 * of the file where more is needed, which libjpeg would make up for; what it only warns of passes. */
#include "data/data_internal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

enum { MOST_SCANS = 200 }; /* a progressive file has about ten; thousands would cost a minute of every rank */

typedef struct jpeg {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
    unsigned char *row; /* of four channels */
} jpeg;

bool lsn_is_jpeg(const lsn_file *file)
{
    return file->bytes >= 3 && memcmp(file->data, "\xff\xd8\xff", 3) == 0;
}

/* ---- libjpeg's hooks ----------------------------------------------------------------------------------------- */

static void on_error(j_common_ptr info)
{
    jpeg *j = info->client_data;
    j->errors.format_message(info, j->message);
    longjmp(j->failed, 1);
}

static void on_message(j_common_ptr info, int level)
{
    (void)info;
    (void)level;
}

static void on_source(j_decompress_ptr info)
{
    (void)info;
}

/* There is nothing after the end of the file: libjpeg then says that it is suspended, instead of making up an end. */
static boolean on_empty(j_decompress_ptr info)
{
    (void)info;
    return FALSE;
}

static void on_skip(j_decompress_ptr info, long bytes)
{
    struct jpeg_source_mgr *source = info->src;
    size_t skipped = bytes <= 0 ? 0 : (size_t)bytes;
    skipped = skipped < source->bytes_in_buffer ? skipped : source->bytes_in_buffer;
    source->next_input_byte += skipped;
    source->bytes_in_buffer -= skipped;
}

static void on_progress(j_common_ptr info)
{
    jpeg *j = info->client_data;
    if (j->info.input_scan_number <= MOST_SCANS)
        return;
    snprintf(j->message, sizeof j->message, "it has more than %d scans", MOST_SCANS);
    longjmp(j->failed, 1);
}

static void begin(jpeg *j, const lsn_file *file)
{
    j->info.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->info.client_data = j;
    jpeg_create_decompress(&j->info);
    j->source = (struct jpeg_source_mgr){
        .next_input_byte = file->data,
        .bytes_in_buffer = file->bytes,
        .init_source = on_source,
        .fill_input_buffer = on_empty,
        .skip_input_data = on_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = on_source,
    };
    j->info.src = &j->source;
    j->progress.progress_monitor = on_progress;
    j->info.progress = &j->progress;
}

/* ---- the header ---------------------------------------------------------------------------------------------- */

static bool truncated(const char *path, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, path, "is cut short");
}

/* A bit for each block of 8 x 8 of each component is the least that a file can have. */
static double blocks_per_pixel(const struct jpeg_decompress_struct *info)
{
    double blocks = 0;
    for (int i = 0; i < info->num_components; i++) {
        const jpeg_component_info *component = &info->comp_info[i];
        blocks += (double)component->h_samp_factor * component->v_samp_factor /
                  (info->max_h_samp_factor * info->max_v_samp_factor) / DCTSIZE2;
    }
    return blocks;
}

static bool read_header(jpeg *j, const lsn_file *file, const char *path, lsn_image_header *header, lsn_error *err)
{
    struct jpeg_decompress_struct *info = &j->info;
    if (jpeg_read_header(info, TRUE) != JPEG_HEADER_OK)
        return truncated(path, err);
    int components = info->num_components;
    if (components != 1 && components != 3 && components != 4)
        return lsn_fail_at(err, LSN_INVALID, path, "is a JPEG file of %d channels; 1, 3 and 4 can be read", components);
    /* libjpeg finds the greatest sampling factors only later. */
    info->max_h_samp_factor = info->max_v_samp_factor = 1;
    for (int i = 0; i < components; i++) {
        const jpeg_component_info *component = &info->comp_info[i];
        if (component->h_samp_factor > info->max_h_samp_factor)
            info->max_h_samp_factor = component->h_samp_factor;
        if (component->v_samp_factor > info->max_v_samp_factor)
            info->max_v_samp_factor = component->v_samp_factor;
    }
    if (!lsn_check_size(file, path, info->image_height, info->image_width, 8 / blocks_per_pixel(info), err))
        return false;
    header->h = (int)info->image_height;
    header->w = (int)info->image_width;
    snprintf(header->form, sizeof header->form, "JPEG%s%s",
             components == 1   ? " grey"
             : components == 4 ? " CMYK"
                               : "",
             info->progressive_mode ? " progressive" : "");
    info->out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    return true;
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

/* a * b / 255, rounded to nearest. */
static int scale255(int a, int b)
{
    int product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* Files of four channels hold inverted CMYK, as Adobe's programs write it: 255 is no ink. */
static void cmyk_to_rgb(const unsigned char *cmyk, int w, unsigned char *rgb)
{
    for (int x = 0; x < w; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = (unsigned char)(cmyk[3] - scale255(255 - cmyk[c], cmyk[3]));
}

static void grey_to_rgb(const unsigned char *grey, int w, unsigned char *rgb)
{
    for (int x = 0; x < w; x++, rgb += 3)
        rgb[0] = rgb[1] = rgb[2] = grey[x];
}

static bool read_rows(jpeg *j, const char *path, lsn_pixels *pixels, lsn_error *err)
{
    struct jpeg_decompress_struct *info = &j->info;
    if (!jpeg_start_decompress(info))
        return truncated(path, err);
    const size_t stride = 3 * (size_t)pixels->w;
    while (info->output_scanline < info->output_height) {
        unsigned char *out = pixels->data + info->output_scanline * stride;
        unsigned char *row = info->num_components == 3 ? out : j->row;
        if (jpeg_read_scanlines(info, &row, 1) != 1)
            return truncated(path, err);
        if (info->num_components == 1)
            grey_to_rgb(row, pixels->w, out);
        else if (info->num_components == 4)
            cmyk_to_rgb(row, pixels->w, out);
    }
    jpeg_finish_decompress(info); /* an error behind the last row counts, an end there does not */
    return true;
}

static bool decode(jpeg *j, const lsn_file *file, const char *path, lsn_image_header *header, lsn_pixels *pixels,
                   lsn_error *err)
{
    if (setjmp(j->failed) != 0)
        return lsn_fail_at(err, LSN_INVALID, path, "is a damaged JPEG file: %s", j->message);
    begin(j, file);
    if (!read_header(j, file, path, header, err))
        return false;
    if (pixels == NULL)
        return true;
    j->row = malloc(4 * (size_t)header->w);
    if (j->row == NULL)
        return lsn_fail_at(err, LSN_FAILED, path, "out of memory: a row of %d pixels could not be held", header->w);
    return lsn_pixels_create(pixels, header->h, header->w, 3, err) && read_rows(j, path, pixels, err);
}

bool lsn_jpeg_decode(const lsn_file *file, const char *path, lsn_image_header *header, lsn_pixels *pixels,
                     lsn_error *err)
{
    jpeg *j = lsn_array(1, sizeof *j, err);
    bool ok = j != NULL && decode(j, file, path, header, pixels, err);
    if (j != NULL) {
        jpeg_destroy_decompress(&j->info);
        free(j->row);
    }
    free(j);
    return ok;
}
