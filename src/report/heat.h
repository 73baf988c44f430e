/* Panels of coloured cells that share their rows, columns and colours: layers by classes, layers by layers. */
#ifndef REPORT_HEAT_H
#define REPORT_HEAT_H

#include "report/figure.h"

enum { HEAT_PANELS = 8 };

typedef struct heat {
    figure *f; /* its width is set, its height will be */
    colour_scale scale;
    double unit, most; /* of figure_signed_log; COLOUR_AMOUNT is linear from 0 to `most` where unit is 0 */
    double factor;     /* of the numbers beside the colours: 100 for points, -1 where the scale is turned */
    const char *unit_name;
    const char *const *row_names; /* [rows] from anywhere; [HEAT_PANELS][rows] where each panel has its own */
    const char *const *column_names;
    bool own_names;
    int rows, columns;
    bool upright;                  /* the columns' names are short and need not be turned */
    bool numbers;                  /* written into the cells, times `factor`, where there is room */
    int wide;                      /* panels beside each other */
    int cell;                      /* height of a cell, px */
    const char *x_label, *y_label; /* of our own */
    /* from here on set by the functions */
    int panels;
    char titles[HEAT_PANELS][2][64];
} heat;

/* Begins the next panel, with a title of two lines from anywhere (the second may be ""). At most HEAT_PANELS. */
void heat_panel(heat *h, const char *title, const char *second);
/* A cell of it, to be followed by its figure_hover. `mark`: a dot in its middle. */
void heat_cell(heat *h, int row, int column, double value, bool mark);
/* Writes the plots; the figure is then ready for figure_add. */
void heat_draw(heat *h);

#endif
