/* Masks in words. */
#include "lesion/study.h"

/* "17", or ",17". */
static void put_filter(lsn_text *text, int32_t filter, bool more)
{
    char digits[16];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + filter % 10);
    while ((filter /= 10) > 0);
    if (more)
        digits[--at] = ',';
    lsn_text_put(text, digits + at, sizeof digits - at);
}

void lsn_mask_json(const lsn_net *net, const lsn_mask *mask, lsn_text *text)
{
    lsn_text_add(text, "{");
    for (int32_t p = 0; p < mask->count; p++) {
        const lsn_mask_part *part = &mask->parts[p];
        lsn_text_add(text, "%s\"%s\":[", p == 0 ? "" : ",", net->layers[part->layer].name);
        for (int32_t i = 0; i < part->count; i++)
            put_filter(text, part->filters[i], i > 0);
        lsn_text_add(text, "]");
    }
    lsn_text_add(text, "}");
}

void lsn_mask_layers(const lsn_net *net, const lsn_mask *mask, lsn_text *text)
{
    for (int32_t p = 0; p < mask->count; p++)
        lsn_text_add(text, "%s%s", p == 0 ? "" : ",", net->layers[mask->parts[p].layer].name);
}

int lsn_mask_filters(const lsn_mask *mask)
{
    int filters = 0;
    for (int32_t p = 0; p < mask->count; p++)
        filters += mask->parts[p].count;
    return filters;
}
