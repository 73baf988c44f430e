/* gnuplot's SVG made part of a page: only shapes and texts are taken over, without ids, colours become CSS variables
 * (colours.h), numbers get one decimal, and shapes get the words that appear where the mouse rests on them. */
#ifndef REPORT_SVG_H
#define REPORT_SVG_H

#include "lesion/base.h"

/* Words for the marks (points, boxes, areas) of one plot, in the order in which gnuplot draws them. */
typedef struct svg_hover {
    const char *plot;         /* as gnuplot counts: "1" is the first of a plot command, "2b" the second of the second
                               * command of a multiplot */
    const char *const *texts; /* [count] plain; escaped here */
    size_t count;
} svg_hover;

/* Adds the <svg> element to *html. `label` is what it shows, for those who cannot see it. Hovers whose number is not
 * that of their plot's marks are left out, and *hovered (may be NULL) is then false. LSN_FAILED where `svg` is not
 * gnuplot's. */
bool svg_rewrite(lsn_text *html, const char *svg, const char *label, const svg_hover *hovers, size_t n_hovers,
                 bool *hovered, lsn_error *err);

#endif
