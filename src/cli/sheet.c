/* A contact sheet as a PNG file: images as the network sees them, their classes and names below. */
#include "cli/sheet.h"

#include "lesion/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PICTURE = 192, /* longest side of a picture in dots */
    GAP = 16,
    COLUMNS = 8,
    TEXT = 2, /* dots of a dot of the font */
    LINE = TEXT * (LSN_GLYPH_H + 2),
    SMALL_LINE = LSN_GLYPH_H + 4,
    CELL_W = PICTURE + GAP,
    NAME_LINES = 2,
    HEAD = 2 * GAP + 2 * LINE
};

static const unsigned char black[3] = {34, 34, 34}, grey[3] = {110, 110, 110}, paper[3] = {255, 255, 255};

typedef struct canvas {
    int h, w;
    unsigned char *pixels; /* [h][w][3] */
} canvas;

/* ---- text ---------------------------------------------------------------------------------------------------- */

static void draw_glyph(canvas *c, int y, int x, int size, const unsigned char *colour, unsigned char character)
{
    for (int dy = 0; dy < LSN_GLYPH_H * size; dy++)
        for (int dx = 0; dx < LSN_GLYPH_W * size; dx++)
            if (lsn_glyph_dot(character, dy / size, dx / size) && y + dy < c->h && x + dx < c->w)
                memcpy(c->pixels + ((size_t)(y + dy) * (size_t)c->w + (size_t)(x + dx)) * 3, colour, 3);
}

/* Bytes of the UTF-8 character that begins there; it is drawn as one. */
static size_t character_bytes(const char *text)
{
    size_t bytes = 1;
    while (((unsigned char)text[bytes] & 0xC0) == 0x80)
        bytes++;
    return bytes;
}

/* How many bytes of a text of so many are its first `most` characters, or all of them. */
static size_t cut(const char *text, size_t bytes, int most)
{
    size_t kept = 0;
    for (int n = 0; n < most && kept < bytes; n++)
        kept += character_bytes(text + kept);
    return kept;
}

/* Draws the first `bytes` bytes. */
static void draw_text(canvas *c, int y, int x, int size, const unsigned char *colour, const char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += character_bytes(text + at), x += (LSN_GLYPH_W + 1) * size)
        draw_glyph(c, y, x, size, colour, (unsigned char)text[at]);
}

/* How many bytes fit into a line of `most` characters, broken after a word where there is one. */
static size_t line_bytes(const char *text, int most)
{
    size_t at = 0, blank = 0;
    for (int n = 0; n < most && text[at] != '\0'; n++) {
        at += character_bytes(text + at);
        if (text[at] == ' ' || text[at] == '\0')
            blank = at;
    }
    return text[at] == '\0' || blank == 0 ? at : blank;
}

/* Draws a text over at most `lines` lines; what does not fit ends in dots. Where the next line would be. */
static int draw_lines(canvas *c, int y, int x, int lines, const char *text)
{
    const int most = PICTURE / ((LSN_GLYPH_W + 1) * TEXT);
    for (int i = 0; i < lines && *text != '\0'; i++, y += LINE) {
        const size_t fit = line_bytes(text, most);
        const bool more = i == lines - 1 && text[fit] != '\0';
        const size_t bytes = more ? cut(text, fit, most - 2) : fit;
        draw_text(c, y, x, TEXT, black, text, bytes);
        if (more)
            draw_text(c, y, x + lsn_utf8_count(text, bytes) * (LSN_GLYPH_W + 1) * TEXT, TEXT, black, "..", 2);
        text += bytes;
        text += strspn(text, " ");
    }
    return y;
}

/* ---- pictures ------------------------------------------------------------------------------------------------ */

/* A picture before it is put on the sheet. */
typedef struct picture {
    int h, w;              /* of what the network sees */
    int shown_h, shown_w;  /* on the sheet */
    float *values;         /* [h][w][channels] as the network sees them */
    unsigned char *pixels; /* [h][w][3] */
    unsigned char *shown;  /* [shown_h][shown_w][3] */
} picture;

static void picture_finish(picture *p)
{
    free(p->values);
    free(p->pixels);
    free(p->shown);
}

static bool picture_init(picture *p, const lsn_data *data, lsn_error *err)
{
    *p = (picture){.h = lsn_data_height(data), .w = lsn_data_width(data)};
    const int longer = p->h > p->w ? p->h : p->w, times = PICTURE / longer;
    p->shown_h = times > 0 ? p->h * times : p->h * PICTURE / longer;
    p->shown_w = times > 0 ? p->w * times : p->w * PICTURE / longer;
    p->shown_h = p->shown_h < 1 ? 1 : p->shown_h;
    p->shown_w = p->shown_w < 1 ? 1 : p->shown_w;
    const size_t area = (size_t)p->h * (size_t)p->w;
    p->values = lsn_array(area * (size_t)lsn_data_channels(data), sizeof *p->values, err);
    p->pixels = p->values == NULL ? NULL : lsn_array(area, 3, err);
    p->shown = p->pixels == NULL ? NULL : lsn_array((size_t)p->shown_h * (size_t)p->shown_w, 3, err);
    return p->shown != NULL;
}

/* Undoes the normalisation. float32 images have none that is known: their range is stretched to 0 .. 255. */
static void to_pixels(picture *p, const lsn_data *data)
{
    const int channels = lsn_data_channels(data);
    const size_t count = (size_t)p->h * (size_t)p->w;
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count * (size_t)channels; i++) {
        low = fminf(low, p->values[i]);
        high = fmaxf(high, p->values[i]);
    }
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++) {
            int from = channels < 3 ? 0 : c;
            float value = p->values[i * (size_t)channels + (size_t)from];
            if (lsn_data_is_8bit(data))
                value = lsn_data_denormalise(data, from, value);
            else
                value = high > low ? (value - low) / (high - low) * 255 : 0;
            p->pixels[3 * i + (size_t)c] = (unsigned char)lrintf(fminf(fmaxf(value, 0), 255));
        }
}

/* Small pictures are enlarged by whole numbers, so that each pixel is seen; large ones are reduced. */
static bool to_shown(picture *p, lsn_error *err)
{
    const int times = p->shown_h / p->h;
    if (times == 0 || p->shown_w < p->w)
        return lsn_pixels_resize(p->pixels, p->h, p->w, p->shown, p->shown_h, p->shown_w, err);
    for (int y = 0; y < p->shown_h; y++)
        for (int x = 0; x < p->shown_w; x++)
            memcpy(p->shown + ((size_t)y * (size_t)p->shown_w + (size_t)x) * 3,
                   p->pixels + ((size_t)(y / times) * (size_t)p->w + (size_t)(x / times)) * 3, 3);
    return true;
}

static void put(canvas *c, int y, int x, const picture *p)
{
    const size_t row = 3 * (size_t)p->shown_w;
    for (int dy = 0; dy < p->shown_h; dy++)
        memcpy(c->pixels + ((size_t)(y + dy) * (size_t)c->w + (size_t)x) * 3, p->shown + (size_t)dy * row, row);
}

/* ---- the sheet ----------------------------------------------------------------------------------------------- */

/* A picture's class, and below it in small letters its number and the file's name. */
static void draw_label(canvas *c, int y, int x, const lsn_data *data, int32_t image)
{
    const int label = lsn_data_label(data, image), most = PICTURE / (LSN_GLYPH_W + 1);
    char path[LSN_IMAGE_NAME_BYTES], number[32], text[LSN_IMAGE_NAME_BYTES + 64];
    const char *name = lsn_data_class_name(data, label), *file = lsn_data_image_name(data, image, path);
    snprintf(number, sizeof number, "class %d", label);
    y = draw_lines(c, y, x, NAME_LINES, name != NULL ? name : number);
    file = strrchr(file, '/') != NULL ? strrchr(file, '/') + 1 : file;
    snprintf(text, sizeof text, "%s%s%s", name != NULL ? number : "", name != NULL ? ", " : "", file);
    draw_text(c, y, x, 1, grey, text, cut(text, strlen(text), most));
}

static void draw_head(canvas *c, const lsn_plan *plan, int shown, int fit)
{
    char text[512], of[LSN_NUMBER_BYTES];
    snprintf(text, sizeof text, "%s: %d of %s images", plan->name, shown, lsn_count_text(fit, of));
    draw_text(c, GAP, GAP, TEXT, black, text, strlen(text));
    snprintf(text, sizeof text, "as the network sees them, %d x %d: %s%s", lsn_data_width(plan->data),
             lsn_data_height(plan->data), plan->preprocess,
             lsn_data_is_8bit(plan->data) ? "" : " (stretched to their range)");
    draw_text(c, GAP + LINE, GAP, 1, grey, text, strlen(text));
}

/* The checks of the images that are fit; the caller frees them. */
static int32_t *list_fit(const lsn_plan *plan, const lsn_image_checks *found, int32_t *count, lsn_error *err)
{
    int32_t *fit = lsn_array((size_t)plan->images.count, sizeof *fit, err);
    *count = 0;
    for (int32_t i = 0; fit != NULL && i < plan->images.count; i++)
        if (found->checks[i].readable && !found->checks[i].odd_size)
            fit[(*count)++] = plan->images.images[i];
    return fit;
}

static bool canvas_init(canvas *c, const picture *p, int shown, lsn_error *err)
{
    const int columns = shown < COLUMNS ? shown : COLUMNS, rows = (shown - 1) / COLUMNS + 1;
    const int cell_h = p->shown_h + GAP / 2 + NAME_LINES * LINE + SMALL_LINE + GAP;
    c->w = GAP + (columns < 4 ? 4 : columns) * CELL_W;
    c->h = HEAD + rows * cell_h;
    c->pixels = lsn_array((size_t)c->h * (size_t)c->w, 3, err);
    for (size_t i = 0; c->pixels != NULL && i < (size_t)c->h * (size_t)c->w; i++)
        memcpy(c->pixels + 3 * i, paper, 3);
    return c->pixels != NULL;
}

static bool draw(canvas *c, picture *p, const lsn_plan *plan, const int32_t *fit, int32_t count, int shown,
                 lsn_error *err)
{
    const int cell_h = (c->h - HEAD) / ((shown - 1) / COLUMNS + 1);
    draw_head(c, plan, shown, count);
    for (int i = 0; i < shown; i++) {
        const int32_t image = fit[(int64_t)i * count / shown];
        const int y = HEAD + i / COLUMNS * cell_h, x = GAP + i % COLUMNS * CELL_W;
        if (!lsn_data_load(plan->data, &image, 1, p->values, err))
            return false;
        to_pixels(p, plan->data);
        if (!to_shown(p, err))
            return false;
        put(c, y, x, p);
        draw_label(c, y + p->shown_h + GAP / 2, x, plan->data, image);
    }
    return true;
}

bool lsn_sheet_write(const char *path, const lsn_plan *plan, const lsn_image_checks *found, int most, lsn_error *err)
{
    int32_t count;
    canvas c = {0};
    picture p = {0};
    int32_t *fit = list_fit(plan, found, &count, err);
    const int shown = count < most ? count : most;
    bool ok = fit != NULL &&
              (count > 0 || lsn_fail_at(err, LSN_INVALID, plan->path, "there is no readable image for a sheet")) &&
              picture_init(&p, plan->data, err) && canvas_init(&c, &p, shown, err) &&
              draw(&c, &p, plan, fit, count, shown, err) && lsn_png_write(path, c.pixels, c.h, c.w, err);
    picture_finish(&p);
    free(c.pixels);
    free(fit);
    return ok;
}
