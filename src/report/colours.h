/* The colours of figures: a few with a meaning, and two scales of 33 steps. A script for gnuplot names them as on
 * paper; on the page they become CSS variables, which have a second value for the dark theme. */
#ifndef REPORT_COLOURS_H
#define REPORT_COLOURS_H

#include "lesion/base.h"

#define COLOUR_BACK "#ffffff"  /* the page: what is written on the strongest colours */
#define COLOUR_INK "#1b1f24"   /* text and axes */
#define COLOUR_MUTED "#66707b" /* what is only a help: reference lines, controls */
#define COLOUR_GRID "#dadee4"
#define COLOUR_BAND "#c9d0d8" /* areas behind lines */
#define COLOUR_NONE "#eceef1" /* a cell without a value */

/* Okabe and Ito's (2008), safe for the colour-blind, in the order in which series take them. */
enum { N_SERIES_COLOURS = 7 };
extern const char *const colour_series[N_SERIES_COLOURS];
#define COLOUR_LOSS "#d55e00" /* damage: also series 1 */
#define COLOUR_GAIN "#0072b2" /* gain: also series 0 */

typedef enum colour_scale {
    COLOUR_SIGNED, /* -1 damage .. 0 nothing .. 1 gain */
    COLOUR_AMOUNT, /* 0 nothing .. 1 most */
} colour_scale;

/* "set palette ...": gnuplot's colours of a scale. */
void colour_palette(lsn_text *script, colour_scale scale);
/* The colour of a value, -1 .. 1 or 0 .. 1 (clamped), as the number 0xrrggbb that `rgb variable` takes. */
int colour_at(colour_scale scale, double value);

/* The name of the CSS variable of a colour (0xrrggbb) without the leading "--", "" where there is none. `name` has room
 * for COLOUR_NAME_BYTES and is returned. */
enum { COLOUR_NAME_BYTES = 16 };
const char *colour_name(int rgb, char *name);
/* The definitions of all variables, "--ink:#1b1f24;...", for a theme. */
void colour_variables(lsn_text *css, bool dark);

#endif
