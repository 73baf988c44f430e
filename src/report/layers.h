/* What fig_layers.c and fig_layer_curves.c share: changes by layer, share removed, and way of choosing filters. */
#ifndef REPORT_LAYERS_H
#define REPORT_LAYERS_H

#include "report/figure.h"

enum { MOST_SERIES = 8, MOST_FRACTIONS = 10, MOST_LAYERS = 48 };

/* Cells, whose columns are named in fig_layers.c, are ordered by series (experiment, way of choosing, mode), layer and
 * fraction. */
typedef struct layers {
    lsn_table cells;
    int64_t begins[MOST_SERIES + 1]; /* of each series in the cells; the last: the end */
    int series, more_series;
    double fractions[MOST_FRACTIONS];
    int n_fractions, more_fractions; /* at most MOST_FRACTIONS, in ascending order; left out */
    figure_axis axis;
    double most; /* greatest mean change, either way */
} layers;

/* Where a cell's layer is on the axis, and its fraction in l->fractions; -1: nowhere. */
int layers_row(const layers *l, int64_t cell);
int layers_column(const layers *l, int64_t cell);

bool fig_layer_curves(report *r, const layers *l, lsn_error *err);

#endif
