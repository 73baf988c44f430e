/* Packs weights into panels of LSN_PANEL filters:
 *   direct      [panel][tap * channels + c][LSN_PANEL], tap = 3 * ky + kx
 *   Winograd    [element][panel][c][LSN_PANEL], element = i * (p + 2) + j of G w G'
 *   dense       [panel][pixel * channels + c][LSN_PANEL]
 * Filters that the last panel lacks are 0. */
#include "kernels_internal.h"

#include <string.h>

/* G of F(4x4,3x3) and F(6x6,3x3) for the points in winograd_template.h. */
static const double g4[6][3] = {
    {1.0 / 4, 0, 0},
    {-1.0 / 6, -1.0 / 6, -1.0 / 6},
    {-1.0 / 6, 1.0 / 6, -1.0 / 6},
    {1.0 / 24, 1.0 / 12, 1.0 / 6},
    {1.0 / 24, -1.0 / 12, 1.0 / 6},
    {0, 0, 1},
};
static const double g6[8][3] = {
    {1, 0, 0},
    {-2.0 / 9, -2.0 / 9, -2.0 / 9},
    {-2.0 / 9, 2.0 / 9, -2.0 / 9},
    {1.0 / 90, 1.0 / 45, 2.0 / 45},
    {1.0 / 90, -1.0 / 45, 2.0 / 45},
    {32.0 / 45, 16.0 / 45, 8.0 / 45},
    {32.0 / 45, -16.0 / 45, 8.0 / 45},
    {0, 0, 1},
};
/* Rows of F(7x7,3x3)'s G: 1, p, p^2 for each point p, over the product of p's distances to the others. */
static const double g7[9][3] = {
    {-16.0 / 27, 0, 0},
    {-2.0 / 15, -2.0 / 15, -2.0 / 15},
    {-4.0 / 15, 4.0 / 15, -4.0 / 15},
    {8.0 / 21, 4.0 / 21, 2.0 / 21},
    {8.0 / 15, -4.0 / 15, 2.0 / 15},
    {8.0 / 405, 4.0 / 135, 2.0 / 45},
    {8.0 / 135, -4.0 / 45, 2.0 / 15},
    {-2.0 / 2835, 2.0 / 945, -2.0 / 315},
    {0, 0, 1},
};

int lsn_conv_panels(int filters)
{
    return lsn_ceil_div(filters, LSN_PANEL);
}

/* p + 2; 3 for the direct convolution, whose elements are the taps. */
static int points_of(lsn_conv_method method)
{
    return method == LSN_CONV_DIRECT ? 3 : lsn_winograd_side(method) + 2;
}

size_t lsn_conv_weights_bytes(lsn_conv_method method, int channels, int filters)
{
    return (size_t)(points_of(method) * points_of(method)) * lsn_conv_panels(filters) * channels * LSN_PANEL *
           sizeof(float);
}

size_t lsn_dense_weights_bytes(int terms, int filters)
{
    return (size_t)lsn_conv_panels(filters) * terms * LSN_PANEL * sizeof(float);
}

/* u[element] = G w G' of a panel's filters: taps w[9], then elements, side by side for all filters. */
static void transform(const double (*g)[3], int points, double w[9][LSN_PANEL], float (*u)[LSN_PANEL])
{
    double rows[9][3][LSN_PANEL];
    for (int i = 0; i < points; i++)
        for (int x = 0; x < 3; x++)
            for (int f = 0; f < LSN_PANEL; f++)
                rows[i][x][f] = g[i][0] * w[x][f] + g[i][1] * w[3 + x][f] + g[i][2] * w[6 + x][f];
    for (int i = 0; i < points; i++)
        for (int j = 0; j < points; j++)
            for (int f = 0; f < LSN_PANEL; f++)
                u[i * points + j][f] =
                    (float)(rows[i][0][f] * g[j][0] + rows[i][1][f] * g[j][1] + rows[i][2][f] * g[j][2]);
}

/* Writes row c of the panel for all elements. */
static void pack_winograd_row(lsn_conv_method method, float *packed, const float *w, int channels, int filters,
                              int panel, int c)
{
    static const double(*const g[LSN_N_CONV_METHODS])[3] = {[LSN_CONV_F4] = g4, [LSN_CONV_F6] = g6, [LSN_CONV_F7] = g7};
    int points = points_of(method), panels = lsn_conv_panels(filters);
    int n = lsn_min_int(LSN_PANEL, filters - panel * LSN_PANEL);
    double taps[9][LSN_PANEL] = {{0}};
    float u[81][LSN_PANEL];
    for (int f = 0; f < n; f++)
        for (int t = 0; t < 9; t++)
            taps[t][f] = w[((size_t)(panel * LSN_PANEL + f) * channels + c) * 9 + t];
    transform(g[method], points, taps, u);
    for (int e = 0; e < points * points; e++)
        memcpy(packed + (((size_t)e * panels + panel) * channels + c) * LSN_PANEL, u[e], sizeof u[e]);
}

void lsn_conv_pack(lsn_conv_method method, float *packed, const float *w, int channels, int filters, int first_panel,
                   int end_panel)
{
    if (method == LSN_CONV_DIRECT) {
        lsn_dense_pack(packed, w, channels, 9, filters, first_panel, end_panel);
        return;
    }
    for (int panel = first_panel; panel < end_panel; panel++)
        for (int c = 0; c < channels; c++)
            pack_winograd_row(method, packed, w, channels, filters, panel, c);
}

void lsn_dense_pack(float *packed, const float *w, int channels, int pixels, int filters, int first_panel,
                    int end_panel)
{
    for (int panel = first_panel; panel < end_panel; panel++) {
        float *to = packed + (size_t)panel * channels * pixels * LSN_PANEL;
        int n = lsn_min_int(LSN_PANEL, filters - panel * LSN_PANEL);
        const size_t terms = (size_t)channels * pixels;
        const float *from = w + (size_t)panel * LSN_PANEL * terms;
        for (int c = 0; c < channels; c++)
            for (int x = 0; x < pixels; x++, from++) {
                float *row = to + ((size_t)x * channels + c) * LSN_PANEL;
                for (int f = 0; f < n; f++)
                    row[f] = from[(size_t)f * terms];
                for (int f = n; f < LSN_PANEL; f++)
                    row[f] = 0.0F;
            }
    }
}
