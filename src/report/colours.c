/* The colours of figures, for light and dark pages, and their names as CSS variables. */
#include "report/colours.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *light, *dark;
} named[] = {
    {"back", COLOUR_BACK, "#14181c"}, {"ink", COLOUR_INK, "#e6e9ed"},   {"muted", COLOUR_MUTED, "#9aa4af"},
    {"grid", COLOUR_GRID, "#343b43"}, {"band", COLOUR_BAND, "#3d4752"}, {"none", COLOUR_NONE, "#1c2126"},
    {"s0", COLOUR_GAIN, "#5ab4f0"},   {"s1", COLOUR_LOSS, "#ff8d4d"},   {"s2", "#009e73", "#3cd0a0"},
    {"s3", "#aa4499", "#e59ad0"},     {"s4", "#e69f00", "#ffc14d"},     {"s5", "#56b4e9", "#a6dcff"},
    {"s6", "#7a6a00", "#d8c84a"},
};

const char *const colour_series[N_SERIES_COLOURS] = {COLOUR_GAIN, COLOUR_LOSS, "#009e73", "#aa4499",
                                                     "#e69f00",   "#56b4e9",   "#7a6a00"};

enum { STEPS = 33, STOPS = 9 };

/* Both scales go from the page's background to what stands out most from it. */
static const int stops[2][2][STOPS] = {
    {{0x6b2700, 0xb34700, 0xe8772e, 0xf8be93, 0xf4f4f3, 0xa9d3ee, 0x4e9fd1, 0x0068a6, 0x00365c},
     {0xffdcc2, 0xff9f61, 0xc7601d, 0x6a3513, 0x23282e, 0x1c4766, 0x2c81b8, 0x6fc0f5, 0xcdeaff}},
    {{0xf1f4f6, 0xd3e6ef, 0xaad3e3, 0x78bad3, 0x459fc0, 0x1f81a8, 0x0b628c, 0x07446a, 0x062a47},
     {0x20262c, 0x1d3a4a, 0x1c5068, 0x1f6a88, 0x2c86a8, 0x4ba3c4, 0x7bc0da, 0xaedaec, 0xe2f4fc}},
};

static int mix(int a, int b, double share)
{
    int rgb = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        const int from = a >> shift & 0xff, to = b >> shift & 0xff;
        rgb |= (int)lround(from + (to - from) * share) << shift;
    }
    return rgb;
}

static int step_colour(colour_scale scale, bool dark, int step)
{
    const int every = (STEPS - 1) / (STOPS - 1), stop = step / every;
    const int *of = stops[scale][dark];
    return stop == STOPS - 1 ? of[stop] : mix(of[stop], of[stop + 1], (double)(step % every) / every);
}

void colour_palette(lsn_text *script, colour_scale scale)
{
    lsn_text_add(script, "set palette maxcolors %d defined (", STEPS);
    for (int i = 0; i < STEPS; i++)
        lsn_text_add(script, "%s%d '#%06x'", i == 0 ? "" : ",", i, step_colour(scale, false, i));
    lsn_text_add(script, ")\n");
}

int colour_at(colour_scale scale, double value)
{
    const double share = scale == COLOUR_SIGNED ? (value + 1) / 2 : value;
    return step_colour(scale, false, (int)lround(fmin(fmax(share, 0), 1) * (STEPS - 1)));
}

/* gnuplot rounds on its own way: each part may be one off. */
static bool near(int a, int b)
{
    for (int shift = 16; shift >= 0; shift -= 8)
        if (abs((a >> shift & 0xff) - (b >> shift & 0xff)) > 1)
            return false;
    return true;
}

const char *colour_name(int rgb, char *name)
{
    name[0] = '\0';
    if (rgb == 0)
        return strcpy(name, "ink");
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (near(rgb, (int)strtol(named[i].light + 1, NULL, 16)))
            return strcpy(name, named[i].name);
    for (int i = 0; i < 2 * STEPS; i++)
        if (near(rgb, step_colour(i / STEPS, false, i % STEPS))) {
            snprintf(name, COLOUR_NAME_BYTES, "%c%d", i < STEPS ? 'd' : 'a', i % STEPS);
            break;
        }
    return name;
}

void colour_variables(lsn_text *css, bool dark)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        lsn_text_add(css, "--%s:%s;", named[i].name, dark ? named[i].dark : named[i].light);
    for (int i = 0; i < 2 * STEPS; i++)
        lsn_text_add(css, "--%c%d:#%06x;", i < STEPS ? 'd' : 'a', i % STEPS, step_colour(i / STEPS, dark, i % STEPS));
}
