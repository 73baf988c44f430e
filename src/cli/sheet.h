/* A contact sheet: what the network will see, with labels, as a PNG file. */
#ifndef LESION_SHEET_H
#define LESION_SHEET_H

#include "lesion/study.h"

enum { LSN_GLYPH_W = 5, LSN_GLYPH_H = 8 };

/* Whether a dot of an ASCII character is black, from the upper left corner; any other character is a box. */
bool lsn_glyph_dot(unsigned char character, int y, int x);

/* Draws at most `most` of the plan's images that are fit, evenly spread over them, as they are after preprocessing but
 * before normalisation. The plan is not settled. */
bool lsn_sheet_write(const char *path, const lsn_plan *plan, const lsn_image_checks *found, int most, lsn_error *err);

#endif
