/* Convolution as one product of 9 * channels terms. A strip is two output rows of an image, so that pooling windows lie
 * within it. Three ways to the product's rows:
 *   maps up to 2x2         every pixel sees every other: for each output pixel, a product of the whole image's channels
 *                          with the rows of the weights that belong to their taps; images are the product's rows
 *   1 or 3 channels        a strip is copied with a rim of zeros; the micro-kernel reads each pixel's window in place
 *   other channels         each pixel's window is copied into a packed row */
#include "kernels_internal.h"

#include <string.h>

enum { BLOCK_ROWS = 224, TINY_IMAGES = 112 };

typedef struct strips {
    const lsn_conv *conv;
    const lsn_conv_image *images;
    int per_image, terms;
    int *index;
    float *rows, *gathered, *m;
    ptrdiff_t m_panel;
} strips;

static bool is_tiny(const lsn_conv *conv)
{
    return conv->height <= 2 && conv->width <= 2;
}

static bool in_place(const lsn_conv *conv)
{
    return conv->isa->multiply == NULL && (conv->channels == 1 || conv->channels == 3);
}

static int strips_per_image(const lsn_conv *conv)
{
    return lsn_ceil_div(conv->height, 2);
}

/* Strips of a block, tiny maps excepted. */
static int block_strips(const lsn_conv *conv)
{
    int n = BLOCK_ROWS / (2 * conv->width);
    return n < 1 ? 1 : n;
}

int lsn_direct_blocks(const lsn_conv *conv, int n_images)
{
    if (is_tiny(conv))
        return lsn_ceil_div(n_images, TINY_IMAGES);
    return lsn_ceil_div(n_images * strips_per_image(conv), block_strips(conv));
}

static size_t lay_out(strips *s, const lsn_conv *conv, void *workspace)
{
    lsn_layout at = {workspace, 0};
    size_t pixels = (size_t)conv->height * conv->width;
    *s = (strips){.conv = conv, .per_image = strips_per_image(conv)};
    s->terms = (is_tiny(conv) ? (int)pixels : 9) * conv->channels;
    int rows = is_tiny(conv) ? TINY_IMAGES : 2 * conv->width * block_strips(conv);
    size_t m_rows = (size_t)rows * (is_tiny(conv) ? pixels : 1);
    bool copied = in_place(conv) && !is_tiny(conv);
    s->index = lsn_lay_out(&at, s->terms * (is_tiny(conv) ? pixels : 1) * sizeof(int));
    s->rows = lsn_lay_out_floats(&at, copied ? (size_t)4 * (conv->width + 2) * conv->channels
                                             : lsn_packing_of(conv->isa, rows, s->terms).floats);
    s->gathered = lsn_lay_out_floats(
        &at, conv->columns != NULL ? (size_t)s->terms * LSN_PANEL * (is_tiny(conv) ? pixels : 1) : 0);
    s->m_panel = (ptrdiff_t)m_rows * LSN_PANEL;
    s->m = lsn_lay_out_floats(&at, (size_t)lsn_conv_panels(conv->filters) * s->m_panel);
    return at.bytes;
}

size_t lsn_direct_workspace_bytes(const lsn_conv *conv, int n_images)
{
    strips s;
    (void)n_images;
    return lay_out(&s, conv, NULL);
}

/* The weights' rows of a tap's channels. */
static void list_tap(const lsn_conv *conv, int tap, int *index)
{
    for (int c = 0; c < conv->channels; c++)
        index[c] = tap * conv->w_channels + (conv->rows == NULL ? c : conv->rows[c]);
}

/* The panel to multiply with, gathered if only some filters are computed; *index is then no longer needed. */
static const float *panel_weights(const strips *s, int panel, float *gathered, const int **index)
{
    const lsn_conv *conv = s->conv;
    int w_terms = 9 * conv->w_channels, f = panel * LSN_PANEL;
    if (conv->columns == NULL)
        return conv->weights + (ptrdiff_t)panel * w_terms * LSN_PANEL;
    lsn_gather_panel(gathered, conv->weights, w_terms, *index, s->terms, conv->columns + f,
                     lsn_min_int(LSN_PANEL, conv->filters - f));
    *index = NULL;
    return gathered;
}

/* Finishes rows y and y + 1 of an image; a panel's pixel (y + i, x) is at m[i * m_row + x * m_pixel]. */
static void finish(const strips *s, int image_at, int y, const float *m, ptrdiff_t m_row, ptrdiff_t m_pixel)
{
    const lsn_conv *conv = s->conv;
    const lsn_conv_image *image = s->images + image_at;
    ptrdiff_t filters = conv->filters;
    int shrink = conv->pool ? 2 : 1, out_width = conv->width / shrink;
    ptrdiff_t at = (ptrdiff_t)y * conv->width * filters, out_at = (ptrdiff_t)(y / shrink) * out_width * filters;
    lsn_target target = {
        .out = image->out == NULL ? NULL : image->out + out_at,
        .out_row = out_width * filters,
        .out_pixel = filters,
        .base = image->base == NULL ? NULL : image->base + at,
        .pre = image->pre == NULL ? NULL : image->pre + at,
        .row = conv->width * filters,
        .pixel = filters,
        .bias = conv->bias,
        .rows = lsn_min_int(2, conv->height - y),
        .relu = conv->relu,
        .pool = conv->pool,
        .subtract = conv->subtract,
    };
    conv->isa->pixels(m, s->m_panel, m_row, m_pixel, conv->width, conv->filters, &target);
}

/* ---- maps up to 2x2 ---- */

static void run_tiny(strips *s, int first_image, int n_images)
{
    const lsn_conv *conv = s->conv;
    int pixels = conv->height * conv->width;
    ptrdiff_t m_pixel = (ptrdiff_t)n_images * LSN_PANEL;
    const lsn_packing packing = lsn_packing_of(conv->isa, n_images, s->terms);
    for (int i = 0; i < n_images; i++)
        lsn_pack_terms(lsn_packed_row(&packing, s->rows, i), packing.chunk_stride, 0, s->images[first_image + i].in,
                       s->terms);
    for (int to = 0; to < pixels; to++)
        for (int from = 0; from < pixels; from++) {
            int dy = from / conv->width - to / conv->width, dx = from % conv->width - to % conv->width;
            list_tap(conv, 3 * (dy + 1) + dx + 1, s->index + to * s->terms + from * conv->channels);
        }
    for (int panel = 0; panel < lsn_conv_panels(conv->filters); panel++) {
        int filters = lsn_min_int(LSN_PANEL, conv->filters - panel * LSN_PANEL);
        float *m = s->m + panel * s->m_panel;
        for (int to = 0; to < pixels; to++) {
            lsn_rows rows = lsn_packed_rows(&packing, s->rows, n_images, s->terms, s->index + to * s->terms);
            const float *weights = panel_weights(s, panel, s->gathered, &rows.index);
            lsn_product_panel(conv->isa, &rows, weights, filters, false, m + to * m_pixel, LSN_PANEL, NULL, 0);
        }
    }
    for (int i = 0; i < n_images; i++)
        finish(s, first_image + i, 0, s->m + (ptrdiff_t)i * LSN_PANEL, conv->width * m_pixel, m_pixel);
}

/* ---- strips ---- */

/* Copies input rows y - 1 .. y + 2 with a rim of zeros. */
static void copy_strip(const strips *s, const float *in, int y)
{
    const lsn_conv *conv = s->conv;
    int c = conv->channels;
    ptrdiff_t row = (ptrdiff_t)(conv->width + 2) * c, in_row = (ptrdiff_t)conv->width * c;
    memset(s->rows, 0, (size_t)(4 * row) * sizeof(float));
    for (int i = 0; i < 4; i++)
        if (y + i - 1 >= 0 && y + i - 1 < conv->height)
            memcpy(s->rows + i * row + c, in + (y + i - 1) * in_row, (size_t)in_row * sizeof(float));
}

/* Copies the windows of the strip's pixels into packed rows from `first` on. */
static void copy_windows(const strips *s, const lsn_packing *packing, const float *in, int y, int first)
{
    const lsn_conv *conv = s->conv;
    int c = conv->channels, y_end = lsn_min_int(y + 2, conv->height);
    ptrdiff_t chunk = packing->chunk_stride;
    for (int i = y; i < y_end; i++) {
        for (int x = 0; x < conv->width; x++) {
            float *row = lsn_packed_row(packing, s->rows, first++);
            int left = x == 0, right = x == conv->width - 1;
            for (int ky = 0; ky < 3; ky++) {
                int iy = i + ky - 1, k = 3 * ky * c;
                if (iy < 0 || iy >= conv->height) {
                    lsn_pack_terms(row, chunk, k, NULL, 3 * c);
                    continue;
                }
                const float *from = in + ((ptrdiff_t)iy * conv->width + x - 1 + left) * c;
                lsn_pack_terms(row, chunk, k, NULL, left * c);
                lsn_pack_terms(row, chunk, k + left * c, from, (3 - left - right) * c);
                lsn_pack_terms(row, chunk, k + (3 - right) * c, NULL, right * c);
            }
        }
    }
}

static void finish_strip(const strips *s, int strip, const float *m)
{
    finish(s, strip / s->per_image, strip % s->per_image * 2, m, (ptrdiff_t)s->conv->width * LSN_PANEL, LSN_PANEL);
}

static int strip_rows(const strips *s, int strip)
{
    return lsn_min_int(2, s->conv->height - strip % s->per_image * 2);
}

static void run_in_place(strips *s, int strip, const int *index)
{
    const lsn_conv *conv = s->conv;
    int c = conv->channels, height = strip_rows(s, strip);
    ptrdiff_t row = (ptrdiff_t)(conv->width + 2) * c;
    copy_strip(s, s->images[strip / s->per_image].in, strip % s->per_image * 2);
    for (int panel = 0; panel < lsn_conv_panels(conv->filters); panel++) {
        int filters = lsn_min_int(LSN_PANEL, conv->filters - panel * LSN_PANEL);
        const int *listed = index;
        const float *weights = panel_weights(s, panel, s->gathered, &listed);
        for (int i = 0; i < height; i++) {
            lsn_rows rows = {.a = s->rows + i * row,
                             .segment_stride = row,
                             .segment = 3 * c,
                             .group_stride = lsn_group_rows(conv->isa, conv->width) * (ptrdiff_t)c,
                             .stride = c == 1 ? LSN_STRIDE_1 : LSN_STRIDE_3,
                             .rows = conv->width,
                             .terms = 9 * c,
                             .index = listed};
            lsn_product_panel(conv->isa, &rows, weights, filters, false,
                              s->m + panel * s->m_panel + (ptrdiff_t)i * conv->width * LSN_PANEL, LSN_PANEL, NULL, 0);
        }
    }
    finish_strip(s, strip, s->m);
}

static void run_windows(strips *s, int first, int end, const int *index)
{
    const lsn_conv *conv = s->conv;
    int n = 0, all = 0;
    for (int strip = first; strip < end; strip++)
        all += strip_rows(s, strip) * conv->width;
    const lsn_packing packing = lsn_packing_of(conv->isa, all, s->terms);
    for (int strip = first; strip < end; strip++) {
        copy_windows(s, &packing, s->images[strip / s->per_image].in, strip % s->per_image * 2, n);
        n += strip_rows(s, strip) * conv->width;
    }
    for (int panel = 0; panel < lsn_conv_panels(conv->filters); panel++) {
        int filters = lsn_min_int(LSN_PANEL, conv->filters - panel * LSN_PANEL);
        lsn_rows rows = lsn_packed_rows(&packing, s->rows, all, s->terms, index);
        const float *weights = panel_weights(s, panel, s->gathered, &rows.index);
        lsn_product_panel(conv->isa, &rows, weights, filters, false, s->m + panel * s->m_panel, LSN_PANEL, NULL, 0);
    }
    const float *m = s->m;
    for (int strip = first; strip < end; strip++) {
        finish_strip(s, strip, m);
        m += (ptrdiff_t)strip_rows(s, strip) * conv->width * LSN_PANEL;
    }
}

void lsn_direct_run(const lsn_conv *conv, const lsn_conv_image *images, int n_images, int first_block, int end_block,
                    void *workspace)
{
    strips s;
    lay_out(&s, conv, workspace);
    s.images = images;
    if (is_tiny(conv)) {
        for (int b = first_block; b < end_block; b++)
            run_tiny(&s, b * TINY_IMAGES, lsn_min_int(TINY_IMAGES, n_images - b * TINY_IMAGES));
        return;
    }
    const int *index = conv->rows == NULL ? NULL : s.index;
    for (int tap = 0; index != NULL && tap < 9; tap++)
        list_tap(conv, tap, s.index + tap * conv->channels);
    for (int b = first_block; b < end_block; b++) {
        int first = b * block_strips(conv), end = lsn_min_int(first + block_strips(conv), n_images * s.per_image);
        if (!in_place(conv))
            run_windows(&s, first, end, index);
        else
            for (int strip = first; strip < end; strip++)
                run_in_place(&s, strip, index);
    }
}
