/* lesion inspect of a study: its images, their classes, and which cannot be read. */
#include "cli/cli.h"
#include "cli/inspect.h"
#include "cli/sheet.h"
#include "lesion/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the originals ------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    int32_t one = *(const int32_t *)a, two = *(const int32_t *)b;
    return (one > two) - (one < two);
}

/* "width 200 / 500 / 1,024": the least, the middle and the greatest. Sorts. */
static void print_spread(const char *what, int32_t *values, int32_t count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    printf("%s %d / %d / %d", what, values[0], values[(count - 1) / 2], values[count - 1]);
}

static bool print_sizes(const lsn_image_checks *found, lsn_error *err)
{
    int32_t *sides = lsn_array((size_t)found->count, 2 * sizeof *sides, err), count = 0;
    if (sides == NULL)
        return false;
    for (int32_t i = 0; i < found->count; i++)
        if (found->checks[i].readable) {
            sides[count] = found->checks[i].width;
            sides[found->count + count++] = found->checks[i].height;
        }
    if (count > 0) {
        printf("originals ");
        print_spread("width", sides, count);
        print_spread(", height", sides + found->count, count);
        puts(" (least / middle / greatest)");
    }
    free(sides);
    return true;
}

typedef struct form_count {
    const char *form;
    int count;
} form_count;

static int by_count(const void *a, const void *b)
{
    return ((const form_count *)b)->count - ((const form_count *)a)->count;
}

/* "JPEG 4,990, JPEG grey 8, PNG palette 2" */
static void print_forms(const lsn_image_checks *found)
{
    enum { MOST_FORMS = 64 };
    form_count forms[MOST_FORMS];
    int n = 0;
    char number[LSN_NUMBER_BYTES];
    for (int32_t i = 0; i < found->count; i++) {
        int at = 0;
        if (!found->checks[i].readable)
            continue;
        while (at < n && strcmp(forms[at].form, found->checks[i].form) != 0)
            at++;
        if (at == n && n < MOST_FORMS)
            forms[n++] = (form_count){found->checks[i].form, 0};
        if (at < n)
            forms[at].count++;
    }
    qsort(forms, (size_t)n, sizeof *forms, by_count);
    printf("formats   ");
    for (int i = 0; i < n; i++)
        printf("%s%s %s", i > 0 ? ", " : "", forms[i].form, lsn_count_text(forms[i].count, number));
    puts(n > 0 ? "" : "none can be read");
}

/* ---- classes ------------------------------------------------------------------------------------------------- */

enum { ALL_CLASSES = 100 }; /* of more, those without images are not listed */

static bool print_classes(const lsn_plan *plan, const lsn_image_checks *found, lsn_error *err)
{
    const lsn_data *data = plan->data;
    const int known = lsn_data_classes(data), classes = known > plan->net->classes ? known : plan->net->classes;
    int empty = 0;
    int32_t *counts = lsn_array((size_t)classes, sizeof *counts, err);
    if (counts == NULL)
        return false;
    for (int32_t i = 0; i < plan->images.count; i++)
        counts[lsn_data_label(data, plan->images.images[i])] += found->checks[i].readable;
    printf("\n%-6s %8s  %s\n", "class", "images", "name");
    for (int c = 0; c < classes; c++) {
        const char *name = c < known ? lsn_data_class_name(data, c) : NULL;
        empty += counts[c] == 0;
        if (counts[c] > 0 || classes <= ALL_CLASSES)
            printf("%-6d %8d  %s\n", c, counts[c], name == NULL ? "" : name);
    }
    if (empty > 0 && classes > ALL_CLASSES)
        printf("(%d other classes have no images)\n", empty);
    free(counts);
    return true;
}

/* ---- the study ----------------------------------------------------------------------------------------------- */

static bool print_images(const lsn_plan *plan, const lsn_image_checks *found, lsn_error *err)
{
    const lsn_data *data = plan->data;
    char number[LSN_NUMBER_BYTES], all[LSN_NUMBER_BYTES];
    int32_t broken = 0;
    for (int32_t i = 0; i < found->count; i++)
        broken += !found->checks[i].readable;
    printf("\nimages    %s of %s, %d x %d x %d after preprocessing (%s)\n", lsn_count_text(plan->images.count, number),
           lsn_count_text(lsn_data_count(data), all), lsn_data_height(data), lsn_data_width(data),
           lsn_data_channels(data), plan->preprocess);
    if (plan->calibration.count > 0)
        printf("          and %s for calibration\n", lsn_count_text(plan->calibration.count, number));
    if (broken > 0)
        printf("broken    %s, %s\n", lsn_count_text(broken, number),
               plan->skip_broken ? "left out" : "which stop a run (see skip_broken)");
    print_forms(found);
    if (!print_sizes(found, err))
        return false;
    if (lsn_data_passed_over(data) > 0)
        printf("ignored   %s files and folders that are no images of a class\n",
               lsn_count_text(lsn_data_passed_over(data), number));
    return true;
}

static int settle(lsn_plan *plan, const lsn_image_checks *found)
{
    char hex[LSN_HEX_BYTES];
    lsn_problems problems = {0};
    lsn_error err = {0};
    bool ok = lsn_plan_settle(plan, found, &problems, &err);
    fflush(stdout);
    for (size_t i = 0; i < problems.count; i++)
        lsn_log("%s", problems.text[i]);
    lsn_problems_finish(&problems);
    if (!ok)
        return lsn_exit_with(&err);
    lsn_tell_skipped(plan);
    lsn_digest_hex(&plan->images_digest, hex);
    printf("\nsha256    %s (of the images as the network sees them, and their labels)\n", hex);
    return LSN_OK;
}

static int inspect_plan(lsn_plan *plan, const lsn_options *options)
{
    lsn_image_checks found = {0};
    lsn_error err = {0};
    int code = LSN_OK;
    if (!lsn_images_check(plan, &(lsn_ranks){.size = 1, .on_node = 1}, options->sweep.threads, &found, &err))
        code = lsn_exit_with(&err);
    else {
        lsn_print_layers(plan->net);
        const bool told = print_images(plan, &found, &err) && print_classes(plan, &found, &err);
        if (!told ||
            (options->sheet != NULL && !lsn_sheet_write(options->sheet, plan, &found, options->sheet_images, &err)))
            code = lsn_exit_with(&err);
        int settled = settle(plan, &found);
        code = settled != LSN_OK ? settled : code;
    }
    lsn_image_checks_finish(&found);
    return code;
}

int lsn_inspect_study(lsn_options *options)
{
    return lsn_use_plan(options, false, inspect_plan);
}
