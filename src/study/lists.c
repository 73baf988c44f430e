/* Lists of whole numbers and ranges: "0", "8..15", "0,5,8..15". */
#include "lesion/study.h"

#include "study/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Reads a number of at most 18 digits and moves on behind it. */
static bool parse_number(const char **text, int64_t *value)
{
    size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > 18)
        return false;
    *value = 0;
    for (size_t i = 0; i < digits; i++)
        *value = 10 * *value + ((*text)[i] - '0');
    *text += digits;
    return true;
}

/* Reads an interval and moves on behind it. */
static bool parse_interval(const char **text, int64_t *low, int64_t *high)
{
    if (!parse_number(text, low))
        return false;
    *high = *low;
    if (strncmp(*text, "..", 2) != 0)
        return true;
    *text += 2;
    return parse_number(text, high);
}

bool lsn_number_range_parse(const char *text, int64_t *low, int64_t *high)
{
    return parse_interval(&text, low, high) && *text == '\0';
}

/* Marks the filters of the list in taken[limit]. */
static bool mark_filters(const char *text, int limit, bool *taken, lsn_error *err)
{
    const char *at = text;
    for (;;) {
        int64_t low, high;
        if (!parse_interval(&at, &low, &high) || (*at != '\0' && *at != ','))
            return lsn_fail(err, LSN_USAGE, "filters \"%.60s\": give numbers and ranges, such as 0,5,8..15", text);
        if (low > high)
            return lsn_fail(err, LSN_USAGE,
                            "filters \"%.60s\": %" PRId64 "..%" PRId64 " is reversed; write %" PRId64 "..%" PRId64,
                            text, low, high, high, low);
        if (high >= limit)
            return lsn_fail(err, LSN_USAGE, "filters \"%.60s\": there is no filter %" PRId64 "; there are %d, 0..%d",
                            text, high, limit, limit - 1);
        for (int64_t i = low; i <= high; i++)
            taken[i] = true;
        if (*at++ == '\0')
            return true;
    }
}

bool lsn_filter_list_parse(const char *text, int limit, int32_t **filters, int32_t *count, lsn_error *err)
{
    *filters = NULL;
    *count = 0;
    bool *taken = lsn_array((size_t)limit, sizeof *taken, err);
    bool ok = taken != NULL && mark_filters(text, limit, taken, err) &&
              (*filters = lsn_array((size_t)limit, sizeof **filters, err)) != NULL;
    for (int32_t i = 0; ok && i < limit; i++)
        if (taken[i])
            (*filters)[(*count)++] = i;
    free(taken);
    return ok;
}
