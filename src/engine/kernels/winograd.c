/* Winograd convolution. A block of tiles, which may belong to several images, goes through three phases: the input
 * transform writes v[element][tile][LSN_CHUNK], tiles packed as rows; for each group of panels, a product for each
 * element writes m[panel][tile][element][LSN_PANEL]; the output transform of the group finishes the outputs. */
#include "kernels_internal.h"

#include <string.h>
#include <time.h>

enum {
    INPUT_CHANNELS = 64,      /* transformed at a time */
    BLOCK_FLOATS = 300 * 1024 /* of a block's transforms */
};

typedef struct place {
    const lsn_conv_image *image;
    int y, x; /* of its first output pixel */
} place;

typedef struct block {
    const lsn_conv *conv;
    int side, points; /* p, p + 2 */
    int n_tiles;
    int w_panels, panels; /* of the weights; computed */
    int group;            /* panels that share a pass over the products */
    lsn_packing packing;  /* of an element's tiles */
    ptrdiff_t v_element, m_panel, m_tile;
    place *tiles;
    float *zeros, *v, *m, *gathered;
    float *map; /* [H][W][LSN_PANEL]: an image's outputs before pooling, where windows straddle the tiles */
} block;

static int tiles_of_image(const lsn_conv *conv)
{
    return lsn_ceil_div(conv->height, lsn_winograd_side(conv->method)) *
           lsn_ceil_div(conv->width, lsn_winograd_side(conv->method));
}

/* Whether pooling windows straddle the tiles: a block is then made of whole images. */
static bool straddles(const lsn_conv *conv)
{
    return conv->pool && lsn_winograd_side(conv->method) % 2 != 0;
}

/* Tiles of a block, at most: so many that their transforms stay in a cache of 2 MB. With more than 128 channels that
 * would be too few to pay for reading the weights from memory, which all cores share; the transforms then go to the
 * next cache, in runs long enough to be fetched ahead. (Measured.) */
static int most_tiles(const lsn_conv *conv)
{
    int points = lsn_winograd_side(conv->method) + 2, most = conv->channels > 256 ? 112 : 56;
    if (conv->channels <= 128) {
        most = BLOCK_FLOATS / (points * points * (conv->channels + LSN_PANEL)) / LSN_MAX_ROWS * LSN_MAX_ROWS;
        most = most < 42 ? 42 : lsn_min_int(most, 112);
    }
    if (!straddles(conv))
        return most;
    int image = tiles_of_image(conv);
    return most < image ? image : most / image * image;
}

/* Tiles of a block of so many images: blocks of one size, but for the last. */
static int block_tiles(const lsn_conv *conv, int n_images)
{
    int grain = straddles(conv) ? tiles_of_image(conv) : 1, all = tiles_of_image(conv) / grain * n_images;
    return lsn_ceil_div(all, lsn_ceil_div(all, most_tiles(conv) / grain)) * grain;
}

/* Panels whose products are kept together before they are transformed back. */
static int group_panels(const lsn_conv *conv)
{
    int panels = lsn_conv_panels(conv->filters);
    return lsn_min_int(conv->channels > 256 ? 8 : 1, panels);
}

int lsn_winograd_blocks(const lsn_conv *conv, int n_images)
{
    return lsn_ceil_div(tiles_of_image(conv) * n_images, block_tiles(conv, n_images));
}

/* Fills in the sizes for a block of `n_tiles` and lays its arrays out in the workspace; returns the bytes. */
static size_t lay_out(block *b, const lsn_conv *conv, int n_tiles, void *workspace)
{
    *b = (block){.conv = conv,
                 .side = lsn_winograd_side(conv->method),
                 .points = lsn_winograd_side(conv->method) + 2,
                 .n_tiles = n_tiles};
    b->w_panels = lsn_conv_panels(conv->w_filters);
    b->panels = lsn_conv_panels(conv->filters);
    b->group = group_panels(conv);
    /* Strides of an odd number of cache lines use all sets of a cache. */
    b->packing = lsn_packing_of(conv->isa, n_tiles, conv->channels);
    b->v_element = (ptrdiff_t)(b->packing.floats / LSN_CHUNK | 1) * LSN_CHUNK;
    b->m_tile = b->points * b->points * LSN_PANEL + LSN_LINE;
    b->m_panel = n_tiles * b->m_tile;
    lsn_layout at = {workspace, 0};
    b->tiles = lsn_lay_out(&at, n_tiles * sizeof(place));
    b->zeros = lsn_lay_out_floats(&at, INPUT_CHANNELS);
    b->gathered = lsn_lay_out_floats(&at, conv->columns != NULL ? (size_t)conv->channels * LSN_PANEL : 0);
    b->v = lsn_lay_out_floats(&at, (size_t)b->points * b->points * b->v_element);
    b->m = lsn_lay_out_floats(&at, (size_t)b->group * b->m_panel);
    b->map = lsn_lay_out_floats(&at, straddles(conv) ? (size_t)conv->height * conv->width * LSN_PANEL : 0);
    return at.bytes;
}

size_t lsn_winograd_workspace_bytes(const lsn_conv *conv, int n_images)
{
    block b;
    return lay_out(&b, conv, lsn_min_int(most_tiles(conv), tiles_of_image(conv) * n_images), NULL);
}

static void list_tiles(block *b, const lsn_conv_image *images, int first)
{
    int across = lsn_ceil_div(b->conv->width, b->side), all = tiles_of_image(b->conv);
    for (int i = 0; i < b->n_tiles; i++) {
        int image = (first + i) / all, at = (first + i) % all;
        b->tiles[i] = (place){images + image, at / across * b->side, at % across * b->side};
    }
}

/* The pixels that a tile's transform reads, from channel `first` on; outside the map, zeros. */
static void list_taps(const block *b, const place *tile, int first, const float **taps)
{
    const lsn_conv *conv = b->conv;
    int points = b->points, y = tile->y - 1, x = tile->x - 1;
    ptrdiff_t pixel = conv->channels, row = conv->width * pixel;
    if (y >= 0 && x >= 0 && y + points <= conv->height && x + points <= conv->width) {
        const float *from = tile->image->in + y * row + x * pixel + first;
        for (int i = 0; i < points; i++)
            for (int j = 0; j < points; j++)
                *taps++ = from + i * row + j * pixel;
        return;
    }
    for (int i = 0; i < points; i++) {
        for (int j = 0; j < points; j++) {
            bool inside = y + i >= 0 && y + i < conv->height && x + j >= 0 && x + j < conv->width;
            *taps++ = inside ? tile->image->in + (y + i) * row + (x + j) * pixel + first : b->zeros;
        }
    }
}

/* A few channels at a time, so that every element's tiles are written one after another. */
static void transform_inputs(const block *b)
{
    const lsn_conv *conv = b->conv;
    lsn_input_kernel *input = conv->isa->input[conv->method - LSN_CONV_F4];
    for (int c = 0; c < conv->channels; c += INPUT_CHANNELS) {
        int n = lsn_min_int(INPUT_CHANNELS, conv->channels - c);
        float *v = b->v + c / LSN_CHUNK * b->packing.chunk_stride;
        for (int t = 0; t < b->n_tiles; t++) {
            const float *taps[81];
            list_taps(b, b->tiles + t, c, taps);
            input(taps, n, lsn_packed_row(&b->packing, v, t), b->v_element, b->packing.chunk_stride);
        }
    }
}

/* The weights of an element's panel. */
static const float *panel_weights(const block *b, int element, int panel)
{
    const lsn_conv *conv = b->conv;
    return conv->weights + ((ptrdiff_t)element * b->w_panels + panel) * conv->w_channels * LSN_PANEL;
}

static void multiply(const block *b, int first_panel, int end_panel)
{
    const lsn_conv *conv = b->conv;
    int elements = b->points * b->points;
    size_t panel_bytes = (size_t)conv->w_channels * LSN_PANEL * sizeof(float);
    lsn_rows rows =
        lsn_packed_rows(&b->packing, NULL, b->n_tiles, conv->channels, conv->columns == NULL ? conv->rows : NULL);
    for (int e = 0; e < elements; e++) {
        rows.a = b->v + e * b->v_element;
        for (int panel = first_panel; panel < end_panel; panel++) {
            int filters = lsn_min_int(LSN_PANEL, conv->filters - panel * LSN_PANEL);
            float *m = b->m + (panel - first_panel) * b->m_panel + (ptrdiff_t)e * LSN_PANEL;
            const float *weights = b->gathered, *next = NULL;
            if (conv->columns != NULL)
                lsn_gather_panel(b->gathered, panel_weights(b, e, 0), conv->w_channels, conv->rows, conv->channels,
                                 conv->columns + panel * LSN_PANEL, filters);
            else
                weights = panel_weights(b, e, panel);
            if (conv->columns == NULL && conv->rows == NULL)
                next = panel + 1 < end_panel     ? panel_weights(b, e, panel + 1)
                       : e + 1 < elements        ? panel_weights(b, e + 1, first_panel)
                       : end_panel < b->w_panels ? panel_weights(b, 0, end_panel)
                                                 : NULL;
            lsn_product_panel(conv->isa, &rows, weights, filters, false, m, b->m_tile, next, panel_bytes);
        }
    }
}

/* What a panel's tiles have in common; pooling across tiles comes later, from b->map. */
static lsn_target panel_target(const block *b, int panel)
{
    const lsn_conv *conv = b->conv;
    ptrdiff_t filters = conv->filters;
    bool whole = straddles(conv);
    return (lsn_target){.out_row = whole ? conv->width * LSN_PANEL : conv->width / (conv->pool ? 2 : 1) * filters,
                        .out_pixel = whole ? LSN_PANEL : filters,
                        .row = conv->width * filters,
                        .pixel = filters,
                        .bias = conv->bias == NULL ? NULL : conv->bias + (ptrdiff_t)panel * LSN_PANEL,
                        .relu = conv->relu,
                        .pool = conv->pool && !whole,
                        .subtract = conv->subtract};
}

/* b->map, of an image's panel, into its pooled output. */
static void pool_map(const block *b, const lsn_conv_image *image, int panel, int filters)
{
    const lsn_conv *conv = b->conv;
    ptrdiff_t out_row = conv->width / 2 * (ptrdiff_t)conv->filters, row = (ptrdiff_t)conv->width * LSN_PANEL;
    lsn_target target = {.out_row = out_row, .out_pixel = conv->filters, .rows = 2, .relu = conv->relu, .pool = true};
    for (int y = 0; y + 1 < conv->height; y += 2) {
        target.out = image->out + y / 2 * out_row + (ptrdiff_t)panel * LSN_PANEL;
        conv->isa->pixels(b->map + y * row, 0, row, LSN_PANEL, conv->width, filters, &target);
    }
}

static void transform_outputs(const block *b, int first_panel, int end_panel)
{
    const lsn_conv *conv = b->conv;
    lsn_output_kernel *output = conv->isa->output[conv->method - LSN_CONV_F4];
    const bool whole = straddles(conv);
    for (int panel = first_panel; panel < end_panel; panel++) {
        const float *m = b->m + (panel - first_panel) * b->m_panel;
        int filters = lsn_min_int(LSN_PANEL, conv->filters - panel * LSN_PANEL), shrink = conv->pool && !whole ? 2 : 1;
        lsn_target target = panel_target(b, panel);
        for (int t = 0; t < b->n_tiles; t++, m += b->m_tile) {
            const place *tile = b->tiles + t;
            const lsn_conv_image *image = tile->image;
            ptrdiff_t f = (ptrdiff_t)panel * LSN_PANEL, at = tile->y * target.row + tile->x * target.pixel + f,
                      out_at = tile->y / shrink * target.out_row + tile->x / shrink * target.out_pixel;
            target.out = image->out == NULL ? NULL : whole ? b->map + out_at : image->out + out_at + f;
            target.base = image->base == NULL ? NULL : image->base + at;
            target.pre = image->pre == NULL ? NULL : image->pre + at;
            target.rows = lsn_min_int(b->side, conv->height - tile->y);
            target.columns = lsn_min_int(b->side, conv->width - tile->x);
            output(m, filters, &target);
            if (whole && image->out != NULL && (t + 1 == b->n_tiles || b->tiles[t + 1].image != image))
                pool_map(b, image, panel, filters);
        }
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Adds the time since *start to the phase and starts anew. */
static void count_phase(double *phase, double *start)
{
    double end = seconds();
    *phase += end - *start;
    *start = end;
}

static void run_block(const block *b, lsn_conv_phases *phases)
{
    double start = seconds();
    transform_inputs(b);
    count_phase(&phases->input, &start);
    for (int panel = 0; panel < b->panels; panel += b->group) {
        int end = lsn_min_int(panel + b->group, b->panels);
        multiply(b, panel, end);
        count_phase(&phases->product, &start);
        transform_outputs(b, panel, end);
        count_phase(&phases->output, &start);
    }
}

void lsn_winograd_run(const lsn_conv *conv, const lsn_conv_image *images, int n_images, int first_block, int end_block,
                      void *workspace)
{
    int all = tiles_of_image(conv) * n_images, most = block_tiles(conv, n_images);
    lsn_conv_phases unwanted = {0}, *phases = conv->phases != NULL ? conv->phases : &unwanted;
    for (int i = first_block; i < end_block; i++) {
        block b;
        lay_out(&b, conv, lsn_min_int(most, all - i * most), workspace);
        memset(b.zeros, 0, INPUT_CHANNELS * sizeof *b.zeros);
        list_tiles(&b, images, i * most);
        run_block(&b, phases);
    }
}
