#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t parse(char *line, double *numbers)
{
    size_t count = 0;
    for (char *end;; line = end) {
        double value = strtod(line, &end);
        if (end == line)
            return count;
        assert_true(count < GOLDEN_NUMBERS);
        numbers[count++] = value;
    }
}

int golden_each(const char *kind, void (*check)(const double *numbers, size_t count))
{
    const char *source = getenv("LESION_SOURCE");
    if (source == NULL)
        fail_msg("LESION_SOURCE must name the source folder");
    char path[4096], line[8192];
    snprintf(path, sizeof path, "%s/tests/stats/golden.txt", source);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s cannot be read", path);
    int seen = 0;
    size_t length = strlen(kind);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, kind, length) != 0 || line[length] != ' ')
            continue;
        double numbers[GOLDEN_NUMBERS];
        check(numbers, parse(line + length, numbers));
        seen++;
    }
    fclose(file);
    return seen;
}

void assert_near(double actual, double expected, double tolerance)
{
    if (!(fabs(actual - expected) <= tolerance * fabs(expected)))
        fail_msg("%.17g, but should be %.17g", actual, expected);
}
