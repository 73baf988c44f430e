/* Reads tests/stats/golden.txt. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <stddef.h>

enum { GOLDEN_NUMBERS = 128 };

/* Calls `check` with the numbers of each line of that kind; gives the number of such lines. Fails the test where the
 * file cannot be read, so that none passes silently. */
int golden_each(const char *kind, void (*check)(const double *numbers, size_t count));

/* Fails the test unless |actual - expected| <= tolerance * |expected|. */
void assert_near(double actual, double expected, double tolerance);

#endif
